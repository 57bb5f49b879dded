//! The operator against a real API server, with a publisher in memory: what it publishes, and what statuses say.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use parapet_operator::controller::watch_all::Scope;
use parapet_operator::lease::LeaseConfig;
use parapet_operator::publisher::memory::Memory;
use parapet_operator::publisher::{GatewayReport, PublishError, Publisher, Rejection};
use parapet_operator::run::{Settings, run};
use parapet_operator::webhook::WebhookSettings;
use parapet_policy::bundle::Bundle;
use parapet_tests::control_plane::ControlPlane;
use parapet_tests::harness::free_port;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::cluster::Cluster;
use crate::support::until;

mod bursts;
mod doubts;
mod faults;
mod leaders;
mod namespaces;
mod recorded;
mod rights;
mod sizes;
mod statuses;
mod webhook;

/// One operator in this process.
struct Operator {
    end: Option<oneshot::Sender<()>>,
    task: JoinHandle<anyhow::Result<()>>,
    admin: std::net::SocketAddr,
}

impl Operator {
    fn start(server: &ControlPlane, namespace: &str, identity: &str, bus: &Arc<Memory>) -> Self {
        Self::start_as("admin", server, namespace, identity, bus)
    }

    fn start_as(
        user: &str,
        server: &ControlPlane,
        namespace: &str,
        identity: &str,
        bus: &Arc<Memory>,
    ) -> Self {
        let config = server.config_at(server.url(), user).unwrap();
        let client = parapet_operator::cluster::client(config).unwrap();
        let bus: Arc<Memory> = Arc::clone(bus);
        Self::start_with(client, namespace, identity, bus)
    }

    /// One that calls the API server through something else, and publishes elsewhere.
    fn start_with(
        client: kube::Client,
        namespace: &str,
        identity: &str,
        bus: Arc<dyn Publisher>,
    ) -> Self {
        Self::start_serving(None, client, namespace, identity, bus)
    }

    /// One with a webhook.
    fn start_serving(
        webhook: Option<WebhookSettings>,
        client: kube::Client,
        namespace: &str,
        identity: &str,
        bus: Arc<dyn Publisher>,
    ) -> Self {
        let admin = free_port().unwrap();
        let mut lease = LeaseConfig::new(namespace.into(), "operator".into(), identity.into());
        // Tests have no time to wait for a quarter of a minute.
        lease.duration = Duration::from_secs(3);
        lease.renew_deadline = Duration::from_secs(2);
        lease.retry = Duration::from_millis(300);
        let settings = Settings {
            policy_namespace: namespace.into(),
            scope: Scope {
                namespaces: [namespace.to_owned(), format!("{namespace}-team")].into(),
                gateway_namespace: namespace.into(),
                gateway_selector: "app=gateway".into(),
            },
            lease,
            admin_listen: admin,
            console: None,
            webhook,
        };
        let (end, ended) = oneshot::channel::<()>();
        let task = tokio::spawn(run(settings, client, bus, async {
            // Dropped is told as well.
            let _ = ended.await;
        }));
        Self {
            end: Some(end),
            task,
            admin,
        }
    }

    /// As a supervisor ends it.
    async fn stop(mut self) {
        let _ = self.end.take().unwrap().send(());
        self.task.await.unwrap().unwrap();
    }

    /// What an admin route answers; the listener is there a moment after the start.
    async fn admin_get(&self, path: &str) -> (u16, String) {
        use parapet_tests::http_client::{Client, Outgoing};
        until(path, || async {
            let answer = Client::new(self.admin)
                .send(Outgoing::get(path))
                .await
                .ok()?;
            Some((answer.status.as_u16(), answer.text().ok()?.to_owned()))
        })
        .await
    }
}

fn regex(pattern: &str) -> Value {
    json!({"guardrails": [{"name": "x", "regex": {"customPatterns": [{"pattern": pattern}]}}]})
}

fn rules(selectors: &[&str]) -> Value {
    json!({"rules": [{"id": "all", "llm_input_guardrails": selectors}]})
}

async fn bundle(bus: &Memory, what: &str, fits: impl Fn(&Bundle) -> bool) -> Bundle {
    until(what, || async {
        bus.bundle().filter(|bundle| fits(bundle))
    })
    .await
}

fn pattern(bundle: &Bundle) -> Option<&str> {
    let first = bundle.guardrails.first()?;
    first.config.pointer("/customPatterns/0/pattern")?.as_str()
}
