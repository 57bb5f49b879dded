//! Tests against a real API server.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test says what it expects by failing"
)]

mod bench;
mod cluster;
mod crds;
mod editors;
mod keys;
mod kubectl;
mod operator;
mod outages;
mod rotation;
mod support;
mod whole;
