//! Tests of the Helm chart: what it renders for many values, held against the API server, linters and the documents.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test says what it expects by failing"
)]

mod api;
mod examples;
mod linters;
mod metrics;
mod nats;
mod rendering;
mod rights;
mod schemas;
mod security;
mod support;
mod telemetry;
mod value_sets;
mod values;
