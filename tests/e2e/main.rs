//! The end to end tests.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test says what it expects by failing"
)]

mod dependencies;
mod fakes;
mod quality;
mod scenarios;
