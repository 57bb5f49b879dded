//! A real OpenTelemetry Collector, and what it has received.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::harness::free_port;
use crate::tools::{Missing, tools};

/// How long the collector may take to listen, and what was sent to arrive, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A running collector, which writes what it receives into files. It is killed when dropped.
#[derive(Debug)]
pub struct Collector {
    dir: TempDir,
    grpc: SocketAddr,
    http: SocketAddr,
    scheme: &'static str,
    _child: Child,
}

/// How a collector speaks TLS: PEM files.
#[derive(Clone, Debug)]
pub struct CollectorTls {
    /// Its certificate, for 127.0.0.1.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Whose certificates clients have to show.
    pub client_authority: PathBuf,
}

/// One span as the collector wrote it.
#[derive(Clone, Debug)]
pub struct Span(Value);

impl Span {
    /// Its name.
    pub fn name(&self) -> &str {
        self.0["name"].as_str().unwrap_or_default()
    }

    /// Its id, the trace's (`traceId`) or the parent's (`parentSpanId`); empty when it is not there.
    pub fn id(&self, which: &str) -> &str {
        self.0[which].as_str().unwrap_or_default()
    }

    /// Any field.
    pub fn field(&self, name: &str) -> &Value {
        &self.0[name]
    }

    /// An attribute as text, lists separated by commas; empty when it is not there.
    pub fn told(&self, key: &str) -> String {
        attribute(&self.0["attributes"], key)
    }

    /// Whether its status says that it failed.
    pub fn failed(&self) -> bool {
        self.0["status"]["code"] == 2
    }
}

/// An attribute of a list of key and value, as text.
pub fn attribute(attributes: &Value, key: &str) -> String {
    fn text(value: &Value) -> String {
        match value.as_object().and_then(|kind| kind.iter().next()) {
            Some((kind, list)) if kind == "arrayValue" => {
                let parts = list["values"].as_array().into_iter().flatten().map(text);
                parts.collect::<Vec<_>>().join(",")
            }
            Some((_, Value::String(text))) => text.clone(),
            Some((_, other)) => other.to_string(),
            None => String::new(),
        }
    }
    let mut pairs = attributes.as_array().into_iter().flatten();
    let pair = pairs.find(|pair| pair["key"] == key);
    pair.map(|pair| text(&pair["value"])).unwrap_or_default()
}

impl Collector {
    /// Starts one; none when it is not to be had on this machine, which is said.
    ///
    /// # Errors
    /// When it cannot be built although it must, or does not start.
    pub async fn start() -> Result<Option<Self>> {
        Self::start_with(None).await
    }

    /// The same with TLS.
    ///
    /// # Errors
    /// When it cannot be built although it must, or does not start.
    pub async fn start_tls(tls: &CollectorTls) -> Result<Option<Self>> {
        Self::start_with(Some(tls)).await
    }

    async fn start_with(tls: Option<&CollectorTls>) -> Result<Option<Self>> {
        let folder = match tools(&["otelcol"])? {
            Ok(folder) => folder,
            Err(Missing(why)) => {
                eprintln!("SKIPPED: tests against a real OpenTelemetry Collector: {why}");
                return Ok(None);
            }
        };
        let dir = tempfile::tempdir().context("making a folder for the collector")?;
        let (grpc, http) = (free_port()?, free_port()?);
        let file = |name: &str| dir.path().join(name);
        let tls_config = tls.map_or_else(String::new, |tls| {
            format!(
                ", tls: {{cert_file: {}, key_file: {}, client_ca_file: {}}}",
                tls.certificate.display(),
                tls.key.display(),
                tls.client_authority.display()
            )
        });
        let config = format!(
            "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: '{grpc}'{tls_config}}}, http: {{endpoint: '{http}'{tls_config}}}}}}}}}
exporters:
  file/traces: {{path: {}, flush_interval: 100ms}}
  file/metrics: {{path: {}, flush_interval: 100ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [file/traces]}}
    metrics: {{receivers: [otlp], exporters: [file/metrics]}}
",
            file("traces.json").display(),
            file("metrics.json").display()
        );
        std::fs::write(file("config.yaml"), config).context("writing the collector's settings")?;
        let log = std::fs::File::create(file("log")).context("making a log file")?;
        let mut child = Command::new(folder.join("otelcol"))
            .arg("--config")
            .arg(file("config.yaml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("starting the collector")?;
        let deadline = Instant::now() + LIMIT;
        for addr in [grpc, http] {
            while TcpStream::connect(addr).await.is_err() {
                let ended = child
                    .try_wait()
                    .context("asking for the collector's state")?;
                if ended.is_some() || Instant::now() > deadline {
                    let said = std::fs::read_to_string(file("log")).unwrap_or_default();
                    bail!("the collector did not start ({ended:?}):\n{said}");
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(Some(Self {
            dir,
            grpc,
            http,
            scheme: if tls.is_some() { "https" } else { "http" },
            _child: child,
        }))
    }

    /// Where it receives over gRPC, as a URL.
    pub fn grpc(&self) -> String {
        format!("{}://{}", self.scheme, self.grpc)
    }

    /// Where it receives over HTTP, as a URL.
    pub fn http(&self) -> String {
        format!("{}://{}", self.scheme, self.http)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Everything that it has written, as it stands in the files.
    pub fn everything(&self) -> String {
        ["traces.json", "metrics.json"]
            .map(|name| std::fs::read_to_string(self.file(name)).unwrap_or_default())
            .join("\n")
    }

    /// The messages of a signal so far.
    fn messages(&self, name: &str) -> Vec<Value> {
        messages_in(&std::fs::read_to_string(self.file(name)).unwrap_or_default())
    }

    /// The attributes of every `Resource` that spans came with.
    pub fn resources(&self) -> Vec<Value> {
        let messages = self.messages("traces.json");
        let lists = messages
            .iter()
            .filter_map(|message| message["resourceSpans"].as_array());
        lists
            .flatten()
            .map(|resource| resource["resource"]["attributes"].clone())
            .collect()
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Span> {
        spans_of_messages(&self.messages("traces.json"))
    }

    /// The newest state of all metrics, by name.
    pub fn metrics(&self) -> HashMap<String, Value> {
        let messages = self.messages("metrics.json");
        inner(&messages, "resourceMetrics", "scopeMetrics", "metrics")
            .into_iter()
            .map(|metric| {
                (
                    metric["name"].as_str().unwrap_or_default().to_owned(),
                    metric,
                )
            })
            .collect()
    }

    /// Waits until `found` finds what it looks for.
    ///
    /// # Errors
    /// When it does not come in time, with what there is.
    pub async fn wait_for<T>(&self, found: impl Fn(&Self) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(found) = found(self) {
                return Ok(found);
            }
            if Instant::now() > deadline {
                bail!("the collector has not received it:\n{}", self.everything());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The spans of one request, as soon as they are there: they arrive together.
    ///
    /// # Errors
    /// When they do not come in time.
    pub async fn spans_of(&self, request_id: &str) -> Result<Vec<Span>> {
        self.wait_for(|collector| {
            let spans = collector.spans();
            let root = spans
                .iter()
                .find(|span| span.told("parapet.request.id") == request_id)?;
            let trace = root.id("traceId").to_owned();
            let of_trace = |span: &Span| span.id("traceId") == trace;
            Some(spans.into_iter().filter(of_trace).collect())
        })
        .await
    }
}

/// All spans in what a collector has written.
pub fn spans_in(text: &str) -> Vec<Span> {
    spans_of_messages(&messages_in(text))
}

fn messages_in(text: &str) -> Vec<Value> {
    // The last line may be half written.
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn spans_of_messages(messages: &[Value]) -> Vec<Span> {
    inner(messages, "resourceSpans", "scopeSpans", "spans")
        .into_iter()
        .map(Span)
        .collect()
}

fn inner(messages: &[Value], outer: &str, scope: &str, leaf: &str) -> Vec<Value> {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    messages
        .iter()
        .flat_map(|message| list(message, outer))
        .flat_map(|resource| list(&resource, scope))
        .flat_map(|scope| list(&scope, leaf))
        .collect()
}
