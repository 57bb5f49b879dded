//! The story of a tool that changes: seen by gateways, told by the status, approved by one patch.

use kube::api::{Patch, PatchParams};
use parapet_crds::status::pinning::{PinningStatus, ToolState};
use parapet_tests::fake_mcp::{FakeMcp, MODERN};
use parapet_tests::harness::Gateway;
use parapet_tests::http_client::Outgoing;
use parapet_tests::installation::Installation;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::support::until;
use crate::whole::{Operator, TOKEN};

/// A message of the stateless revision, from the account.
fn message(method: &str, mut params: Value) -> Outgoing {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let name = params["name"].as_str().map(str::to_owned);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let outgoing = Outgoing::post("/mcp/fake", body.to_string())
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", method)
        .bearer(TOKEN);
    match name {
        Some(name) => outgoing.header("mcp-name", &name),
        None => outgoing,
    }
}

/// The names that a gateway lists; none while it does not know the server.
async fn listed(gateway: &Gateway) -> Option<Vec<String>> {
    let outgoing = message("tools/list", json!({}));
    let answer = gateway.client().send(outgoing).await.ok()?.json().ok()?;
    let tools = answer["result"]["tools"].as_array()?.clone();
    let names = tools.iter().map(|tool| tool["name"].as_str().unwrap());
    Some(names.map(str::to_owned).collect())
}

/// What a call of `echo` comes to: 0, or the error's code.
async fn called(gateway: &Gateway) -> Option<i64> {
    let params = json!({"name": "echo", "arguments": {"text": "x"}});
    let outgoing = message("tools/call", params);
    let answer = gateway.client().send(outgoing).await.ok()?.json().ok()?;
    match &answer["error"] {
        Value::Null => Some(0),
        error => error["code"].as_i64(),
    }
}

/// Waits until the status tells this drift.
async fn drift(cluster: &Cluster, expected: &str) -> PinningStatus {
    until(&format!("drift: {expected}"), || async {
        let status = cluster.status("MCPServer", "fake").await.pinning?;
        (status.drift == expected).then_some(*status)
    })
    .await
}

/// What `kubectl patch mcps fake --type merge --patch-file FILE` does with the proposal.
async fn approve(cluster: &Cluster, status: &PinningStatus) {
    let patch: Value = serde_json::from_str(status.proposal.as_deref().unwrap()).unwrap();
    let patched = cluster
        .api("MCPServer")
        .patch("fake", &PatchParams::default(), &Patch::Merge(patch))
        .await;
    patched.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_tool_is_told_refused_everywhere_and_restored_by_a_patch() {
    let Some(cluster) = Cluster::new("tools").await else {
        return;
    };
    let Some(installation) = Installation::start().await.unwrap() else {
        return;
    };
    let fake = FakeMcp::start().await.unwrap();
    let operator = Operator::start(&cluster, &installation, "operator-1").await;
    operator.leads().await;
    let mut gateways = Vec::new();
    for pod in ["gateway-1", "gateway-2"] {
        let uid = cluster.pod(pod).await;
        let gateway = installation.gateway_of(pod, &uid);
        // One of them lists what nobody has asked for.
        let after = if pod == "gateway-1" { "200ms" } else { "0s" };
        let gateway = gateway.arg("--first-look").arg(after);
        gateways.push(gateway.start().await.unwrap());
    }
    let label = json!({"parapet.dev/credentials": "true"});
    cluster.secret("bot", TOKEN, label).await;
    let tokens = json!({"tokens": [{"secretKeyRef": {"name": "bot", "key": "token"}}]});
    cluster.apply("VirtualAccount", "bot", tokens).await;
    let spec = json!({"url": fake.url(), "pinning": {"mode": "enforce", "maxAge": "1s"}});
    cluster.apply("MCPServer", "fake", spec).await;

    // No client has listed anything, and the status tells what there is.
    drift(&cluster, "3 new").await;
    assert_eq!((fake.count("tools/list"), fake.count("tools/call")), (1, 0));

    // Nothing is approved yet: nothing is shown, and all of it is proposed.
    for gateway in &gateways {
        until("the server is served", || async {
            (listed(gateway).await? == [""; 0]).then_some(())
        })
        .await;
    }
    let status = drift(&cluster, "3 new").await;
    assert_eq!(
        (status.tools, status.approved, status.suspicious),
        (3, 0, 0)
    );
    approve(&cluster, &status).await;
    drift(&cluster, "none").await;
    for gateway in &gateways {
        until("what is approved is shown and called", || async {
            (listed(gateway).await?.len() == 3 && called(gateway).await? == 0).then_some(())
        })
        .await;
    }

    // A definition changes. Only one gateway sees a list; none lets a call through.
    fake.edit(|catalog| catalog.tools[0]["description"] = "Mails what it is told.".into());
    assert_eq!(listed(&gateways[0]).await.unwrap(), ["lookup", "regional"]);
    for gateway in &gateways {
        until("the changed tool is refused", || async {
            (called(gateway).await? == -32602).then_some(())
        })
        .await;
    }
    let status = drift(&cluster, "1 changed").await;
    let echo = status.definitions.iter().find(|tool| tool.name == "echo");
    assert_eq!(echo.unwrap().state, ToolState::Changed);
    let text = serde_json::to_string(&status).unwrap();
    assert!(!text.contains("Mails"), "{text}");
    until("it is an event", || async {
        let events = cluster.events("fake").await;
        events
            .contains(&"Warning ToolsDrifted".to_owned())
            .then_some(())
    })
    .await;

    // The next leader knows it as well: gateways say it again.
    let mut operator = operator;
    let second = Operator::start(&cluster, &installation, "operator-2").await;
    operator.child.kill().await.unwrap();
    second.leads().await;
    let status = drift(&cluster, "1 changed").await;
    approve(&cluster, &status).await;
    drift(&cluster, "none").await;
    for gateway in &gateways {
        until("the tool is back", || async {
            (called(gateway).await? == 0 && listed(gateway).await?.len() == 3).then_some(())
        })
        .await;
    }
    until("its end is an event", || async {
        let events = cluster.events("fake").await;
        events
            .contains(&"Normal ToolsApproved".to_owned())
            .then_some(())
    })
    .await;
}
