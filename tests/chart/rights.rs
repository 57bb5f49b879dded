//! What the chart gives the operator is what `docs/status.md` lists, and the Job's rights are for its Secrets only.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{Helm, file, of_kind, the};

/// Resource with its group, as in `kubectl auth can-i`, to verbs.
type Rights = BTreeMap<String, BTreeSet<String>>;

fn rights(rules: &Value) -> Rights {
    let mut rights = Rights::new();
    let texts = |list: &Value| -> Vec<String> {
        let members = list.as_array().unwrap().iter();
        members
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    for rule in rules.as_array().unwrap() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for text in [&group, &resource] {
                    assert!(!text.contains('*'), "{rule}");
                }
                let name = match group.as_str() {
                    "" => resource,
                    group => format!("{resource}.{group}"),
                };
                let verbs = texts(&rule["verbs"]);
                assert!(!verbs.contains(&"*".to_owned()), "{rule}");
                rights.entry(name).or_default().extend(verbs);
            }
        }
    }
    rights
}

/// The rows of the documents' table: rights in the whole cluster or in watched namespaces, and in the own namespace.
fn documented() -> (Rights, Rights) {
    let page = file("docs/status.md");
    let (_, section) = page.split_once("\n## What the operator may do\n").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let (mut watched, mut own) = (Rights::new(), Rights::new());
    let quoted = |cell: &str| -> Vec<String> {
        let words = cell.split('`').skip(1).step_by(2);
        words.map(str::to_owned).collect()
    };
    for row in rows.skip(2) {
        let cells: Vec<&str> = row.split('|').collect();
        let resource = quoted(cells[1]).pop().unwrap();
        if resource.contains("validatingwebhookconfigurations") {
            continue;
        }
        let kinds = parapet_crds::crd::KINDS.iter().map(|kind| kind.plural);
        let names: Vec<String> = match resource.as_str() {
            "parapet.dev" => kinds.map(|kind| format!("{kind}.parapet.dev")).collect(),
            "/status" => kinds
                .map(|kind| format!("{kind}/status.parapet.dev"))
                .collect(),
            other => vec![other.to_owned()],
        };
        let place = if cells[3].contains("cluster") {
            &mut watched
        } else {
            &mut own
        };
        for name in names {
            place.entry(name).or_default().extend(quoted(cells[2]));
        }
    }
    (watched, own)
}

#[test]
fn the_operator_may_do_what_is_documented_and_nothing_else() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let (watched, own) = documented();
    assert!(watched.len() >= 14 && own.len() >= 2);
    let objects = helm.render("");
    let cluster = the(&objects, "ClusterRole", "parapet-parapet-operator");
    assert_eq!(rights(&cluster["rules"]), watched);
    let role = the(&objects, "Role", "parapet-operator");
    assert_eq!(rights(&role["rules"]), own);
    // What can be by name is.
    for rule in role["rules"].as_array().unwrap() {
        if rule["resources"][0] == "leases" && rule["verbs"] != json!(["create"]) {
            assert_eq!(rule["resourceNames"], json!(["parapet-operator"]));
        }
    }

    let objects = helm.render("{policyNamespace: policy, watchNamespaces: [team-a, policy]}");
    let bound = of_kind(&objects, "ClusterRoleBinding");
    assert!(bound.is_empty(), "{bound:?}");
    let mut namespaces = BTreeSet::new();
    for role in of_kind(&objects, "Role") {
        if role["metadata"]["name"] == "parapet-parapet-operator" {
            assert_eq!(rights(&role["rules"]), watched);
            namespaces.insert(role["metadata"]["namespace"].as_str().unwrap());
        }
    }
    assert!(namespaces.iter().eq(["policy", "team-a"].iter()));
}

#[test]
fn the_webhook_takes_the_right_to_its_own_configuration_only() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let objects = helm.render("{webhook: {enabled: true}, watchNamespaces: [team-a]}");
    let role = the(&objects, "ClusterRole", "parapet-parapet-webhook");
    let rule = &role["rules"][0];
    // What docs/webhook.md lists.
    let configurations = "validatingwebhookconfigurations.admissionregistration.k8s.io".to_owned();
    let verbs = ["get", "patch"].map(str::to_owned).into();
    assert_eq!(
        rights(&role["rules"]),
        Rights::from([(configurations, verbs)])
    );
    assert_eq!(role["rules"].as_array().unwrap().len(), 1);
    assert_eq!(rule["resourceNames"], json!(["parapet-parapet"]));
    let configuration = the(
        &objects,
        "ValidatingWebhookConfiguration",
        "parapet-parapet",
    );
    let webhook = &configuration["webhooks"][0];
    assert_eq!(webhook["failurePolicy"], "Ignore");
    assert_eq!(webhook["clientConfig"]["caBundle"], Value::Null);
    let kinds = parapet_crds::crd::KINDS.iter().map(|kind| kind.plural);
    let kinds: Vec<&str> = kinds.collect();
    assert_eq!(webhook["rules"][0]["resources"], json!(kinds));
    let namespaces = &webhook["namespaceSelector"]["matchExpressions"][0]["values"];
    assert_eq!(*namespaces, json!(["team-a", "parapet"]));
}

#[test]
fn the_job_reads_and_writes_only_its_secrets_and_nobody_else_may() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let objects = helm.render("");
    let role = the(&objects, "Role", "parapet-keys");
    let secrets = Rights::from([(
        "secrets".to_owned(),
        ["create", "get", "patch"].map(str::to_owned).into(),
    )]);
    assert_eq!(rights(&role["rules"]), secrets);
    for rule in role["rules"].as_array().unwrap() {
        let named = rule["resourceNames"].as_array();
        assert_eq!(
            named.is_none(),
            rule["verbs"] == json!(["create"]),
            "{rule}"
        );
    }
    for binding in of_kind(&objects, "RoleBinding") {
        let subjects = binding["subjects"].as_array().unwrap();
        let name = binding["roleRef"]["name"].as_str().unwrap();
        assert!(
            subjects.iter().all(|subject| subject["name"] == name),
            "{binding}"
        );
    }
}

#[test]
fn people_get_the_resources_with_the_roles_that_they_have() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let objects = helm.render("");
    let verbs = |role: &str| -> BTreeSet<String> {
        let label = format!("rbac.authorization.k8s.io/aggregate-to-{role}");
        let roles = of_kind(&objects, "ClusterRole");
        let roles = roles
            .iter()
            .filter(|object| object["metadata"]["labels"][&label] == "true");
        let mut verbs = BTreeSet::new();
        for object in roles {
            for (resource, of_it) in rights(&object["rules"]) {
                assert!(resource.ends_with(".parapet.dev"), "{resource}");
                assert!(!resource.contains('/'), "{resource}");
                verbs.extend(of_it);
            }
        }
        verbs
    };
    assert!(verbs("view").iter().eq(["get", "list", "watch"]));
    let write = [
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    ];
    assert!(verbs("edit").iter().eq(write));
    assert!(verbs("admin").iter().eq(write));
}
