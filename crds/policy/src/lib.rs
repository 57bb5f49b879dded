//! What a guardrail rule means.
//!
//! This crate is pure: it knows no Kubernetes, NATS, HTTP, clock or async. It turns *written* policy
//! (resources, from files or from a cluster) into a [`bundle::Bundle`] with diagnostics
//! ([`compile`]), and answers, for the [`facts::Facts`] of one request, which guardrails run in which
//! order ([`plan`]). What a guardrail found becomes a decision in one function, [`outcome::decide`].

pub mod bundle;
pub mod compile;
pub mod diagnostic;
pub mod facts;
pub mod glob;
pub mod hook;
pub mod model;
pub mod outcome;
pub mod overrides;
pub mod plan;
pub mod record;
pub mod rule;
pub mod secret;
pub mod selector;
pub mod subject;
#[cfg(test)]
mod testing;
pub mod time;
pub mod trace;
pub mod word;
