//! The way of a bundle on a real NATS server.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test says what it expects by failing"
)]

mod distribution;
mod gateways;
mod outages;
mod permissions;
mod records;
mod rotation;
mod support;
