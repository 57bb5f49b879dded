//! The end to end tests.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test says what it expects by failing"
)]

mod bad_input;
mod callers;
mod connections;
mod coverage;
mod dependencies;
mod disconnects;
mod documents;
mod fakes;
mod identity;
mod issuers;
mod mcp;
mod metrics;
mod opa;
mod quality;
mod readme;
mod reload;
mod scenarios;
mod splitter;
mod unchanged;
mod verify;
