//! What linters say about the manifests. What they are told to ignore is in a file, with a reason for each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::api::{FOREIGN, server};
use crate::schemas;
use crate::support::{Helm, documents, programs};
use crate::value_sets::VALUE_SETS;

/// Check of kube-score to the reason why it is ignored.
fn ignored() -> BTreeMap<&'static str, &'static str> {
    let text = include_str!("kube-score-ignored.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (check, reason) = line.split_once(": ").unwrap();
            assert!(reason.len() > 20, "{check}: say why");
            (check, reason)
        })
        .collect()
}

/// The checks that find something, each with what it says.
fn scored(program: &Path, manifests: &str, ignored: &[&str]) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.yaml");
    std::fs::write(&file, manifests).unwrap();
    let output = Command::new(program)
        .args(["score", "--output-format", "json"])
        .args(ignored.iter().flat_map(|check| ["--ignore-test", check]))
        .arg(&file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let objects: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let mut found = BTreeMap::new();
    for object in objects.as_array().unwrap() {
        for check in object["checks"].as_array().unwrap() {
            // 10 is good; 5 and 7 are warnings, 1 is critical, 0 was not looked at.
            let grade = check["grade"].as_u64().unwrap();
            if check["skipped"] == true || grade >= 10 {
                continue;
            }
            let id = check["check"]["id"].as_str().unwrap().to_owned();
            let said = format!("{} {}", object["object_name"], check["comments"]);
            found.insert(id, said);
        }
    }
    found
}

#[test]
fn kube_score_has_nothing_against_it_but_what_is_listed() {
    let (Some(helm), Some(programs)) = (Helm::new(), programs(&["kube-score"])) else {
        return;
    };
    let program = programs.join("kube-score");
    let ignored = ignored();
    let checks: Vec<&str> = ignored.keys().copied().collect();
    let mut would_be_found = BTreeSet::new();
    for (set, values) in VALUE_SETS {
        // Without policies of the network that check has to speak.
        if *set == "smallest" {
            continue;
        }
        let manifests = helm.template(values).unwrap();
        let found = scored(&program, &manifests, &checks);
        assert_eq!(found, BTreeMap::new(), "{set}");
        would_be_found.extend(scored(&program, &manifests, &[]).into_keys());
    }
    let unneeded: Vec<_> = checks
        .iter()
        .filter(|check| !would_be_found.contains(**check))
        .collect();
    assert!(unneeded.is_empty(), "not found any more: {unneeded:?}");
}

/// What kubeconform says against manifests.
fn conformed(program: &Path, schemas: &Path, manifests: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.yaml");
    std::fs::write(&file, manifests).unwrap();
    let location = format!(
        "{}/{{{{.Group}}}}_{{{{.ResourceAPIVersion}}}}_{{{{.ResourceKind}}}}.json",
        schemas.display()
    );
    let output = Command::new(program)
        .args(["-strict", "-schema-location", &location])
        .args(["-skip", &FOREIGN.join(",")])
        .arg(&file)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&said).into_owned())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_fits_its_schema_strictly() {
    let (Some(helm), Some(programs)) = (Helm::new(), programs(&["kubeconform"])) else {
        return;
    };
    let Some(server) = server(&helm).await else {
        return;
    };
    let request = http::Request::get("/openapi/v2").body(Vec::new()).unwrap();
    let client = server.client("admin").unwrap();
    let openapi = client.request_text(request).await.unwrap();
    let openapi: Value = serde_json::from_str(&openapi).unwrap();
    let rendered: Vec<(&str, String)> = VALUE_SETS
        .iter()
        .map(|(set, values)| (*set, helm.template(values).unwrap()))
        .collect();
    let kinds: BTreeSet<(String, String)> = rendered
        .iter()
        .flat_map(|(_, manifests)| documents(manifests))
        .map(|object| {
            let text = |member: &str| object[member].as_str().unwrap().to_owned();
            (text("apiVersion"), text("kind"))
        })
        .collect();
    let kinds: Vec<_> = kinds.into_iter().collect();
    let folder = tempfile::tempdir().unwrap();
    schemas::write(&openapi, &kinds, folder.path());
    let program = programs.join("kubeconform");
    for (set, manifests) in &rendered {
        assert_eq!(
            conformed(&program, folder.path(), manifests),
            Ok(()),
            "{set}"
        );
    }
    // It does see what is misspelt, in a pod and in one of our own kinds.
    let (_, good) = &rendered[0];
    for (from, to) in [
        ("readOnlyRootFilesystem:", "readOnlyFilesystem:"),
        (
            "allowPrivilegeEscalation: false",
            "allowPrivilegeEscalation: never",
        ),
    ] {
        let bad = good.replace(from, to);
        assert!(conformed(&program, folder.path(), &bad).is_err(), "{to}");
    }
}
