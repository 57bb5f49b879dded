//! The standard `OTEL_*` variables: <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>
//! and <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.
//!
//! One that cannot be read is remarked upon and its signal stays off: telemetry never keeps anybody from serving.

use std::path::PathBuf;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use crate::sampler::Sampler;

/// Spans that may wait for a collector, unless `OTEL_BSP_MAX_QUEUE_SIZE` says otherwise. More than a library's usual 2,048,
/// because a gateway makes some thousand a second; a span takes about 500 bytes.
const MAX_QUEUE: u32 = 16_384;
/// Spans in one message, unless `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` says otherwise; collectors take 4 MiB over gRPC.
const MAX_BATCH: u32 = 2_048;

/// Everything that is exported, and where.
#[derive(Debug)]
pub struct Settings {
    /// Traces; none when they are not exported.
    pub traces: Option<Signal>,
    /// Metrics; none when they are not exported.
    pub metrics: Option<Signal>,
    /// Whether all of telemetry is turned off.
    pub disabled: bool,
    /// Which traces are kept.
    pub sampler: Sampler,
    /// Whether a caller's trace is taken up.
    pub propagates: bool,
    /// What says who is exporting.
    pub resource: Vec<(String, String)>,
    /// How spans are gathered.
    pub batches: Batches,
    /// How often metrics are exported.
    pub metrics_every: Duration,
    /// What could not be read, for the log.
    pub remarks: Vec<String>,
}

/// How spans are gathered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Batches {
    /// Spans that may wait.
    pub queue: u32,
    /// Spans in one message.
    pub batch: u32,
    /// How long spans may wait for more.
    pub delay: Duration,
}

/// The way of one signal.
#[derive(Clone)]
pub struct Signal {
    /// Over what.
    pub protocol: Protocol,
    /// Where to.
    pub uri: Uri,
    /// Headers for each message; they may hold credentials.
    pub headers: HeaderMap,
    /// Whether messages are compressed.
    pub gzip: bool,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// A PEM file with certificate authorities to trust beside the system's.
    pub ca: Option<PathBuf>,
    /// PEM files with a certificate chain and its key, for collectors that ask for them.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl std::fmt::Debug for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("Signal")
            .field("protocol", &self.protocol)
            .field("uri", &self.uri)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// Over what messages go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// `http/protobuf`.
    Http,
    /// `grpc`.
    Grpc,
}

/// One of the signals, as variables and paths name it.
struct Which {
    variable: &'static str,
    path: &'static str,
    service: &'static str,
}

const TRACES: Which = Which {
    variable: "TRACES",
    path: "v1/traces",
    service: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
};
const METRICS: Which = Which {
    variable: "METRICS",
    path: "v1/metrics",
    service: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
};

impl Settings {
    /// Reads the process's environment.
    pub fn from_env() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads variables. An empty one counts as one that is not there.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut reader = Reader {
            variable: &variable,
            remarks: Vec::new(),
        };
        let off = reader.bool("OTEL_SDK_DISABLED");
        let traces = reader.signal(&TRACES).filter(|_| !off);
        let metrics = reader.signal(&METRICS).filter(|_| !off);
        let batches = reader.batches();
        Self {
            traces,
            metrics,
            disabled: off,
            sampler: reader.sampler(),
            propagates: reader
                .get("OTEL_PROPAGATORS")
                .is_none_or(|list| list.split(',').any(|name| name.trim() == "tracecontext")),
            resource: reader.resource(),
            batches,
            metrics_every: reader
                .millis("OTEL_METRIC_EXPORT_INTERVAL")
                .unwrap_or(Duration::from_secs(60)),
            remarks: reader.remarks,
        }
    }
}

struct Reader<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    remarks: Vec<String>,
}

impl Reader<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let value = (self.variable)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn bool(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn remark(&mut self, name: &str, why: &str) {
        self.remarks.push(format!("{name}: {why}"));
    }

    fn number<T: std::str::FromStr>(&mut self, name: &str) -> Option<T> {
        let value = self.get(name)?.parse().ok();
        if value.is_none() {
            self.remark(name, "it is not a number; the default is used");
        }
        value
    }

    fn millis(&mut self, name: &str) -> Option<Duration> {
        self.number(name)
            .filter(|millis: &u64| *millis > 0)
            .map(Duration::from_millis)
    }

    /// The signal's own variable, or the one for all signals: its name and value.
    fn either(&self, which: &Which, name: &str) -> Option<(String, String)> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_{name}", which.variable);
        let all = format!("OTEL_EXPORTER_OTLP_{name}");
        [own, all]
            .into_iter()
            .find_map(|name| self.get(&name).map(|value| (name, value)))
    }

    fn signal(&mut self, which: &Which) -> Option<Signal> {
        let exporter = format!("OTEL_{}_EXPORTER", which.variable);
        let asked = match self.get(&exporter).as_deref() {
            None => false,
            Some("otlp") => true,
            Some("none") => return None,
            Some(_) => {
                self.remark(
                    &exporter,
                    "only otlp and none are known; nothing is exported",
                );
                return None;
            }
        };
        // A collector on the same machine is the standard's default; here somebody has to have said so.
        if self.either(which, "ENDPOINT").is_none() && !asked {
            return None;
        }
        match self.way(which) {
            Ok(signal) => Some(signal),
            Err((name, why)) => {
                self.remark(&name, &format!("{why}; nothing is exported"));
                None
            }
        }
    }

    fn way(&mut self, which: &Which) -> Result<Signal, (String, String)> {
        let protocol = match self.either(which, "PROTOCOL") {
            None => Protocol::Http,
            Some((name, value)) => match value.as_str() {
                "http/protobuf" => Protocol::Http,
                "grpc" => Protocol::Grpc,
                _ => return Err((name, "only http/protobuf and grpc are known".to_owned())),
            },
        };
        let uri = self.uri(which, protocol)?;
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = self.either(which, "HEADERS") {
            headers = read_headers(&value).map_err(|why| (name, why.to_owned()))?;
        }
        let gzip = match self.either(which, "COMPRESSION") {
            None => false,
            Some((name, value)) => match value.as_str() {
                "gzip" => true,
                "none" => false,
                _ => return Err((name, "only gzip and none are known".to_owned())),
            },
        };
        if let Some((name, value)) = self.either(which, "TEMPORALITY_PREFERENCE")
            && !value.eq_ignore_ascii_case("cumulative")
        {
            self.remark(&name, "only cumulative is known, and used");
        }
        let timeout = match self.either(which, "TIMEOUT") {
            None => None,
            Some((name, _)) => self.millis(&name),
        };
        let path = |name| {
            self.either(which, name)
                .map(|(_, path)| PathBuf::from(path))
        };
        let identity = match (path("CLIENT_CERTIFICATE"), path("CLIENT_KEY")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                let name = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE".to_owned();
                return Err((name, "a certificate and a key belong together".to_owned()));
            }
        };
        Ok(Signal {
            protocol,
            uri,
            headers,
            gzip,
            timeout: timeout.unwrap_or(Duration::from_secs(10)),
            ca: path("CERTIFICATE"),
            identity,
        })
    }

    fn uri(&self, which: &Which, protocol: Protocol) -> Result<Uri, (String, String)> {
        let default = match protocol {
            Protocol::Http => "http://localhost:4318",
            Protocol::Grpc => "http://localhost:4317",
        };
        let (name, value) = self
            .either(which, "ENDPOINT")
            .unwrap_or_else(|| ("the default".to_owned(), default.to_owned()));
        let own = name.contains(which.variable);
        let value = match protocol {
            // gRPC's own form has no scheme.
            Protocol::Grpc if !value.contains("://") => {
                let insecure = self.either(which, "INSECURE");
                match insecure.is_some_and(|(_, value)| value.eq_ignore_ascii_case("true")) {
                    true => format!("http://{value}"),
                    false => format!("https://{value}"),
                }
            }
            Protocol::Grpc | Protocol::Http => value,
        };
        let wrong = |why: &str| (name.clone(), why.to_owned());
        let uri: Uri = value.parse().map_err(|_| wrong("it is not a URL"))?;
        parapet_connect::Origin::of(&uri).map_err(|error| wrong(&error.to_string()))?;
        let path = match (protocol, own) {
            (Protocol::Grpc, _) => which.service.to_owned(),
            (Protocol::Http, true) => return Ok(uri),
            (Protocol::Http, false) => {
                format!("{}/{}", uri.path().trim_end_matches('/'), which.path)
            }
        };
        let mut parts = uri.into_parts();
        parts.path_and_query = PathAndQuery::try_from(path).ok();
        Uri::from_parts(parts).map_err(|_| wrong("it is not a URL"))
    }

    fn batches(&mut self) -> Batches {
        let queue = self
            .number("OTEL_BSP_MAX_QUEUE_SIZE")
            .unwrap_or(MAX_QUEUE)
            .max(1);
        let batch = self.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE");
        Batches {
            queue,
            batch: batch.unwrap_or(MAX_BATCH).clamp(1, queue),
            delay: self
                .millis("OTEL_BSP_SCHEDULE_DELAY")
                .unwrap_or(Duration::from_secs(5)),
        }
    }

    fn sampler(&mut self) -> Sampler {
        let name = "OTEL_TRACES_SAMPLER";
        let sampler = self.get(name);
        let mut ratio = || {
            let argument = "OTEL_TRACES_SAMPLER_ARG";
            let read: Option<f64> = self.number(argument);
            match read {
                Some(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
                Some(_) => {
                    self.remark(
                        argument,
                        "it is not between 0 and 1; the default, 1, is used",
                    );
                    1.0
                }
                None => 1.0,
            }
        };
        match sampler.as_deref() {
            None | Some("parentbased_always_on") => Sampler::parent_or(1.0),
            Some("parentbased_always_off") => Sampler::parent_or(0.0),
            Some("parentbased_traceidratio") => Sampler::parent_or(ratio()),
            Some("always_on") => Sampler::always(1.0),
            Some("always_off") => Sampler::never(),
            Some("traceidratio") => Sampler::always(ratio()),
            Some(_) => {
                self.remark(
                    name,
                    "it is not a known sampler; parentbased_always_on is used",
                );
                Sampler::parent_or(1.0)
            }
        }
    }

    fn resource(&mut self) -> Vec<(String, String)> {
        let mut resource = vec![
            ("service.name".to_owned(), "parapet-gateway".to_owned()),
            (
                "service.version".to_owned(),
                env!("CARGO_PKG_VERSION").to_owned(),
            ),
            ("telemetry.sdk.name".to_owned(), "parapet".to_owned()),
            ("telemetry.sdk.language".to_owned(), "rust".to_owned()),
            (
                "telemetry.sdk.version".to_owned(),
                env!("CARGO_PKG_VERSION").to_owned(),
            ),
        ];
        // A pod's name; elsewhere anything that differs from process to process.
        let instance = self.get("HOSTNAME").unwrap_or_else(|| {
            use std::hash::{BuildHasher as _, RandomState};
            let random = RandomState::new().hash_one(std::process::id());
            format!("{random:016x}")
        });
        resource.push(("service.instance.id".to_owned(), instance));
        let attributes = "OTEL_RESOURCE_ATTRIBUTES";
        for pair in self
            .get(attributes)
            .as_deref()
            .unwrap_or_default()
            .split(',')
        {
            let decoded = pair.split_once('=').and_then(|(key, value)| {
                let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
                Some((key.trim().to_owned(), value.into_owned()))
            });
            match decoded {
                Some((key, value)) if !key.is_empty() => put(&mut resource, key, value),
                Some(_) | None if pair.trim().is_empty() => {}
                Some(_) | None => self.remark(attributes, "a part of it is not KEY=VALUE"),
            }
        }
        if let Some(name) = self.get("OTEL_SERVICE_NAME") {
            put(&mut resource, "service.name".to_owned(), name);
        }
        resource
    }
}

fn put(resource: &mut Vec<(String, String)>, key: String, value: String) {
    match resource.iter_mut().find(|(known, _)| *known == key) {
        Some((_, known)) => *known = value,
        None => resource.push((key, value)),
    }
}

/// `name=value,name=value`, values percent-encoded.
fn read_headers(text: &str) -> Result<HeaderMap, &'static str> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .ok_or("a part of it is not NAME=VALUE")?;
        let value = percent_decode_str(value.trim())
            .decode_utf8()
            .map_err(|_| "a value is not UTF-8")?;
        let name =
            HeaderName::try_from(name.trim()).map_err(|_| "a name is not one of a header")?;
        let mut value =
            HeaderValue::try_from(&*value).map_err(|_| "a value cannot stand in a header")?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
