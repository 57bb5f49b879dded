//! What is known about a resource, as a status. Pure.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use parapet_crds::status::ResourceStatus;
use parapet_policy::bundle::{Revision, SecretId};
use parapet_policy::diagnostic::{Diagnostic, Reason as Said, Severity};

use super::accept::Verdict;
use super::reasons::{Accepted, Kind, Resolved};

mod programmed;

use programmed::programmed;
pub use programmed::{Distribution, Pod};

/// Bytes of a condition's message. More does not help, and a status has a place in every watcher's memory.
const MAX_MESSAGE: usize = 1024;

/// What is known about one resource besides its verdict.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// How publishing goes.
    pub distribution: &'a Distribution,
    /// The first revision that holds the generation that counts; none when none was published.
    pub since: Option<Revision>,
    /// Whether gateways have had the time that they may take.
    pub is_late: bool,
    /// Secrets that carry the label, by namespace and name.
    pub labelled: &'a BTreeSet<(std::sync::Arc<str>, std::sync::Arc<str>)>,
    /// Secret values that the resource names.
    pub named: &'a [SecretId],
}

/// The status that a resource should have. `before` is the one that it has: times of transitions come from it.
pub fn status(
    verdict: &Verdict,
    context: &Context<'_>,
    before: &ResourceStatus,
    now: Timestamp,
) -> ResourceStatus {
    let (programmed, gateways) = programmed(verdict, context);
    let said = [accepted(verdict), resolved(verdict, context), programmed];
    let conditions = said.into_iter().map(|one| {
        let status = one.status.as_str();
        let earlier = before
            .conditions
            .iter()
            .find(|condition| condition.type_ == one.kind.as_str());
        let since = earlier
            .filter(|condition| condition.status == status)
            .map_or(Time(now), |condition| {
                condition.last_transition_time.clone()
            });
        Condition {
            type_: one.kind.as_str().to_owned(),
            status: status.to_owned(),
            reason: one.reason.to_owned(),
            message: cut(one.message),
            last_transition_time: since,
            observed_generation: Some(verdict.generation),
        }
    });
    ResourceStatus {
        observed_generation: Some(verdict.generation),
        conditions: conditions.collect(),
        gateways: Some(gateways),
        pinning: None,
    }
}

/// A condition before it has a time.
#[derive(Debug)]
struct Saying {
    kind: Kind,
    status: Truth,
    reason: &'static str,
    message: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

fn accepted(verdict: &Verdict) -> Saying {
    let mut errors = errors(verdict).filter(|one| Accepted::of(one.reason).is_some());
    let first = errors.next();
    let (status, reason) = match first.and_then(|one| Accepted::of(one.reason)) {
        Some(reason) => (Truth::False, reason),
        None => (Truth::True, Accepted::Accepted),
    };
    let message = match first {
        Some(first) => {
            let more = errors.count();
            format!("{}{}{}", line(first), and_more(more), kept(verdict))
        }
        None => {
            let mut doubts = verdict
                .diagnostics
                .iter()
                .filter(|one| one.severity == Severity::Warning);
            match doubts.next() {
                Some(first) => {
                    let more = doubts.count();
                    format!("accepted, with a doubt: {}{}", line(first), and_more(more))
                }
                None => "accepted".to_owned(),
            }
        }
    };
    Saying {
        kind: Kind::Accepted,
        status,
        reason: reason.as_str(),
        message,
    }
}

fn resolved(verdict: &Verdict, context: &Context<'_>) -> Saying {
    let mut errors = errors(verdict).filter(|one| Resolved::of(one.reason).is_some());
    let first = errors.next();
    let (status, reason, message) = match first {
        None => (
            Truth::True,
            Resolved::ResolvedRefs,
            "everything that it names exists".to_owned(),
        ),
        Some(first) => {
            let more = errors.count();
            let unlabelled = context.named.iter().find(|id| {
                let secret = (id.namespace.clone(), id.name.clone());
                !context.labelled.contains(&secret)
            });
            let reason = match (Resolved::of(first.reason), unlabelled) {
                (Some(Resolved::SecretNotFound), None) => Resolved::SecretKeyMissing,
                (Some(reason), _) => reason,
                (None, _) => Resolved::ResolvedRefs,
            };
            let label = match unlabelled.filter(|_| first.reason == Said::UnknownSecret) {
                Some(id) => let_it_be_used(id),
                None => String::new(),
            };
            let message = format!("{}{label}{}{}", line(first), and_more(more), kept(verdict));
            (Truth::False, reason, message)
        }
    };
    Saying {
        kind: Kind::ResolvedRefs,
        status,
        reason: reason.as_str(),
        message,
    }
}

fn errors(verdict: &Verdict) -> impl Iterator<Item = &Diagnostic> {
    let said = verdict.diagnostics.iter();
    said.filter(|one| one.severity == Severity::Error)
}

/// What to do about a Secret without the label.
pub(crate) fn let_it_be_used(id: &SecretId) -> String {
    let label = super::watch_all::CREDENTIALS_LABEL;
    let SecretId {
        namespace, name, ..
    } = id;
    format!("; if it exists, let it be used: kubectl label secret {name} -n {namespace} {label}")
}

/// Where, and what.
pub(crate) fn line(said: &Diagnostic) -> String {
    if said.path.is_empty() {
        said.message.clone()
    } else {
        format!("{}: {}", said.path, said.message)
    }
}

fn and_more(more: usize) -> String {
    match more {
        0 => String::new(),
        more => format!("; and {more} more"),
    }
}

fn kept(verdict: &Verdict) -> String {
    match verdict.in_force {
        Some(old) if old != verdict.generation => format!("; generation {old} stays in force"),
        _ => String::new(),
    }
}

/// Cuts a message between characters.
pub(super) fn cut(mut message: String) -> String {
    if message.len() > MAX_MESSAGE {
        let end = (0..=MAX_MESSAGE - 3)
            .rev()
            .find(|at| message.is_char_boundary(*at));
        message.truncate(end.unwrap_or_default());
        message.push_str("...");
    }
    message
}

#[cfg(test)]
mod tests;
