//! A JSON interface to the fakes, for tests in other languages.
//!
//! | request | does |
//! |---|---|
//! | `PUT /script` with a list of turns | replaces the model's script; turns as in scenario files |
//! | `PUT /services/{name}` with a list of judgements | replaces a service's script |
//! | `GET /calls` | the calls to the model so far: `path`, `headers`, `body`, `progress` |
//! | `GET /services/{name}/calls` | the bodies of the calls to a service so far |
//! | `POST /reset` | forgets scripts and calls |

use std::sync::Arc;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::fake::{Call, Fake, Reply};
use crate::fake_guardrail::FakeGuardrails;
use crate::fake_llm::{FakeLlm, Turn};
use crate::scenario::schema;

/// Serves the interface on `addr`, e.g. `127.0.0.1:0`.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(addr: &str, llm: Arc<FakeLlm>, services: Arc<FakeGuardrails>) -> Result<Fake> {
    Fake::start_at(addr, move |call| match answer(call, &llm, &services) {
        Ok(body) => Reply::json(200, &body),
        Err(error) => Reply::json(400, &json!({"error": format!("{error:#}")})),
    })
    .await
}

fn answer(call: &Call, llm: &FakeLlm, services: &FakeGuardrails) -> Result<Value> {
    let parts: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    match (call.method.as_str(), parts.as_slice()) {
        ("PUT", ["script"]) => {
            let turns: Vec<schema::Turn> = read(call)?;
            llm.script(
                turns
                    .iter()
                    .map(schema::Turn::scripted)
                    .collect::<Result<Vec<_>>>()?,
            );
            Ok(Value::Null)
        }
        ("PUT", ["services", name]) => {
            let entries: Vec<schema::Judgement> = read(call)?;
            services.script(
                name,
                entries
                    .iter()
                    .map(schema::Judgement::scripted)
                    .collect::<Result<Vec<_>>>()?,
            );
            Ok(Value::Null)
        }
        ("GET", ["calls"]) => Ok(llm.server().calls().iter().map(described).collect()),
        ("GET", ["services", name, "calls"]) => {
            let path = format!("/{name}");
            Ok(services
                .server()
                .calls()
                .iter()
                .filter(|call| call.path == path)
                .map(Call::json)
                .collect())
        }
        ("POST", ["reset"]) => {
            llm.script([Turn::say("ok")]);
            services.reset();
            llm.server().take_calls();
            services.server().take_calls();
            Ok(Value::Null)
        }
        _ => anyhow::bail!("there is no {} {}", call.method, call.path),
    }
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T> {
    serde_json::from_slice(&call.body).context("reading the body")
}

fn described(call: &Call) -> Value {
    let headers = call.headers.iter().map(|(name, value)| {
        (
            name.to_string(),
            Value::from(String::from_utf8_lossy(value.as_bytes())),
        )
    });
    let headers: serde_json::Map<String, Value> = headers.collect();
    json!({
        "path": call.path, "headers": headers, "body": call.json(),
        "progress": format!("{:?}", call.progress).to_lowercase(),
    })
}
