//! Conversations that have read text of strangers: what a rule says of the calls that follow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of a dangerous call in a conversation that has read text of strangers.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Taint {
    /// It goes on, and is told.
    Audit,
    /// It is stopped.
    Block,
}

/// What text of strangers marks.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Deserialize,
    Eq,
    Hash,
    JsonSchema,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum TaintScope {
    /// The conversation that it reached, by what names it: session, trace, metadata. What nothing tells apart from that
    /// conversation is marked too.
    #[default]
    Conversation,
    /// Everything that the same caller does: no other name of the conversation leads out of it.
    Caller,
}
