use std::collections::BTreeMap;
use std::sync::Arc;

use parapet_policy::diagnostic::Source;

use super::*;
use crate::publisher::{Fleet, GatewayReport, PublishError, Rejection};

fn said(reason: Said, path: &str, message: &str) -> Diagnostic {
    Diagnostic {
        source: Source {
            kind: "GuardrailConfig".into(),
            namespace: "ns".into(),
            name: "rules".into(),
            file: None,
        },
        path: path.into(),
        severity: Severity::Error,
        reason,
        message: message.into(),
    }
}

fn verdict(in_force: Option<i64>, diagnostics: Vec<Diagnostic>) -> Verdict {
    Verdict {
        uid: "u".into(),
        generation: 4,
        in_force,
        diagnostics,
    }
}

fn revision(generation: u64) -> Revision {
    Revision {
        epoch: 17,
        generation,
    }
}

/// Pods `a`, `b`, ... of which the gateways report so.
fn fleet(reports: &[Option<GatewayReport>]) -> Distribution {
    let name = |index: usize| format!("gateway-{index}");
    let mut fleet = Fleet {
        reachable: true,
        ..Fleet::default()
    };
    let mut pods = BTreeMap::new();
    for (index, report) in reports.iter().enumerate() {
        let pod = Pod {
            name: name(index),
            is_new: false,
        };
        pods.insert(index.to_string(), pod);
        if let Some(report) = report {
            fleet.gateways.insert(index.to_string(), report.clone());
        }
    }
    Distribution {
        fleet: Arc::new(fleet),
        pods,
        failure: None,
        published: Some(revision(50)),
    }
}

fn applied(generation: u64) -> Option<GatewayReport> {
    Some(GatewayReport {
        applied: Some(revision(generation)),
        ..GatewayReport::default()
    })
}

/// One that runs what another leader has published, after epochs have begun anew.
fn foreign() -> Option<GatewayReport> {
    let revision = Revision {
        epoch: 18,
        generation: 1,
    };
    Some(GatewayReport {
        applied: Some(revision),
        ..GatewayReport::default()
    })
}

/// The same with pods that have just begun.
fn young(mut distribution: Distribution) -> Distribution {
    for pod in distribution.pods.values_mut() {
        pod.is_new = true;
    }
    distribution
}

fn refused(generation: u64) -> Option<GatewayReport> {
    Some(GatewayReport {
        applied: Some(revision(generation - 1)),
        rejected: Some(Rejection {
            revision: Some(revision(generation)),
            code: "TooLarge".into(),
            message: "over the limit".into(),
        }),
        ..GatewayReport::default()
    })
}

fn fails() -> Option<GatewayReport> {
    Some(GatewayReport {
        applied: Some(revision(42)),
        problems: BTreeMap::from([(("u".to_owned(), 4), "spec: unknown kind".to_owned())]),
        ..GatewayReport::default()
    })
}

fn doubts(what: &str) -> Option<GatewayReport> {
    Some(GatewayReport {
        applied: Some(revision(42)),
        doubts: BTreeMap::from([(("u".to_owned(), 4), what.to_owned())]),
        ..GatewayReport::default()
    })
}

/// `status reason: message` of one condition.
fn of(kind: Kind, verdict: &Verdict, distribution: &Distribution, is_late: bool) -> String {
    of_since(Some(revision(42)), kind, verdict, distribution, is_late)
}

fn of_since(
    since: Option<Revision>,
    kind: Kind,
    verdict: &Verdict,
    distribution: &Distribution,
    is_late: bool,
) -> String {
    let context = Context {
        distribution,
        since,
        is_late,
        labelled: &BTreeSet::new(),
        named: &[],
    };
    let status = status(
        verdict,
        &context,
        &ResourceStatus::default(),
        Timestamp::UNIX_EPOCH,
    );
    let mut conditions = status.conditions.iter();
    let one = conditions.find(|one| one.type_ == kind.as_str()).unwrap();
    assert_eq!(one.observed_generation, Some(4));
    format!("{} {}: {}", one.status, one.reason, one.message)
}

#[test]
fn programmed_counts_the_gateways_that_have_the_generation_or_a_later_one() {
    let good = verdict(Some(4), Vec::new());
    let rows = [
        (
            fleet(&[applied(42), applied(50)]),
            false,
            "True Programmed: 2/2 gateways at revision 17.42",
        ),
        (
            fleet(&[applied(42), applied(41)]),
            false,
            "False Pending: 1/2 gateways at revision 17.42",
        ),
        (
            fleet(&[applied(42), None]),
            true,
            "False PartiallyProgrammed: 1/2 gateways at revision 17.42; gateway-1 is silent",
        ),
        (
            fleet(&[applied(41), None, None, None, applied(42)]),
            true,
            "False PartiallyProgrammed: 1/5 gateways at revision 17.42; gateway-0 is at 17.41, gateway-1 is silent, gateway-2 is silent, and 1 more",
        ),
        (
            young(fleet(&[applied(42), None])),
            true,
            "False Pending: 1/2 gateways at revision 17.42",
        ),
        (
            fleet(&[foreign()]),
            true,
            "False PartiallyProgrammed: 0/1 gateways at revision 17.42; gateway-0 is at 18.1",
        ),
        (
            fleet(&[applied(42), refused(50)]),
            false,
            "True Programmed: 2/2 gateways at revision 17.42",
        ),
        (
            fleet(&[refused(51).map(|report| GatewayReport {
                rejected: report.rejected.map(|rejected| Rejection {
                    revision: Some(revision(50)),
                    code: "ConflictingRevision".into(),
                    ..rejected
                }),
                ..report
            })]),
            false,
            "True Programmed: 1/1 gateways at revision 17.42; what was found in NATS since is refused by gateway-0 (ConflictingRevision)",
        ),
        (
            fleet(&[applied(42), refused(43)]),
            false,
            "True Programmed: 2/2 gateways at revision 17.42; what was found in NATS since is refused by gateway-1 (TooLarge)",
        ),
        (
            fleet(&[applied(42), refused(42)]),
            false,
            "False RejectedByGateway: 1/2 gateways at revision 17.42; gateway-1: TooLarge: over the limit",
        ),
        (
            fleet(&[applied(42), fails()]),
            false,
            "False FailsInGateway: 2/2 gateways at revision 17.42; it counts as failed in gateway-1: spec: unknown kind",
        ),
        (
            fleet(&[applied(42), doubts("spec.jwks: older keys")]),
            false,
            "True Programmed: 2/2 gateways at revision 17.42; with a doubt: gateway-1: spec.jwks: older keys",
        ),
        (
            fleet(&[
                doubts("a"),
                doubts("b"),
                doubts("c"),
                doubts("d"),
                applied(41),
            ]),
            false,
            "False Pending: 4/5 gateways at revision 17.42",
        ),
        (
            fleet(&[doubts("a"), doubts("b"), doubts("c"), doubts("d")]),
            false,
            "True Programmed: 4/4 gateways at revision 17.42; with a doubt: gateway-0: a, gateway-1: b, gateway-2: c, and 1 more",
        ),
        (fleet(&[]), false, "False NoGateways: no gateway is running"),
        (
            Distribution {
                failure: Some(PublishError::Unavailable("refused".into())),
                ..fleet(&[applied(41)])
            },
            false,
            "Unknown DistributionUnavailable: the way to the gateways is down: refused; gateways keep what they have",
        ),
        (
            Distribution {
                failure: Some(PublishError::Refused("no space".into())),
                ..fleet(&[applied(41)])
            },
            false,
            "False PublishFailed: refused: no space",
        ),
        (
            Distribution {
                fleet: Arc::default(),
                ..fleet(&[applied(41)])
            },
            false,
            "Unknown DistributionUnavailable: gateways cannot be heard; they keep what they have",
        ),
    ];
    for (distribution, is_late, expected) in rows {
        // What could not be published is told of resources that wait for it.
        let since = distribution.failure.is_none().then(|| revision(42));
        assert_eq!(
            of_since(since, Kind::Programmed, &good, &distribution, is_late),
            expected
        );
    }
    let enforced = Distribution {
        failure: Some(PublishError::Refused("no space".into())),
        ..fleet(&[applied(42)])
    };
    assert_eq!(
        of(Kind::Programmed, &good, &enforced, false),
        "True Programmed: 1/1 gateways at revision 17.42"
    );
}

#[test]
fn a_generation_that_is_not_in_force_is_not_programmed() {
    let errors = vec![
        said(Said::NotBuildable, "spec.guardrails[0].regex", "no pattern"),
        said(Said::Invalid, "spec.x", "wrong"),
    ];
    let held = verdict(Some(3), errors.clone());
    let all = fleet(&[applied(42)]);
    assert_eq!(
        of(Kind::Programmed, &held, &all, false),
        "False NotAccepted: generation 3 stays in force; 1/1 gateways at revision 17.42"
    );
    assert_eq!(
        of(Kind::Accepted, &held, &all, false),
        "False NotBuildable: spec.guardrails[0].regex: no pattern; and 1 more; generation 3 stays in force"
    );
    let new = verdict(None, errors);
    assert!(
        of(Kind::Programmed, &new, &all, false)
            .starts_with("False NotAccepted: this generation is not enforced as it is written")
    );
    assert_eq!(
        of(Kind::ResolvedRefs, &new, &all, false),
        "True ResolvedRefs: everything that it names exists"
    );
}

#[test]
fn what_a_resource_names_is_told_apart_from_what_it_is() {
    let missing = verdict(
        Some(4),
        vec![said(
            Said::UnknownSelector,
            "spec.rules[0]",
            "there is no guardrail g/x",
        )],
    );
    let all = fleet(&[applied(42)]);
    assert_eq!(
        of(Kind::Accepted, &missing, &all, false),
        "True Accepted: accepted"
    );
    assert_eq!(
        of(Kind::ResolvedRefs, &missing, &all, false),
        "False IntegrationNotFound: spec.rules[0]: there is no guardrail g/x"
    );
}

#[test]
fn a_secret_without_the_label_comes_with_the_command_to_run() {
    let missing = verdict(
        Some(4),
        vec![said(Said::UnknownSecret, "", "there is no Secret \"s\"")],
    );
    let id = SecretId {
        namespace: "ns".into(),
        name: "s".into(),
        key: "k".into(),
    };
    let resolved = |labelled: &BTreeSet<(Arc<str>, Arc<str>)>| {
        let context = Context {
            distribution: &fleet(&[]),
            since: None,
            is_late: false,
            labelled,
            named: std::slice::from_ref(&id),
        };
        let saying = resolved(&missing, &context);
        (saying.reason, saying.message)
    };
    let (reason, message) = resolved(&BTreeSet::new());
    assert_eq!(reason, "SecretNotFound");
    assert!(
        message.ends_with("kubectl label secret s -n ns parapet.dev/credentials=true"),
        "{message}"
    );
    let labelled = BTreeSet::from([("ns".into(), "s".into())]);
    assert_eq!(resolved(&labelled).0, "SecretKeyMissing");
}

#[test]
fn the_time_of_a_condition_is_that_of_its_last_transition() {
    let distribution = fleet(&[applied(41)]);
    let good = verdict(Some(4), Vec::new());
    let labelled = BTreeSet::new();
    let at = |second| Timestamp::from_second(second).unwrap();
    let with = |generation| Context {
        distribution: &distribution,
        since: Some(revision(generation)),
        is_late: false,
        labelled: &labelled,
        named: &[],
    };
    let first = status(&good, &with(42), &ResourceStatus::default(), at(1));
    let same = status(&good, &with(42), &first, at(2));
    assert_eq!(first, same);
    let later = status(&good, &with(41), &first, at(3));
    let times: Vec<_> = later
        .conditions
        .iter()
        .map(|one| one.last_transition_time.0.as_second())
        .collect();
    assert_eq!(times, [1, 1, 3]);
}

#[test]
fn long_messages_are_cut_between_characters() {
    let cut = cut("ü".repeat(MAX_MESSAGE));
    assert!(cut.len() <= MAX_MESSAGE && cut.ends_with("ü..."));
}
