//! What is known about a resource, as a status. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use parapet_crds::status::{Gateways, ResourceStatus};
use parapet_policy::bundle::{Revision, SecretId};
use parapet_policy::diagnostic::{Diagnostic, Reason as Said, Severity};

use super::accept::Verdict;
use super::reasons::{Accepted, Kind, Programmed, Resolved};
use crate::publisher::{Fleet, PublishError};

/// Bytes of a condition's message. More does not help, and a status has a place in every watcher's memory.
const MAX_MESSAGE: usize = 1024;

/// How publishing goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// What gateways say.
    pub fleet: std::sync::Arc<Fleet>,
    /// The gateways that there are: uid to name of their pods.
    pub pods: BTreeMap<String, String>,
    /// Why the newest policy could not be published.
    pub failure: Option<PublishError>,
}

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

fn programmed(verdict: &Verdict, context: &Context<'_>) -> (Saying, Gateways) {
    let Distribution {
        fleet,
        pods,
        failure,
    } = context.distribution;
    let reports = pods
        .iter()
        .filter_map(|(uid, name)| Some((name, fleet.gateways.get(uid)?)));
    let has_it = |applied: Option<Revision>| {
        context
            .since
            .is_some_and(|since| applied.is_some_and(|applied| applied >= since))
    };
    let mut gateways = Gateways {
        desired: count(pods.len()),
        snapshot: context
            .since
            .map(|since| since.to_string())
            .unwrap_or_default(),
        ..Gateways::default()
    };
    let mut refusal = None;
    let mut cannot = None;
    for (pod, report) in reports {
        if has_it(report.applied) {
            gateways.programmed += 1;
            let of = (verdict.uid.to_string(), verdict.generation);
            if let Some(problem) = report.problems.get(&of) {
                cannot.get_or_insert((pod, problem));
            }
        } else if let Some(rejected) = report.rejected.as_ref().filter(|rejected| {
            let since = context.since;
            since.is_some() && (rejected.revision.is_none() || rejected.revision >= since)
        }) {
            gateways.rejected += 1;
            refusal.get_or_insert((pod, rejected));
        }
    }
    let counted = {
        let Gateways {
            desired,
            programmed,
            snapshot,
            ..
        } = &gateways;
        match context.since {
            Some(_) => format!("{programmed}/{desired} gateways at revision {snapshot}"),
            None => format!("0/{desired} gateways"),
        }
    };
    let (status, reason, message) = if verdict.in_force != Some(verdict.generation) {
        let what = match verdict.in_force {
            Some(old) => format!("generation {old} stays in force"),
            None => "this generation is not enforced as it is written".to_owned(),
        };
        (
            Truth::False,
            Programmed::NotAccepted,
            format!("{what}; {counted}"),
        )
    } else if let Some(failure) = failure {
        match failure {
            PublishError::Unavailable(_) => (
                Truth::Unknown,
                Programmed::DistributionUnavailable,
                format!("{failure}; gateways keep what they have"),
            ),
            PublishError::Fenced(_) | PublishError::Refused(_) => {
                (Truth::False, Programmed::PublishFailed, failure.to_string())
            }
        }
    } else if !fleet.reachable {
        (
            Truth::Unknown,
            Programmed::DistributionUnavailable,
            "gateways cannot be heard; they keep what they have".to_owned(),
        )
    } else if gateways.desired == 0 {
        (
            Truth::False,
            Programmed::NoGateways,
            "no gateway is running".to_owned(),
        )
    } else if let Some((pod, problem)) = cannot {
        // The same code has accepted it: this gateway is of another version.
        let message = format!("{counted}; it counts as failed in {pod}: {problem}");
        (Truth::False, Programmed::FailsInGateway, message)
    } else if gateways.programmed == gateways.desired {
        (Truth::True, Programmed::Programmed, counted)
    } else if let Some((pod, rejected)) = refusal {
        let message = format!("{counted}; {pod}: {}: {}", rejected.code, rejected.message);
        (Truth::False, Programmed::RejectedByGateway, message)
    } else if context.is_late {
        (Truth::False, Programmed::PartiallyProgrammed, counted)
    } else {
        (Truth::False, Programmed::Pending, counted)
    };
    let saying = Saying {
        kind: Kind::Programmed,
        status,
        reason: reason.as_str(),
        message,
    };
    (saying, gateways)
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

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// Cuts a message between characters.
fn cut(mut message: String) -> String {
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
