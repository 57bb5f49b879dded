//! What people see and are told: the definitions through the real `kubectl`.

use parapet_tests::control_plane::ControlPlane;
use parapet_tests::kubectl::{Kubectl, Ran};
use serde_json::{Value, json};

use crate::support::{control_plane, namespace};

async fn kubectl(server: &ControlPlane, name: &str) -> Option<Kubectl> {
    namespace(&server.client("admin").unwrap(), name).await;
    Kubectl::new(server, "admin", name).unwrap()
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": parapet_crds::API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec,
    })
}

fn group(guardrail: &Value) -> Value {
    object(
        "GuardrailIntegration",
        "it",
        &json!({"guardrails": [guardrail]}),
    )
}

fn rules(rules: &Value) -> Value {
    object("GuardrailConfig", "it", &json!({"rules": rules}))
}

async fn out(kubectl: &Kubectl, args: &[&str]) -> String {
    let ran = kubectl.run(args).await.unwrap();
    assert!(ran.ok, "{args:?}: {ran:?}");
    ran.out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_command_shows_everything_and_fields_select() {
    let Some(server) = control_plane().await else {
        return;
    };
    let Some(kubectl) = kubectl(&server, "seen").await else {
        return;
    };
    let secret = json!({"secretKeyRef": {"name": "s", "key": "k"}});
    let identity = |issuer: &str| json!({"issuer": issuer, "audiences": ["a"]});
    let resources = [
        object("GatewaySettings", "it", &json!({"exposeGuardrails": "all"})),
        rules(&json!([{"id": "r", "llm_input_guardrails": ["it/x"]}])),
        group(&json!({"name": "x", "sqlSanitizer": {}})),
        object("IdentityProvider", "it", &identity("https://one")),
        object("IdentityProvider", "other", &identity("https://two")),
        object("MCPServer", "it", &json!({"url": "https://mcp.test/mcp"})),
        object("ModelProvider", "it", &json!({"demo": {}})),
        object(
            "VirtualAccount",
            "it",
            &json!({"tokens": [secret], "expiresAt": "2099-01-01T00:00:00Z"}),
        ),
    ];
    let list = json!({"apiVersion": "v1", "kind": "List", "items": resources});
    let applied = kubectl.apply(&list, &[]).await.unwrap();
    assert!(applied.ok && applied.err.is_empty(), "{applied:?}");

    let all = out(&kubectl, &["get", "parapet"]).await;
    for names in parapet_crds::crd::KINDS {
        let kind = names.kind.to_ascii_lowercase();
        assert!(all.contains(&format!("{kind}.parapet.dev/it ")), "{all}");
        let short = out(&kubectl, &["get", names.short, "it", "-o", "name"]).await;
        assert_eq!(short.trim(), format!("{kind}.parapet.dev/it"));
        let table = out(&kubectl, &["get", names.short, "-o", "wide"]).await;
        let head = table.lines().next().unwrap_or_default();
        for column in [
            "ACCEPTED",
            "RESOLVED",
            "PROGRAMMED",
            "AGE",
            "REVISION",
            "REASON",
        ] {
            assert!(head.split_whitespace().any(|one| one == column), "{table}");
        }
    }
    let everywhere = out(&kubectl, &["get", "parapet", "-A", "-o", "name"]).await;
    assert!(
        everywhere.lines().count() >= resources_count(&list),
        "{everywhere}"
    );
    for (args, expected) in [
        (
            [
                "get",
                "idp",
                "--field-selector=spec.issuer=https://two",
                "-o",
                "name",
            ],
            "identityprovider.parapet.dev/other",
        ),
        (
            [
                "get",
                "gws",
                "--field-selector=spec.exposeGuardrails=all",
                "-o",
                "name",
            ],
            "gatewaysettings.parapet.dev/it",
        ),
    ] {
        assert_eq!(out(&kubectl, &args).await.trim(), expected);
    }
    let accounts = out(&kubectl, &["get", "va"]).await;
    assert!(accounts.contains("EXPIRES"), "{accounts}");
}

fn resources_count(list: &Value) -> usize {
    list["items"].as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_tells_what_a_field_is_for() {
    let Some(server) = control_plane().await else {
        return;
    };
    let Some(kubectl) = kubectl(&server, "explained").await else {
        return;
    };
    for (field, expected) in [
        ("gi.spec.guardrails", "`validate` passes or blocks"),
        (
            "gi.spec.guardrails.regex.customPatterns",
            "pattern\t<string> -required-",
        ),
        ("gc.spec.rules.when.target.conditions", "model"),
        ("mp.spec.openai", "baseUrl"),
        ("va.spec", "From when on it is refused"),
        (
            "gws.spec.limits",
            "Bytes of a request body. Default 20971520.",
        ),
        ("idp.status.gateways", "Gateway pods that there are"),
    ] {
        let text = out(&kubectl, &["explain", field]).await;
        assert!(text.contains(expected), "{field}\n{text}");
        assert!(!text.contains("<no description>"), "{field}\n{text}");
    }
}

/// A misspelt document, a document that says too much, and so on; and what people read.
fn bad() -> Vec<(&'static str, Value, &'static str)> {
    let sql = |more: Value| {
        let mut guardrail = json!({"name": "x", "sqlSanitizer": {}});
        for (name, value) in more.as_object().unwrap() {
            guardrail[name] = value.clone();
        }
        group(&guardrail)
    };
    let rule = |more: Value| {
        let mut rule = json!({"id": "r", "llm_input_guardrails": ["it/x"]});
        for (name, value) in more.as_object().unwrap() {
            rule[name] = value.clone();
        }
        rules(&json!([rule]))
    };
    let many: Vec<Value> = (0..10_000)
        .map(|n| json!({"id": format!("r{n}"), "llm_input_guardrails": ["it/x"]}))
        .collect();
    let provider = |spec: Value| object("ModelProvider", "it", &spec);
    vec![
        (
            "a misspelt kind of guardrail",
            group(&json!({"name": "x", "sqlSanitiser": {}})),
            "unknown field \"spec.guardrails[0].sqlSanitiser\"",
        ),
        (
            "a misspelt field of a rule",
            rule(json!({"llm_output_guardrials": ["it/x"]})),
            "unknown field \"spec.rules[0].llm_output_guardrials\"",
        ),
        (
            "an unknown field of a kind",
            group(&json!({"name": "x", "sqlSanitizer": {"blockdrop": true}})),
            "unknown field \"spec.guardrails[0].sqlSanitizer.blockdrop\"",
        ),
        (
            "no kind of guardrail",
            group(&json!({"name": "x"})),
            "give exactly one kind of guardrail: cedar, codeSafetyLinter, custom, ",
        ),
        (
            "two kinds at once",
            sql(json!({"regex": {}})),
            "give exactly one kind of guardrail",
        ),
        (
            "priority of a validator",
            sql(json!({"priority": 2})),
            "priority is only for operation: mutate",
        ),
        (
            "a strategy that is none",
            sql(json!({"enforcingStrategy": "block"})),
            "supported values: \"enforce\", \"enforce_but_ignore_on_error\", \"audit\"",
        ),
        (
            "a timeout that is none",
            sql(json!({"timeout": "soon"})),
            "spec.guardrails[0].timeout",
        ),
        (
            "two guardrails of one name",
            object(
                "GuardrailIntegration",
                "it",
                &json!({"guardrails": [{"name": "x", "sqlSanitizer": {}}, {"name": "x", "regex": {}}]}),
            ),
            "Duplicate value: {\"name\":\"x\"}",
        ),
        (
            "a rule that selects nothing",
            rules(&json!([{"id": "r", "when": {}}])),
            "the rule selects no guardrail, so it does nothing: list some, for example under llm_input_guardrails",
        ),
        (
            "both names of one list",
            rule(json!({"input_guardrails": ["it/y"]})),
            "input_guardrails and llm_input_guardrails are one list with two names: write llm_input_guardrails only",
        ),
        (
            "a rule without an id",
            rules(&json!([{"llm_input_guardrails": ["it/x"]}])),
            "spec.rules[0].id: Required value",
        ),
        (
            "a text for a list",
            rules(&json!([{"id": "r", "llm_input_guardrails": "it/x"}])),
            "spec.rules[0].llm_input_guardrails in body must be of type array: \"string\"",
        ),
        (
            "ten thousand rules",
            rules(&json!(many)),
            "must have at most 5000 items",
        ),
        (
            "two megabytes",
            sql(json!({"description": "x".repeat(2 << 20)})),
            "Request entity too large: limit is 3145728",
        ),
        (
            "two providers at once",
            provider(json!({"demo": {}, "openai": {}})),
            "give exactly one provider: anthropic, demo, openai",
        ),
        (
            "a model listed twice",
            provider(json!({"demo": {}, "models": [{"name": "m"}, {"name": "m"}]})),
            "Duplicate value: {\"name\":\"m\"}",
        ),
        (
            "an address that is none",
            provider(json!({"openai": {"baseUrl": "api.openai.com"}})),
            "should match '^https?://'",
        ),
        (
            "a key in the open",
            provider(json!({"openai": {"apiKey": "sk-in-the-open"}})),
            "spec.openai.apiKey",
        ),
        (
            "an audience listed twice",
            object(
                "IdentityProvider",
                "it",
                &json!({"issuer": "https://i", "audiences": ["a", "a"]}),
            ),
            "Duplicate value: \"a\"",
        ),
        (
            "an account without a token",
            object("VirtualAccount", "it", &json!({"tokens": []})),
            "spec.tokens in body should have at least 1 items",
        ),
        (
            "a kind that is none",
            object("GuardrailIntegrations", "it", &json!({})),
            "no matches for kind \"GuardrailIntegrations\" in version \"parapet.dev/v1alpha1\"",
        ),
    ]
}

fn refused(what: &str, ran: &Ran, expected: &str) {
    assert!(!ran.ok, "taken: {what}: {ran:?}");
    let said: String = ran.err.chars().take(2_000).collect();
    assert!(ran.err.contains(expected), "{what}: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_refused_with_a_sentence() {
    let Some(server) = control_plane().await else {
        return;
    };
    let Some(kubectl) = kubectl(&server, "refused").await else {
        return;
    };
    for (what, document, expected) in bad() {
        refused(
            what,
            &kubectl.apply(&document, &[]).await.unwrap(),
            expected,
        );
    }
    // Who tells kubectl to drop what it does not know is told what is missing then.
    let misspelt = group(&json!({"name": "x", "sqlSanitiser": {}}));
    let dropped = kubectl.apply(&misspelt, &["--validate=ignore"]).await;
    refused(
        "dropped",
        &dropped.unwrap(),
        "give exactly one kind of guardrail",
    );
    let left = out(&kubectl, &["get", "parapet", "-o", "name"]).await;
    assert_eq!(left, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_resources_that_are_allowed_are_taken() {
    let Some(server) = control_plane().await else {
        return;
    };
    let Some(kubectl) = kubectl(&server, "large").await else {
        return;
    };
    // Everything that CEL walks, as large as it may be, within what a server takes at all.
    let rule = |n: usize| {
        json!({
            "id": format!("r{n}"), "llm_input_guardrails": ["it/x"], "llm_output_guardrails": ["it/x"],
            "mcp_tool_pre_invoke_guardrails": [], "mcp_tool_post_invoke_guardrails": ["it/x"],
        })
    };
    let of = |count| rules(&json!((0..count).map(rule).collect::<Vec<_>>()));
    // Validated as a whole, and too large for etcd.
    let most = kubectl
        .apply(&of(5_000), &["--server-side", "--dry-run=server"])
        .await
        .unwrap();
    assert!(most.ok, "{most:?}");
    let guardrail = |n: usize| {
        json!({
            "name": format!("g{n}"), "operation": "mutate", "priority": n, "description": "x".repeat(1_024),
            "secretsDetection": {},
        })
    };
    let guardrails = json!({"guardrails": (0..64).map(guardrail).collect::<Vec<_>>()});
    let model = |n: usize| json!({"name": format!("{n:0>256}"), "upstreamName": "x".repeat(256)});
    let models = json!({"demo": {}, "models": (0..1_024).map(model).collect::<Vec<_>>()});
    let keys = json!({
        "issuer": format!("https://{}", "i".repeat(2_040)), "audiences": ["a"],
        "jwks": {"inline": "x".repeat(65_536)},
    });
    for document in [
        of(1_000),
        object("GuardrailIntegration", "it", &guardrails),
        object("ModelProvider", "it", &models),
        object("IdentityProvider", "it", &keys),
    ] {
        let kind = document["kind"].clone();
        // An annotation with all of it would be too long.
        for _ in ["made", "and changed"] {
            let taken = kubectl.apply(&document, &["--server-side"]).await.unwrap();
            assert!(taken.ok, "{kind}: {taken:?}");
        }
    }
}
