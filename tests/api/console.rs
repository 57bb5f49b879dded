//! The console of operators: what gateways did, over NATS, on every replica.

use std::time::{Duration, Instant};

use jsonwebtoken::Algorithm;
use parapet_tests::harness::Gateway;
use parapet_tests::http_client::{Answered, Client, Outgoing};
use parapet_tests::installation::Installation;
use parapet_tests::issuer::{Issuer, SigningKey, claims};
use serde_json::json;

use crate::cluster::Cluster;
use crate::support::until;
use crate::whole::{Operator, SSN, TOKEN, gets, guardrails};

/// The time within which the page shows what has just happened.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);

async fn page(operator: &Operator, path: &str, header: (&str, &str)) -> Answered {
    let request = Outgoing::get(path).header(header.0, header.1);
    Client::new(operator.admin).send(request).await.unwrap()
}

/// Waits until an operator's page shows what a gateway does now: what happened before it listened it does not know.
pub(crate) async fn until_it_hears(operator: &Operator, gateway: &Gateway) {
    let bearer = format!("Bearer {TOKEN}");
    until("the page hears of requests", || async {
        let body =
            json!({"model": "demo/echo", "messages": [{"role": "user", "content": "hello"}]});
        let asked = Outgoing::post("/v1/chat/completions", body.to_string()).bearer(TOKEN);
        let answer = gateway.client().send(asked).await.ok()?;
        let id = answer.header("x-request-id")?;
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let page = page(operator, "/console/", ("authorization", &bearer)).await;
            if page.text().ok()?.contains(id) {
                return Some(());
            }
        }
        None
    })
    .await;
}

async fn until_it_says(operator: &Operator, path: &str, bearer: &str, wanted: &str) {
    until(&format!("{path} says {wanted}"), || async {
        let page = page(operator, path, ("authorization", bearer)).await;
        page.text().ok()?.contains(wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_replica_shows_what_gateways_did_to_readers_alone() {
    let Some(cluster) = Cluster::new("console").await else {
        return;
    };
    let Some(installation) = Installation::start().await.unwrap() else {
        return;
    };
    let mut operators = Vec::new();
    for pod in ["operator-1", "operator-2"] {
        let mut args = installation.operator_args();
        args.extend(["--console".to_owned(), "on".to_owned()]);
        args.extend([
            "--traces-nkey".to_owned(),
            installation.file("watcher.nk").display().to_string(),
        ]);
        let operator = Operator::start_with(&cluster, args, pod, &[]).await;
        if operators.is_empty() {
            operator.leads().await;
        }
        operators.push(operator);
    }
    let uid = cluster.pod("gateway-1").await;
    let gateway = installation.gateway_of("gateway-1", &uid);
    let gateways = vec![gateway.arg("--share-records").start().await.unwrap()];
    cluster
        .apply("GuardrailIntegration", "g", guardrails("us_ssn"))
        .await;
    let rules =
        json!({"rules": [{"id": "for-all", "llm_input_guardrails": ["g/secrets", "g/pii"]}]});
    cluster.apply("GuardrailConfig", "rules", rules).await;
    cluster
        .apply("ModelProvider", "demo", json!({"demo": {}}))
        .await;
    let account = |roles: &[&str]| json!({"roles": roles, "tokens": [{"secretKeyRef": {"name": "bot", "key": "token"}}]});
    cluster
        .apply("VirtualAccount", "bot", account(&["console-reader"]))
        .await;
    let label = json!({"parapet.dev/credentials": "true"});
    cluster.secret("bot", TOKEN, label).await;
    gets(&gateways, SSN, Err(400)).await;

    let bearer = format!("Bearer {TOKEN}");
    for operator in &operators {
        until_it_says(operator, "/console/policy", &bearer, "for-all").await;
        until_it_says(operator, "/console/policy", &bearer, "gateway-1").await;
        let nobody = page(operator, "/console/", ("accept", "text/html")).await;
        assert_eq!(nobody.status, 401);
        let ready = page(operator, "/readyz", ("accept", "*/*")).await;
        assert_eq!(ready.status, 200);
        until_it_hears(operator, &gateways[0]).await;
    }

    // One request, blocked now: both show it within two seconds. A busy machine may stall one.
    let body = json!({"model": "demo/echo", "messages": [{"role": "user", "content": SSN}]});
    let (mut id, mut took) = (String::new(), Duration::MAX);
    for _ in 0..3 {
        let asked = Outgoing::post("/v1/chat/completions", body.to_string()).bearer(TOKEN);
        let answer = gateways[0].client().send(asked).await.unwrap();
        let begun = Instant::now();
        assert_eq!(answer.status, 400);
        answer.header("x-request-id").unwrap().clone_into(&mut id);
        for operator in &operators {
            let list = "/console/?show=blocked&guardrail=pii";
            until_it_says(operator, list, &bearer, &id).await;
        }
        took = begun.elapsed();
        if took < SHOWN_WITHIN {
            break;
        }
    }
    assert!(took < SHOWN_WITHIN, "{took:?}");
    let shown = page(
        &operators[1],
        &format!("/console/requests/{id}"),
        ("authorization", &bearer),
    )
    .await;
    let shown = shown.text().unwrap();
    for part in ["g/pii", "us_ssn ×1", "for-all", "gateway-1"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    assert!(!shown.contains(SSN) && !shown.contains(TOKEN));

    // Who has signed in at one replica is in at the other; who is a reader no more is out.
    let mut form = Outgoing::post("/console/sign-in", format!("token={TOKEN}"));
    form.headers = vec![(
        "content-type".into(),
        "application/x-www-form-urlencoded".into(),
    )];
    let signed_in = Client::new(operators[0].admin).send(form).await.unwrap();
    assert_eq!(signed_in.status, 303);
    let cookie = signed_in.header("set-cookie").unwrap();
    let cookie = cookie.split(';').next().unwrap();
    let other = page(&operators[1], "/console/", ("cookie", cookie)).await;
    assert_eq!(other.status, 200);
    cluster.apply("VirtualAccount", "bot", account(&[])).await;
    for operator in &operators {
        until("a role that was taken back counts", || async {
            let page = page(operator, "/console/", ("cookie", cookie)).await;
            (page.status == 403).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issuers_are_fetched_from_where_gateways_may_fetch_from() {
    let Some(cluster) = Cluster::new("console-egress").await else {
        return;
    };
    let Some(installation) = Installation::start().await.unwrap() else {
        return;
    };
    let mut args = installation.operator_args();
    args.extend(["--console", "on", "--console-reader", "user:*"].map(str::to_owned));
    args.extend([
        "--traces-nkey".to_owned(),
        installation.file("watcher.nk").display().to_string(),
    ]);
    let operator = Operator::start_with(&cluster, args, "operator-1", &[]).await;
    operator.leads().await;
    let issuer = Issuer::start().await.unwrap();
    let key = SigningKey::new(Algorithm::EdDSA, "ed").unwrap();
    issuer.publish("corp", &[&key]);
    let name = issuer.name("corp");
    let settings = |denied: &[&str]| json!({"egress": {"deny": denied}});
    cluster
        .apply("GatewaySettings", "settings", settings(&["127.0.0.0/8"]))
        .await;
    let provider = json!({"issuer": name, "audiences": ["parapet"], "claims": {"user": "email"}});
    cluster.apply("IdentityProvider", "corp", provider).await;
    let token = key.sign(&claims(&name, &json!({}))).unwrap();
    let bearer = format!("Bearer {token}");
    // It knows the issuer and has none of its keys.
    until("its tokens are to come again", || async {
        let page = page(&operator, "/console/", ("authorization", &bearer)).await;
        (page.status == 503).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let refused = page(&operator, "/console/", ("authorization", &bearer)).await;
    assert_eq!((refused.status.as_u16(), issuer.fetches("corp")), (503, 0));
    cluster
        .replace("GatewaySettings", "settings", &settings(&[]))
        .await;
    until("the keys have come", || async {
        let page = page(&operator, "/console/", ("authorization", &bearer)).await;
        (page.status == 200).then_some(())
    })
    .await;
}
