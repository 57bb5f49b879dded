//! What a gateway says about the policy that it runs.
//!
//! Reports are hints: whoever has a gateway's credential can send another's. They steer statuses, never safety.

use std::sync::Arc;
use std::time::SystemTime;

use parapet_policy::bundle::Revision;
use parapet_policy::time::rfc3339;
use serde::{Deserialize, Serialize};

use crate::keys::{OpeningKeys, SealingKey, TrustedKeys};

/// The version of [`Report`] that this build writes.
pub const REPORT_VERSION: u32 = 1;

/// So many problems, and so many doubts, are in one report at most; `more` says how many were left out.
pub const MAX_PROBLEMS: usize = 20;

/// So many keys of a sort are named in one report at most: a rotation needs two.
pub const MAX_KEYS: usize = 16;

/// What one gateway runs and has refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub v: u32,
    /// The pod's name.
    pub pod: String,
    /// The pod's uid.
    pub uid: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The gateway's version.
    pub build: String,
    /// Counts the reports of one process.
    pub seq: u64,
    /// What is in force; absent before the first good bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
    /// The newest bundle, when it was refused; absent once a good one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Rejected>,
    /// Seconds since a good manifest was last seen.
    pub age_s: u64,
    /// Which keys it has at this moment; absent from gateways of a version that does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<HeldKeys>,
}

/// The ids of a gateway's keys, sorted; at most [`MAX_KEYS`] of each.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldKeys {
    /// Whose signatures it believes.
    pub trusted: Vec<String>,
    /// What it can open.
    pub opening: Vec<String>,
}

impl HeldKeys {
    /// The ids of keys.
    pub fn of(trusted: &TrustedKeys, opening: &OpeningKeys) -> Self {
        let ids = |ids: &mut dyn Iterator<Item = &str>| {
            let mut ids: Vec<_> = ids.map(str::to_owned).take(MAX_KEYS).collect();
            ids.sort_unstable();
            ids
        };
        Self {
            trusted: ids(&mut trusted.ids()),
            opening: ids(&mut opening.sealing_keys().map(SealingKey::id)),
        }
    }
}

/// A policy in force.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// Epoch and generation.
    #[serde(flatten)]
    pub revision: Revision,
    /// The manifest's digest.
    pub digest: Arc<str>,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    /// Whether its manifest has run out since.
    pub stale: bool,
    /// What of it counts as failed in this gateway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// What of it is done, and may not be as it was meant; absent from gateways of a version that does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Problem>,
    /// How many problems and doubts are left out here.
    #[serde(default)]
    pub more: usize,
}

/// A policy that was refused.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejected {
    /// Epoch and generation, as far as they were signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// Why: a [`RefusalCode`](parapet_policy::bundle::RefusalCode). As text, because an operator shows what a newer
    /// gateway says too, and must not take it for silent.
    pub code: String,
    /// Why, for people.
    pub message: String,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
}

/// One thing that one resource says and that this gateway cannot do, or does with a doubt.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The resource.
    pub source: ProblemSource,
    /// Where in it.
    pub path: String,
    /// A [`Reason`](parapet_policy::diagnostic::Reason), as text like [`Rejected::code`].
    pub reason: String,
    /// For people. Never a secret.
    pub message: String,
}

/// A resource in the form that the bundle was compiled from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProblemSource {
    /// Its kind.
    pub kind: Arc<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its uid; empty when the bundle does not list it.
    pub uid: Arc<str>,
    /// Its `metadata.generation`; 0 when the bundle does not list it.
    pub generation: i64,
}
