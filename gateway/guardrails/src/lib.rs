//! Every kind of guardrail, local and external.
//!
//! A guardrail *judges and proposes; it never decides*: strategy, timeout, record and failure handling
//! wrap every call from outside. A kind is one file with its configuration type, and one line in the
//! list in [`kinds`]. Without the feature `runtime` only the configuration types are built, for the
//! resource schemas.

pub mod kinds;

/// Kinds that run in process.
pub mod local {
    pub mod cedar;
    pub mod code_safety_linter;
    pub mod regex;
    pub mod request_metadata;
    pub mod secrets_detection;
    pub mod sql_sanitizer;
}

/// Kinds that call a service.
pub mod external {
    pub mod custom;
    pub mod opa;
    #[cfg(feature = "runtime")]
    mod request;
}

#[cfg(feature = "runtime")]
pub mod client;
#[cfg(feature = "runtime")]
pub(crate) mod excerpt;
#[cfg(feature = "runtime")]
pub mod exchange;
#[cfg(feature = "runtime")]
pub mod finding;
#[cfg(feature = "runtime")]
pub mod guardrail;
#[cfg(feature = "runtime")]
pub mod scan;
#[cfg(feature = "runtime")]
pub mod segment;
