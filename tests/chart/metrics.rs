//! Dashboard and alerts ask for metrics that the programs have.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Helm, documents, file, of_kind, the};

/// Names of metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    let ours = words.filter(|word| word.starts_with("parapet_"));
    let ours = ours.map(|name| {
        let of_histogram = ["_bucket", "_sum", "_count"];
        let base = of_histogram.iter().find_map(|end| name.strip_suffix(end));
        base.unwrap_or(name).to_owned()
    });
    ours.collect()
}

/// Every metric that a program registers.
fn registered() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for path in [
        "gateway/src/telemetry/metrics.rs",
        "gateway/src/telemetry/metrics/chat_tools.rs",
        "gateway/src/telemetry/metrics/issuers.rs",
        "gateway/src/telemetry/metrics/lists.rs",
        "gateway/src/telemetry/metrics/mcp.rs",
        "gateway/src/telemetry/metrics/models.rs",
        "gateway/src/telemetry/metrics/programs.rs",
        "gateway/src/telemetry/metrics/remote.rs",
        "gateway/src/telemetry/metrics/tools.rs",
        "operator/src/metrics.rs",
        "operator/src/forward/metrics.rs",
    ] {
        let text = file(path);
        let (code, _) = text.split_once("#[cfg(test)]").unwrap_or((&text, ""));
        for literal in code.split('"').skip(1).step_by(2) {
            if names(literal).contains(literal) {
                known.insert(literal.to_owned());
            }
        }
    }
    known
}

#[test]
fn every_metric_is_in_the_documents() {
    let documents = [
        "bundle",
        "identity",
        "mcp",
        "operations",
        "telemetry",
        "webhook",
    ];
    let documents = documents
        .map(|name| file(&format!("docs/{name}.md")))
        .join("\n");
    let told = names(&documents);
    let untold: Vec<_> = registered().difference(&told).cloned().collect();
    assert!(untold.is_empty(), "{untold:?}");
}

#[test]
fn what_the_dashboard_and_the_alerts_ask_for_is_there() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let known = registered();
    assert!(known.len() > 20, "{known:?}");
    let objects = helm.render(
        "metrics: {dashboard: {enabled: true}, prometheusRule: {enabled: true}, podMonitor: {enabled: true}}
forwarder: {enabled: true}
telemetry: {otlp: {endpoint: 'http://collector:4318'}}",
    );
    let dashboard = the(&objects, "ConfigMap", "parapet-dashboard");
    assert_eq!(dashboard["metadata"]["labels"]["grafana_dashboard"], "1");
    let dashboard: Value =
        serde_json::from_str(dashboard["data"]["parapet.json"].as_str().unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut asked = BTreeSet::new();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            let of_it = names(expression);
            assert!(!of_it.is_empty(), "{expression}");
            asked.extend(of_it);
        }
    }
    let rule = the(&objects, "PrometheusRule", "parapet");
    let alerts = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
    assert!(alerts.len() >= 8);
    for alert in alerts {
        let expression = alert["expr"].as_str().unwrap();
        let of_it = names(expression);
        assert!(!of_it.is_empty(), "{expression}");
        // Of this installation only.
        assert!(expression.contains("namespace=\"parapet\""), "{expression}");
        asked.extend(of_it);
    }
    let unknown: Vec<_> = asked.difference(&known).collect();
    assert!(unknown.is_empty(), "nobody has these: {unknown:?}");
    assert_eq!(of_kind(&objects, "PodMonitor").len(), 3);
}

#[test]
fn forwarders_have_alerts_where_there_are_forwarders() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let of_forwarders = |values: &str| {
        let objects = helm.render(values);
        let rule = the(&objects, "PrometheusRule", "parapet");
        let alerts = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
        let names = alerts.iter().map(|alert| alert["alert"].as_str().unwrap());
        let of_them = names.filter_map(|name| name.strip_prefix("ParapetForwarder"));
        of_them.map(str::to_owned).collect::<Vec<_>>()
    };
    let with = "metrics: {prometheusRule: {enabled: true}}\n";
    assert_eq!(of_forwarders(with), [""; 0]);
    let forwarding =
        "forwarder: {enabled: true}\ntelemetry: {otlp: {endpoint: 'http://collector:4318'}}";
    assert_eq!(
        of_forwarders(&format!("{with}{forwarding}")),
        ["Behind", "Fails", "Loses", "Away"]
    );
}

#[test]
fn the_limit_of_nats_is_above_what_its_collector_aims_at() {
    let values = documents(&file("helm/parapet/values.yaml")).remove(0);
    let mebibytes = |text: &Value, unit: &str| -> u64 {
        let text = text.as_str().unwrap();
        text.strip_suffix(unit).unwrap().parse().unwrap()
    };
    let limit = mebibytes(&values["nats"]["resources"]["limits"]["memory"], "Mi");
    let aim = mebibytes(&values["nats"]["goMemLimit"], "MiB");
    assert!(
        aim * 10 <= limit * 9 && aim * 10 >= limit * 7,
        "{aim} of {limit}"
    );
}
