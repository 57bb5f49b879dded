//! A JSON interface to the scripted MCP server, for tests in other languages.
//!
//! | request | does |
//! |---|---|
//! | `PUT /script` with `{what: [turn, ...]}` | scripts methods, or a method's name: `tools/call echo` |
//! | `PUT /manner` | changes how it speaks |
//! | `PUT /tools` with a list | changes its tools |
//! | `POST /push` with `{method, params}` | sends a notification on the open streams |
//! | `POST /forget` | forgets all sessions |
//! | `GET /calls` | the calls so far: `headers`, `body`, `progress` |
//! | `POST /reset` | forgets everything |

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{FakeMcp, Manner, Turn};
use crate::fake::{Call, Fake, Reply};

/// Serves the interface on `addr`, e.g. `127.0.0.1:0`.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(addr: &str, server: Arc<FakeMcp>) -> Result<Fake> {
    Fake::start_at(addr, move |call| match answer(call, &server) {
        Ok(body) => Reply::json(200, &body),
        Err(error) => Reply::json(400, &json!({"error": format!("{error:#}")})),
    })
    .await
}

fn answer(call: &Call, server: &FakeMcp) -> Result<Value> {
    match (call.method.as_str(), call.path.as_str()) {
        ("PUT", "/script") => {
            for (what, turns) in read::<HashMap<String, Vec<Turn>>>(call)? {
                server.script(&what, turns);
            }
        }
        ("PUT", "/manner") => server.set_manner(read::<Manner>(call)?),
        ("PUT", "/tools") => {
            let tools = read(call)?;
            server.edit(|catalog| catalog.tools = tools);
        }
        ("POST", "/push") => {
            let message: Value = read(call)?;
            let method = message["method"].as_str().unwrap_or_default();
            return Ok(server.push(method, &message["params"]).into());
        }
        ("POST", "/forget") => server.forget_sessions(),
        ("GET", "/calls") => return Ok(server.server().calls().iter().map(described).collect()),
        ("POST", "/reset") => server.reset(),
        _ => anyhow::bail!("there is no {} {}", call.method, call.path),
    }
    Ok(Value::Null)
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T> {
    serde_json::from_slice(&call.body).context("reading the body")
}

fn described(call: &Call) -> Value {
    let headers = call.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.to_string(), Value::from(value))
    });
    json!({
        "method": call.method, "headers": headers.collect::<Map<_, _>>(), "body": call.json(),
        "progress": format!("{:?}", call.progress).to_lowercase(),
    })
}
