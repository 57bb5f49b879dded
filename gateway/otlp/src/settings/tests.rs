use super::*;

fn read(variables: &[(&str, &str)]) -> Settings {
    Settings::read(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");

fn traces(variables: &[(&str, &str)]) -> Signal {
    let settings = read(variables);
    assert_eq!(settings.remarks, Vec::<String>::new());
    settings.traces.unwrap()
}

#[test]
fn nothing_is_exported_until_somebody_says_where() {
    let settings = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]);
    assert!(settings.traces.is_none() && settings.metrics.is_none());
    assert_eq!(settings.remarks, Vec::<String>::new());
    let settings = read(&[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")]);
    assert!(settings.traces.is_none() && settings.metrics.is_none());
    let settings = read(&[ENDPOINT, ("OTEL_METRICS_EXPORTER", "none")]);
    assert!(settings.traces.is_some() && settings.metrics.is_none());
    let settings = read(&[("OTEL_TRACES_EXPORTER", "otlp")]);
    assert_eq!(
        settings.traces.unwrap().uri,
        "http://localhost:4318/v1/traces"
    );
}

#[test]
fn endpoints_are_read_as_the_standard_says() {
    let uri = |variables: &[(&str, &str)]| traces(variables).uri.to_string();
    assert_eq!(uri(&[ENDPOINT]), "http://collector:4318/v1/traces");
    let own = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    assert_eq!(
        uri(&[ENDPOINT, (own, "https://other/custom")]),
        "https://other/custom"
    );
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let service = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    assert_eq!(
        uri(&[ENDPOINT, grpc]),
        format!("http://collector:4318{service}")
    );
    assert_eq!(
        uri(&[(own, "collector:4317"), grpc]),
        format!("https://collector:4317{service}")
    );
    let insecure = ("OTEL_EXPORTER_OTLP_INSECURE", "true");
    assert_eq!(
        uri(&[(own, "collector:4317"), grpc, insecure]),
        format!("http://collector:4317{service}")
    );
    let metrics = read(&[ENDPOINT]).metrics.unwrap();
    assert_eq!(metrics.uri, "http://collector:4318/v1/metrics");
}

#[test]
fn the_way_is_read_and_the_signal_s_own_variables_win() {
    let signal = traces(&[
        ENDPOINT,
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=1"),
        (
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
            "Authorization=Bearer%20x, b = 2",
        ),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/cert.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem"),
    ]);
    assert_eq!(signal.headers["authorization"], "Bearer x");
    assert_eq!(signal.headers["b"], "2");
    assert_eq!(signal.headers.len(), 2);
    assert!(signal.gzip);
    assert_eq!(signal.timeout, Duration::from_millis(2500));
    assert_eq!(signal.ca, Some("/ca.pem".into()));
    assert_eq!(
        signal.identity,
        Some(("/cert.pem".into(), "/key.pem".into()))
    );
    assert!(!format!("{signal:?}").contains("Bearer"));
}

#[test]
fn what_cannot_be_read_is_remarked_upon_without_its_value() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://collector"),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "http://user:hunter2@collector",
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=%00hunter2"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem"),
    ] {
        let settings = read(&[(name, value), ENDPOINT]);
        assert!(settings.traces.is_none(), "{name}={value}");
        assert!(!settings.remarks.is_empty(), "{name}={value}");
        let remarks = settings.remarks.join("\n");
        assert!(!remarks.contains("hunter2"), "{remarks}");
    }
    let settings = read(&[
        ENDPOINT,
        ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_RESOURCE_ATTRIBUTES", "broken"),
    ]);
    assert!(settings.traces.is_some());
    assert_eq!(settings.remarks.len(), 3);
}

#[test]
fn batches_fit_the_queue() {
    let batches = read(&[
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_SCHEDULE_DELAY", "250"),
    ])
    .batches;
    let expected = Batches {
        queue: 100,
        batch: 100,
        delay: Duration::from_millis(250),
    };
    assert_eq!(batches, expected);
}

#[test]
fn the_resource_says_who_exports() {
    let of = |variables: &[(&str, &str)], key: &str| {
        let resource = read(variables).resource;
        let found = resource.into_iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value)
    };
    let name = "service.name";
    assert_eq!(of(&[], name), Some("parapet-gateway".to_owned()));
    let attributes = (
        "OTEL_RESOURCE_ATTRIBUTES",
        "service.name=a, deployment.environment.name=pre%20prod",
    );
    assert_eq!(of(&[attributes], name), Some("a".to_owned()));
    assert_eq!(
        of(&[attributes], "deployment.environment.name"),
        Some("pre prod".to_owned())
    );
    assert_eq!(
        of(&[attributes, ("OTEL_SERVICE_NAME", "b")], name),
        Some("b".to_owned())
    );
    let id = "service.instance.id";
    assert_eq!(of(&[("HOSTNAME", "pod-1")], id), Some("pod-1".to_owned()));
    assert_eq!(of(&[], id).map(|id| id.len()), Some(16));
}
