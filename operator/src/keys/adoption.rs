//! How far keys have got: the leading operator writes down what it uses and what gateways say they have, and whoever
//! rotates keys looks at it before the next step.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use k8s_openapi::api::coordination::v1::Lease;
use parapet_policy::time::rfc3339;
use serde::{Deserialize, Serialize};

use crate::lease::Leadership;
use crate::publisher::{Fleet, KeysInUse, Publisher};

/// The annotation of the Lease with it.
pub const ADOPTION: &str = "parapet.dev/keys";

/// How often it is written down at least.
const EVERY: Duration = Duration::from_secs(5);
/// What is older than this is nobody's state any more: the Lease changes hands within 15 s.
const FRESH: Duration = Duration::from_secs(60);

/// Which keys are in use, and how many gateways have which.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Adoption {
    /// When this was so.
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    /// The id of the key that the operator signs with.
    pub signing: String,
    /// The id of the key that it seals to.
    pub sealing: String,
    /// How many gateways report.
    pub gateways: usize,
    /// How many of them enforce what was published with these keys.
    pub current: usize,
    /// How many trust which key.
    pub trusted: BTreeMap<String, usize>,
    /// How many can open what is sealed to which key.
    pub opening: BTreeMap<String, usize>,
}

impl Adoption {
    /// What an operator and its gateways say.
    pub fn of(keys: &KeysInUse, fleet: &Fleet, at: SystemTime) -> Self {
        let reports = || fleet.gateways.values();
        let held = || reports().filter_map(|report| report.keys.as_ref());
        let count = |ids: &mut dyn Iterator<Item = &String>| {
            let mut counts = BTreeMap::new();
            for id in ids {
                *counts.entry(id.clone()).or_default() += 1;
            }
            counts
        };
        let is_current = |applied| keys.published.is_some_and(|published| applied >= published);
        Self {
            at,
            signing: keys.signing.clone(),
            sealing: keys.sealing.clone(),
            gateways: fleet.gateways.len(),
            current: reports()
                .filter(|report| report.applied.is_some_and(is_current))
                .count(),
            trusted: count(&mut held().flat_map(|held| &held.trusted)),
            opening: count(&mut held().flat_map(|held| &held.opening)),
        }
    }

    /// What a Lease says; none when it says nothing that is of now.
    pub fn from_lease(lease: &Lease, now: SystemTime) -> Option<Self> {
        let annotations = lease.metadata.annotations.as_ref()?;
        let read: Self = serde_json::from_str(annotations.get(ADOPTION)?).ok()?;
        let age = now.duration_since(read.at).unwrap_or_default();
        (age < FRESH).then_some(read)
    }
}

/// Writes it down, for ever.
pub async fn note(publisher: &dyn Publisher, leadership: &Leadership) {
    let (mut fleet, keys) = (publisher.fleet(), publisher.keys());
    loop {
        let now = Adoption::of(
            &keys.borrow(),
            &fleet.borrow_and_update(),
            SystemTime::now(),
        );
        if let Ok(text) = serde_json::to_string(&now) {
            leadership.note(ADOPTION, text);
        }
        tokio::select! {
            _ = fleet.changed() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use parapet_bus::report::HeldKeys;
    use parapet_policy::bundle::Revision;

    use super::*;
    use crate::publisher::GatewayReport;

    fn fleet(gateways: &[(u64, &[&str])]) -> Fleet {
        let gateways = gateways
            .iter()
            .enumerate()
            .map(|(index, (generation, keys))| {
                let keys = HeldKeys {
                    trusted: keys.iter().map(|&id| id.to_owned()).collect(),
                    opening: vec!["o".to_owned()],
                };
                let report = GatewayReport {
                    applied: Some(Revision {
                        epoch: 1,
                        generation: *generation,
                    }),
                    keys: Some(keys),
                    ..GatewayReport::default()
                };
                (index.to_string(), report)
            });
        Fleet {
            reachable: true,
            gateways: gateways.collect(),
            ..Fleet::default()
        }
    }

    #[test]
    fn gateways_are_counted_by_key_and_by_what_they_enforce() {
        let keys = KeysInUse {
            signing: "new".to_owned(),
            sealing: "o".to_owned(),
            change: 1,
            published: Some(Revision {
                epoch: 1,
                generation: 3,
            }),
        };
        let mut fleet = fleet(&[(3, &["old", "new"]), (4, &["new"]), (2, &["old"])]);
        // One that is of an older version says nothing of keys.
        fleet
            .gateways
            .insert("silent".to_owned(), GatewayReport::default());
        let now = SystemTime::now();
        let adoption = Adoption::of(&keys, &fleet, now);
        assert_eq!((adoption.gateways, adoption.current), (4, 2));
        assert_eq!((adoption.trusted["new"], adoption.trusted["old"]), (2, 2));
        assert_eq!(adoption.opening["o"], 3);
        let not_yet = KeysInUse {
            published: None,
            ..keys
        };
        assert_eq!(Adoption::of(&not_yet, &fleet, now).current, 0);

        let mut lease = Lease::default();
        let text = serde_json::to_string(&adoption).unwrap();
        lease.metadata.annotations = Some([(ADOPTION.to_owned(), text)].into());
        let read = |after: u64| Adoption::from_lease(&lease, now + Duration::from_secs(after));
        assert_eq!(read(30).unwrap().trusted, adoption.trusted);
        assert_eq!(read(90), None);
        assert_eq!(Adoption::from_lease(&Lease::default(), now), None);
    }
}
