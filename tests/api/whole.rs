//! All of it as processes: API server, NATS, two operators, two gateways. What is applied is enforced.

use std::process::Stdio;
use std::time::Duration;

use parapet_tests::harness::{Gateway, LogLines, free_port, operator_binary};
use parapet_tests::http_client::Outgoing;
use parapet_tests::installation::Installation;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::cluster::Cluster;
use crate::support::until;

pub(crate) const TOKEN: &str = "hush-hush-token";
pub(crate) const SSN: &str = "536-22-1234";
const EMAIL: &str = "ana@northwind.com";
pub(crate) const AWS_KEY: &str = "AKIAQYLPMN5HHHFPZAM2";

/// One operator as a process, killed when dropped.
pub(crate) struct Operator {
    pub(crate) child: Child,
    pub(crate) log: LogLines,
    pub(crate) admin: std::net::SocketAddr,
}

impl Operator {
    pub(crate) async fn start(cluster: &Cluster, installation: &Installation, pod: &str) -> Self {
        Self::start_watching(cluster, installation, pod, &[]).await
    }

    /// One that watches more namespaces than that of the policy.
    pub(crate) async fn start_watching(
        cluster: &Cluster,
        installation: &Installation,
        pod: &str,
        more: &[&str],
    ) -> Self {
        Self::start_with(cluster, installation.operator_args(), pod, more).await
    }

    /// The same with other arguments about the way to the gateways.
    pub(crate) async fn start_with(
        cluster: &Cluster,
        bus: Vec<String>,
        pod: &str,
        more: &[&str],
    ) -> Self {
        let watched: Vec<&str> = more.iter().copied().chain([&*cluster.namespace]).collect();
        let admin = free_port().unwrap();
        let namespace = &cluster.namespace;
        let mut child = Command::new(operator_binary().await.unwrap())
            .arg("run")
            .args(["--namespace", namespace])
            .args(["--watch-namespace", &watched.join(",")])
            .args(["--gateway-selector", "app=gateway"])
            .args(["--identity", pod])
            .args(["--admin-listen", &admin.to_string()])
            .args(bus)
            .env("KUBECONFIG", cluster.server.kubeconfig("admin").unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = LogLines::default();
        log.follow(child.stderr.take().unwrap());
        Self { child, log, admin }
    }

    pub(crate) async fn metrics(&self) -> String {
        self.admin_get("/metrics").await
    }

    /// What an admin route answers; the listener is there a moment after the start.
    pub(crate) async fn admin_get(&self, path: &str) -> String {
        use parapet_tests::http_client::Client;
        until(path, || async {
            let answer = Client::new(self.admin).send(Outgoing::get(path)).await;
            Some(answer.ok()?.text().ok()?.to_owned())
        })
        .await
    }

    pub(crate) async fn leads(&self) {
        until("it leads", || async {
            let metrics = self.metrics().await;
            metrics.contains("parapet_operator_leader 1").then_some(())
        })
        .await;
    }
}

/// What the echoing model has received, or the status of a refusal.
pub(crate) async fn ask(gateway: &Gateway, text: &str) -> Result<String, u16> {
    let body = json!({"model": "demo/echo", "messages": [{"role": "user", "content": text}]});
    let asked = Outgoing::post("/v1/chat/completions", body.to_string()).bearer(TOKEN);
    let answer = gateway.client().send(asked).await.unwrap();
    let status = answer.status.as_u16();
    if status != 200 {
        return Err(status);
    }
    let answer: Value = serde_json::from_str(answer.text().unwrap()).unwrap();
    let content = &answer["choices"][0]["message"]["content"];
    Ok(content.as_str().unwrap().to_owned())
}

pub(crate) async fn gets(gateways: &[Gateway], text: &str, expected: Result<(), u16>) {
    for gateway in gateways {
        until(&format!("{text} gets {expected:?}"), || async {
            (ask(gateway, text).await.map(|_| ()) == expected).then_some(())
        })
        .await;
    }
}

pub(crate) fn guardrails(preset: &str) -> Value {
    json!({"guardrails": [
        {"name": "secrets", "operation": "mutate", "secretsDetection": {}},
        {"name": "pii", "regex": {"presetPatterns": {"presets": [preset]}}},
    ]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_applied_is_enforced_by_every_gateway() {
    let Some(cluster) = Cluster::new("whole").await else {
        return;
    };
    let Some(installation) = Installation::start().await.unwrap() else {
        return;
    };
    let first = Operator::start(&cluster, &installation, "operator-1").await;
    first.leads().await;
    let second = Operator::start(&cluster, &installation, "operator-2").await;
    let mut gateways = Vec::new();
    for pod in ["gateway-1", "gateway-2"] {
        let uid = cluster.pod(pod).await;
        gateways.push(installation.gateway_of(pod, &uid).start().await.unwrap());
    }
    cluster
        .apply("GuardrailIntegration", "g", guardrails("us_ssn"))
        .await;
    let lists = json!({"rules": [{"id": "all", "llm_input_guardrails": ["g/secrets", "g/pii"]}]});
    cluster.apply("GuardrailConfig", "rules", lists).await;
    cluster
        .apply("ModelProvider", "demo", json!({"demo": {}}))
        .await;
    let tokens = json!({"tokens": [{"secretKeyRef": {"name": "bot", "key": "token"}}]});
    cluster.apply("VirtualAccount", "bot", tokens).await;
    cluster
        .condition(
            "VirtualAccount",
            "bot",
            "ResolvedRefs",
            "False SecretNotFound",
        )
        .await;
    let label = json!({"parapet.dev/credentials": "true"});
    cluster.secret("bot", TOKEN, label).await;
    for (kind, name) in [
        ("GuardrailIntegration", "g"),
        ("GuardrailConfig", "rules"),
        ("ModelProvider", "demo"),
        ("VirtualAccount", "bot"),
    ] {
        cluster
            .condition(kind, name, "Accepted", "True Accepted")
            .await;
        cluster
            .condition(kind, name, "ResolvedRefs", "True ResolvedRefs")
            .await;
        let message = cluster
            .condition(kind, name, "Programmed", "True Programmed")
            .await;
        assert!(
            message.starts_with("2/2 gateways at revision 1."),
            "{message}"
        );
    }

    gets(&gateways, SSN, Err(400)).await;
    for gateway in &gateways {
        let received = ask(gateway, &format!("my key is {AWS_KEY}")).await.unwrap();
        assert!(
            received.starts_with("my key is ") && !received.contains(AWS_KEY),
            "{received}"
        );
    }

    // An edit is seen by all; a bad one changes nothing.
    cluster
        .apply("GuardrailIntegration", "g", guardrails("email"))
        .await;
    gets(&gateways, EMAIL, Err(400)).await;
    gets(&gateways, SSN, Ok(())).await;
    let bad = json!({"guardrails": [
        {"name": "secrets", "operation": "mutate", "secretsDetection": {}},
        {"name": "pii", "regex": {"customPatterns": [{"pattern": "("}]}},
    ]});
    cluster.apply("GuardrailIntegration", "g", bad).await;
    let message = cluster
        .condition(
            "GuardrailIntegration",
            "g",
            "Accepted",
            "False NotBuildable",
        )
        .await;
    assert!(
        message.ends_with("generation 2 stays in force"),
        "{message}"
    );
    gets(&gateways, EMAIL, Err(400)).await;

    // The leader dies: the next one goes on with a higher epoch, and with the form that was good.
    let mut first = first;
    first.child.kill().await.unwrap();
    second.leads().await;
    let metrics = second.metrics().await;
    assert!(
        metrics.contains("parapet_operator_epoch 2"),
        "{metrics}\n{:?}",
        second.log.lines()
    );
    gets(&gateways, EMAIL, Err(400)).await;
    cluster
        .apply("GuardrailIntegration", "g", guardrails("us_ssn"))
        .await;
    gets(&gateways, SSN, Err(400)).await;
    let message = cluster
        .condition("GuardrailIntegration", "g", "Programmed", "True Programmed")
        .await;
    assert!(
        message.starts_with("2/2 gateways at revision 2."),
        "{message}"
    );

    // Without the group its guardrails fail; without the rules there is nothing to enforce.
    cluster.delete("GuardrailIntegration", "g").await;
    gets(&gateways, "harmless", Err(503)).await;
    cluster.delete("GuardrailConfig", "rules").await;
    gets(&gateways, SSN, Ok(())).await;

    for log in [&first.log, &second.log] {
        for line in log.lines() {
            assert!(!line.contains(TOKEN), "{line}");
        }
    }
    // Asked to end it gives the lease back.
    let mut second = second;
    let pid = second.child.id().unwrap().to_string();
    let asked = Command::new("kill").args(["-TERM", &pid]).status().await;
    assert!(asked.unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(10), second.child.wait()).await;
    assert!(ended.unwrap().unwrap().success());
}
