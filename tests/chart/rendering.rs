//! What every rendering has to be.

use std::collections::BTreeSet;

use parapet_gateway::args::Cli as GatewayCli;
use parapet_operator::args::Cli as OperatorCli;
use serde_json::{Value, json};

use crate::support::{Helm, arg, args, documents, file, of_kind, pod_template, repository, the};
use crate::value_sets::VALUE_SETS;

#[test]
fn helm_has_nothing_against_it() {
    let Some(helm) = Helm::new() else {
        return;
    };
    for (name, values) in VALUE_SETS {
        let linted = helm.run(&["lint", "--strict"], values);
        assert!(linted.is_ok(), "{name}: {}", linted.unwrap_err());
    }
}

#[test]
fn every_command_line_is_one_that_the_programs_take() {
    use clap::CommandFactory as _;
    let Some(helm) = Helm::new() else {
        return;
    };
    let mut tried = 0;
    for (set, values) in VALUE_SETS {
        for object in helm.render(values) {
            let Some(template) = pod_template(&object) else {
                continue;
            };
            for container in template["spec"]["containers"].as_array().unwrap() {
                let image = container["image"].as_str().unwrap();
                let command = if image.contains("parapet-gateway") {
                    GatewayCli::command()
                } else if image.contains("parapet-operator") {
                    OperatorCli::command()
                } else {
                    assert!(image.contains("nats"), "{image}");
                    continue;
                };
                let given = args(&object);
                // From a variable; what it is the kubelet says.
                let own = container["env"].as_array().into_iter().flatten();
                let identity = own
                    .filter(|one| one["name"] == "PARAPET_POD_NAME" && given[0] == "run")
                    .map(|_| "--identity=pod");
                let line = std::iter::once("it").chain(given.clone()).chain(identity);
                let parsed = command.try_get_matches_from(line);
                assert!(parsed.is_ok(), "{set}: {given:?}: {}", parsed.unwrap_err());
                tried += 1;
            }
        }
    }
    assert!(tried >= 20, "{tried}");
}

#[test]
fn nothing_asks_the_cluster_while_it_renders() {
    let mut folders = vec![repository("helm/parapet/templates")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for word in ["lookup ", "(lookup", ".Capabilities"] {
                assert!(!text.contains(word), "{}: {word}", path.display());
            }
            files += 1;
        }
    }
    assert!(files > 15, "{files}");
}

#[test]
fn an_installation_selects_only_its_own_pods() {
    let Some(helm) = Helm::new() else {
        return;
    };
    for (set, values) in VALUE_SETS {
        let objects = helm.render(values);
        let labels: Vec<(String, &Value)> = objects
            .iter()
            .filter_map(|object| {
                let template = pod_template(object)?;
                Some((object.to_string(), &template["metadata"]["labels"]))
            })
            .collect();
        let takes = |selector: &Value, labels: &Value| {
            let pairs = selector.as_object().unwrap();
            assert_eq!(
                selector["app.kubernetes.io/instance"], "parapet",
                "{set}: {selector}"
            );
            pairs.iter().all(|(key, value)| labels[key] == *value)
        };
        for object in &objects {
            let spec = &object["spec"];
            let selector = match object["kind"].as_str().unwrap() {
                "Service" => &spec["selector"],
                "Deployment" | "StatefulSet" | "PodDisruptionBudget" => {
                    &spec["selector"]["matchLabels"]
                }
                "NetworkPolicy" => &spec["podSelector"]["matchLabels"],
                _ => continue,
            };
            let taken = labels.iter().filter(|(_, labels)| takes(selector, labels));
            assert_eq!(taken.count(), 1, "{set}: {object}");
        }
        // What the operator counts as its gateways: exactly the gateways' pods of this release.
        let operator = of_kind(&objects, "Deployment")
            .into_iter()
            .find(|object| arg(object, "gateway-selector").is_some())
            .unwrap();
        let counted: serde_json::Map<String, Value> = arg(operator, "gateway-selector")
            .unwrap()
            .split(',')
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        let counted = Value::Object(counted);
        let taken: Vec<_> = labels
            .iter()
            .filter(|(_, labels)| takes(&counted, labels))
            .collect();
        assert_eq!(taken.len(), 1, "{set}");
        assert_eq!(taken[0].1["app.kubernetes.io/component"], "gateway");
    }
}

#[test]
fn definitions_are_kept_and_are_those_of_the_types() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let objects = helm.render("");
    let installed = of_kind(&objects, "CustomResourceDefinition");
    let expected = parapet_crds::crd::all().unwrap();
    assert_eq!(installed.len(), expected.len());
    for crd in &expected {
        let name = crd.metadata.name.as_deref().unwrap();
        let mut installed = the(&objects, "CustomResourceDefinition", name).clone();
        let annotations = installed["metadata"]["annotations"].take();
        assert_eq!(annotations, json!({"helm.sh/resource-policy": "keep"}));
        let metadata = installed["metadata"].as_object_mut().unwrap();
        metadata.remove("annotations");
        assert_eq!(installed, serde_json::to_value(crd).unwrap(), "{name}");
        let names = &crd.spec.names;
        assert_eq!(
            names.categories.as_deref(),
            Some(&["parapet".to_owned()][..])
        );
    }
    let without = helm.render("crds: {install: false}");
    assert!(of_kind(&without, "CustomResourceDefinition").is_empty());
    // Artifact Hub lists them too.
    let chart = documents(&file("helm/parapet/Chart.yaml"));
    let listed = chart[0]["annotations"]["artifacthub.io/crds"]
        .as_str()
        .unwrap();
    let listed: BTreeSet<String> = documents(listed)[0]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect();
    let names = expected
        .iter()
        .map(|crd| crd.metadata.name.clone().unwrap());
    assert_eq!(listed, names.collect());
    let images = chart[0]["annotations"]["artifacthub.io/images"]
        .as_str()
        .unwrap();
    let images = documents(images);
    let images = images[0].as_array().unwrap().iter();
    let listed: BTreeSet<&str> = images.map(|one| one["image"].as_str().unwrap()).collect();
    let templates = objects.iter().filter_map(pod_template);
    let used = templates.flat_map(|template| template["spec"]["containers"].as_array().unwrap());
    let used = used.map(|container| container["image"].as_str().unwrap());
    assert_eq!(listed, used.collect());
}

#[test]
fn what_a_pod_needs_to_end_fits_into_its_grace_period() {
    let Some(helm) = Helm::new() else {
        return;
    };
    for (pre_stop, notice, timeout) in [(5, 2, 60), (0, 0, 0), (30, 10, 600)] {
        let values = format!(
            "gateway: {{drain: {{preStopSeconds: {pre_stop}, noticeSeconds: {notice}, timeoutSeconds: {timeout}}}}}"
        );
        let objects = helm.render(&values);
        let gateway = the(&objects, "Deployment", "parapet-gateway");
        let spec = &pod_template(gateway).unwrap()["spec"];
        let sleep = &spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"];
        assert_eq!(sleep.as_u64().unwrap_or(0), pre_stop);
        assert_eq!(arg(gateway, "drain-notice"), Some(&*format!("{notice}s")));
        assert_eq!(arg(gateway, "drain-timeout"), Some(&*format!("{timeout}s")));
        // Two seconds of them are for the last records.
        let grace = spec["terminationGracePeriodSeconds"].as_u64().unwrap();
        assert_eq!(grace, pre_stop + notice + timeout + 5);
    }
}

#[test]
fn an_autoscaler_has_the_number_of_gateways_to_itself() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let replicas = |values: &str| {
        let objects = helm.render(values);
        the(&objects, "Deployment", "parapet-gateway")["spec"]["replicas"].clone()
    };
    assert_eq!(replicas(""), 3);
    assert_eq!(replicas("gateway: {replicas: 0}"), 0);
    assert!(replicas("gateway: {replicas: null}").is_null());
    assert!(replicas("gateway: {autoscaling: {enabled: true}}").is_null());
}

#[test]
fn what_is_given_is_not_made_and_what_is_elsewhere_is_not_installed() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let secrets = |object: &Value| -> BTreeSet<String> {
        let volumes = &pod_template(object).unwrap()["spec"]["volumes"];
        let names = volumes.as_array().unwrap().iter().flat_map(|volume| {
            let sources = volume["projected"]["sources"].as_array();
            let projected = sources.into_iter().flatten();
            let projected = projected.map(|source| &source["secret"]["name"]);
            projected.chain([&volume["secret"]["secretName"]])
        });
        let names = names.filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let values = |name: &str| VALUE_SETS.iter().find(|(set, _)| *set == name).unwrap().1;

    let own = helm.render(values("own Secrets"));
    assert!(of_kind(&own, "Job").is_empty());
    let none_of_the_job = |object: &&Value| object["metadata"]["name"] == "parapet-keys";
    assert_eq!(own.iter().find(none_of_the_job), None);
    for (kind, name, expected) in [
        ("Deployment", "parapet-gateway", &["own-gateway"][..]),
        (
            "Deployment",
            "parapet-operator",
            &["own-operator", "own-webhook"],
        ),
        ("Deployment", "parapet-forwarder", &["own-forwarder"]),
        ("StatefulSet", "parapet-nats", &["own-nats"]),
    ] {
        assert_eq!(secrets(the(&own, kind, name)), set(expected), "{name}");
    }

    let outside = helm.render(values("external NATS"));
    let of_nats = |object: &&Value| {
        let labels = &object["metadata"]["labels"];
        labels["app.kubernetes.io/component"] == "nats"
    };
    assert_eq!(outside.iter().find(of_nats), None);
    let job = of_kind(&outside, "Job")[0];
    assert!(args(job).contains(&"--external-nats"));
    let gateway = the(&outside, "Deployment", "parapet-gateway");
    let expected = [
        "nats-ca",
        "nats-gateway",
        "nats-recorder",
        "parapet-gateway-keys",
    ];
    assert_eq!(secrets(gateway), set(&expected));
    // Nobody makes it keys then.
    let forwarder = the(&outside, "Deployment", "parapet-forwarder");
    assert_eq!(secrets(forwarder), set(&["nats-ca", "nats-forwarder"]));
    let servers = "tls://a.nats.example.com:4222,tls://b.nats.example.com";
    assert_eq!(arg(gateway, "nats"), Some(servers));
    assert_eq!(
        arg(gateway, "nats-creds"),
        Some("/etc/parapet/nats/nats.creds")
    );
    let operator = the(&outside, "Deployment", "parapet-operator");
    assert_eq!(arg(operator, "nats-replicas"), Some("3"));
}

#[test]
fn what_has_no_namespace_is_named_after_the_release_s() {
    let Some(helm) = Helm::new() else {
        return;
    };
    for (set, values) in VALUE_SETS {
        for object in helm.render(values) {
            let metadata = &object["metadata"];
            let of_all = object["kind"] == "CustomResourceDefinition";
            if !of_all && metadata["namespace"].is_null() {
                let name = metadata["name"].as_str().unwrap();
                let own = ["parapet-parapet", "parapet-gate"];
                assert!(own.iter().any(|own| name.starts_with(own)), "{set}: {name}");
            }
        }
    }
}

#[test]
fn gateways_get_no_token_of_the_api() {
    let Some(helm) = Helm::new() else {
        return;
    };
    for (set, values) in VALUE_SETS {
        for object in helm.render(values) {
            let Some(template) = pod_template(&object) else {
                continue;
            };
            let component = &template["metadata"]["labels"]["app.kubernetes.io/component"];
            let mounted = &template["spec"]["automountServiceAccountToken"];
            let needs = ["operator", "keys"].iter().any(|one| component == one);
            assert_eq!(*mounted, Value::Bool(needs), "{set}: {component}");
        }
    }
}
