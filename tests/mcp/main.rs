//! The MCP gateway with real parts: the conformance suite, the official SDKs as clients and as servers, and a
//! published server.
//!
//! What talks to a server through the gateway must see what it sees when it talks to the server itself. Every test
//! first makes its picture without the gateway, so what a server or an SDK cannot do is no finding.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test says what it expects by failing"
)]

mod bridge;
mod client_conformance;
mod conformance;
mod git;
mod openapi;
mod published;
mod rust_client;
mod rust_server;
mod sdks;
mod support;
