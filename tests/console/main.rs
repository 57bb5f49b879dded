//! The console of the real binary: over HTTP, and in a real browser.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test says what it expects by failing"
)]

mod browser;
mod pages;
mod places;
mod support;
