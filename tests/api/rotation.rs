//! Every key of an installation is replaced while requests run: real API server, NATS with TLS, operator and gateways
//! as processes. Nothing fails, nothing passes unguarded, and the statuses stay as they are.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parapet_operator::controller::report::status_of;
use parapet_operator::keys::ring::{Holder, Ring, file};
use parapet_operator::keys::store::Store;
use parapet_tests::harness::{Gateway, Setup, operator_binary};
use parapet_tests::http_client::{Client, Outgoing};
use parapet_tests::nats::Nats;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::support::until;
use crate::whole::{Operator, TOKEN, ask};

const SSN: &str = "536-22-1234";
const PREFIX: &str = "parapet";

/// Secrets, and the folders in which pods see them some time later.
struct Keys {
    cluster: Cluster,
    store: Store,
    mounted: TempDir,
}

impl Keys {
    fn new(cluster: Cluster) -> Self {
        let store = Store::cluster(cluster.client.clone(), &cluster.namespace, PREFIX);
        Self {
            store,
            cluster,
            mounted: tempfile::tempdir().unwrap(),
        }
    }

    async fn ring(&self) -> Ring {
        self.store.read().await.unwrap()
    }

    fn dir(&self, holder: Holder) -> PathBuf {
        self.mounted.path().join(holder.secret(PREFIX))
    }

    fn path(&self, holder: Holder, name: &str) -> String {
        self.dir(holder).join(name).to_string_lossy().into_owned()
    }

    /// What a kubelet does.
    async fn mount(&self) -> Ring {
        let ring = self.ring().await;
        for (holder, contents) in &ring {
            let dir = self.dir(*holder);
            std::fs::create_dir_all(&dir).unwrap();
            for (name, text) in &contents.files {
                let beside = dir.join(format!(".{name}"));
                std::fs::write(&beside, text.as_bytes()).unwrap();
                std::fs::rename(&beside, dir.join(name)).unwrap();
            }
        }
        ring
    }

    /// Runs `parapet-operator keys ...`: whether it went well, and what it said, which is never a key.
    async fn run(&self, args: &[&str]) -> (bool, String) {
        let kubeconfig = self.cluster.server.kubeconfig("admin").unwrap();
        let output = Command::new(operator_binary().await.unwrap())
            .arg("keys")
            .args(args)
            .args(["--namespace", &self.cluster.namespace, "--prefix", PREFIX])
            .env("KUBECONFIG", kubeconfig)
            .output()
            .await
            .unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        let said = said.concat();
        for contents in self.ring().await.values() {
            for (name, text) in &contents.files {
                for line in text.lines().filter(|line| line.len() > 20) {
                    let is_shown = said.contains(line.trim());
                    assert!(!is_shown || line.starts_with("-----"), "{name}: {said}");
                }
            }
        }
        (output.status.success(), said)
    }

    async fn step(&self, what: &str, step: &str) -> (bool, String) {
        self.run(&["rotate", what, "--step", step, "--after", "1s"])
            .await
    }

    /// Takes a step as soon as it is not refused any more.
    async fn step_when_it_may(&self, what: &str, step: &str) {
        until(&format!("{what} {step}"), || async {
            let (went_well, said) = self.step(what, step).await;
            went_well.then_some(said)
        })
        .await;
    }

    async fn refused(&self, what: &str, step: &str, why: &str) {
        let (went_well, said) = self.step(what, step).await;
        assert!(!went_well && said.contains(why), "{what} {step}: {said}");
    }

    fn operator_args(&self, nats: &str) -> Vec<String> {
        let of = |name: &str| self.path(Holder::Operator, name);
        let args = [
            ("--nats", nats.to_owned()),
            ("--nats-nkey", of(file::NATS)),
            ("--nats-ca", of(file::CA)),
            ("--signing-key", of(file::SIGNING)),
            ("--sealing-key", of(file::SEALING)),
            ("--digest-key", of(file::DIGEST)),
            ("--installation", "here".to_owned()),
        ];
        args.into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value])
            .collect()
    }

    async fn gateway(&self, nats: &str, pod: &str) -> Gateway {
        let uid = self.cluster.pod(pod).await;
        let of = |name: &str| self.path(Holder::Gateway, name);
        let args = [
            ("--nats", nats.to_owned()),
            ("--nats-nkey", of(file::NATS)),
            ("--nats-ca", of(file::CA)),
            ("--trusted-keys", of(file::TRUSTED)),
            ("--gateway-keys", of(file::OPENING)),
            ("--installation", "here".to_owned()),
            ("--pod-name", pod.to_owned()),
            ("--pod-uid", uid),
        ];
        let setup = args.into_iter().fold(
            Setup::default().without_manifests(),
            |setup, (name, value)| setup.arg(name).arg(value),
        );
        setup.start().await.unwrap()
    }
}

/// Requests to every gateway, and a look at a status, again and again until stopped.
struct Steady {
    stop: Arc<AtomicBool>,
    watches_status: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    wrong: Arc<Mutex<Vec<String>>>,
    tasks: JoinSet<()>,
}

impl Steady {
    fn start(cluster: &Cluster, gateways: &[SocketAddr]) -> Self {
        let mut steady = Self {
            stop: Arc::default(),
            watches_status: Arc::new(AtomicBool::new(true)),
            asked: Arc::default(),
            wrong: Arc::default(),
            tasks: JoinSet::new(),
        };
        for &gateway in gateways {
            let (stop, asked, wrong) = (
                Arc::clone(&steady.stop),
                Arc::clone(&steady.asked),
                Arc::clone(&steady.wrong),
            );
            steady.tasks.spawn(async move {
                let client = Client::new(gateway);
                while !stop.load(Ordering::Relaxed) {
                    for (text, expected) in [("harmless", 200), (SSN, 400)] {
                        let body = json!({"model": "demo/echo", "messages": [{"role": "user", "content": text}]});
                        let request = Outgoing::post("/v1/chat/completions", body.to_string());
                        let status = match client.send(request.bearer(TOKEN)).await {
                            Ok(answer) => answer.status.as_u16().to_string(),
                            Err(error) => error.to_string(),
                        };
                        if status != expected.to_string() {
                            wrong.lock().unwrap().push(format!("{text}: {status}"));
                        }
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
        }
        let (api, stop, wrong) = (
            cluster.api("GuardrailConfig"),
            Arc::clone(&steady.stop),
            Arc::clone(&steady.wrong),
        );
        let watches = Arc::clone(&steady.watches_status);
        steady.tasks.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let status = status_of(&api.get("rules").await.unwrap());
                let programmed = status
                    .conditions
                    .iter()
                    .find(|one| one.type_ == "Programmed");
                let said = programmed.map_or_else(String::new, |one| {
                    format!("{} {}: {}", one.status, one.reason, one.message)
                });
                if watches.load(Ordering::Relaxed)
                    && !said.starts_with("True Programmed: 2/2 gateways")
                {
                    wrong.lock().unwrap().push(said);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        steady
    }

    async fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        let wrong = self.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
        assert!(self.asked.load(Ordering::Relaxed) > 100);
    }
}

async fn policy(cluster: &Cluster) {
    let guardrails = json!({"guardrails": [{"name": "pii", "regex": {"presetPatterns": {"presets": ["us_ssn"]}}}]});
    cluster.apply("GuardrailIntegration", "g", guardrails).await;
    let rules = json!({"rules": [{"id": "all", "llm_input_guardrails": ["g/pii"]}]});
    cluster.apply("GuardrailConfig", "rules", rules).await;
    cluster
        .apply("ModelProvider", "demo", json!({"demo": {}}))
        .await;
    // A credential, so that there is something to seal.
    let label = json!({"parapet.dev/credentials": "true"});
    cluster.secret("bot", TOKEN, label).await;
    let tokens = json!({"tokens": [{"secretKeyRef": {"name": "bot", "key": "token"}}]});
    cluster.apply("VirtualAccount", "bot", tokens).await;
}

fn ids(text: &str, of: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(of));
    lines
        .filter_map(|line| line.trim_start().split(':').next().map(str::to_owned))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_is_replaced_under_load_without_a_gap() {
    let Some(cluster) = Cluster::new("rotation").await else {
        return;
    };
    let keys = Keys::new(cluster);
    let (went_well, said) = keys.run(&["ensure"]).await;
    assert!(went_well, "{said}");
    let ring = keys.mount().await;
    let of_server = |ring: &Ring, name: &str| ring[&Holder::Nats].text(name).to_owned();
    let Some(mut nats) = Nats::new(&of_server(&ring, file::ACCOUNTS)).unwrap() else {
        return;
    };
    nats.with_certificate(
        &of_server(&ring, file::CERTIFICATE),
        &of_server(&ring, file::KEY),
    )
    .unwrap();
    nats.configure(&of_server(&ring, file::ACCOUNTS), true)
        .unwrap();
    nats.start().await.unwrap();
    let operator = Operator::start_with(
        &keys.cluster,
        keys.operator_args(&nats.url()),
        "operator-1",
        &[],
    )
    .await;
    operator.leads().await;
    policy(&keys.cluster).await;
    let gateways = [
        keys.gateway(&nats.url(), "gateway-1").await,
        keys.gateway(&nats.url(), "gateway-2").await,
    ];
    for gateway in &gateways {
        until("it is enforced", || async {
            (ask(gateway, SSN).await == Err(400)).then_some(())
        })
        .await;
    }
    until("it is programmed", || async {
        let condition =
            keys.cluster
                .condition("GuardrailConfig", "rules", "Programmed", "True Programmed");
        condition.await.starts_with("2/2").then_some(())
    })
    .await;
    let steady = Steady::start(&keys.cluster, &gateways.each_ref().map(Gateway::traffic));

    let (_, before) = keys.run(&["show"]).await;
    for (what, unready) in [
        ("signing", "of 2 gateways have the new key"),
        ("sealing", "of 2 gateways have the new key"),
    ] {
        keys.step_when_it_may(what, "add").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        keys.refused(what, "use", unready).await;
        keys.mount().await;
        keys.step_when_it_may(what, "use").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        keys.refused(what, "drop", "the operator still uses the key")
            .await;
        keys.mount().await;
        keys.step_when_it_may(what, "drop").await;
        keys.mount().await;
    }
    let (_, after) = keys.run(&["show"]).await;
    for key in [
        "parapet-operator-keys/signing",
        "parapet-gateway-keys/opening",
    ] {
        let (before, after) = (ids(&before, key), ids(&after, key));
        assert!(
            before.len() == 1 && after.len() == 1 && before != after,
            "{before:?} {after:?}"
        );
    }
    assert!(after.contains("2 of 2 gateways enforce"), "{after}");

    // Whoever comes now has nothing but the new keys. It is one pod more, so the status is not looked at.
    steady.watches_status.store(false, Ordering::Relaxed);
    let fresh = keys.gateway(&nats.url(), "gateway-3").await;
    assert_eq!(ask(&fresh, SSN).await, Err(400));
    assert!(ask(&fresh, "harmless").await.is_ok());

    // NATS' users. It reads its files when it starts, and gateways keep what they have meanwhile.
    for (step, restarts) in [("add", true), ("use", false), ("drop", true)] {
        keys.step_when_it_may("nats", step).await;
        let ring = keys.mount().await;
        if restarts {
            nats.kill().await.unwrap();
            nats.configure(&of_server(&ring, file::ACCOUNTS), true)
                .unwrap();
            nats.start().await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let edited = json!({"rules": [{"id": "all", "llm_input_guardrails": ["g/pii"], "custom_error_message": "no"}]});
    keys.cluster.apply("GuardrailConfig", "rules", edited).await;
    until("an edit reaches all with the new users", || async {
        let condition =
            keys.cluster
                .condition("GuardrailConfig", "rules", "Programmed", "True Programmed");
        condition.await.starts_with("3/3").then_some(())
    })
    .await;

    steady.end().await;
    for gateway in gateways.iter().chain([&fresh]) {
        let (_, metrics) = gateway.admin_get("/metrics").await.unwrap();
        let refused = metrics.lines().filter(|line| {
            line.starts_with("parapet_bundle_refusals_total{") && !line.ends_with(" 0")
        });
        assert_eq!(refused.count(), 0, "something was refused on the way");
        shows_no_key(&keys.ring().await, &gateway.log().lines(), "gateway");
    }
    shows_no_key(&keys.ring().await, &operator.log.lines(), "operator");
}

fn shows_no_key(ring: &Ring, log: &[String], of: &str) {
    for contents in ring.values() {
        for (name, text) in &contents.files {
            for key in text.lines().filter(|line| line.len() > 20) {
                for line in log {
                    assert!(!line.contains(key), "{}: {name} in {line}", of);
                }
            }
        }
    }
}
