//! `@modelcontextprotocol/conformance`: the requirements of both eras, against a server and against the gateway
//! before it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use parapet_tests::runtimes::Node;
use serde_json::Value;

use crate::support::{PASSING, Server, gateway, node};

/// The frozen requirement sets, one for each era.
const REVISIONS: [&str; 2] = ["2025-11-25", "2026-07-28"];

/// What the suite says: status and complaint of each check, by scenario and check.
type Picture = BTreeMap<(String, String), (String, String)>;

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
fn read(folder: &Path) -> Picture {
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
fn difference(alone: &Picture, through: &Picture) -> String {
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
    let server = fixture(&node);
    for revision in REVISIONS {
        let picture = run(&node, &server.url(), revision);
        // An extension that the SDK does not have; it is not scored.
        let failed = picture.iter().filter(|((scenario, _), (status, _))| {
            !scenario.starts_with("tasks-") && status == "FAILURE"
        });
        assert_eq!(failed.collect::<Vec<_>>(), [], "{revision}");
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
    let through = format!("http://{}/mcp/fixture", gateway.traffic());
    for revision in REVISIONS {
        let run = |url: &str| tokio::task::block_in_place(|| run(&node, url, revision));
        let difference = difference(&run(&server.url()), &run(&through));
        assert!(difference.is_empty(), "{revision}:\n{difference}");
    }
}
