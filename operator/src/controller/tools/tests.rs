use std::time::{Duration, SystemTime};

use parapet_bus::tools::{ReportedTool, TOOLS_VERSION};
use serde_json::Value as Json;

use super::events::drift as events;
use super::*;

fn digest(digit: char) -> String {
    format!("sha256:{}", String::from(digit).repeat(64))
}

fn tool(name: &str, digit: char, suspicions: &[&str]) -> ReportedTool {
    ReportedTool {
        name: name.into(),
        digest: digest(digit),
        decision: "told".into(),
        ambiguous: false,
        suspicions: suspicions.iter().map(|word| (*word).to_owned()).collect(),
    }
}

fn report(uid: &str, seconds: u64, tools: &[ReportedTool]) -> ToolsReport {
    ToolsReport {
        v: TOOLS_VERSION,
        uid: uid.into(),
        namespace: "ns".into(),
        server: "fake".into(),
        per_caller: false,
        mode: "enforce".into(),
        lists: vec![ReportedList {
            version: "2026-07-28".into(),
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
            listed: true,
            tools: tools.to_vec(),
            more: 0,
            instructions: None,
            suspicions: Vec::new(),
        }],
    }
}

fn spec(approved: &[(&str, char)]) -> McpServerSpec {
    let approved: Vec<Json> = approved
        .iter()
        .map(|(name, digit)| json!({"name": name, "digest": digest(*digit)}))
        .collect();
    let pinning = json!({"mode": "enforce", "approved": approved});
    serde_json::from_value(json!({"url": "http://x", "pinning": pinning})).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn states(status: &PinningStatus) -> Vec<(&str, ToolState)> {
    let tools = status.definitions.iter();
    tools.map(|tool| (&*tool.name, tool.state)).collect()
}

/// What a merge patch makes of the spec.
fn patched(spec: &McpServerSpec, patch: &str) -> McpServerSpec {
    let patch: Json = serde_json::from_str(patch).unwrap();
    let mut spec = serde_json::to_value(spec).unwrap();
    for (key, value) in patch["spec"]["pinning"].as_object().unwrap() {
        spec["pinning"][key] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

#[test]
fn what_is_seen_is_proposed_and_the_patch_approves_it() {
    let before = spec(&[("a", '1'), ("b", '2'), ("gone", '9')]);
    let seen = report(
        "u",
        1,
        &[
            tool("a", '1', &[]),
            tool("b", '3', &[]),
            tool("c", '4', &[]),
        ],
    );
    let status = super::status(&before, &[&seen], None, at(100)).unwrap();
    assert_eq!(
        states(&status),
        [
            ("a", ToolState::Approved),
            ("b", ToolState::Changed),
            ("c", ToolState::New),
            ("gone", ToolState::Removed),
        ]
    );
    assert_eq!(status.drift, "1 changed, 1 new, 1 removed");
    let told = condition(&status, 4, &[], at(100));
    assert_eq!((&*told.status, &*told.reason), ("False", "Drifted"));
    assert_eq!((status.tools, status.approved), (3, 1));
    let after = patched(&before, status.proposal.as_deref().unwrap());
    // Approved, it counts at once, whoever reports or not.
    for reports in [&[&seen][..], &[]] {
        let told = super::status(&after, reports, Some(&status), at(200)).unwrap();
        assert_eq!((&*told.drift, told.proposal.as_deref()), ("none", None));
        assert_eq!(told.approved, 3);
        let told_ = condition(&told, 5, &[], at(200));
        assert_eq!((&*told_.status, &*told_.reason), ("True", "Approved"));
        assert!(
            told.definitions
                .iter()
                .all(|tool| tool.since == Time(at(100)))
        );
    }
}

#[test]
fn nothing_changes_while_nothing_does() {
    let spec = spec(&[("a", '1')]);
    let first = super::status(
        &spec,
        &[&report("u", 1, &[tool("a", '2', &[])])],
        None,
        at(1),
    );
    let later = report("u", 99, &[tool("a", '2', &[])]);
    let again = super::status(&spec, &[&later], first.as_ref(), at(50));
    assert_eq!(first, again);
    // Gateways that have just begun have nothing to say.
    assert_eq!(super::status(&spec, &[], first.as_ref(), at(60)), first);
    assert_eq!(super::status(&spec, &[], None, at(60)), None);
}

#[test]
fn the_newest_list_of_all_pods_counts_unless_callers_see_different_ones() {
    let spec = spec(&[("a", '1')]);
    let (old, new) = (
        report("u", 1, &[tool("a", '2', &[]), tool("b", '5', &[])]),
        report("v", 2, &[tool("a", '1', &[])]),
    );
    let status = super::status(&spec, &[&old, &new], None, at(1)).unwrap();
    assert_eq!(states(&status), [("a", ToolState::Approved)]);
    let own = |report: &ToolsReport| ToolsReport {
        per_caller: true,
        ..report.clone()
    };
    let status = super::status(&spec, &[&own(&old), &own(&new)], None, at(1)).unwrap();
    assert_eq!(
        states(&status),
        [
            ("a", ToolState::Approved),
            ("a", ToolState::Changed),
            ("b", ToolState::New)
        ]
    );
    // Whom nobody has listed for is not gone.
    let status = super::status(&spec, &[&own(&report("u", 1, &[]))], None, at(1)).unwrap();
    assert_eq!(states(&status), [("a", ToolState::Removed)]);
    assert_eq!(status.proposal, None);
}

#[test]
fn what_is_suspicious_or_ambiguous_is_not_proposed() {
    let before = spec(&[("a", '1'), ("b", '2')]);
    let twice = ReportedTool {
        ambiguous: true,
        ..tool("b", '2', &[])
    };
    let seen = report(
        "u",
        1,
        &[
            tool("a", '3', &["hidden_instructions"]),
            twice,
            tool("c", '4', &["other_tool", "Text of somebody"]),
            tool("d", '5', &[]),
        ],
    );
    let status = super::status(&before, &[&seen], None, at(1)).unwrap();
    assert_eq!((status.suspicious, status.changed, status.new), (2, 2, 2));
    assert!(!serde_json::to_string(&status).unwrap().contains("somebody"));
    let after = patched(&before, status.proposal.as_deref().unwrap());
    let approved = after.pinning.unwrap().approved;
    let approved: Vec<_> = approved
        .iter()
        .map(|one| (&*one.name, &*one.digest))
        .collect();
    let (one, two, five) = (digest('1'), digest('2'), digest('5'));
    assert_eq!(approved, [("a", &*one), ("b", &*two), ("d", &*five)]);
}

#[test]
fn what_a_spec_could_not_take_is_left_out() {
    let spec = spec(&[]);
    let mut bad = tool("x", '1', &[]);
    bad.digest = "sha256:not".into();
    let seen = report(
        "u",
        1,
        &[bad, tool("two words", '1', &[]), tool("ok", '1', &[])],
    );
    let status = super::status(&spec, &[&seen], None, at(1)).unwrap();
    assert_eq!(states(&status), [("ok", ToolState::New)]);
    assert_eq!(status.omitted, 2);
    let mut off = spec.clone();
    off.pinning.as_mut().unwrap().mode = PinningMode::Off;
    assert_eq!(super::status(&off, &[&seen], None, at(1)), None);
}

#[test]
fn instructions_are_proposed_too() {
    let spec = spec(&[]);
    let mut seen = report("u", 1, &[]);
    seen.lists[0].instructions = Some(digest('7'));
    let status = super::status(&spec, &[&seen], None, at(1)).unwrap();
    assert_eq!(status.drift, "instructions");
    let after = patched(&spec, status.proposal.as_deref().unwrap());
    let status = super::status(&after, &[&seen], Some(&status), at(2)).unwrap();
    assert_eq!((&*status.drift, status.proposal), ("none", None));
}

#[test]
fn events_tell_what_is_new_once_and_its_end() {
    let spec_ = spec(&[("a", '1')]);
    let seen = |digit| report("u", 1, &[tool("a", digit, &["other_tool"])]);
    let good = super::status(&spec_, &[&seen('1')], None, at(1));
    let bad = super::status(&spec_, &[&seen('2')], good.as_ref(), at(2));
    let worse = super::status(&spec_, &[&seen('3')], bad.as_ref(), at(3));
    let told = |before: &Option<PinningStatus>, after: &Option<PinningStatus>| {
        let events = events(before.as_ref(), after.as_ref()).into_iter();
        let events = events.map(|event| format!("{} {}", event.reason, event.note.unwrap()));
        events.collect::<Vec<_>>()
    };
    assert_eq!(told(&None, &good), [""; 0]);
    assert_eq!(told(&good, &bad), ["ToolsDrifted changed: a (other_tool)"]);
    assert_eq!(told(&bad, &bad), [""; 0]);
    assert_eq!(told(&bad, &worse), ["ToolsDrifted changed: a (other_tool)"]);
    assert_eq!(
        told(&worse, &good),
        ["ToolsApproved 1 tools, all as they were approved"]
    );
    assert_eq!(told(&bad, &None), [""; 0]);
}
