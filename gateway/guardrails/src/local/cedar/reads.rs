//! What of a call's arguments and metadata policies read.
//!
//! Read off a policy's JSON form, in which an attribute is `{".": {"left": E, "attr": "name"}}` and a test
//! for one `{"has": {"left": E, "attr": "name"}}`.

use std::collections::BTreeMap;

use serde_json::Value;

/// Members of a record that are read; below a member, what is read of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Members(pub(super) BTreeMap<String, Members>);

/// What policies read of the two parts of the context whose members are not known beforehand.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Reads {
    /// Of the tool call's arguments.
    pub(super) arguments: Members,
    /// Of the request's metadata.
    pub(super) metadata: Members,
    /// Whether one of the two, or the whole context, is used otherwise than by its members.
    pub(super) whole: bool,
}

impl Members {
    /// Adds everything that another one reads.
    pub(super) fn merge(&mut self, other: &Self) {
        for (name, below) in &other.0 {
            self.0.entry(name.clone()).or_default().merge(below);
        }
    }

    /// The paths of all members of which nothing further is read.
    pub(super) fn leaves(&self) -> Vec<Vec<String>> {
        let mut leaves = Vec::new();
        for (name, below) in &self.0 {
            if below.0.is_empty() {
                leaves.push(vec![name.clone()]);
            }
            for mut rest in below.leaves() {
                rest.insert(0, name.clone());
                leaves.push(rest);
            }
        }
        leaves
    }

    /// Whether a member is read, or something below it.
    pub(super) fn contain(&self, path: &[String]) -> bool {
        let Some((first, rest)) = path.split_first() else {
            return true;
        };
        self.0.get(first).is_some_and(|below| below.contain(rest))
    }

    fn insert(&mut self, path: &[&str]) {
        if let Some((first, rest)) = path.split_first() {
            self.0.entry((*first).to_owned()).or_default().insert(rest);
        }
    }
}

impl Reads {
    /// What a policy reads, from its JSON form.
    pub(super) fn of(policy: &Value) -> Self {
        let mut reads = Self::default();
        let conditions = policy.get("conditions").and_then(Value::as_array);
        for condition in conditions.into_iter().flatten() {
            if let Some(body) = condition.get("body") {
                reads.walk(body);
            }
        }
        reads
    }

    /// What a condition reads, or a part of one.
    pub(super) fn of_expression(expression: &Value) -> Self {
        let mut reads = Self::default();
        reads.walk(expression);
        reads
    }

    /// Whether nothing is read.
    pub(super) fn is_empty(&self) -> bool {
        self.arguments.0.is_empty() && self.metadata.0.is_empty() && !self.whole
    }

    /// Adds everything that another policy reads.
    pub(super) fn merge(&mut self, other: &Self) {
        self.arguments.merge(&other.arguments);
        self.metadata.merge(&other.metadata);
    }

    fn walk(&mut self, expression: &Value) {
        if let Some(path) = path(expression) {
            match &path[..] {
                [] | ["arguments" | "metadata"] => self.whole = true,
                _ => self.insert(&path),
            }
            return;
        }
        let Value::Object(members) = expression else {
            if let Value::Array(items) = expression {
                items.iter().for_each(|item| self.walk(item));
            }
            return;
        };
        for (operator, operands) in members {
            match (operator.as_str(), operands) {
                // A constant, in which nothing is read.
                ("Value", _) => {}
                // Names of members, not operators.
                ("Record", Value::Object(record)) => record.values().for_each(|v| self.walk(v)),
                ("has", operands) => self.has(operands),
                (_, Value::Object(named)) => named.values().for_each(|v| self.walk(v)),
                (_, other) => self.walk(other),
            }
        }
    }

    fn has(&mut self, operands: &Value) {
        let Some(left) = operands.get("left") else {
            return;
        };
        let Some(mut path) = path(left) else {
            self.walk(left);
            return;
        };
        match operands.get("attr") {
            Some(Value::String(attribute)) => path.push(attribute),
            Some(Value::Array(names)) => path.extend(names.iter().filter_map(Value::as_str)),
            _ => {}
        }
        self.insert(&path);
    }

    fn insert(&mut self, path: &[&str]) {
        match path {
            ["arguments", below @ ..] => self.arguments.insert(below),
            ["metadata", below @ ..] => self.metadata.insert(below),
            _ => {}
        }
    }
}

/// The attributes from `context` to here, when the expression is nothing but that.
fn path(expression: &Value) -> Option<Vec<&str>> {
    let (operator, operand) = expression.as_object()?.iter().next()?;
    match operator.as_str() {
        "Var" => (operand == "context").then(Vec::new),
        "." => {
            let mut path = path(operand.get("left")?)?;
            path.push(operand.get("attr")?.as_str()?);
            Some(path)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use cedar_policy::Policy;

    use super::*;

    fn reads(condition: &str) -> Reads {
        let text = format!("permit(principal, action, resource) when {{ {condition} }};");
        Reads::of(&Policy::parse(None, text).unwrap().to_json().unwrap())
    }

    fn arguments(condition: &str) -> Vec<String> {
        let leaves = reads(condition).arguments.leaves();
        leaves.into_iter().map(|path| path.join("/")).collect()
    }

    #[test]
    fn finds_every_form_of_reading() {
        let rows: [(&str, &[&str]); 9] = [
            ("context.tool == \"x\"", &[]),
            ("context.arguments.path like \"/tmp/*\"", &["path"]),
            ("context[\"arguments\"][\"a b\"] > 1", &["a b"]),
            ("context.arguments has path", &["path"]),
            ("context has arguments.a.b", &["a/b"]),
            (
                "context.arguments has a && context.arguments.a has b && context.arguments.a.b == 1",
                &["a/b"],
            ),
            (
                "if context.arguments.a then [context.arguments.b].contains(\"x\") else {x: context.arguments.c} == {x: 1}",
                &["a", "b", "c"],
            ),
            ("{\".\": context.arguments.a} has Var", &["a"]),
            ("\"context.arguments.a\" == \"b\"", &[]),
        ];
        for (condition, expected) in rows {
            assert_eq!(arguments(condition), expected, "{condition}");
        }
        assert_eq!(
            reads("context.metadata.env == \"x\"").metadata.leaves(),
            [["env"]]
        );
    }

    #[test]
    fn tells_when_a_part_is_used_as_a_whole() {
        for condition in [
            "context.arguments == {}",
            "context == {}",
            "[context.metadata].contains({})",
        ] {
            assert!(reads(condition).whole, "{condition}");
        }
        assert!(!reads("context has arguments").whole);
    }
}
