//! `@modelcontextprotocol/conformance`: the requirements of both eras, against a server and against the gateway
//! before it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use parapet_tests::runtimes::Node;
use serde_json::Value;

use crate::support::{PASSING, Server, gateway, node, speaking};

/// The frozen requirement sets, one for each era.
/// The suite gives some answers a moment only, which a busy machine may exceed: what differs is looked at again.
const ATTEMPTS: usize = 3;
const REVISIONS: [&str; 2] = ["2025-11-25", "2026-07-28"];

/// What the suite says: status and complaint of each check, by scenario and check.
pub(crate) type Picture = BTreeMap<(String, String), (String, String)>;

/// Runs a requirement set against the server at `url`.
fn run(node: &Node, url: &str, revision: &str) -> Picture {
    let folder = tempfile::tempdir().unwrap();
    let output = node
        .bin("conformance")
        .args(["server", "--url", url, "--requirements", revision, "-o"])
        .arg(folder.path())
        .output()
        .unwrap();
    let picture = read(folder.path());
    // It fails when a check fails; without any check it did not run.
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!picture.is_empty(), "{}: {said}", output.status);
    picture
}

/// Reads the results of all scenarios below a folder: `server-<scenario>-<time>/checks.json`.
pub(crate) fn read(folder: &Path) -> Picture {
    let mut picture = Picture::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let scenario = name.strip_prefix("server-").unwrap_or(&name);
        // The suite appends the time, as in -2026-11-21T22-41-58-941Z; no scenario has a capital letter.
        let date = "-2026-11-21".len();
        let scenario = scenario
            .rfind('T')
            .map_or(scenario, |time| &scenario[..time - date]);
        let checks = std::fs::read(entry.path().join("checks.json")).unwrap();
        let checks: Vec<Value> = serde_json::from_slice(&checks).unwrap();
        for check in checks {
            let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
            let mut id = text("id");
            // Some checks stand there several times.
            while picture.contains_key(&(scenario.to_owned(), id.clone())) {
                id.push('+');
            }
            let told = (text("status"), text("errorMessage"));
            picture.insert((scenario.to_owned(), id), told);
        }
    }
    picture
}

/// Every check whose status differs, with its scenario and the complaint.
pub(crate) fn difference(alone: &Picture, through: &Picture) -> String {
    let mut text = String::new();
    let keys: std::collections::BTreeSet<_> = alone.keys().chain(through.keys()).collect();
    for key in keys {
        let status = |picture: &Picture| {
            let told = picture.get(key);
            told.map_or(("absent".to_owned(), String::new()), Clone::clone)
        };
        let ((before, _), (after, complaint)) = (status(alone), status(through));
        if before != after {
            let (scenario, check) = key;
            writeln!(
                text,
                "  {scenario} / {check}: {before} alone, {after} through the gateway: {complaint}"
            )
            .unwrap();
        }
    }
    text
}

/// What the suite says of the fixture alone: asked once, because every test compares with it.
fn alone(node: &Node, revision: &'static str) -> Picture {
    static KNOWN: Mutex<BTreeMap<&str, Picture>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let ask = || {
        let mut picture = run(node, &fixture(node).url(), revision);
        for _ in 1..ATTEMPTS {
            if failures(&picture).is_empty() {
                break;
            }
            picture = run(node, &fixture(node).url(), revision);
        }
        picture
    };
    known.entry(revision).or_insert_with(ask).clone()
}

/// What failed of what is scored.
fn failures(picture: &Picture) -> Vec<&(String, String)> {
    // An extension that the SDK does not have; it is not scored.
    let failed = picture.iter().filter(|((scenario, _), (status, _))| {
        !scenario.starts_with("tasks-") && status == "FAILURE"
    });
    failed.map(|(key, _)| key).collect()
}

fn fixture(node: &Node) -> Server {
    let mut command = node.script("conformance/server.mjs");
    // What it complains about is what the suite does on purpose.
    command.stderr(std::process::Stdio::null());
    Server::start(command)
}

/// What the comparison rests on: the fixture passes everything that is scored, so that nothing is equal only
/// because both fail.
#[test]
fn the_fixture_passes_both_requirement_sets() {
    let Some(node) = node() else { return };
    for revision in REVISIONS {
        let picture = alone(&node, revision);
        assert!(
            failures(&picture).is_empty(),
            "{revision}: {:?}",
            failures(&picture)
        );
        let scenarios: std::collections::BTreeSet<_> =
            picture.keys().map(|(name, _)| name).collect();
        assert!(scenarios.len() > 30, "{revision}: {scenarios:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_sees_the_same_through_the_gateway() {
    compare("").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_sees_the_same_through_guardrails_that_find_nothing() {
    compare(PASSING).await;
}

async fn compare(rules: &str) {
    let Some(node) = node() else { return };
    let server = fixture(&node);
    let urls = BTreeMap::from([("fixture", server.url())]);
    let gateway = gateway(&urls, rules).await;
    let url = format!("http://{}/mcp/fixture", gateway.traffic());
    for revision in REVISIONS {
        // Both at once: most of the suite's time is waiting.
        let (alone, through) = tokio::task::block_in_place(|| {
            std::thread::scope(|scope| {
                let through = scope.spawn(|| run(&node, &url, revision));
                (alone(&node, revision), through.join().unwrap())
            })
        });
        let mut differs = difference(&alone, &through);
        for _ in 1..ATTEMPTS {
            if differs.is_empty() {
                break;
            }
            println!("once more, because of {revision}:\n{differs}");
            let again = tokio::task::block_in_place(|| run(&node, &url, revision));
            differs = difference(&alone, &again);
        }
        assert!(differs.is_empty(), "{revision}:\n{differs}");
    }
}

/// Scenarios that see another thing when the fixture is called in the other era, and why.
type Expected = &'static [(&'static str, &'static str)];

/// Clients with sessions, and the fixture called without any.
const BEFORE_STATELESS: Expected = &[
    // These tools ask in the way of sessions whoever calls them, and the SDK refuses that of a stateless server.
    ("elicitation-sep1034-defaults", "asks by a request"),
    ("elicitation-sep1330-enums", "asks by a request"),
    ("tools-call-elicitation", "asks by a request"),
    ("tools-call-sampling", "asks by a request"),
    // Nobody can end what exists in its id only.
    ("server-session-lifecycle", "a session goes on after DELETE"),
    (
        "server-sse-polling",
        "streams of stateless servers do not go on",
    ),
    (
        "server-sse-multiple-streams",
        "answers are whole where they may be streams",
    ),
];

/// Stateless clients, and the fixture called in sessions.
const BEFORE_SESSIONS: Expected = &[
    // A question in the middle of a call has no way to a stateless client, so nothing is declared that would lead to one.
    ("input-required-result-basic-elicitation", "no questions"),
    ("input-required-result-basic-list-roots", "no questions"),
    ("input-required-result-basic-sampling", "no questions"),
    ("input-required-result-capability-check", "no questions"),
    (
        "input-required-result-missing-input-response",
        "no questions",
    ),
    ("input-required-result-multi-round", "no questions"),
    (
        "input-required-result-multiple-input-requests",
        "no questions",
    ),
    ("input-required-result-non-tool-request", "no questions"),
    ("input-required-result-request-state", "no questions"),
    ("input-required-result-result-type", "no questions"),
    ("input-required-result-tampered-state", "no questions"),
    ("input-required-result-validate-input", "no questions"),
    // The fixture tells changes to the session that made them only, and a call has a session of its own.
    (
        "server-stateless",
        "missing capabilities are not missed, changes are not heard of",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_sees_a_stateless_fixture_as_one_with_sessions() {
    bridged("modern", "2025-11-25", BEFORE_STATELESS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_sees_a_fixture_with_sessions_as_a_stateless_one() {
    bridged("legacy", "2026-07-28", BEFORE_SESSIONS).await;
}

/// Compares what clients of a revision see of the fixture, and what they see when the gateway speaks the other era with it. What is
/// expected to differ has to.
async fn bridged(protocol: &str, revision: &str, expected: Expected) {
    let Some(node) = node() else { return };
    let server = fixture(&node);
    let urls = BTreeMap::from([("fixture", server.url())]);
    let gateway = speaking(protocol, &urls, "").await;
    let through = format!("http://{}/mcp/fixture", gateway.traffic());
    let run = |url: &str| tokio::task::block_in_place(|| run(&node, url, revision));
    let is_about = |line: &str, scenario: &str| line.trim().starts_with(&format!("{scenario} /"));
    let is_expected = |line: &str| {
        expected
            .iter()
            .any(|(scenario, _)| is_about(line, scenario))
    };
    let mut differs = String::new();
    for _ in 0..ATTEMPTS {
        differs = difference(&run(&server.url()), &run(&through));
        if differs.lines().all(is_expected) {
            break;
        }
        println!("once more, because of:\n{differs}");
    }
    let unexpected: Vec<&str> = differs.lines().filter(|line| !is_expected(line)).collect();
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
    for (scenario, _) in expected {
        let is_there = differs.lines().any(|line| is_about(line, scenario));
        assert!(is_there, "{scenario} is the same by now");
    }
}
