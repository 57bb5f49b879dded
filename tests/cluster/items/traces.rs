//! Traces go over NATS to forwarders, and from them to a collector in the cluster.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use parapet_tests::collector::{Span, spans_in};

use super::{BACK_WITHIN, GATEWAYS, World};
use crate::installed::{Installed, Pod, ROLLOUT};
use crate::load::chat;
use crate::node::Node;
use crate::policy::SSN;
use crate::report::Report;
use crate::tool::{apply, kubectl, shown, until};

/// Requests before something happens to a forwarder, and after.
const BURST: usize = 20;
/// Within this the spans of a burst are there: longer than gateways and forwarders gather, shorter than the 30 s after which
/// NATS gives a batch to another forwarder.
const ARRIVED_WITHIN: Duration = Duration::from_secs(20);
/// The folder on the node that the collector writes into.
const FOLDER: &str = "collector";

/// A collector that writes what it gets into a file.
const COLLECTOR: &str = r#"apiVersion: v1
kind: Namespace
metadata: {name: collector}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: otelcol}
data:
  config.yaml: |
    receivers: {otlp: {protocols: {http: {endpoint: "0.0.0.0:4318"}}}}
    exporters: {file: {path: /data/traces.json, flush_interval: 100ms}}
    service:
      telemetry: {metrics: {level: none}}
      pipelines: {traces: {receivers: [otlp], exporters: [file]}}
---
apiVersion: v1
kind: Service
metadata: {name: otelcol}
spec:
  selector: {app: otelcol}
  ports: [{port: 4318}]
---
apiVersion: v1
kind: Pod
metadata: {name: otelcol, labels: {app: otelcol}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: otelcol
      image: localhost/otelcol:dev
      imagePullPolicy: Never
      args: [--config=/config/config.yaml]
      readinessProbe: {tcpSocket: {port: 4318}, periodSeconds: 1}
      resources: {requests: {cpu: 10m}, limits: {memory: 192Mi}}
      volumeMounts: [{name: config, mountPath: /config}, {name: data, mountPath: /data}]
  volumes:
    - {name: config, configMap: {name: otelcol}}
    - {name: data, hostPath: {path: /var/volumes/collector}}
"#;

/// What the chart is told: as somebody would whose gateways must not reach the collector.
const VALUES: [&str; 4] = [
    "telemetry.otlp.endpoint=http://otelcol.collector:4318",
    "forwarder.enabled=true",
    "forwarder.replicas=2",
    // Five seconds of gathering, twice, would be most of this item's time.
    r#"gateway.extraEnv=[{"name":"OTEL_BSP_SCHEDULE_DELAY","value":"200"}]"#,
];

pub(super) async fn items(world: &World, report: &mut Report) {
    let name = "traces reach a collector over NATS, each span once, while one forwarder is killed and one deleted";
    match &world.node {
        Some(node) => world.show(report, name, || traces(world, node)).await,
        None => report.skip(name, "the collector's image is on a node of our own only"),
    }
}

/// What the collector has written, as text; nothing before there is one.
pub(super) fn written(node: &Node) -> String {
    std::fs::read_to_string(node.shared(FOLDER).join("traces.json")).unwrap_or_default()
}

async fn traces(world: &World, node: &Node) -> Result<String> {
    let installed = &world.installed;
    node.share(FOLDER)?;
    // Its namespace is the first of the documents. Pods are refused there until it has its account, which takes the
    // controllers a while after an outage.
    until(BACK_WITHIN, "the collector is taken", || {
        apply("collector", COLLECTOR)
    })
    .await?;
    let ready = [
        "-n",
        "collector",
        "wait",
        "--for=condition=Ready",
        "pod/otelcol",
        "--timeout=60s",
    ];
    kubectl(&ready).await?;
    installed.helm("upgrade", &VALUES).await?;
    let (gateways, _) = installed.gateways(GATEWAYS).await?;
    let forwarders = forwarders(installed).await?;
    let [first, second] = forwarders.as_slice() else {
        anyhow::bail!("there are {} forwarders", forwarders.len());
    };
    let mut asked = HashMap::new();
    burst(&gateways, &mut asked).await?;
    arrived(node, &asked).await?;
    // Nothing is under way now: what it had taken would come again, after half a minute and perhaps twice.
    node.kill(first).await?;
    burst(&gateways, &mut asked).await?;
    let killed = arrived(node, &asked).await?;
    // One that is asked to end posts what it has, or hands it back.
    let deletion = [
        "-n",
        &installed.namespace,
        "delete",
        "pod",
        &second.name,
        "--wait=false",
    ];
    let (deleted, burst) = tokio::join!(kubectl(&deletion), burst(&gateways, &mut asked));
    deleted?;
    burst?;
    let deleted = arrived(node, &asked).await?;
    let spans = each_once(&spans_in(&written(node)), &asked)?;
    Ok(format!(
        "{} requests, {spans} spans; after the kill they came within {}, during the deletion within {}",
        asked.len(),
        shown(killed),
        shown(deleted)
    ))
}

/// Both of them, ready.
async fn forwarders(installed: &Installed) -> Result<Vec<Pod>> {
    let (pods, _) = until(ROLLOUT, "two forwarders", || async {
        let pods = installed.pods("forwarder").await?;
        let ready = pods.iter().filter(|pod| pod.ready).count();
        ensure!(pods.len() == 2 && ready == 2, "{ready} of {}", pods.len());
        Ok(pods)
    })
    .await?;
    Ok(pods)
}

/// Asks every gateway; notes each request's id with its status. Every other one is blocked.
async fn burst(gateways: &[Pod], asked: &mut HashMap<String, u16>) -> Result<()> {
    for (number, pod) in gateways.iter().cycle().take(BURST).enumerate() {
        let (text, expected) = match number.is_multiple_of(2) {
            true => ("hello".to_owned(), 200),
            false => (format!("my number is {SSN}"), 400),
        };
        let answer = pod.client()?.send(chat("demo/echo", &text)).await?;
        let status = answer.status.as_u16();
        ensure!(status == expected, "status {status}: {}", answer.text()?);
        let id = answer.header("x-request-id").context("no x-request-id")?;
        asked.insert(id.to_owned(), status);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Waits until the spans of all requests are there; how long that took.
async fn arrived(node: &Node, asked: &HashMap<String, u16>) -> Result<Duration> {
    let (_, took) = until(ARRIVED_WITHIN, "all spans are there", || async {
        let spans = spans_in(&written(node));
        let known: HashSet<String> = spans.iter().map(request).collect();
        let missing = asked.keys().filter(|id| !known.contains(*id)).count();
        ensure!(
            missing == 0,
            "the spans of {missing} of {} requests are missing",
            asked.len()
        );
        Ok(())
    })
    .await?;
    Ok(took)
}

fn request(span: &Span) -> String {
    span.told("parapet.request.id")
}

/// Each request has one root, its guardrails and what became of it, and no span is there twice; how many there are.
fn each_once(all: &[Span], asked: &HashMap<String, u16>) -> Result<usize> {
    let mut count = 0;
    for (id, status) in asked {
        let mut roots = all.iter().filter(|span| request(span) == *id);
        let root = roots.next().context("no root")?;
        ensure!(roots.next().is_none(), "the request {id} is there twice");
        let told = root.told("http.response.status_code");
        ensure!(
            told == status.to_string(),
            "{id}: {told} instead of {status}"
        );
        let of_trace = |span: &&Span| span.id("traceId") == root.id("traceId");
        let spans: Vec<&Span> = all.iter().filter(of_trace).collect();
        let ids: HashSet<&str> = spans.iter().map(|span| span.id("spanId")).collect();
        ensure!(ids.len() == spans.len(), "a span of {id} is there twice");
        let guardrails = spans
            .iter()
            .filter(|span| span.name().starts_with("run_guardrail"));
        ensure!(guardrails.count() > 0, "{id} has no guardrail");
        count += spans.len();
    }
    Ok(count)
}
