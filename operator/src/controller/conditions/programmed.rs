//! Whether every gateway enforces a resource.

use std::collections::BTreeMap;
use std::sync::Arc;

use parapet_crds::status::Gateways;
use parapet_policy::bundle::Revision;

use super::{Context, Saying, Truth};
use crate::controller::accept::Verdict;
use crate::controller::reasons::{Kind, Programmed};
use crate::publisher::{Fleet, GatewayReport, PublishError, Rejection};

/// So many gateways are named in a message; of the others it says how many.
const NAMED: usize = 3;

/// How publishing goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// What gateways say.
    pub fleet: Arc<Fleet>,
    /// The gateways that there are, by the uid of their pods.
    pub pods: BTreeMap<String, Pod>,
    /// Why the newest policy could not be published.
    pub failure: Option<PublishError>,
    /// What is published.
    pub published: Option<Revision>,
}

/// The pod of a gateway.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Whether it may still be about to start.
    pub is_new: bool,
}

/// Where a gateway stands with a resource.
enum Standing<'a> {
    /// It enforces it; perhaps the guardrail counts as failed there or something is doubtful, and perhaps it has refused
    /// since what nobody here has published.
    Enforces {
        problem: Option<&'a str>,
        doubt: Option<&'a str>,
        refused: Option<&'a Rejection>,
    },
    /// It has refused it.
    Refuses(&'a Rejection),
    /// It has something older, or nothing yet.
    IsAt(Option<Revision>),
    /// It has not been heard of for a while.
    IsSilent,
}

/// Where one gateway stands.
fn standing<'a>(
    report: Option<&'a GatewayReport>,
    verdict: &Verdict,
    context: &Context<'_>,
) -> Standing<'a> {
    let Some(report) = report else {
        return Standing::IsSilent;
    };
    let published = context.distribution.published;
    // A greater epoch is of somebody else: whatever it enforces, we have not published it.
    let is_ours = |applied: Revision| published.is_none_or(|ours| applied.epoch <= ours.epoch);
    let has_it = context.since.is_some_and(|since| {
        let applied = report.applied.filter(|applied| is_ours(*applied));
        applied.is_some_and(|applied| applied >= since)
    });
    let rejected = report.rejected.as_ref();
    if has_it {
        let of = (verdict.uid.to_string(), verdict.generation);
        return Standing::Enforces {
            problem: report.problems.get(&of).map(String::as_str),
            doubt: report.doubts.get(&of).map(String::as_str),
            // Who has not taken yet what we have published is told of by the resources that are new in it.
            refused: rejected.filter(|it| {
                it.revision.is_none() || it.revision != published || report.applied == published
            }),
        };
    }
    let refuses_it = rejected.filter(|rejected| {
        let since = context.since;
        since.is_some() && (rejected.revision.is_none() || rejected.revision >= since)
    });
    match refuses_it {
        Some(rejected) => Standing::Refuses(rejected),
        None => Standing::IsAt(report.applied),
    }
}

pub(super) fn programmed(verdict: &Verdict, context: &Context<'_>) -> (Saying, Gateways) {
    let Distribution {
        fleet,
        pods,
        failure,
        ..
    } = context.distribution;
    let mut gateways = Gateways {
        desired: count(pods.len()),
        snapshot: context
            .since
            .map(|since| since.to_string())
            .unwrap_or_default(),
        ..Gateways::default()
    };
    let (mut refuse, mut fail, mut behind) = (Names::default(), Names::default(), Names::default());
    let (mut refused_since, mut doubtful) = (Names::default(), Names::default());
    let mut is_late = false;
    // By name, as people look for them.
    let mut pods: Vec<_> = pods.iter().collect();
    pods.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
    for (uid, Pod { name, is_new }) in pods {
        match standing(fleet.gateways.get(uid), verdict, context) {
            Standing::Enforces {
                problem,
                doubt,
                refused,
            } => {
                gateways.programmed += 1;
                if let Some(problem) = problem {
                    fail.add(|| format!("{name}: {problem}"));
                }
                if let Some(doubt) = doubt {
                    doubtful.add(|| format!("{name}: {doubt}"));
                }
                if let Some(refused) = refused {
                    refused_since.add(|| format!("{name} ({})", refused.code));
                }
            }
            Standing::Refuses(rejected) => {
                gateways.rejected += 1;
                refuse.add(|| format!("{name}: {}: {}", rejected.code, rejected.message));
            }
            Standing::IsAt(applied) => {
                is_late |= !is_new;
                behind.add(|| match applied {
                    Some(applied) => format!("{name} is at {applied}"),
                    None => format!("{name} has none yet"),
                });
            }
            Standing::IsSilent => {
                is_late |= !is_new;
                behind.add(|| format!("{name} is silent"));
            }
        }
    }
    let counted = match context.since {
        Some(since) => format!(
            "{}/{} gateways at revision {since}",
            gateways.programmed, gateways.desired
        ),
        None => format!("0/{} gateways", gateways.desired),
    };
    // What gateways enforce already is not touched by what could not be published since.
    let failure = failure.as_ref().filter(|_| context.since.is_none());
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
    } else if let Some(fail) = fail.said() {
        // The same code has accepted it: this gateway is of another version.
        let message = format!("{counted}; it counts as failed in {fail}");
        (Truth::False, Programmed::FailsInGateway, message)
    } else if gateways.programmed == gateways.desired {
        let since = match refused_since.said() {
            Some(names) => format!("; what was found in NATS since is refused by {names}"),
            None => String::new(),
        };
        let doubt = match doubtful.said() {
            Some(doubt) => format!("; with a doubt: {doubt}"),
            None => String::new(),
        };
        (
            Truth::True,
            Programmed::Programmed,
            format!("{counted}{doubt}{since}"),
        )
    } else if let Some(refuse) = refuse.said() {
        let message = format!("{counted}; {refuse}");
        (Truth::False, Programmed::RejectedByGateway, message)
    } else if context.is_late && is_late {
        let behind = behind.said().unwrap_or_default();
        let message = format!("{counted}; {behind}");
        (Truth::False, Programmed::PartiallyProgrammed, message)
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

/// The first few of something, and how many more there are.
#[derive(Default)]
struct Names {
    named: Vec<String>,
    more: usize,
}

impl Names {
    fn add(&mut self, name: impl FnOnce() -> String) {
        if self.named.len() < NAMED {
            self.named.push(name());
        } else {
            self.more += 1;
        }
    }

    fn said(&self) -> Option<String> {
        if self.named.is_empty() {
            return None;
        }
        let named = self.named.join(", ");
        Some(match self.more {
            0 => named,
            more => format!("{named}, and {more} more"),
        })
    }
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
