//! The definitions on a real API server: they install, every example fits, and what is wrong is refused with a
//! sentence that says what to write.

use std::path::Path;

use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams, ValidationDirective};
use kube::core::GroupVersionKind;
use kube::{Client, api::ApiResource};
use serde_json::{Value, json};

use crate::support::{control_plane, documents, namespace, resource};

const NAMESPACE: &str = "crds";

/// What the server says about an object, without keeping it; an unknown field is an error, as for `kubectl`.
async fn dry_run(client: &Client, document: &Value) -> Result<DynamicObject, String> {
    let kind = document["kind"].as_str().unwrap();
    let resource = if document["apiVersion"] == "v1" {
        ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", kind))
    } else {
        resource(kind)
    };
    let namespace = document["metadata"]["namespace"].as_str();
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), namespace.unwrap_or(NAMESPACE), &resource);
    let params = PatchParams {
        dry_run: true,
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply("test")
    };
    let name = document["metadata"]["name"].as_str().unwrap();
    let answer = api.patch(name, &params, &Patch::Apply(document)).await;
    answer.map_err(|error| match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    })
}

fn object(kind: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": parapet_crds::API_VERSION, "kind": kind,
        "metadata": {"name": "it"}, "spec": spec,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_is_taken() {
    let Some(server) = control_plane().await else {
        return;
    };
    let client = server.client("admin").unwrap();
    namespace(&client, NAMESPACE).await;
    namespace(&client, "parapet").await;
    for folder in ["standalone", "kubernetes"] {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        let mut taken = 0;
        for entry in std::fs::read_dir(examples.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            for document in documents(&std::fs::read_to_string(&path).unwrap()) {
                let answer = dry_run(&client, &document).await;
                assert!(answer.is_ok(), "{}: {answer:?}", path.display());
                taken += 1;
            }
        }
        assert!(taken >= 5, "{folder}: {taken}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_refused_with_what_to_write() {
    let Some(server) = control_plane().await else {
        return;
    };
    let client = server.client("admin").unwrap();
    namespace(&client, NAMESPACE).await;
    let group =
        |guardrail: Value| object("GuardrailIntegration", &json!({"guardrails": [guardrail]}));
    let rules = |rules: Value| object("GuardrailConfig", &json!({"rules": rules}));
    let provider = |spec: Value| object("ModelProvider", &spec);
    let rows = [
        (
            group(json!({"name": "x"})),
            "give exactly one kind of guardrail: cedar, codeSafetyLinter, custom, ",
        ),
        (
            group(json!({"name": "x", "regex": {}, "sqlSanitizer": {}})),
            "give exactly one kind of guardrail",
        ),
        (
            group(json!({"name": "x", "sqlSanitizer": {}, "priority": 2})),
            "priority is only for operation: mutate",
        ),
        (
            group(
                json!({"name": "x", "operation": "mutate", "secretsDetection": {}, "priority": 9_999_999}),
            ),
            "should be less than or equal to 1000000",
        ),
        (
            group(
                json!({"name": "x", "custom": {"url": "http://a"}, "streaming": {"mode": "observe", "size": 512}}),
            ),
            "size and overlap are only for mode: windowed",
        ),
        (
            group(json!({"name": "x", "sqlSanitizer": {}, "enforcingStrategy": "enforced"})),
            "supported values: \"enforce\", \"enforce_but_ignore_on_error\", \"audit\"",
        ),
        (
            group(json!({"name": "x", "sqlSanitizer": {}, "timeout": "5 seconds"})),
            "timeout",
        ),
        (
            group(json!({"name": "x", "secretsDetektion": {}})),
            "field not declared in schema",
        ),
        (
            object(
                "GuardrailIntegration",
                &json!({"guardrails": [
                    {"name": "x", "sqlSanitizer": {}}, {"name": "x", "regex": {}},
                ]}),
            ),
            "duplicate",
        ),
        (
            rules(json!([{"id": "r", "when": {}}])),
            "the rule selects no guardrail, so it does nothing: list some, for example under llm_input_guardrails",
        ),
        (
            rules(
                json!([{"id": "r", "llm_input_guardrails": ["g/x"], "input_guardrails": ["g/y"]}]),
            ),
            "input_guardrails and llm_input_guardrails are one list with two names",
        ),
        (
            rules(
                json!([{"id": "r", "llm_input_guardrails": ["g/x"], "when": {"subjects": {"operator": "nor"}}}]),
            ),
            "supported values: \"and\", \"or\"",
        ),
        (
            provider(json!({})),
            "give exactly one provider: anthropic, demo, openai",
        ),
        (
            provider(json!({"demo": {}, "openai": {}})),
            "give exactly one provider",
        ),
        (
            provider(json!({"openai": {"baseUrl": "ftp://a"}})),
            "should match '^https?://'",
        ),
        (
            object(
                "IdentityProvider",
                &json!({"issuer": "https://i", "audiences": ["a"], "jwks": {}}),
            ),
            "give exactly one place of the keys: inline, uri",
        ),
        (
            object("IdentityProvider", &json!({"issuer": "https://i"})),
            "audiences: Required value",
        ),
        (
            object(
                "VirtualAccount",
                &json!({"tokens": [{"secretKeyRef": {"name": "s", "key": "k"}}], "expiresAt": "soon"}),
            ),
            "expiresAt",
        ),
        (
            object("VirtualAccount", &json!({"tokens": []})),
            "should have at least 1 items",
        ),
        (
            object("GatewaySettings", &json!({"limits": {"bodyBytes": 1}})),
            "should be greater than or equal to 1024",
        ),
        (
            object("GatewaySettings", &json!({"exposeGuardrails": "some"})),
            "supported values: \"none\", \"blocking\", \"all\"",
        ),
    ];
    for (document, expected) in rows {
        match dry_run(&client, &document).await {
            Ok(_) => panic!("taken: {document}"),
            Err(message) => assert!(message.contains(expected), "{document}\n{message}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_published_short_names_and_a_member_without_a_value_arrive_as_they_are_meant() {
    let Some(server) = control_plane().await else {
        return;
    };
    let client = server.client("admin").unwrap();
    namespace(&client, NAMESPACE).await;
    let rules = json!({"rules": [{"id": "r", "input_guardrails": ["g/x"]}]});
    let taken = dry_run(&client, &object("GuardrailConfig", &rules))
        .await
        .unwrap();
    let read = parapet_crds::read::Object::read(
        &json!({
            "apiVersion": parapet_crds::API_VERSION, "kind": "GuardrailConfig",
            "metadata": {"name": "it", "namespace": NAMESPACE}, "spec": taken.data["spec"],
        }),
        &NAMESPACE.into(),
    );
    assert!(read.is_well_formed(), "{read:?}");
    // What a server adds by default is nothing that anybody has written.
    let defaults = json!({"guardrails": [{"name": "x", "sqlSanitizer": {}}]});
    let taken = dry_run(&client, &object("GuardrailIntegration", &defaults))
        .await
        .unwrap();
    assert_eq!(taken.data["spec"]["guardrails"][0]["operation"], "validate");
    assert_eq!(taken.data["spec"]["guardrails"][0]["priority"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_stays_and_can_be_asked_for() {
    let Some(server) = control_plane().await else {
        return;
    };
    let client = server.client("admin").unwrap();
    namespace(&client, "issuers").await;
    let api: Api<DynamicObject> =
        Api::namespaced_with(client, "issuers", &resource("IdentityProvider"));
    let of = |issuer: &str| {
        let spec = json!({"issuer": issuer, "audiences": ["a"]});
        serde_json::from_value::<DynamicObject>(object("IdentityProvider", &spec)).unwrap()
    };
    api.create(&PostParams::default(), &of("https://one"))
        .await
        .unwrap();
    let params = PatchParams::apply("other").force();
    let changed = api
        .patch("it", &params, &Patch::Apply(of("https://two")))
        .await;
    let message = changed.unwrap_err().to_string();
    assert!(
        message.contains("the issuer cannot be changed: make another IdentityProvider"),
        "{message}"
    );
    let asked = kube::api::ListParams::default().fields("spec.issuer=https://one");
    assert_eq!(api.list(&asked).await.unwrap().items.len(), 1);
}
