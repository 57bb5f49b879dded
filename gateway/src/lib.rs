//! Parapet's data plane: a stateless gateway that enforces guardrails on model and tool traffic.

pub mod admin;
pub mod app;
pub mod args;
pub mod check;
pub mod edge;
pub mod handler;
pub mod llm;
pub mod mcp;
pub mod pipeline;
pub mod policy;
pub mod route;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod timer;
pub mod trial;
pub mod upstream;

pub use parapet_identity as identity;
