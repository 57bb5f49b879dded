//! Whether the Secrets that resources name exist.

use std::collections::BTreeSet;
use std::fmt::Display;

use crate::bundle::SecretId;
use crate::diagnostic::{Reason, Source};

use super::nearest::Hints;
use super::report::Report;

/// Every value in every Secret; only the names.
#[derive(Debug)]
pub(super) struct Secrets<'a> {
    known: &'a BTreeSet<SecretId>,
    hints: Hints,
}

impl<'a> Secrets<'a> {
    pub(super) fn new(known: &'a BTreeSet<SecretId>) -> Self {
        Self {
            known,
            hints: Hints::default(),
        }
    }

    /// Reports a reference to what does not exist.
    pub(super) fn check(
        &self,
        source: &Source,
        path: impl Display,
        id: &SecretId,
        report: &mut Report,
    ) {
        if self.known.contains(id) {
            return;
        }
        let in_namespace = || {
            self.known
                .iter()
                .filter(|known| known.namespace == id.namespace)
        };
        let keys: Vec<_> = in_namespace()
            .filter(|known| known.name == id.name)
            .map(|known| &*known.key)
            .collect();
        let message = if keys.is_empty() {
            let hint = self
                .hints
                .did_you_mean(&id.name, in_namespace().map(|known| &*known.name));
            format!(
                "there is no Secret {:?} in namespace {}{hint}",
                id.name, id.namespace
            )
        } else {
            format!(
                "the Secret {}/{} has no key {:?}: it has {}",
                id.namespace,
                id.name,
                id.key,
                keys.join(", ")
            )
        };
        report.error(source, path, Reason::UnknownSecret, message);
    }
}
