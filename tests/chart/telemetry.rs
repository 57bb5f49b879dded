//! Where the chart lets traces and metrics go: nowhere, to a collector, or over NATS to forwarders.

use std::collections::BTreeMap;

use parapet_otlp::{Protocol, Sampler, Settings};
use serde_json::{Value, json};

use crate::support::{Helm, arg, args, pod_template, the};
use crate::value_sets::VALUE_SETS;

fn container(object: &Value) -> &Value {
    &pod_template(object).unwrap()["spec"]["containers"][0]
}

/// What a pod's variables come to, as the program reads them; a Secret's value stands in by its name and key.
fn settings(object: &Value) -> Settings {
    let mut variables = BTreeMap::new();
    for variable in container(object)["env"].as_array().unwrap() {
        let name = variable["name"].as_str().unwrap();
        let secret = &variable["valueFrom"]["secretKeyRef"];
        let value = match variable["value"].as_str() {
            Some(value) => value.to_owned(),
            None if secret.is_null() => continue,
            None => format!(
                "{}={}",
                secret["name"].as_str().unwrap(),
                secret["key"].as_str().unwrap()
            ),
        };
        variables.insert(name.to_owned(), value);
    }
    Settings::read(|name| variables.get(name).cloned())
}

/// Every file that the settings name is in a volume that is mounted.
fn files_are_mounted(object: &Value, settings: &Settings) {
    let signal = settings.traces.as_ref().unwrap();
    let (certificate, key) = signal.identity.as_ref().unwrap();
    let mounts = container(object)["volumeMounts"].as_array().unwrap();
    let volumes = &pod_template(object).unwrap()["spec"]["volumes"];
    for file in [signal.ca.as_ref().unwrap(), certificate, key] {
        let folder = file.parent().unwrap().to_str().unwrap();
        let mount = mounts.iter().find(|mount| mount["mountPath"] == folder);
        let name = &mount.unwrap()["name"];
        let volume = volumes
            .as_array()
            .unwrap()
            .iter()
            .find(|volume| volume["name"] == *name);
        let volume = volume.unwrap();
        let source = [
            &volume["configMap"]["name"],
            &volume["secret"]["secretName"],
        ];
        assert!(
            source.contains(&&json!("corporate")) || source.contains(&&json!("collector-client"))
        );
    }
}

fn values(name: &str) -> &'static str {
    VALUE_SETS.iter().find(|(set, _)| *set == name).unwrap().1
}

#[test]
fn nothing_is_sent_until_somebody_says_where() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let objects = helm.render("");
    let gateway = the(&objects, "Deployment", "parapet-gateway");
    let settings = settings(gateway);
    assert!(settings.traces.is_none() && settings.metrics.is_none());
    assert_eq!(arg(gateway, "traces"), None);
    let forwarder = |object: &&Value| {
        object["metadata"]["labels"]["app.kubernetes.io/component"] == "forwarder"
    };
    assert_eq!(objects.iter().find(forwarder), None);
}

#[test]
fn gateways_post_to_a_collector_as_the_values_say() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let objects = helm.render(values("telemetry"));
    let gateway = the(&objects, "Deployment", "parapet-gateway");
    let settings = settings(gateway);
    assert_eq!(settings.remarks, Vec::<String>::new());
    assert!(settings.metrics.is_none());
    let signal = settings.traces.as_ref().unwrap();
    assert_eq!(signal.uri, "http://collector.monitoring:4318/v1/traces");
    assert_eq!(signal.headers["collector-token"], "headers");
    assert_eq!(settings.sampler, Sampler::always(1.0));
    files_are_mounted(gateway, &settings);
    assert_eq!(arg(gateway, "traces"), None);
}

#[test]
fn with_forwarders_only_they_know_the_collector() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let objects = helm.render(values("largest"));
    let gateway = the(&objects, "Deployment", "gate-gateway");
    assert_eq!(arg(gateway, "traces"), Some("nats"));
    assert_eq!(
        arg(gateway, "traces-nkey"),
        Some("/etc/parapet/keys/traces.nk")
    );
    assert_eq!(arg(gateway, "trace-content"), Some("1024"));
    let of_gateway = settings(gateway);
    assert!(of_gateway.traces.is_none() && of_gateway.metrics.is_none());
    assert_eq!(of_gateway.sampler, Sampler::parent_or(0.1));
    for (key, value) in [("deployment.environment.name", "pre prod"), ("team", "a=b")] {
        let pair = (key.to_owned(), value.to_owned());
        assert!(
            of_gateway.resource.contains(&pair),
            "{:?}",
            of_gateway.resource
        );
    }
    let forwarder = the(&objects, "Deployment", "gate-forwarder");
    assert_eq!(args(forwarder)[0], "forward");
    assert_eq!(arg(forwarder, "class"), arg(gateway, "class"));
    assert_eq!(forwarder["spec"]["replicas"], 3);
    let of_forwarder = settings(forwarder);
    assert_eq!(of_forwarder.remarks, Vec::<String>::new());
    let signal = of_forwarder.traces.as_ref().unwrap();
    assert_eq!((signal.protocol, signal.gzip), (Protocol::Grpc, true));
    assert_eq!(signal.headers["collector-token"], "token");
    files_are_mounted(forwarder, &of_forwarder);
    // The network lets it reach NATS and a collector, and NATS lets it in.
    let policy = the(&objects, "NetworkPolicy", "gate-forwarder");
    let collector = &policy["spec"]["egress"][2];
    assert_eq!(
        collector["ports"],
        json!([{"port": 4317, "protocol": "TCP"}])
    );
    let nats = the(&objects, "NetworkPolicy", "gate-nats");
    let clients = nats["spec"]["ingress"][0]["from"].to_string();
    assert!(clients.contains("\"forwarder\""), "{clients}");
    assert_eq!(arg(forwarder, "nats-replicas"), Some("3"));
    let budget = the(&objects, "PodDisruptionBudget", "gate-forwarder");
    assert_eq!(budget["spec"]["maxUnavailable"], 1);
}

#[test]
fn with_a_nats_of_ones_own_everybody_has_credentials_of_their_own() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let external = values("external NATS");
    let objects = helm.render(external);
    for (component, name, secret) in [
        ("gateway", "recorder", "nats-recorder"),
        ("operator", "watcher", "nats-watcher"),
    ] {
        let deployment = the(&objects, "Deployment", &format!("parapet-{component}"));
        let folder = format!("/etc/parapet/{name}");
        let file = format!("{folder}/nats.creds");
        assert_eq!(arg(deployment, "traces-creds"), Some(&*file), "{component}");
        let mounts = container(deployment)["volumeMounts"].as_array().unwrap();
        let mount = mounts.iter().find(|mount| mount["mountPath"] == *folder);
        assert_eq!(mount.unwrap()["name"], name);
        let volumes = &pod_template(deployment).unwrap()["spec"]["volumes"];
        let mut volumes = volumes.as_array().unwrap().iter();
        let volume = volumes.find(|volume| volume["name"] == name).unwrap();
        assert_eq!(volume["secret"]["secretName"], secret);
    }
    let forwarder = the(&objects, "Deployment", "parapet-forwarder");
    assert_eq!(
        arg(forwarder, "nats-creds"),
        Some("/etc/parapet/nats/nats.creds")
    );
    for component in ["operator", "forwarder"] {
        let deployment = the(&objects, "Deployment", &format!("parapet-{component}"));
        assert_eq!(arg(deployment, "nats-replicas"), Some("3"), "{component}");
    }
    // Without a page the operator reads no records, whatever there is to read them with.
    let off = external.replace("console: {enabled: true}", "");
    let off = helm.render(&off);
    let operator = the(&off, "Deployment", "parapet-operator").to_string();
    assert!(
        !operator.contains("watcher") && !operator.contains("traces-"),
        "{operator}"
    );
    let nkeys = helm.render(&external.replace("type: creds", "type: nkey"));
    let operator = the(&nkeys, "Deployment", "parapet-operator");
    assert_eq!(
        arg(operator, "traces-nkey"),
        Some("/etc/parapet/watcher/nats.nk")
    );
}
