//! What a list of 200 tools costs: milliseconds to scan and pin it, microseconds when it has not changed.
//! `cargo run --release -p parapet-gateway --example definitions_cost [ROUNDS]`.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use parapet_crds::mcp_server::{ApprovedTool, Pinning, PinningMode};
use parapet_gateway::mcp::pinning::held::Held;
use parapet_gateway::mcp::pinning::pin::{Pins, Treatment};
use parapet_gateway::mcp::pinning::{List, Names};
use serde_json::{Value, json};

/// Tools of the list.
const TOOLS: usize = 200;

fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(200), |n| n.parse())?;
    let tools: Vec<Value> = (0..TOOLS).map(tool).collect();
    let text = Value::from(tools).to_string();
    let foreign: Arc<Names> = Arc::new(
        (0..1_000)
            .map(|n| format!("other_tool_{n}").into())
            .collect(),
    );
    let first = List::read(&text, &foreign)?;
    let pins = Pins::new(&Pinning {
        mode: PinningMode::Enforce,
        approved: first
            .tools
            .iter()
            .map(|tool| ApprovedTool {
                name: tool.name.to_string(),
                digest: tool.digest.to_string(),
            })
            .collect(),
        ..Pinning::default()
    });
    println!("{TOOLS} tools, {} KiB", text.len() / 1024);
    let began = Instant::now();
    for _ in 0..rounds {
        shown(&List::read(&text, &foreign)?, &pins)?;
    }
    let read = began.elapsed().as_secs_f64() * 1e3 / f64::from(rounds);
    let held = Held::new(Arc::new(pins));
    held.read(&text, &foreign)?;
    let again = text.clone();
    let began = Instant::now();
    for _ in 0..rounds {
        let judged = held.read(&again, &foreign)?;
        judged
            .withheld
            .is_empty()
            .then_some(())
            .context("a tool that was approved is withheld")?;
    }
    let unchanged = began.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
    println!("scanned and pinned {read:.2} ms, unchanged {unchanged:.1} µs");
    Ok(())
}

fn shown(list: &List, pins: &Pins) -> Result<()> {
    let hidden = |tool: &&_| pins.treat(tool) != Treatment::Shown;
    let none = list.tools.iter().find(hidden).is_none();
    none.then_some(())
        .context("a tool that was approved is not shown")
}

fn tool(number: usize) -> Value {
    let parameter = |what: &str| json!({"type": "string", "description": format!("The {what} to work on, as the service knows it.")});
    json!({
        "name": format!("service_action_{number}"),
        "title": format!("Action {number}"),
        "description": "Looks up the records that match a query and returns them in pages, newest first. Dates are \
                        in UTC. Fails when the query names a field that does not exist, and says which one.",
        "inputSchema": {
            "type": "object",
            "properties": {"query": parameter("query"), "owner": parameter("owner"), "region": parameter("region"),
                           "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}},
            "required": ["query"],
        },
        "annotations": {"readOnlyHint": true, "openWorldHint": false},
    })
}
