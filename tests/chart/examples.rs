//! `examples/kubernetes`: what a user applies first.

use std::collections::BTreeSet;

use crate::support::{documents, file, repository};

#[test]
fn they_are_for_the_namespace_of_the_documents_and_their_secrets_may_be_used() {
    let mut kinds = BTreeSet::new();
    for entry in std::fs::read_dir(repository("examples/kubernetes")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for document in documents(&text) {
            let metadata = &document["metadata"];
            assert_eq!(metadata["namespace"], "parapet", "{document}");
            if document["kind"] == "Secret" {
                assert_eq!(metadata["labels"]["parapet.dev/credentials"], "true");
            }
            kinds.insert(document["kind"].as_str().unwrap().to_owned());
        }
    }
    let expected = [
        "GuardrailConfig",
        "GuardrailIntegration",
        "MCPServer",
        "ModelProvider",
        "Secret",
        "VirtualAccount",
    ];
    assert!(kinds.iter().eq(expected));
}

#[test]
fn documents_name_only_values_that_there_are() {
    let values = documents(&file("helm/parapet/values.yaml")).remove(0);
    let page = file("docs/installation.md");
    let mut named = 0;
    // Paths in code, such as `gateway.drain.timeoutSeconds`, and what `--set` is given.
    let code = page.split('`').skip(1).step_by(2);
    let given = page.split("--set ").skip(1).filter_map(|rest| {
        let word = rest.split_whitespace().next()?;
        word.split('=').next()
    });
    for word in code.chain(given) {
        let path = word.split(['=', ':', '[', '{']).next().unwrap().trim();
        let Some((first, _)) = path.split_once('.') else {
            continue;
        };
        let is_path = path.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
        if !is_path || values[first].is_null() {
            continue;
        }
        let pointer = format!("/{}", path.replace('.', "/"));
        assert!(values.pointer(&pointer).is_some(), "no such value: {path}");
        named += 1;
    }
    assert!(named >= 10, "{named}");
}
