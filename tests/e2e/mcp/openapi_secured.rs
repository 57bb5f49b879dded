//! HTTP APIs that want a token, that have certificates of their own, and whose tools are held to what was approved.

use parapet_tests::fake::{Call, Fake, Reply};
use parapet_tests::harness::{Gateway, Setup};
use serde_json::{Value, json};

use super::oauth::{SECRET, issuer};
use super::openapi::{described, pet_store, result};
use super::pinning::digest;
use super::support::{CALLERS, call, in_session, initialize, messages, stateless};
use super::tls::{certificates, config, secrets};

const PETSTORE: &str = include_str!("../../fixtures/openapi/petstore-expanded.json");

fn pet(call: &Call) -> Reply {
    match &*call.path {
        "/api/pets/7" => Reply::json(200, &json!({"id": 7, "name": "Rex"})),
        _ => Reply::json(404, &json!({"code": 404, "message": "no pet"})),
    }
}

async fn tools(gateway: &Gateway) -> Vec<Value> {
    let list = stateless("tools/list", json!({}));
    let answered = gateway.client().send(list).await.unwrap();
    let list = messages(&answered).pop().unwrap();
    list["result"]["tools"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_is_shown_a_token_with_calls_only_and_another_one_when_it_refuses_it() {
    // It has forgotten the first token that was issued.
    let api = Fake::start(|call| match call.header("authorization") {
        Some("Bearer issued-2-for-gate-way") => pet(call),
        _ => Reply::json(401, &json!({"message": "who are you?"})),
    });
    let (api, issuer) = (api.await.unwrap(), issuer().await);
    let secret = format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: oauth}}\nstringData: {{secret: \"{SECRET}\"}}\n"
    );
    let auth = json!({"auth": {"clientCredentials": {
        "tokenUrl": issuer.token_url("corp"), "clientId": "gate way",
        "clientSecret": {"secretKeyRef": {"name": "oauth", "key": "secret"}}}}});
    let base = format!("http://{}/api", api.addr());
    let resources = format!("{CALLERS}{secret}{}", described(PETSTORE, &base, &auth));
    let gateway = Setup::new(resources).start().await.unwrap();
    assert_eq!(tools(&gateway).await.len(), 4);
    assert_eq!(issuer.token_requests("corp").len(), 0, "nobody called it");
    let found = result(&gateway, "find_pet_by_id", json!({"id": 7})).await;
    assert_eq!(found["structuredContent"]["name"], "Rex", "{found}");
    let shown = |api: &Fake| -> Vec<String> {
        let calls = api.calls();
        let values = calls.iter().filter_map(|call| call.header("authorization"));
        values.map(str::to_owned).collect()
    };
    assert_eq!(
        shown(&api),
        [
            "Bearer issued-1-for-gate-way",
            "Bearer issued-2-for-gate-way"
        ]
    );
    let session = initialize(&gateway).await;
    let message = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "find_pet_by_id", "arguments": {"id": 7}}});
    let answered = gateway
        .client()
        .send(in_session(Some(&session), &message))
        .await
        .unwrap();
    assert_eq!(
        answered.json().unwrap()["result"]["structuredContent"]["id"],
        7
    );
    assert_eq!(issuer.token_requests("corp").len(), 2);
    let said = gateway.said();
    for secret in [SECRET, "issued-1", "issued-2", "ada-token"] {
        assert!(!said.contains(secret), "{secret} was logged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_an_api_is_not_called_and_the_model_reads_why() {
    let api = pet_store().await;
    let issuer = issuer().await;
    let auth = json!({"auth": {"clientCredentials": {
        "tokenUrl": issuer.token_url("corp"), "clientId": "somebody else",
        "clientSecret": {"secretKeyRef": {"name": "tokens", "key": "bob"}}}}});
    let base = format!("http://{}/api", api.addr());
    let resources = format!("{CALLERS}{}", described(PETSTORE, &base, &auth));
    let gateway = Setup::new(resources).start().await.unwrap();
    let refused = result(&gateway, "find_pet_by_id", json!({"id": 7})).await;
    assert_eq!(refused["isError"], true, "{refused}");
    let told = refused["content"][0]["text"].as_str().unwrap();
    assert!(
        told.contains("token") && !told.contains("127.0.0.1"),
        "{told}"
    );
    assert_eq!(api.calls().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_is_known_by_its_own_authority_and_name_and_shown_a_certificate() {
    let certificates = certificates();
    let api = Fake::start_tls(config(&certificates), pet).await.unwrap();
    let base = format!("https://localhost:{}/api", api.addr().port());
    let of = |key: &str| json!({"secretKeyRef": {"name": "tls", "key": key}});
    let whole = json!({"ca": of("ca"), "serverName": "mcp.internal",
        "clientCertificate": of("certificate"), "clientKey": of("key")});
    let without = |member: &str| {
        let mut tls = whole.clone();
        tls.as_object_mut().unwrap().remove(member);
        if member == "clientCertificate" {
            tls.as_object_mut().unwrap().remove("clientKey");
        }
        tls
    };
    let mut calls = 0;
    for (tls, is_known) in [
        (whole.clone(), true),
        (without("ca"), false),
        (without("serverName"), false),
        (without("clientCertificate"), false),
    ] {
        let server = described(PETSTORE, &base, &json!({"tls": tls}));
        let resources = format!("{}{server}", secrets(&certificates));
        let gateway = Setup::new(resources).start().await.unwrap();
        let found = result(&gateway, "find_pet_by_id", json!({"id": 7})).await;
        assert_eq!(found["isError"] != true, is_known, "{tls}: {found}");
        assert!(!found.to_string().contains("localhost"), "{found}");
        calls += usize::from(is_known);
        assert_eq!(api.calls().len(), calls, "{tls}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_that_were_not_approved_are_neither_listed_nor_called() {
    let api = pet_store().await;
    let base = format!("http://{}/api", api.addr());
    let start = async |document: &str, more: &Value| {
        let resources = format!("{CALLERS}{}", described(document, &base, more));
        Setup::new(resources).start().await.unwrap()
    };
    let open = start(PETSTORE, &json!({})).await;
    let listed = tools(&open).await;
    let approved: Vec<Value> = listed
        .iter()
        .filter(|tool| tool["name"] != "deletePet")
        .map(|tool| json!({"name": tool["name"], "digest": digest(tool)}))
        .collect();
    let names = |tools: &[Value]| -> Vec<String> {
        let names = tools.iter().map(|tool| tool["name"].as_str().unwrap());
        names.map(str::to_owned).collect()
    };
    // What the resource says of a tool is no change of it.
    let pinned = json!({"pinning": {"mode": "enforce", "approved": approved},
        "tools": [{"name": "addPet", "description": "Adds one."}]});
    let gateway = start(PETSTORE, &pinned).await;
    let all = ["addPet", "findPets", "find_pet_by_id"];
    assert_eq!(names(&tools(&gateway).await), all);
    // A document that says something else of an operation.
    let changed = PETSTORE.replacen("Creates a new pet in the store", "Sells a pet", 1);
    assert_ne!(changed, PETSTORE);
    let other = start(&changed, &pinned).await;
    let refused = async |gateway: &Gateway, tool: &str, arguments: Value| {
        let answered = gateway.client().send(call(tool, arguments)).await.unwrap();
        let told = answered.json().unwrap();
        assert_eq!(told["error"]["code"], -32602, "{told}");
    };
    // On a gateway that nobody has asked for a list.
    refused(&other, "addPet", json!({"name": "Rex"})).await;
    refused(&other, "deletePet", json!({"id": 7})).await;
    assert_eq!(names(&tools(&other).await), ["findPets", "find_pet_by_id"]);
    assert_eq!(api.calls().len(), 0);
    for gateway in [&gateway, &other] {
        let found = result(gateway, "find_pet_by_id", json!({"id": 7})).await;
        assert_eq!(found["structuredContent"]["id"], 7, "{found}");
    }
    refused(&gateway, "deletePet", json!({"id": 7})).await;
    let (_, metrics) = gateway.admin_get("/metrics").await.unwrap();
    let hidden = r#"parapet_mcp_tools_withheld_total{how="hidden",server="fake"} 1"#;
    assert!(metrics.contains(hidden), "{metrics}");
}
