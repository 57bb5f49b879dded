//! Traces and metrics as a real OpenTelemetry Collector receives them, and collectors that fail.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test says what it expects by failing"
)]

mod content;
mod conventions;
mod failing;
mod forwarding;
mod hostile;
mod leaks;
mod mcp;
mod metrics;
mod pages;
mod propagation;
mod spans;
mod support;
mod tls;
