//! Every pod meets the "restricted" Pod Security Standard, and the network lets only those talk who have to.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Helm, of_kind, pod_template, the};
use crate::value_sets::VALUE_SETS;

/// Volumes that the standard allows.
const VOLUMES: &[&str] = &[
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// What speaks against a pod, by the standard's "restricted" profile and what this chart asks beyond it.
fn faults(spec: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for member in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[member] == true {
            faults.push(member.to_owned());
        }
    }
    for volume in spec["volumes"].as_array().into_iter().flatten() {
        let members = volume.as_object().unwrap().keys();
        for kind in members.filter(|key| *key != "name") {
            if !VOLUMES.contains(&kind.as_str()) {
                faults.push(format!("a volume of kind {kind}"));
            }
        }
    }
    let pod = &spec["securityContext"];
    if pod["seccompProfile"]["type"] != "RuntimeDefault" {
        faults.push("no seccomp profile".to_owned());
    }
    assert!(spec["initContainers"].is_null(), "look at them here too");
    for container in spec["containers"].as_array().unwrap() {
        let own = &container["securityContext"];
        for (member, expected) in [
            ("allowPrivilegeEscalation", json!(false)),
            ("runAsNonRoot", json!(true)),
            ("runAsUser", json!(65532)),
            ("capabilities", json!({"drop": ["ALL"]})),
            ("readOnlyRootFilesystem", json!(true)),
        ] {
            if own[member] != expected {
                faults.push(format!("{member} is {}", own[member]));
            }
        }
        if own["privileged"] == true {
            faults.push("privileged".to_owned());
        }
        for port in container["ports"].as_array().into_iter().flatten() {
            if !port["hostPort"].is_null() {
                faults.push("a port of the host".to_owned());
            }
        }
        for (bound, resource) in [
            ("requests", "cpu"),
            ("requests", "memory"),
            ("limits", "memory"),
        ] {
            if container["resources"][bound][resource].is_null() {
                faults.push(format!("no {resource} among the {bound}"));
            }
        }
    }
    faults
}

#[test]
fn every_pod_is_restricted() {
    let Some(helm) = Helm::new() else {
        return;
    };
    for (set, values) in VALUE_SETS {
        let mut pods = 0;
        for object in helm.render(values) {
            let Some(template) = pod_template(&object) else {
                continue;
            };
            let found = faults(&template["spec"]);
            let name = &object["metadata"]["name"];
            assert_eq!(found, Vec::<String>::new(), "{set}: {name}");
            pods += 1;
        }
        assert!(pods >= 3, "{set}");
    }
}

#[test]
fn the_check_sees_what_is_wrong() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let objects = helm.render("");
    let gateway = the(&objects, "Deployment", "parapet-gateway");
    let good = &pod_template(gateway).unwrap()["spec"];
    for (pointer, value) in [
        ("/hostNetwork", json!(true)),
        (
            "/securityContext/seccompProfile",
            json!({"type": "Unconfined"}),
        ),
        (
            "/volumes/0",
            json!({"name": "v", "hostPath": {"path": "/"}}),
        ),
        (
            "/containers/0/securityContext/capabilities",
            json!({"add": ["NET_ADMIN"]}),
        ),
        ("/containers/0/securityContext/runAsUser", json!(0)),
        ("/containers/0/ports/0/hostPort", json!(80)),
        ("/containers/0/resources/limits", json!({})),
    ] {
        let mut bad = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match bad.pointer_mut(parent).unwrap() {
            Value::Array(members) => members[name.parse::<usize>().unwrap()] = value,
            parent => parent[name] = value,
        }
        assert_eq!(faults(&bad).len(), 1, "{pointer}: {:?}", faults(&bad));
    }
}

/// Which components a policy's peers are, and on which ports.
fn peers(rule: &Value, member: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let components = rule[member].as_array().into_iter().flatten();
    let components = components.filter_map(|peer| {
        let labels = &peer["podSelector"]["matchLabels"];
        labels["app.kubernetes.io/component"].as_str()
    });
    let ports = rule["ports"].as_array().into_iter().flatten();
    let ports = ports.map(|port| match &port["port"] {
        Value::String(name) => name.clone(),
        number => number.to_string(),
    });
    (components.map(str::to_owned).collect(), ports.collect())
}

#[test]
fn every_pod_has_a_network_policy_and_nats_is_for_its_users_only() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let objects = helm.render("");
    let set = |names: &[&str]| -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    };
    let policies = of_kind(&objects, "NetworkPolicy");
    for object in objects
        .iter()
        .filter(|object| pod_template(object).is_some())
    {
        let labels = &pod_template(object).unwrap()["metadata"]["labels"];
        let component = &labels["app.kubernetes.io/component"];
        let of_it = policies.iter().filter(|policy| {
            policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
                == *component
        });
        let of_it: Vec<_> = of_it.collect();
        assert_eq!(of_it.len(), 1, "{component}");
        assert_eq!(
            of_it[0]["spec"]["policyTypes"],
            json!(["Ingress", "Egress"]),
            "{component}"
        );
    }
    let ingress = |name: &str| -> Vec<_> {
        let policy = the(&objects, "NetworkPolicy", name);
        let rules = policy["spec"]["ingress"].as_array().unwrap();
        rules.iter().map(|rule| peers(rule, "from")).collect()
    };
    assert_eq!(
        ingress("parapet-nats"),
        [
            (set(&["gateway", "operator"]), set(&["client"])),
            (set(&["nats"]), set(&["route"])),
        ]
    );
    assert!(ingress("parapet-keys").is_empty());
    // Traffic from everybody, and metrics for pods only.
    assert_eq!(
        ingress("parapet-gateway"),
        [(set(&[]), set(&["http"])), (set(&[]), set(&["admin"]))]
    );
    let egress = |name: &str| -> Vec<BTreeSet<String>> {
        let policy = the(&objects, "NetworkPolicy", name);
        let rules = policy["spec"]["egress"].as_array().unwrap();
        rules.iter().map(|rule| peers(rule, "to").1).collect()
    };
    let api_server = set(&["443", "6443", "8443", "16443"]);
    assert_eq!(
        egress("parapet-operator"),
        [set(&["53"]), set(&["4222"]), api_server.clone()]
    );
    assert_eq!(egress("parapet-keys"), [set(&["53"]), api_server]);
    assert_eq!(egress("parapet-nats"), [set(&["53"]), set(&["6222"])]);
    let outside = helm.render(
        "{nats: {external: {urls: ['tls://a.example.com:4333', 'nats://b.example.com']}}, networkPolicy: {upstreamPorts: [443]}}",
    );
    let policy = the(&outside, "NetworkPolicy", "parapet-gateway");
    let rules = policy["spec"]["egress"].as_array().unwrap();
    assert_eq!(peers(&rules[1], "to").1, set(&["4222", "4333"]));
    assert_eq!(peers(&rules[2], "to").1, set(&["443"]));
}
