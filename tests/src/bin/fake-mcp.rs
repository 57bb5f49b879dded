//! The scripted MCP server as a program, with a JSON control interface.

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use parapet_tests::fake_mcp::{FakeMcp, Manner, control};

/// Prints where the server and the control interface listen, as one line of JSON, and serves until it is ended.
#[derive(Debug, Parser)]
struct Args {
    /// Where the server listens.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// Where the control interface listens.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    let server = Arc::new(FakeMcp::start_at(&args.listen, Manner::default()).await?);
    let control = control::serve(&args.control, Arc::clone(&server)).await?;
    let places = serde_json::json!({
        "mcp": server.url(),
        "control": format!("http://{}", control.addr()),
    });
    println!("{places}");
    tokio::signal::ctrl_c().await.context("waiting for the end")
}
