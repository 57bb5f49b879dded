//! Tests against a real API server.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test says what it expects by failing"
)]

mod bench;
mod cluster;
mod console;
mod crds;
mod editors;
mod handover;
mod issuers;
mod keys;
mod kubectl;
mod leaks;
mod nats_troubles;
mod operator;
mod outages;
mod rotation;
mod service_accounts;
mod support;
mod tools;
mod truth;
mod whole;
mod world;
