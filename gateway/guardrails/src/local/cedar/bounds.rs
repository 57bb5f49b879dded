//! What policies come to at most, whatever a call's arguments and metadata are.
//!
//! A `permit` is widened and a `forbid` narrowed: a part of a condition that reads arguments or metadata counts as what
//! lets more calls through. So a call that is refused by the bounds is refused with any arguments and any metadata.
//!
//! A widened condition is true or cannot be evaluated wherever the written one is true, and a narrowed one is false or
//! cannot be evaluated wherever the written one is false. The proof goes part by part along `bounded`; an error in a bound
//! therefore says nothing.

use cedar_policy::{Effect, Policy};
use serde_json::{Value, json};

use super::reads::Reads;

/// A policy's bound.
pub(super) struct Bound {
    /// Under the id of the policy that it is one of.
    pub(super) policy: Policy,
    /// Whether it is the policy itself, which reads neither arguments nor metadata.
    pub(super) is_exact: bool,
}

/// Which way a condition is moved.
#[derive(Clone, Copy)]
enum Towards {
    True,
    False,
}

impl Towards {
    const fn other(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
        }
    }

    fn value(self) -> Value {
        json!({"Value": matches!(self, Self::True)})
    }
}

impl Bound {
    /// The bound of a policy that reads this.
    ///
    /// # Errors
    /// What Cedar says of a policy that it cannot read again; it reads what it wrote, so this is not expected.
    pub(super) fn of(policy: &Policy, reads: &Reads) -> Result<Self, String> {
        if reads.is_empty() {
            return Ok(Self {
                policy: policy.clone(),
                is_exact: true,
            });
        }
        let towards = match policy.effect() {
            Effect::Permit => Towards::True,
            Effect::Forbid => Towards::False,
        };
        let mut json = policy.to_json().map_err(|error| error.to_string())?;
        let conditions = json.get_mut("conditions").and_then(Value::as_array_mut);
        for condition in conditions.into_iter().flatten() {
            let towards = match condition.get("kind").and_then(Value::as_str) {
                Some("unless") => towards.other(),
                _ => towards,
            };
            if let Some(body) = condition.get_mut("body") {
                *body = bounded(body, towards);
            }
        }
        let policy = Policy::from_json(Some(policy.id().clone()), json);
        Ok(Self {
            policy: policy.map_err(|error| error.to_string())?,
            is_exact: false,
        })
    }
}

/// A condition moved one way in all that reads arguments or metadata.
fn bounded(condition: &Value, towards: Towards) -> Value {
    if Reads::of_expression(condition).is_empty() {
        return condition.clone();
    }
    let of = |name: &str| condition.get(name);
    for operator in ["&&", "||"] {
        if let Some((left, right)) = of(operator).and_then(sides) {
            let (left, right) = (bounded(left, towards), bounded(right, towards));
            return json!({operator: {"left": left, "right": right}});
        }
    }
    if let Some(negated) = of("!").and_then(|not| not.get("arg")) {
        return json!({"!": {"arg": bounded(negated, towards.other())}});
    }
    towards.value()
}

fn sides(operands: &Value) -> Option<(&Value, &Value)> {
    Some((operands.get("left")?, operands.get("right")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(text: &str) -> (String, bool) {
        let policy = Policy::parse(None, text).unwrap();
        let reads = Reads::of(&policy.to_json().unwrap());
        let bound = Bound::of(&policy, &reads).unwrap();
        assert_eq!(bound.policy.id(), policy.id());
        let text = bound.policy.to_cedar().unwrap();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (text, bound.is_exact)
    }

    #[test]
    fn what_reads_arguments_lets_more_through() {
        const A: &str = "context.arguments.a == 1";
        const M: &str = "context.metadata has m";
        let rows = [
            ("permit", format!("when {{ {A} }}"), "when { true }"),
            ("forbid", format!("when {{ {A} }}"), "when { false }"),
            ("permit", format!("unless {{ {A} }}"), "when { !false }"),
            ("forbid", format!("unless {{ {M} }}"), "when { !true }"),
            (
                "permit",
                format!("when {{ context.tool == \"t\" && {A} }}"),
                r#"when { ((context["tool"]) == "t") && true }"#,
            ),
            (
                "forbid",
                format!("when {{ context.tool == \"t\" || !({A}) }}"),
                r#"when { ((context["tool"]) == "t") || (!true) }"#,
            ),
            (
                "permit",
                format!("when {{ [{A}].contains(true) && context.tool == \"t\" }}"),
                r#"when { true && ((context["tool"]) == "t") }"#,
            ),
            (
                "permit",
                format!("when {{ if {A} then false else true }}"),
                "when { true }",
            ),
        ];
        for (effect, condition, expected) in rows {
            let text = format!("{effect}(principal, action, resource) {condition};");
            let (text, is_exact) = bound(&text);
            let same = |text: &str| text.replace(['(', ')', '[', ']', '"', '.', ' '], "");
            assert!(same(&text).contains(&same(expected)), "{text}");
            assert!(!is_exact);
        }
    }

    #[test]
    fn what_reads_none_is_its_own_bound() {
        for condition in [
            "",
            "when { context.tool like \"get_*\" && context.hints has readOnly }",
            "when { context has arguments }",
        ] {
            let text = format!("forbid(principal, action, resource) {condition};");
            assert!(bound(&text).1, "{text}");
        }
    }
}
