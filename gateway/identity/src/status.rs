//! How it stands with issuers' keys, for `/policy` and for metrics.

use std::sync::Arc;

use serde::Serialize;

use super::keys::Keys;

/// How it stands with one issuer's keys.
#[derive(Clone, Debug, Serialize)]
pub struct IssuerStatus {
    /// The `IdentityProvider`'s name.
    pub name: Arc<str>,
    /// Keys that its tokens are verified with. Without any its tokens get a 503.
    pub keys: usize,
    /// Seconds since the keys were last fetched; absent when they never were, or stand in the resource.
    pub age: Option<u64>,
    /// How often keys were fetched.
    pub fetched: u64,
    /// How often they could not be.
    pub failed: u64,
    /// Why not, when the last attempt failed.
    pub error: Option<String>,
}

impl IssuerStatus {
    pub(super) fn of(name: Arc<str>, keys: &Keys) -> Self {
        let fetches = match keys {
            Keys::Given(_) => None,
            Keys::Fetched { slot, .. } => slot.get().map(|slot| slot.fetches()),
        }
        .unwrap_or_default();
        Self {
            name,
            keys: keys.load().map_or(0, |current| current.keys.len()),
            age: fetches.last.map(|last| last.elapsed().as_secs()),
            fetched: fetches.succeeded,
            failed: fetches.failed,
            error: fetches.error,
        }
    }
}
