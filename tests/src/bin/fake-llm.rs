//! The scripted model and guardrail services as a program, with a JSON control interface.

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use parapet_tests::control;
use parapet_tests::fake_guardrail::FakeGuardrails;
use parapet_tests::fake_llm::FakeLlm;

/// Prints where the model, the services and the control interface listen, as one line of JSON, and serves until
/// it is ended.
#[derive(Debug, Parser)]
struct Args {
    /// Where the control interface listens.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    let llm = Arc::new(FakeLlm::start().await?);
    let services = Arc::new(FakeGuardrails::start().await?);
    let control = control::serve(&args.control, Arc::clone(&llm), Arc::clone(&services)).await?;
    let places = serde_json::json!({
        "model": llm.url(),
        "services": services.url(""),
        "control": format!("http://{}", control.addr()),
    });
    println!("{places}");
    tokio::signal::ctrl_c().await.context("waiting for the end")
}
