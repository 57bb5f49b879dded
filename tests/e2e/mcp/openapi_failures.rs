//! APIs that fail, and documents that are refused.

use std::time::{Duration, Instant};

use parapet_tests::fake::{Fake, Reply, Step};
use parapet_tests::harness::{Setup, free_port};
use serde_json::{Value, json};

use super::openapi::{described, result};
use super::support::{CALLERS, call, stateless};

/// A document with one operation at each of these paths.
fn document(paths: &[&str]) -> String {
    let paths = paths.iter().map(|path| {
        let id = path.trim_start_matches('/');
        (
            (*path).to_owned(),
            json!({"get": {"operationId": id, "responses": {}}}),
        )
    });
    let paths: serde_json::Map<String, Value> = paths.collect();
    json!({"openapi": "3.1.0", "info": {"title": "T"}, "paths": paths}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_an_error_that_the_model_reads() {
    let api = Fake::start(|call: &parapet_tests::fake::Call| match &*call.path {
        "/missing" => Reply::json(404, &json!({"message": "no such thing"})),
        "/down" => Reply::new(500, "text/html", "x".repeat(100_000)),
        "/moved" => {
            Reply::new(302, "text/plain", "").header("location", "http://evil.example.com/x")
        }
        "/large" => Reply::new(200, "text/plain", "x".repeat(5 * 1024 * 1024)),
        "/cut" => Reply {
            steps: vec![Step::Send("half".into()), Step::Cut],
            ..Reply::new(200, "text/plain", "")
        },
        "/drips" => {
            let drip = || {
                [
                    Step::Send(".".into()),
                    Step::Pause(Duration::from_millis(200)),
                ]
            };
            Reply {
                steps: (0..100).flat_map(|_| drip()).collect(),
                ..Reply::new(200, "text/plain", "")
            }
        }
        "/zip" => Reply::new(200, "application/zip", vec![0xff; 3]),
        _ => Reply::silence(),
    });
    let api = api.await.unwrap();
    let document = document(&[
        "/missing", "/down", "/moved", "/large", "/cut", "/drips", "/zip", "/silent",
    ]);
    let settings = "---\napiVersion: parapet.dev/v1alpha1\nkind: GatewaySettings\nmetadata: {name: all}\nspec: {limits: {firstByteTimeout: 2s}}\n";
    let base = format!("http://{}", api.addr());
    let resources = format!(
        "{CALLERS}{settings}{}",
        described(&document, &base, &json!({}))
    );
    let gateway = Setup::new(resources).start().await.unwrap();
    let rows = [
        ("missing", "no such thing"),
        ("down", "HTTP 500"),
        ("moved", "redirects are not followed"),
        ("large", "too large"),
        ("cut", "broke off"),
        ("drips", "in time"),
        ("silent", "in time"),
    ];
    for (tool, said) in rows {
        let begun = Instant::now();
        let result = result(&gateway, tool, json!({})).await;
        assert_eq!(result["isError"], true, "{tool}: {result}");
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.contains(said), "{tool}: {text}");
        assert!(text.len() < 20_000, "{tool}: {}", text.len());
        let whole = result.to_string();
        let names_it = whole.contains(&api.addr().to_string()) || whole.contains("evil");
        assert!(!names_it, "{tool}: {whole}");
        assert!(begun.elapsed() < Duration::from_secs(15), "{tool}");
    }
    let zip = result(&gateway, "zip", json!({})).await;
    assert_eq!(zip["content"][0]["resource"]["blob"], "////");
    assert_eq!(
        api.calls()
            .iter()
            .filter(|call| call.path == "/moved")
            .count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_nobody_may_reach_or_that_is_not_there_is_an_error_without_its_address() {
    let nobody = free_port().unwrap();
    let rows = [
        format!("http://{nobody}"),
        // Metadata services of clouds are refused by the one connector.
        "http://169.254.169.254".to_owned(),
    ];
    for base in rows {
        let resources = format!(
            "{CALLERS}{}",
            described(&document(&["/x"]), &base, &json!({}))
        );
        let gateway = Setup::new(resources).start().await.unwrap();
        let result = result(&gateway, "x", json!({})).await;
        assert_eq!(result["isError"], true, "{result}");
        assert_eq!(result["content"][0]["text"], "the API cannot be reached");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_refers_elsewhere_makes_no_server_and_asks_nobody() {
    let elsewhere =
        Fake::start(|_: &parapet_tests::fake::Call| Reply::json(200, &json!({"type": "object"})));
    let elsewhere = elsewhere.await.unwrap();
    let schema = json!({"$ref": format!("http://{}/schema.json", elsewhere.addr())});
    let operation = json!({"operationId": "x", "requestBody": {"content": {"application/json": {"schema": schema}}}});
    let document = json!({"openapi": "3.0.3", "paths": {"/x": {"post": operation}}}).to_string();
    let base = format!("http://{}", elsewhere.addr());
    let resources = format!("{CALLERS}{}", described(&document, &base, &json!({})));
    // As a file that changes while the gateway runs: a wrong edit is told and does not count.
    let gateway = Setup::new(CALLERS).start().await.unwrap();
    gateway
        .write("api.yaml", &resources.replace(CALLERS, ""))
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !gateway.said().contains("is not in this document") {
        assert!(Instant::now() < deadline, "{}", gateway.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let said = gateway.said();
    assert!(
        said.contains("#/paths/~1x/post/requestBody/content/application~1json/schema"),
        "{said}"
    );
    let answered = gateway.client().send(call("x", json!({}))).await.unwrap();
    assert_ne!(answered.status, 200);
    assert_eq!(elsewhere.calls().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_may_be_kept_in_a_secret() {
    let api = Fake::start(|_: &parapet_tests::fake::Call| Reply::json(200, &json!({})));
    let api = api.await.unwrap();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "apis"}, "stringData": {"x": document(&["/x"])}});
    let spec = json!({"openapi": {"document": {"secretKeyRef": {"name": "apis", "key": "x"}}, "baseUrl": format!("http://{}", api.addr())}});
    let server = json!({"apiVersion": "parapet.dev/v1alpha1", "kind": "MCPServer", "metadata": {"name": "fake"}, "spec": spec});
    let gateway = Setup::new(format!("{CALLERS}---\n{secret}\n---\n{server}\n"));
    let gateway = gateway.start().await.unwrap();
    let answered = gateway
        .client()
        .send(stateless("tools/list", json!({})))
        .await
        .unwrap();
    assert_eq!(answered.json().unwrap()["result"]["tools"][0]["name"], "x");
    result(&gateway, "x", json!({})).await;
    assert_eq!(api.calls().len(), 1);
}
