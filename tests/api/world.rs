//! A policy, and an operator with gateways that enforce it, all as processes.

use std::path::Path;

use parapet_tests::harness::Gateway;
use parapet_tests::installation::Installation;
use serde_json::json;
use tokio::process::Command;

use crate::cluster::Cluster;
use crate::support::until;
use crate::whole::{Operator, TOKEN, ask, guardrails};

/// Applies a policy that blocks social security numbers.
pub(crate) async fn policy(cluster: &Cluster) {
    cluster
        .apply("GuardrailIntegration", "g", guardrails("us_ssn"))
        .await;
    let lists = json!({"rules": [{"id": "all", "llm_input_guardrails": ["g/pii"]}]});
    cluster.apply("GuardrailConfig", "rules", lists).await;
    let demo = json!({"demo": {}});
    cluster.apply("ModelProvider", "demo", demo).await;
    let tokens = json!({"tokens": [{"secretKeyRef": {"name": "bot", "key": "token"}}]});
    cluster.apply("VirtualAccount", "bot", tokens).await;
    let label = json!({"parapet.dev/credentials": "true"});
    cluster.secret("bot", TOKEN, label).await;
}

/// All of it, running.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) installation: Installation,
    pub(crate) operator: Operator,
    pub(crate) gateways: Vec<Gateway>,
}

impl World {
    /// Gateways that enforce the policy, as their statuses say; none where the programs are not to be had.
    pub(crate) async fn start(name: &str, gateways: usize) -> Option<Self> {
        let cluster = Cluster::new(name).await?;
        let installation = Installation::start().await.unwrap()?;
        let operator = Operator::start(&cluster, &installation, "operator-1").await;
        policy(&cluster).await;
        let mut world = Self {
            cluster,
            installation,
            operator,
            gateways: Vec::new(),
        };
        for number in 1..=gateways {
            let pod = format!("gateway-{number}");
            let uid = world.cluster.pod(&pod).await;
            let gateway = world.installation.gateway_of(&pod, &uid);
            world.gateways.push(gateway.start().await.unwrap());
        }
        world.programmed(&format!("{gateways}/{gateways} ")).await;
        Some(world)
    }

    /// One more gateway, which may never become ready.
    pub(crate) async fn launch(&mut self, pod: &str, trusted: &Path) {
        let uid = self.cluster.pod(pod).await;
        let setup = self.installation.gateway_that_trusts(trusted, pod, &uid);
        self.gateways.push(setup.launch().await.unwrap());
    }

    /// Waits until the integration is programmed, with a message that begins so.
    pub(crate) async fn programmed(&self, start: &str) -> String {
        self.told("Programmed", "True Programmed", |message| {
            message.starts_with(start)
        })
        .await
    }

    /// Waits until a condition of the integration is so, with a message that fits.
    pub(crate) async fn told(
        &self,
        type_: &str,
        expected: &str,
        fits: impl Fn(&str) -> bool,
    ) -> String {
        // What it said instead, shown when it is never so.
        let said = std::cell::RefCell::new(String::new());
        until(&format!("{type_} {expected}"), || async {
            let status = self.cluster.status("GuardrailIntegration", "g").await;
            let mut conditions = status.conditions.into_iter();
            let one = conditions.find(|one| one.type_ == type_)?;
            let now = format!("{} {}: {}", one.status, one.reason, one.message);
            let is_so = now.starts_with(&format!("{expected}: ")) && fits(&one.message);
            if said.replace(now.clone()) != now {
                println!("{now}");
            }
            is_so.then_some(one.message)
        })
        .await
    }

    /// Waits for an event about the operator's Lease.
    pub(crate) async fn event(&self, expected: &str) {
        until(expected, || async {
            let events = self.cluster.events("parapet-operator").await;
            events.iter().any(|event| event == expected).then_some(())
        })
        .await;
    }

    /// Whether every gateway answers so.
    pub(crate) async fn all_answer(&self, text: &str, blocked: bool) {
        for gateway in &self.gateways {
            assert_eq!(ask(gateway, text).await.is_err(), blocked, "{text}");
        }
    }
}

/// Sends a signal to a process: `STOP`, `CONT` or `TERM`.
pub(crate) async fn signal(pid: Option<u32>, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), pid.unwrap().to_string()])
        .status();
    assert!(sent.await.unwrap().success());
}
