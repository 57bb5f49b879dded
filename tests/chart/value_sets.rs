//! The values that the chart is rendered with: one set for each way to install it.

/// The release's name and namespace wherever nothing else is said.
pub(crate) const RELEASE: &str = "parapet";

/// A name, and values as YAML.
pub(crate) type ValueSet = (&'static str, &'static str);

/// Every set. Together they reach every line of every template.
pub(crate) const VALUE_SETS: &[ValueSet] = &[
    ("defaults", ""),
    ("smallest", SMALLEST),
    ("largest", LARGEST),
    ("namespaces", NAMESPACES),
    ("external NATS", EXTERNAL_NATS),
    ("own Secrets", OWN_SECRETS),
    ("telemetry", TELEMETRY),
];

/// One of each, nothing kept, nothing around it.
const SMALLEST: &str = "
crds: {install: false}
rbac: {aggregate: false}
gateway:
  replicas: 1
  podDisruptionBudget: {enabled: false}
  drain: {preStopSeconds: 0, noticeSeconds: 0, timeoutSeconds: 5}
  cache: {enabled: false}
operator:
  replicas: 1
  podDisruptionBudget: {enabled: false}
nats: {persistence: {enabled: false}}
networkPolicy: {enabled: false}
";

/// Everything that can be switched on.
const LARGEST: &str = "
fullnameOverride: gate
installation: production-1
commonLabels: {team: platform}
image: {registry: registry.example.com:5000/parapet, pullPolicy: Always, pullSecrets: [pull]}
gateway:
  image: {tag: v2}
  autoscaling: {enabled: true, minReplicas: 4, maxReplicas: 40, targetCPUUtilization: 60}
  threads: 4
  class: edge
  tls: {existingSecret: gateway-tls}
  trustedCAs: {configMap: corporate, key: bundle.pem}
  service: {type: LoadBalancer, port: 443, annotations: {example.com/lb: internal}}
  extraArgs: [--policy-namespace=policy]
  extraEnv: [{name: RUST_BACKTRACE, value: '1'}]
  podAnnotations: {example.com/a: b}
  podLabels: {tier: edge}
  serviceAccountAnnotations: {example.com/role: gateway}
  nodeSelector: {kubernetes.io/arch: amd64}
  tolerations: [{key: dedicated, operator: Exists}]
  affinity: {podAntiAffinity: {}}
  priorityClassName: system-cluster-critical
operator:
  image: {digest: 'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'}
  extraEnv: [{name: RUST_BACKTRACE, value: '1'}]
  podAnnotations: {example.com/a: b}
  podLabels: {tier: control}
  serviceAccountAnnotations: {example.com/role: operator}
  nodeSelector: {kubernetes.io/arch: amd64}
  tolerations: [{key: dedicated, operator: Exists}]
  priorityClassName: system-cluster-critical
telemetry:
  otlp:
    endpoint: https://collector.monitoring:4317
    protocol: grpc
    compression: gzip
    timeoutSeconds: 5
    headers: {existingSecret: collector-token, key: token}
    ca: {configMap: corporate, key: bundle.pem}
    clientCertificate: {existingSecret: collector-client}
  sampler: parentbased_traceidratio
  samplerArg: '0.1'
  resourceAttributes: {deployment.environment.name: pre prod, team: a=b}
  names: published
  contentBytes: 1024
forwarder:
  enabled: true
  replicas: 3
  stream: {maxBytes: 268435456, maxAge: 30m}
  extraEnv: [{name: RUST_BACKTRACE, value: '1'}]
  podAnnotations: {example.com/a: b}
  podLabels: {tier: control}
  serviceAccountAnnotations: {example.com/role: forwarder}
  nodeSelector: {kubernetes.io/arch: amd64}
  tolerations: [{key: dedicated, operator: Exists}]
  priorityClassName: system-cluster-critical
nats:
  image: {registry: '', repository: localhost/nats, tag: dev}
  replicas: 3
  persistence: {size: 2Gi, storageClass: fast}
  podAnnotations: {example.com/a: b}
  podLabels: {tier: control}
  nodeSelector: {kubernetes.io/arch: amd64}
  tolerations: [{key: dedicated, operator: Exists}]
webhook: {enabled: true, missing: refuse}
console: {enabled: true, readers: ['role:auditor', 'team:sre'], requests: 2000}
networkPolicy:
  callers: [{namespaceSelector: {matchLabels: {calls: models}}}]
  scrapers: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
  upstreamPorts: [443, 8000]
  collectorPorts: [4317]
  extraEgress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]
  apiServerPorts: [6443]
metrics:
  podMonitor: {enabled: true, labels: {release: prometheus}}
  prometheusRule: {enabled: true, labels: {release: prometheus}}
  dashboard: {enabled: true}
httpRoute: {enabled: true, parentRefs: [{name: public}], hostnames: [ai.example.com], annotations: {example.com/a: b}}
ingress:
  enabled: true
  className: nginx
  annotations: {nginx.ingress.kubernetes.io/proxy-buffering: 'off'}
  hosts: [ai.example.com]
  tls: [{secretName: ai, hosts: [ai.example.com]}]
tests: {url: 'https://ai.example.com'}
";

/// Roles in namespaces instead of a cluster role, and policy that lives elsewhere.
const NAMESPACES: &str = "
policyNamespace: policy
watchNamespaces: [team-a, team-b]
webhook: {enabled: true}
metrics: {serviceMonitor: {enabled: true, labels: {release: prometheus}}}
";

const EXTERNAL_NATS: &str = "
nats:
  external:
    urls: ['tls://a.nats.example.com:4222', 'tls://b.nats.example.com']
    replicas: 3
    ca: {existingSecret: nats-ca}
    credentials:
      operatorSecret: nats-operator
      gatewaySecret: nats-gateway
      recorderSecret: nats-recorder
      forwarderSecret: nats-forwarder
      watcherSecret: nats-watcher
      type: creds
telemetry: {otlp: {endpoint: 'http://collector:4318'}}
forwarder: {enabled: true}
console: {enabled: true}
";

const OWN_SECRETS: &str = "
keys:
  existingSecrets:
    operator: own-operator
    gateway: own-gateway
    forwarder: own-forwarder
    nats: own-nats
    webhook: own-webhook
webhook: {enabled: true}
telemetry: {otlp: {endpoint: 'http://collector:4318'}}
forwarder: {enabled: true}
";

/// Gateways that post to a collector themselves.
const TELEMETRY: &str = "
telemetry:
  otlp:
    endpoint: http://collector.monitoring:4318
    headers: {existingSecret: collector-token}
    ca: {configMap: corporate}
    clientCertificate: {existingSecret: collector-client}
  metrics: false
  sampler: always_on
";
