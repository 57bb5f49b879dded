//! What an operator emits: statuses, events, its Lease, its log, metrics and page, searched for what was said and kept.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use parapet_tests::http_client::{Client, Outgoing};
use parapet_tests::installation::Installation;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::support::until;
use crate::whole::{AWS_KEY, Operator, SSN, TOKEN, guardrails};

/// In every prompt.
const MARKER: &str = "whisper-of-the-tests";
/// Values of Secrets, and what somebody called with who is not known.
const KEPT: [&str; 3] = [TOKEN, "whisper-to-the-model", "whisper-of-a-stranger"];

/// Resources, some of which cannot be in force: their statuses have most to say.
async fn apply(cluster: &Cluster) {
    let reference = |key: &str| json!({"secretKeyRef": {"name": "bot", "key": key}});
    let account = |roles: &[&str]| json!({"roles": roles, "tokens": [reference("token")]});
    let rules = json!({"rules": [
        {"id": "for-all", "llm_input_guardrails": ["g/secrets", "g/pii"]},
        {"id": "beyond", "llm_input_guardrails": ["g/nowhere"], "when": {"subjects": {"operator": "and", "conditions": {"in": ["user:nobody"]}}}},
    ]});
    let keyed = json!({"openai": {"baseUrl": "http://127.0.0.1:9/v1", "apiKey": {"secretKeyRef": {"name": "model", "key": "token"}}}});
    let missing =
        json!({"openai": {"baseUrl": "http://127.0.0.1:9/v1", "apiKey": reference("not-there")}});
    let broken =
        json!({"guardrails": [{"name": "bad", "regex": {"customPatterns": [{"pattern": "("}]}}]});
    let label = json!({"parapet.dev/credentials": "true"});
    cluster.secret("bot", TOKEN, label.clone()).await;
    cluster.secret("model", KEPT[1], label).await;
    for (kind, name, spec) in [
        ("GuardrailIntegration", "g", guardrails("us_ssn")),
        ("GuardrailIntegration", "broken", broken),
        ("GuardrailConfig", "rules", rules),
        ("ModelProvider", "demo", json!({"demo": {}})),
        ("ModelProvider", "keyed", keyed),
        ("ModelProvider", "missing", missing),
        ("VirtualAccount", "bot", account(&["console-reader"])),
    ] {
        cluster.apply(kind, name, spec).await;
    }
}

/// Requests of every end; the ids of those that a guardrail saw.
async fn converse(gateway: &parapet_tests::harness::Gateway) -> Vec<String> {
    let texts = [
        MARKER.to_owned(),
        format!("{MARKER} {SSN}"),
        format!("{MARKER} {AWS_KEY}"),
    ];
    let mut ids = Vec::new();
    for text in texts {
        for (model, token) in [
            ("demo/echo", TOKEN),
            ("keyed/m", TOKEN),
            ("demo/echo", KEPT[2]),
        ] {
            let body = json!({
                "model": model, "metadata": {MARKER: text},
                "messages": [{"role": "user", "content": text, MARKER: text}],
            });
            let asked = Outgoing::post("/v1/chat/completions", body.to_string()).bearer(token);
            let answer = gateway.client().send(asked).await.unwrap();
            if answer.status != 401 {
                ids.push(answer.header("x-request-id").unwrap().to_owned());
            }
        }
    }
    ids
}

/// Every resource as it is stored, its status included, and what is told beside them.
async fn told(cluster: &Cluster) -> Vec<(String, String)> {
    let mut told = Vec::new();
    let all = ListParams::default();
    for names in parapet_crds::crd::KINDS {
        let list = cluster.api(names.kind).list(&all).await.unwrap();
        for object in list {
            let name = object.metadata.name.clone().unwrap_or_default();
            let status = object.data.get("status").cloned().unwrap_or(Value::Null);
            let conditions = status["conditions"].as_array().map_or(0, Vec::len);
            assert!(conditions > 0, "{} {name} has no status", names.kind);
            let text = serde_json::to_string(&object).unwrap();
            told.push((format!("{} {name}", names.kind), text));
        }
    }
    assert!(told.len() >= 7, "{} resources", told.len());
    let events: Api<Event> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let leases: Api<Lease> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let events = events.list(&all).await.unwrap();
    let leases = leases.list(&all).await.unwrap();
    assert!(!events.items.is_empty() && !leases.items.is_empty());
    told.push(("events".to_owned(), serde_json::to_string(&events).unwrap()));
    told.push(("leases".to_owned(), serde_json::to_string(&leases).unwrap()));
    told
}

/// A page as the reader sees it: signed in, and with what it should show.
async fn page(operator: &Operator, path: &str, wanted: &str) -> (String, String) {
    let text = until(&format!("{path} has {wanted}"), || async {
        let asked = Outgoing::get(path).bearer(TOKEN);
        let page = Client::new(operator.admin).send(asked).await.ok()?;
        let text = page.text().ok()?.to_owned();
        (page.status == 200 && text.contains(wanted)).then_some(text)
    })
    .await;
    assert!(text.contains("virtualaccount:bot"), "{path}: {text}");
    (path.to_owned(), text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_an_operator_emits_holds_what_was_said_or_kept() {
    let Some(cluster) = Cluster::new("leaks").await else {
        return;
    };
    let Some(installation) = Installation::start().await.unwrap() else {
        return;
    };
    let mut args = installation.operator_args();
    let watcher = installation.file("watcher.nk").display().to_string();
    args.extend(
        [
            "--log",
            "debug",
            "--console",
            "on",
            "--traces-nkey",
            &watcher,
        ]
        .map(str::to_owned),
    );
    let operator = Operator::start_with(&cluster, args, "operator-1", &[]).await;
    operator.leads().await;
    let uid = cluster.pod("gateway-1").await;
    let gateway = installation.gateway_of("gateway-1", &uid);
    let gateway = gateway.arg("--share-records").start().await.unwrap();
    apply(&cluster).await;
    cluster
        .condition("VirtualAccount", "bot", "Programmed", "True Programmed")
        .await;
    until("it is enforced", || async {
        let blocked = crate::whole::ask(&gateway, SSN).await;
        (blocked == Err(400)).then_some(())
    })
    .await;
    crate::console::until_it_hears(&operator, &gateway).await;
    let ids = converse(&gateway).await;

    let mut emitted = told(&cluster).await;
    for (path, wanted) in [
        ("/console/", ids[0].as_str()),
        ("/console/?show=blocked", ids[2].as_str()),
        // With a rule beside it that never was good, both are in force and shown.
        ("/console/policy", "for-all"),
        ("/console/policy", "beyond"),
        ("/console/health", "g/pii"),
    ] {
        emitted.push(page(&operator, path, wanted).await);
    }
    for id in &ids {
        let path = format!("/console/requests/{id}");
        emitted.push(page(&operator, &path, "What happened").await);
    }
    for (path, text) in [
        ("/metrics", operator.metrics().await),
        ("/readyz", operator.admin_get("/readyz").await),
        ("the log", operator.log.lines().join("\n")),
        ("a gateway's log", gateway.log().lines().join("\n")),
    ] {
        assert!(!text.is_empty(), "{path} is empty");
        emitted.push((path.to_owned(), text));
    }
    for (place, text) in &emitted {
        for secret in KEPT.iter().chain([&MARKER, &SSN, &AWS_KEY]) {
            assert!(!text.contains(secret), "{secret} is in {place}: {text}");
        }
    }
}
