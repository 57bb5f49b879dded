//! The resources that the documents show can be pasted: each is put in force by `check`, and nothing about it is warned of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use parapet_tests::harness::gateway_binary;
use tokio::process::Command;

/// Everything that a user reads and pastes from.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths: Vec<PathBuf> = vec![root.join("README.md")];
    for entry in std::fs::read_dir(root.join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ext| ext == "md") {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    paths.into_iter().map(read).collect()
}

/// The blocks of a page that show whole resources: a part of one begins with one of its members.
fn resources(page: &str) -> Vec<String> {
    let blocks = page.split("```yaml\n").skip(1);
    let blocks = blocks.filter_map(|rest| Some(rest.split("```").next()?.to_owned()));
    blocks
        .filter(|block| block.starts_with("apiVersion:") || block.starts_with("kind:"))
        // A certificate is the reader's own, and what a Secret of Kubernetes holds is Kubernetes'.
        .map(|block| block.replace(CERTIFICATE, ""))
        .map(|block| {
            let documents = block.split("\n---\n");
            let ours: Vec<&str> = documents
                .filter(|document| !document.contains("kind: Secret\n"))
                .collect();
            ours.join("\n---\n")
        })
        .collect()
}

const CERTIFICATE: &str = "  ca: |\n    -----BEGIN CERTIFICATE-----\n    ...\n";

/// The documents of a block, each with what it is: kind and name.
fn documents(block: &str) -> Vec<(String, String)> {
    let identity = |document: &str| {
        let field = |name: &str| {
            let value = document.lines().find_map(|line| line.strip_prefix(name));
            value.unwrap_or_default().to_owned()
        };
        format!("{}{}", field("kind:"), field("metadata:"))
    };
    block
        .split("\n---\n")
        .map(|document| (identity(document), document.to_owned()))
        .collect()
}

/// Secrets that are named somewhere, with keys that any kind takes.
fn secrets(manifests: &str) -> String {
    let mut found = BTreeSet::new();
    for named in manifests.split("secretKeyRef: {name: ").skip(1) {
        let Some((name, rest)) = named.split_once(", key: ") else {
            continue;
        };
        let key = rest.split('}').next().unwrap_or_default();
        found.insert((name.to_owned(), key.to_owned()));
    }
    let mut secrets = String::new();
    let mut last = String::new();
    for (name, key) in found {
        if name != last {
            secrets.push_str(&format!(
                "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData:\n"
            ));
        }
        secrets.push_str(&format!("  {key}: a-credential-of-{name}\n"));
        last = name;
    }
    secrets
}

#[tokio::test]
async fn the_resources_that_documents_show_can_be_pasted() {
    let gateway = gateway_binary().await.unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let examples =
        std::fs::read_to_string(root.join("examples/standalone/guardrails.yaml")).unwrap();
    let mut checked = 0;
    for (name, page) in pages() {
        let blocks = resources(&page);
        for (number, block) in blocks.iter().enumerate() {
            // What a block refers to stands in another one of its page, or in the examples.
            let own: BTreeSet<String> = documents(block).into_iter().map(|(of, _)| of).collect();
            let mut there = own.clone();
            let mut others = String::new();
            let rest = blocks.iter().chain([&examples]);
            for (of, document) in rest.flat_map(|block| documents(block)) {
                if there.insert(of) {
                    others.push_str(&format!("---\n{document}\n"));
                }
            }
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("block.yaml"), block).unwrap();
            std::fs::write(dir.path().join("others.yaml"), &others).unwrap();
            let secrets = secrets(&format!("{block}{others}"));
            std::fs::write(dir.path().join("secrets.yaml"), secrets).unwrap();
            let output = Command::new(&gateway)
                .args(["check", "--manifests"])
                .arg(dir.path())
                .output()
                .await
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            let about_it = |line: &&str| {
                line.contains("block.yaml:")
                    && !line.contains(": info:")
                    && !line.contains("is none of our kinds: ignored")
            };
            let remarks: Vec<&str> = said.lines().filter(about_it).collect();
            assert!(remarks.is_empty(), "{name}, block {number}: {remarks:#?}");
            assert!(output.status.success(), "{name}, block {number}:\n{said}");
            checked += 1;
        }
    }
    assert!(
        checked > 10,
        "{checked} blocks of resources in the documents"
    );
}
