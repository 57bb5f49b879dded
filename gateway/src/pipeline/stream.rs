//! Guarding an answer while it streams.
//!
//! Each choice, each tool call's arguments and each reasoning text is a [`channel`] of its own. Local
//! guardrails scan as the stream flows; only bytes that can still become part of a match are held back.

pub mod channel;
pub mod flow;
pub mod guards;
mod held;
mod spot;
