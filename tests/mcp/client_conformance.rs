//! The suite's scenarios for clients: an SDK's client before the suite's servers, and the same with the gateway between
//! them. What the servers see of the gateway is what they see of the client.

use std::collections::BTreeMap;
use std::sync::Mutex;

use parapet_tests::harness::Gateway;
use parapet_tests::runtimes::Node;

use crate::conformance::{Picture, difference, read};
use crate::support::{PASSING, gateway, node};

/// The scenarios that the requirement sets of both eras have for clients. Those about authorization (`auth/*`) are between
/// a client and the resource server that it talks to, which is the gateway: what it asks for it has from its own resources,
/// and no token of the client's goes further.
const SCENARIOS: [(&str, &str); 11] = [
    ("2025-11-25", "initialize"),
    ("2025-11-25", "tools_call"),
    ("2025-11-25", "elicitation-sep1034-client-defaults"),
    ("2025-11-25", "sse-retry"),
    ("2026-07-28", "tools_call"),
    ("2026-07-28", "request-metadata"),
    ("2026-07-28", "sep-2322-client-request-state"),
    ("2026-07-28", "http-standard-headers"),
    ("2026-07-28", "http-custom-headers"),
    ("2026-07-28", "http-invalid-tool-headers"),
    ("2026-07-28", "json-schema-ref-no-deref"),
];

/// Programs that run at once.
const AT_ONCE: usize = 4;

/// Runs one scenario; through a gateway when there is one.
fn run(node: &Node, revision: &str, scenario: &str, through: Option<&Gateway>) -> Picture {
    let folder = tempfile::tempdir().unwrap();
    let mut suite = node.bin("conformance");
    let client = node.script_line("conformance/client.mjs");
    suite.args(["client", "--command", &client, "--scenario", scenario]);
    suite
        .args(["--spec-version", revision, "-o"])
        .arg(folder.path());
    if let Some(gateway) = through {
        suite.env("THROUGH", format!("http://{}", gateway.traffic()));
        suite.env("MANIFESTS", gateway.dir());
    }
    let output = suite.output().unwrap();
    let picture = read(folder.path());
    // It fails when a check fails; without any check it did not run.
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!picture.is_empty(), "{scenario}: {}: {said}", output.status);
    // What came and went is told in notes, one for each message; what is scored are the checks.
    let checks = picture
        .into_iter()
        .filter(|(_, (status, _))| status != "INFO");
    // A scenario has one folder, whose name has the time and no scenario in it for all versions of the suite.
    let checks = checks.map(|((_, check), told)| ((scenario.to_owned(), check), told));
    checks.collect()
}

/// Runs all scenarios, a few at a time.
fn all(node: &Node, through: Option<&Gateway>) -> BTreeMap<(&'static str, &'static str), Picture> {
    let open = Mutex::new(SCENARIOS.iter());
    let pictures = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((revision, scenario)) = open.lock().unwrap().next() else {
                        return;
                    };
                    let picture = run(node, revision, scenario, through);
                    pictures
                        .lock()
                        .unwrap()
                        .insert((*revision, *scenario), picture);
                }
            });
        }
    });
    pictures.into_inner().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suites_servers_see_the_same_client_through_the_gateway() {
    let Some(node) = node() else { return };
    let alone = tokio::task::block_in_place(|| all(&node, None));
    for ((revision, scenario), picture) in &alone {
        let failed = picture
            .iter()
            .filter(|(_, (status, _))| status == "FAILURE");
        // Nothing is equal only because both fail.
        assert_eq!(failed.collect::<Vec<_>>(), [], "{revision} {scenario}");
    }
    for rules in ["", PASSING] {
        let gateway = gateway(&BTreeMap::new(), rules).await;
        let through = tokio::task::block_in_place(|| all(&node, Some(&gateway)));
        let differences = alone
            .iter()
            .map(|(key, alone)| (key, difference(alone, &through[key])));
        let differences: Vec<_> = differences.filter(|(_, found)| !found.is_empty()).collect();
        assert!(differences.is_empty(), "{differences:#?}");
    }
}
