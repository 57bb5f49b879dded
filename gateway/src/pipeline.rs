//! Runs a plan's guardrails.
//!
//! A guardrail judges and proposes; it never decides. Here its findings become an outcome
//! ([`judge`]), [`parapet_policy::outcome::decide`] turns strategy and outcome into a decision, and
//! timeout, record and failure handling wrap every call from outside.

pub mod block;
pub(crate) mod calls;
mod edit;
pub mod hook;
pub mod judge;
pub mod mcp;
pub(crate) mod merged;
pub mod payload;
pub mod race;
pub mod recording;
mod service;
pub mod stage;
pub mod stream;
pub(crate) mod text;
pub mod unjudged;
