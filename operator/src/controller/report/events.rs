//! What is worth an event: transitions of one resource, and troubles that concern all of them.

use std::collections::BTreeMap;

use kube::runtime::events::{Event, EventType};
use parapet_crds::status::ResourceStatus;

use crate::controller::conditions::Distribution;
use crate::controller::reasons::{Kind, Programmed};
use crate::controller::tools;
use crate::publisher::PublishError;

/// Bytes of an event's note, by the API's rules.
const MAX_NOTE: usize = 1024;

/// When gateways change their minds about more resources than this at once, the cause is not in the resources, and it
/// has an event of its own.
pub(super) const MANY: usize = 20;

/// So many gateways that refuse something have an event of their own.
const MANY_GATEWAYS: usize = 10;

/// The events that go with a change of a status. Without `programmed` those about gateways are left out.
pub(super) fn transitions(
    before: &ResourceStatus,
    after: &ResourceStatus,
    programmed: bool,
) -> Vec<Event> {
    let mut events = Vec::new();
    for now in &after.conditions {
        if now.type_ == Kind::Programmed.as_str() && !programmed {
            continue;
        }
        // Which tools it is about says an event of its own.
        if now.type_ == tools::CONDITION {
            continue;
        }
        let earlier = before.conditions.iter().find(|one| one.type_ == now.type_);
        let is_same =
            earlier.is_some_and(|one| one.status == now.status && one.reason == now.reason);
        let was_wrong =
            earlier.is_some_and(|one| one.status == "False" && is_of_this_resource(&one.reason));
        let type_ = match &*now.status {
            _ if is_same => continue,
            "True" if was_wrong => EventType::Normal,
            "False" | "Unknown" if is_of_this_resource(&now.reason) => EventType::Warning,
            _ => continue,
        };
        events.push(event(type_, &now.reason, &now.type_, now.message.clone()));
    }
    events
}

fn event(type_: EventType, reason: &str, action: &str, mut note: String) -> Event {
    if note.len() > MAX_NOTE {
        let end = (0..=MAX_NOTE).rev().find(|at| note.is_char_boundary(*at));
        note.truncate(end.unwrap_or_default());
    }
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note),
        action: action.to_owned(),
        secondary: None,
    }
}

/// Whether a reason is about the resource alone. Waiting for gateways is how things go, and what concerns all resources
/// at once would be an event for each of them; a generation that is not accepted has its own event.
fn is_of_this_resource(reason: &str) -> bool {
    let common = [
        Programmed::Pending,
        Programmed::NoGateways,
        Programmed::NotAccepted,
        Programmed::PublishFailed,
        Programmed::DistributionUnavailable,
    ];
    common.iter().all(|one| one.as_str() != reason)
}

/// What concerns all resources at once: told when it begins and when it has ended, as events about the Lease, which is
/// the one object that stands for the operator.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    told: BTreeMap<String, (String, String)>,
}

impl Troubles {
    /// What is to be told now.
    pub(super) fn take(&mut self, distribution: &Distribution) -> Vec<Event> {
        let now = present(distribution);
        let mut events = Vec::new();
        for (who, (reason, note)) in &now {
            // The text may have a revision in it that moves on.
            let is_told = self.told.get(who).is_some_and(|(told, _)| told == reason);
            if !is_told {
                let warning = EventType::Warning;
                events.push(event(warning, reason, "Distribute", note.clone()));
            }
        }
        for (who, (reason, _)) in &self.told {
            if !now.contains_key(who) {
                let note = match who.is_empty() {
                    true => format!("gateways get the policy again, after {reason}"),
                    false => format!("it takes what is published again, after {reason}: {who}"),
                };
                events.push(event(EventType::Normal, "Distributed", "Distribute", note));
            }
        }
        self.told = now;
        events
    }
}

/// By gateway (empty: all of them) a reason, and a text for people.
fn present(distribution: &Distribution) -> BTreeMap<String, (String, String)> {
    let mut troubles = BTreeMap::new();
    let common = match &distribution.failure {
        Some(failure @ PublishError::Unavailable(_)) => {
            Some((Programmed::DistributionUnavailable, failure.to_string()))
        }
        Some(failure @ (PublishError::Fenced(_) | PublishError::Refused(_))) => {
            Some((Programmed::PublishFailed, failure.to_string()))
        }
        None if !distribution.fleet.reachable => Some((
            Programmed::DistributionUnavailable,
            "gateways cannot be heard; they keep what they have".to_owned(),
        )),
        None => None,
    };
    if let Some((reason, note)) = common {
        troubles.insert(String::new(), (reason.as_str().to_owned(), note));
    }
    let refuse = distribution.pods.iter().filter_map(|(uid, pod)| {
        let report = distribution.fleet.gateways.get(uid)?;
        Some((&pod.name, report.rejected.as_ref()?))
    });
    for (name, rejected) in refuse.take(MANY_GATEWAYS) {
        let note = format!(
            "{name} has refused a bundle and keeps what it has: {}: {}",
            rejected.code, rejected.message
        );
        // A code of its own, so that another code is another event.
        let reason = format!("Refused{}", rejected.code);
        troubles.insert(name.clone(), (reason, note));
    }
    troubles
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use crate::controller::conditions::Pod;
    use crate::publisher::{Fleet, GatewayReport, Rejection};

    fn status(kind: &str, status: &str, reason: &str) -> ResourceStatus {
        let condition = Condition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: "message".to_owned(),
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
            observed_generation: None,
        };
        ResourceStatus {
            conditions: vec![condition],
            ..ResourceStatus::default()
        }
    }

    #[test]
    fn events_tell_of_transitions_that_concern_one_resource() {
        let none = ResourceStatus::default();
        let good = status("Accepted", "True", "Accepted");
        let bad = status("Accepted", "False", "NotBuildable");
        let pending = status("Programmed", "False", "Pending");
        let refused = status("Programmed", "False", "RejectedByGateway");
        let programmed = status("Programmed", "True", "Programmed");
        let shown = |before, after| {
            let events = transitions(before, after, true).into_iter();
            let events = events.map(|event| (event.type_, event.reason));
            events.collect::<Vec<_>>()
        };
        assert_eq!(shown(&none, &good), []);
        assert_eq!(
            shown(&none, &bad),
            [(EventType::Warning, "NotBuildable".to_owned())]
        );
        assert_eq!(shown(&bad, &bad), []);
        assert_eq!(
            shown(&bad, &good),
            [(EventType::Normal, "Accepted".to_owned())]
        );
        assert_eq!(shown(&programmed, &pending), []);
        assert_eq!(shown(&pending, &programmed), []);
        assert_eq!(
            shown(&pending, &refused),
            [(EventType::Warning, "RejectedByGateway".to_owned())]
        );
        assert_eq!(
            shown(&refused, &programmed),
            [(EventType::Normal, "Programmed".to_owned())]
        );
        assert!(transitions(&pending, &refused, false).is_empty());
        assert_eq!(transitions(&none, &bad, false).len(), 1);
    }

    #[test]
    fn troubles_are_told_once_and_their_end_too() {
        let mut troubles = Troubles::default();
        let mut told = |distribution: &Distribution| {
            let events = troubles.take(distribution).into_iter();
            let events = events.map(|event| format!("{} {}", event.reason, event.note.unwrap()));
            events.collect::<Vec<_>>()
        };
        let good = Distribution {
            fleet: Arc::new(Fleet {
                reachable: true,
                ..Fleet::default()
            }),
            ..Distribution::default()
        };
        let full = Distribution {
            failure: Some(PublishError::Refused("NATS has no room".into())),
            ..good.clone()
        };
        assert_eq!(told(&good), [""; 0]);
        assert_eq!(told(&full), ["PublishFailed refused: NATS has no room"]);
        assert_eq!(told(&full), [""; 0]);
        assert_eq!(
            told(&good),
            ["Distributed gateways get the policy again, after PublishFailed"]
        );
        let mut refused = good.clone();
        let pod = Pod {
            name: "gateway-1".to_owned(),
            is_new: false,
        };
        refused.pods.insert("u".to_owned(), pod);
        let report = GatewayReport {
            rejected: Some(Rejection {
                revision: None,
                code: "BadSignature".into(),
                message: "it does not fit".into(),
            }),
            ..GatewayReport::default()
        };
        let fleet = Arc::make_mut(&mut refused.fleet);
        fleet.gateways.insert("u".to_owned(), report);
        assert_eq!(
            told(&refused),
            [
                "RefusedBadSignature gateway-1 has refused a bundle and keeps what it has: BadSignature: it does not fit"
            ]
        );
        assert_eq!(told(&good).len(), 1);
    }
}
