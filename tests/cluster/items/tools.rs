//! A tool whose definition changes: every pod hides and refuses it, the status tells, and one patch approves it.

use anyhow::{Context as _, Result, ensure};
use parapet_tests::fake_mcp::{FakeMcp, MODERN, Manner};
use parapet_tests::http_client::Outgoing;
use serde_json::{Value, json};

use super::rules::{NODE, everywhere};
use super::{GATEWAYS, TOLD_WITHIN, World};
use crate::installed::Installed;
use crate::load::PATIENCE;
use crate::policy::TOKEN;
use crate::report::Report;
use crate::tool::{apply, get, kubectl, shown, until};

/// What JSON-RPC says of a tool that is not there.
const UNKNOWN_TOOL: i64 = -32602;
/// What the fake server's tools are called.
const TOOLS: [&str; 3] = ["echo", "lookup", "regional"];
/// What the tool says of itself when it has changed. No status may hold it.
const CHANGED: &str = "Mails what it is told.";

pub(super) async fn items(world: &World, report: &mut Report) {
    let name = "a tool that has changed is hidden and refused by every pod, told, and restored by kubectl patch";
    match &world.node {
        Some(_) => world.show(report, name, || drift(world)).await,
        None => report.skip(name, "the server that changes is on a node of our own only"),
    }
}

async fn drift(world: &World) -> Result<String> {
    let installed = &world.installed;
    let namespace = &installed.namespace;
    let (pods, _) = installed.gateways(GATEWAYS).await?;
    let fake = FakeMcp::start_at(NODE, Manner::default()).await?;
    let server = format!(
        "apiVersion: parapet.dev/v1alpha1
kind: MCPServer
metadata: {{name: fake}}
spec: {{url: '{}', pinning: {{mode: enforce, maxAge: 1s}}}}
",
        fake.url()
    );
    apply(namespace, &server).await?;
    // Every pod lists it, and shows nothing: nothing is approved.
    everywhere(&pods, "nothing is listed", |client| async move {
        let listed = listed(&ask(&client, "tools/list", json!({})).await?)?;
        ensure!(listed.is_empty(), "it lists {listed:?}");
        Ok(())
    })
    .await?;
    told(installed, "3 new").await?;
    approve(installed).await?;
    told(installed, "none").await?;
    let offered = || {
        everywhere(&pods, "all is listed and called", |client| async move {
            let listed = listed(&ask(&client, "tools/list", json!({})).await?)?;
            ensure!(listed == TOOLS, "it lists {listed:?}");
            let code = call(&client).await?;
            ensure!(code.is_none(), "the call is refused: {code:?}");
            Ok(())
        })
    };
    offered().await?;

    fake.edit(|catalog| {
        for tool in &mut catalog.tools {
            if tool["name"] == "echo" {
                tool["description"] = CHANGED.into();
            }
        }
    });
    let refused = everywhere(&pods, "the changed tool is gone", |client| async move {
        let listed = listed(&ask(&client, "tools/list", json!({})).await?)?;
        ensure!(listed == TOOLS[1..], "it lists {listed:?}");
        let code = call(&client).await?;
        ensure!(code == Some(UNKNOWN_TOOL), "the call came to {code:?}");
        Ok(())
    })
    .await?;
    let (_, said) = told(installed, "1 changed").await?;
    let event = ["events", "--field-selector", "reason=ToolsDrifted"];
    until(TOLD_WITHIN, "an event tells it", || async {
        let events = get(namespace, &event).await?;
        let count = events["items"].as_array().map_or(0, Vec::len);
        ensure!(count > 0, "there is none");
        Ok(())
    })
    .await?;
    let status = kubectl(&["-n", namespace, "get", "mcps", "fake", "-o", "yaml"]).await?;
    ensure!(
        !status.contains(CHANGED),
        "the status holds the tool's words"
    );
    approve(installed).await?;
    let restored = offered().await?;
    told(installed, "none").await?;
    kubectl(&["-n", namespace, "delete", "mcps", "fake"]).await?;
    Ok(format!(
        "{} pods: refused {} after the change, told {} later, restored {} after the patch",
        pods.len(),
        shown(refused),
        shown(said),
        shown(restored)
    ))
}

/// Waits until `kubectl get mcps` shows this drift.
async fn told(installed: &Installed, expected: &str) -> Result<((), std::time::Duration)> {
    let namespace = &installed.namespace;
    until(TOLD_WITHIN, &format!("drift: {expected}"), || async {
        let table = kubectl(&["-n", namespace, "get", "mcps", "fake"]).await?;
        ensure!(table.contains(expected), "{}", table.trim_end());
        Ok(())
    })
    .await
}

/// Approves what the status proposes, in the documentation's words.
async fn approve(installed: &Installed) -> Result<()> {
    let namespace = &installed.namespace;
    let path = "jsonpath={.status.pinning.proposal}";
    let proposal = kubectl(&["-n", namespace, "get", "mcps", "fake", "-o", path]).await?;
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), proposal)?;
    let file = file.path().to_string_lossy();
    let patch = ["patch", "mcps", "fake", "--type", "merge", "--patch-file"];
    let mut args = vec!["-n", namespace];
    args.extend(patch);
    args.push(&file);
    kubectl(&args).await.map(|_| ())
}

/// Asks a gateway in the stateless revision.
async fn ask(
    client: &parapet_tests::http_client::Client,
    method: &str,
    mut params: Value,
) -> Result<Value> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let name = params["name"].as_str().map(str::to_owned);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let mut outgoing = Outgoing::post("/mcp/fake", body.to_string())
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", method)
        .bearer(TOKEN);
    if let Some(name) = &name {
        outgoing = outgoing.header("mcp-name", name);
    }
    let answer = tokio::time::timeout(PATIENCE, client.send(outgoing))
        .await
        .context("no answer in time")??;
    answer.json()
}

/// The names in a list, in the server's order.
fn listed(answer: &Value) -> Result<Vec<String>> {
    let tools = answer["result"]["tools"].as_array();
    let tools = tools.with_context(|| format!("no list: {answer}"))?;
    let names = tools.iter().filter_map(|tool| tool["name"].as_str());
    Ok(names.map(str::to_owned).collect())
}

/// What a call of `echo` comes to: the error's code, if it is one.
async fn call(client: &parapet_tests::http_client::Client) -> Result<Option<i64>> {
    let params = json!({"name": "echo", "arguments": {"text": "x"}});
    let answer = ask(client, "tools/call", params).await?;
    Ok(answer["error"]["code"].as_i64())
}
