//! Who may edit one namespace can neither see nor weaken what governs the traffic of others. All of it is real: users with
//! roles on an API server, an operator, NATS, a gateway.

use std::cell::Cell;
use std::sync::Arc;

use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use parapet_tests::harness::Gateway;
use parapet_tests::http_client::Outgoing;
use parapet_tests::installation::Installation;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::support::namespace;
use crate::whole::{AWS_KEY, Operator, SSN, TOKEN};

const POLICY: &str = "editors";
const TEAM: &str = "editors-team";
const OTHERS: &str = "editors-others";

/// In a header: no guardrail but what rules choose.
const NONE: &str = r#"{"llm_input_guardrails": []}"#;

/// What the model has received, or the status of a refusal.
async fn ask(
    gateway: &Gateway,
    model: &str,
    text: &str,
    header: Option<&str>,
) -> Result<String, u16> {
    let body = json!({"model": model, "messages": [{"role": "user", "content": text}]});
    let mut asked = Outgoing::post("/v1/chat/completions", body.to_string()).bearer(TOKEN);
    if let Some(header) = header {
        asked = asked.header("x-tfy-guardrails", header);
    }
    let answer = gateway.client().send(asked).await.unwrap();
    let status = answer.status.as_u16();
    if status != 200 {
        return Err(status);
    }
    let answer: Value = serde_json::from_str(answer.text().unwrap()).unwrap();
    let content = &answer["choices"][0]["message"]["content"];
    Ok(content.as_str().unwrap().to_owned())
}

/// The traffic of others is judged as it always was, and the policy's rules reach the team's own.
async fn others_are_judged_as_before(gateway: &Gateway, after: &str) {
    for model in ["demo/echo", "others/echo"] {
        let asked = ask(gateway, model, "hello", None).await;
        assert_eq!(asked.as_deref(), Ok("hello"), "{model} after {after}");
        let key = format!("my key is {AWS_KEY}");
        let asked = ask(gateway, model, &key, None).await.unwrap();
        assert!(
            asked.starts_with("my key is ") && !asked.contains(AWS_KEY),
            "{model} after {after}: {asked}"
        );
    }
    for model in ["demo/echo", "others/echo", "team/echo"] {
        for header in [None, Some(NONE)] {
            let asked = ask(gateway, model, SSN, header).await;
            assert_eq!(asked, Err(400), "{model} after {after}");
        }
    }
    let asked = ask(gateway, "others/echo", "a secret project", None).await;
    assert_eq!(asked, Err(400), "after {after}");
}

/// Lets a user edit one namespace: what `edit` holds, and our kinds.
async fn let_edit(cluster: &Cluster, user: &str, namespace: &str) {
    let kinds: Vec<&str> = parapet_crds::crd::KINDS
        .iter()
        .map(|kind| kind.plural)
        .collect();
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "policy"},
        "rules": [{
            "apiGroups": ["parapet.dev"], "resources": kinds,
            "verbs": ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"],
        }],
    });
    let params = PatchParams::apply("test").force();
    let roles: Api<Role> = Api::namespaced(cluster.client.clone(), namespace);
    roles
        .patch("policy", &params, &Patch::Apply(role))
        .await
        .unwrap();
    let bindings: Api<RoleBinding> = Api::namespaced(cluster.client.clone(), namespace);
    for (name, kind, role) in [
        // What `edit` is put together from, by a controller that does not run here.
        ("edit", "ClusterRole", "system:aggregate-to-edit"),
        ("view", "ClusterRole", "system:aggregate-to-view"),
        ("policy", "Role", "policy"),
    ] {
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        });
        bindings
            .patch(name, &params, &Patch::Apply(binding))
            .await
            .unwrap();
    }
}

/// A resource, and what its status says: type, status and reason, and a part of the message.
type Tried = (
    &'static str,
    &'static str,
    Value,
    (&'static str, &'static str, &'static str),
);

const ACCEPTED: (&str, &str, &str) = ("Accepted", "True Accepted", "");

fn wrong_namespace() -> (&'static str, &'static str, &'static str) {
    (
        "Accepted",
        "False WrongNamespace",
        "only in the policy namespace editors",
    )
}

fn conflicted() -> (&'static str, &'static str, &'static str) {
    ("Accepted", "False Conflicted", "which is older")
}

/// A rule that selects what would block or rewrite everything, with more in it.
fn rules(more: &Value) -> Value {
    let mut rule = json!({"id": "all", "llm_input_guardrails": ["own/rewrite", "own/block"]});
    for (name, value) in more.as_object().unwrap() {
        rule[name] = value.clone();
    }
    json!({"rules": [rule]})
}

/// What an editor tries, each with what it is.
fn tries() -> Vec<(&'static str, Vec<Tried>)> {
    let models = json!({"when": {"target": {"operator": "or", "conditions": {
        "model": {"values": ["demo/echo", "others/*"], "condition": "in"},
    }}}});
    let all_models = json!({"when": {"target": {"operator": "or", "conditions": {
        "model": {"values": ["*"], "condition": "in"},
    }}}});
    let weaker = json!({
        "llm_input_guardrails": ["g/secrets", "g/pii"], "enforcing_strategy": "audit",
    });
    let mut replacing = rules(&json!({"llm_input_guardrails": ["g/pii", "g/secrets"]}));
    replacing["overrides"] = json!({"replace": ["virtualaccount:*", "team:*", "user:*"]});
    let same_names = json!({"guardrails": [
        {"name": "secrets", "enforcingStrategy": "audit", "secretsDetection": {}},
        {"name": "pii", "enforcingStrategy": "audit", "regex": {"customPatterns": [{"pattern": "never"}]}},
    ]});
    let secret = |name: &str| json!({"secretKeyRef": {"name": name, "key": "token"}});
    let elsewhere = json!({"openai": {"baseUrl": "http://127.0.0.1:1/v1"}});
    vec![
        (
            "a rule without a target",
            vec![("GuardrailConfig", "r", rules(&json!({})), ACCEPTED)],
        ),
        (
            "a rule for the models of others",
            vec![(
                "GuardrailConfig",
                "r",
                rules(&models),
                (
                    "Accepted",
                    "True Accepted",
                    "governs only the providers of editors-team",
                ),
            )],
        ),
        (
            "a rule for all models",
            vec![("GuardrailConfig", "r", rules(&all_models), ACCEPTED)],
        ),
        (
            "the policy's guardrails under audit",
            vec![("GuardrailConfig", "r", rules(&weaker), ACCEPTED)],
        ),
        (
            "letting a header replace what rules chose",
            vec![("GuardrailConfig", "r", replacing, ACCEPTED)],
        ),
        (
            "a mandatory rule",
            vec![(
                "GuardrailConfig",
                "r",
                rules(&json!({"mandatory": true})),
                wrong_namespace(),
            )],
        ),
        (
            "another namespace's guardrail",
            vec![(
                "GuardrailConfig",
                "r",
                rules(&json!({"llm_input_guardrails": ["editors-others/private/projects"]})),
                (
                    "ResolvedRefs",
                    "False RefNotPermitted",
                    "add editors-team to its spec.allowedNamespaces",
                ),
            )],
        ),
        (
            "another namespace's Secret",
            vec![(
                "ModelProvider",
                "thief",
                json!({"openai": {"baseUrl": "http://127.0.0.1:1", "apiKey": secret("others-key")}}),
                (
                    "ResolvedRefs",
                    "False SecretNotFound",
                    "\"others-key\" in namespace editors-team",
                ),
            )],
        ),
        (
            "the names of the policy's rules and guardrails",
            vec![
                ("GuardrailIntegration", "g", same_names, ACCEPTED),
                (
                    "GuardrailConfig",
                    "rules",
                    rules(&json!({"llm_input_guardrails": ["g/pii"]})),
                    ACCEPTED,
                ),
            ],
        ),
        (
            "the names of others' providers",
            vec![
                ("ModelProvider", "demo", elsewhere.clone(), conflicted()),
                ("ModelProvider", "others", elsewhere, conflicted()),
            ],
        ),
        (
            "kinds that count in the policy namespace only",
            vec![
                (
                    "GatewaySettings",
                    "settings",
                    json!({"defaults": {"enforcingStrategy": "audit"}}),
                    wrong_namespace(),
                ),
                (
                    "IdentityProvider",
                    "idp",
                    json!({"issuer": "https://id.example.com", "audiences": ["a"], "jwks": {"inline": "{\"keys\": []}"}}),
                    wrong_namespace(),
                ),
                (
                    "VirtualAccount",
                    "bot",
                    json!({"tokens": [secret("impostor")]}),
                    wrong_namespace(),
                ),
            ],
        ),
    ]
}

/// The same cluster, as a user sees one namespace.
fn seen_by(cluster: &Cluster, user: &str, namespace: &str) -> Cluster {
    Cluster {
        server: Arc::clone(&cluster.server),
        client: cluster.server.client(user).unwrap(),
        namespace: namespace.to_owned(),
    }
}

/// What governs everybody, and what another team has.
async fn govern(policy: &Cluster, others: &Cluster) {
    let label = json!({"parapet.dev/credentials": "true"});
    policy.secret("bot", TOKEN, label.clone()).await;
    policy.secret("others-key", "hush", label.clone()).await;
    others.secret("others-key", "hush", label).await;
    let tokens = json!({"tokens": [{"secretKeyRef": {"name": "bot", "key": "token"}}]});
    policy.apply("VirtualAccount", "bot", tokens).await;
    let guardrails = json!({"guardrails": [
        {"name": "secrets", "operation": "mutate", "secretsDetection": {}},
        {"name": "pii", "regex": {"presetPatterns": {"presets": ["us_ssn"]}}},
    ]});
    policy.apply("GuardrailIntegration", "g", guardrails).await;
    let rules = json!({"rules": [{"id": "all", "llm_input_guardrails": ["g/secrets", "g/pii"]}]});
    policy.apply("GuardrailConfig", "rules", rules).await;
    policy
        .apply("ModelProvider", "demo", json!({"demo": {}}))
        .await;

    let private = json!({"guardrails": [
        {"name": "projects", "regex": {"customPatterns": [{"pattern": "secret project"}]}},
    ]});
    others
        .apply("GuardrailIntegration", "private", private)
        .await;
    let rules =
        json!({"rules": [{"id": "projects", "llm_input_guardrails": ["private/projects"]}]});
    others.apply("GuardrailConfig", "rules", rules).await;
    others
        .apply("ModelProvider", "others", json!({"demo": {}}))
        .await;
    for (cluster, kind, name) in [
        (policy, "VirtualAccount", "bot"),
        (policy, "GuardrailConfig", "rules"),
        (policy, "ModelProvider", "demo"),
        (others, "GuardrailConfig", "rules"),
        (others, "ModelProvider", "others"),
    ] {
        cluster
            .condition(kind, name, "Programmed", "True Programmed")
            .await;
    }
}

/// What belongs to others is not for this user's eyes or hands, and neither are statuses.
async fn touches_nothing_of_others(cluster: &Cluster) {
    for namespace in [POLICY, OTHERS] {
        let there = seen_by(cluster, "editor", namespace);
        let forbidden = |result: kube::Result<()>| match result {
            Err(kube::Error::Api(status)) => assert_eq!(status.code, 403, "{status}"),
            other => panic!("{other:?}"),
        };
        let configs = there.api("GuardrailConfig");
        forbidden(configs.get("rules").await.map(|_| ()));
        forbidden(configs.list(&Default::default()).await.map(|_| ()));
        forbidden(
            configs
                .delete("rules", &DeleteParams::default())
                .await
                .map(|_| ()),
        );
        let metadata = json!({"name": "rules", "namespace": namespace});
        let applied = there.apply_with("GuardrailConfig", metadata, json!({"rules": []}));
        forbidden(applied.await.map(|_| ()));
        let secrets: Api<k8s_openapi::api::core::v1::Secret> =
            Api::namespaced(there.client.clone(), namespace);
        forbidden(secrets.list(&Default::default()).await.map(|_| ()));
    }
    let own = seen_by(cluster, "editor", TEAM);
    let status = json!({
        "apiVersion": parapet_crds::API_VERSION, "kind": "ModelProvider", "status": {"observedGeneration": 9},
    });
    let patched = own
        .api("ModelProvider")
        .patch_status("team", &PatchParams::default(), &Patch::Merge(status))
        .await;
    assert!(matches!(patched, Err(kube::Error::Api(status)) if status.code == 403));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_edits_one_namespace_changes_nothing_for_the_traffic_of_others() {
    let Some(policy) = Cluster::new(POLICY).await else {
        return;
    };
    let Some(installation) = Installation::start().await.unwrap() else {
        return;
    };
    namespace(&policy.client, OTHERS).await;
    let operator =
        Operator::start_watching(&policy, &installation, "operator", &[TEAM, OTHERS]).await;
    operator.leads().await;
    let uid = policy.pod("gateway").await;
    let gateway = installation
        .gateway_of("gateway", &uid)
        .start()
        .await
        .unwrap();
    let others = seen_by(&policy, "admin", OTHERS);
    govern(&policy, &others).await;
    let_edit(&policy, "editor", TEAM).await;
    let team = seen_by(&policy, "editor", TEAM);
    let label = json!({"parapet.dev/credentials": "true"});
    team.secret("impostor", "impostor-token", label).await;
    team.apply("ModelProvider", "team", json!({"demo": {}}))
        .await;
    // In force once it is programmed; and whatever was published before it is in force too then.
    let fence = Cell::new(0);
    let in_force = async || {
        fence.set(fence.get() + 1);
        let guardrails = json!({"guardrails": [
            {"name": "block", "regex": {"customPatterns": [{"pattern": "(?s)."}]}},
            {"name": "rewrite", "operation": "mutate", "priority": 0, "regex": {
                "customPatterns": [{"pattern": "[a-z]+", "redactionText": format!("[{}]", fence.get())}],
            }},
        ]});
        team.apply("GuardrailIntegration", "own", guardrails).await;
        team.condition(
            "GuardrailIntegration",
            "own",
            "Programmed",
            "True Programmed",
        )
        .await;
    };
    in_force().await;
    others_are_judged_as_before(&gateway, "nothing yet").await;
    assert_eq!(
        ask(&gateway, "team/echo", "hello", None).await.as_deref(),
        Ok("hello")
    );

    for (what, tried) in tries() {
        for (kind, name, spec, _) in &tried {
            team.apply(kind, name, spec.clone()).await;
        }
        for (kind, name, _, (type_, expected, part)) in &tried {
            let message = team.condition(kind, name, type_, expected).await;
            assert!(message.contains(part), "{what}: {message}");
        }
        in_force().await;
        others_are_judged_as_before(&gateway, what).await;
        if what == "a rule without a target" {
            // It is in force, where it counts.
            assert_eq!(ask(&gateway, "team/echo", "hello", None).await, Err(400));
        }
        for (kind, name, ..) in &tried {
            team.delete(kind, name).await;
        }
    }
    let impostor = Outgoing::post("/v1/chat/completions", "{}").bearer("impostor-token");
    let answer = gateway.client().send(impostor).await.unwrap();
    assert_eq!(answer.status.as_u16(), 401);
    touches_nothing_of_others(&policy).await;
    for line in operator.log.lines() {
        assert!(!line.contains("hush"), "{line}");
    }
}
