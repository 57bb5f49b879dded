//! What a request's headers say about guardrails.

use serde::Deserialize;

use crate::hook::{Hook, PerHook};

/// `X-TFY-GUARDRAILS`, parsed. A hook that the header does not name is `None`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Overrides {
    /// Selectors per hook, as written.
    pub selectors: PerHook<Option<Vec<String>>>,
    /// `X-TFY-GUARDRAILS-SCOPE`.
    pub scope: Scope,
}

/// Which messages header-controlled guardrails see.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The whole conversation.
    #[default]
    All,
    /// The newest message.
    Last,
}

/// Why a header was refused. Its text is for the client.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OverrideError {
    /// Not a JSON object of hook to list of selectors.
    #[error("the guardrails header is not a JSON object of hook to list of selectors: {0}")]
    Malformed(String),
    /// A selector names no guardrail.
    #[error("the guardrails header names {selector:?} at {}, which is not a guardrail here", hook.list_key())]
    Unknown {
        /// As written.
        selector: String,
        /// Where.
        hook: Hook,
    },
    /// The caller may not name this guardrail.
    #[error("the guardrails header names {selector:?} at {}, which this caller may not use", hook.list_key())]
    Forbidden {
        /// As written.
        selector: String,
        /// Where.
        hook: Hook,
    },
    /// The guardrail cannot run at this hook.
    #[error("the guardrails header names {selector:?} at {}, where it cannot run", hook.list_key())]
    UnsupportedHook {
        /// As written.
        selector: String,
        /// Where.
        hook: Hook,
    },
    /// Neither `all` nor `last`.
    #[error("the guardrails scope header says {0:?}: write all or last")]
    Scope(String),
}

/// Parses the two headers. Aliases `input_guardrails` and `output_guardrails` are accepted.
pub fn parse(guardrails: Option<&str>, scope: Option<&str>) -> Result<Overrides, OverrideError> {
    let _ = (guardrails, scope);
    todo!()
}
