//! What only a cluster needs: status, and rules that admission checks.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::Rule;
use serde::{Deserialize, Serialize};

pub mod pinning;

/// What the operator says about a resource.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, kube::KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceStatus {
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Accepted`: it is well formed and can be built. `ResolvedRefs`: what it names exists and may be used.
    /// `Programmed`: every gateway enforces it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// How many gateways enforce it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateways: Option<Gateways>,
    /// Only of an `MCPServer`: how its tools stand to what was approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub pinning: Option<Box<pinning::PinningStatus>>,
}

/// How many gateways enforce a resource.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Gateways {
    /// Gateway pods that there are.
    #[schemars(range(min = 0))]
    pub desired: i32,
    /// Those that have said they enforce this generation.
    #[schemars(range(min = 0))]
    pub programmed: i32,
    /// Those that have refused the revision and keep an older one.
    #[schemars(range(min = 0))]
    pub rejected: i32,
    /// The first revision that holds this generation, `epoch.generation`. Later ones hold it too.
    #[schemars(length(max = 64))]
    pub snapshot: String,
}

/// Exactly one of `members` is given.
pub(crate) fn exactly_one(members: &[&str], what: &str) -> Rule {
    let given: Vec<String> = members.iter().map(|m| format!("has(self.{m})")).collect();
    Rule::new(format!(
        "[{}].filter(given, given).size() == 1",
        given.join(", ")
    ))
    .message(&*format!("give exactly one {what}: {}", members.join(", ")))
}

/// A validator has no order.
pub(crate) fn priority_only_with_mutate() -> Rule {
    Rule::new("!has(self.priority) || (has(self.operation) && self.operation == 'mutate')")
        .message("priority is only for operation: mutate")
}

/// Sizes mean nothing in the other modes.
pub(crate) fn size_only_with_windowed() -> Rule {
    Rule::new(
        "(!has(self.size) && !has(self.overlap)) || (has(self.mode) && self.mode == 'windowed')",
    )
    .message("size and overlap are only for mode: windowed")
}

/// Who a token's user is depends on who vouches for it.
pub(crate) fn issuer_stays() -> Rule {
    Rule::new("self == oldSelf").message(
        "the issuer cannot be changed: make another IdentityProvider, and delete this one when nobody uses it",
    )
}

/// Two answers to one question are a mistake.
pub(crate) fn one_authority() -> Rule {
    Rule::new("!has(self.ca) || !has(self.caFile)").message("give ca or caFile, not both")
}

/// Adds to the schema of a list of rules what only admission needs: the published short names, which a server would
/// silently drop otherwise, and what a rule must say.
pub(crate) fn admit_rules(list: &mut schemars::Schema) {
    use serde_json::{Value, json};
    let Some(rule) = list.get_mut("items").and_then(Value::as_object_mut) else {
        return;
    };
    let Some(fields) = rule.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    let mut both = Vec::new();
    for (short, name) in [
        ("input_guardrails", "llm_input_guardrails"),
        ("output_guardrails", "llm_output_guardrails"),
    ] {
        let Some(mut field) = fields.get(name).cloned() else {
            continue;
        };
        for own in [fields.get_mut(name), Some(&mut field)]
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            // A default would look as if it had been given.
            own.remove("default");
        }
        if let Some(field) = field.as_object_mut() {
            let description = format!("The same as {name}, which is the name to prefer.");
            field.insert("description".to_owned(), json!(description));
        }
        fields.insert(short.to_owned(), field);
        both.push(json!({
            "rule": format!("!has(self.{short}) || !has(self.{name})"),
            "message": format!("{short} and {name} are one list with two names: write {name} only"),
        }));
    }
    let lists = [
        "llm_input_guardrails",
        "llm_output_guardrails",
        "mcp_tool_pre_invoke_guardrails",
        "mcp_tool_post_invoke_guardrails",
        "input_guardrails",
        "output_guardrails",
    ];
    let given = lists.map(|name| format!("(has(self.{name}) && size(self.{name}) > 0)"));
    let settings =
        ["input_execution", "taint", "unscannable"].map(|name| format!("has(self.{name})"));
    both.push(json!({
        "rule": format!("{} || {}", given.join(" || "), settings.join(" || ")),
        "message": "the rule selects no guardrail, so it does nothing: list some, for example under llm_input_guardrails",
    }));
    rule.insert("x-kubernetes-validations".to_owned(), Value::Array(both));
}
