//! Real gateways that take their policy over NATS.

use std::time::{Duration, Instant, SystemTime};

use parapet_bus::nats::{Fleet, Publisher, Role};
use parapet_bus::report::Report;
use parapet_tests::fake_llm::FakeLlm;
use parapet_tests::harness::{Gateway, Setup};
use parapet_tests::http_client::{Client, Outgoing};
use parapet_tests::installation::{CLASS, Installation};
use parapet_tests::world::{BASE, TOKEN};
use serde_json::json;

use crate::support::{LIMIT, blocking, installation, large, revision, until};

const SSN: &str = "536-22-1234";
const EMAIL: &str = "ana@northwind.com";

fn ask(text: &str) -> Outgoing {
    let body = json!({"model": "model/m", "messages": [{"role": "user", "content": text}]});
    Outgoing::post("/v1/chat/completions", body.to_string()).bearer(TOKEN)
}

async fn status(client: &Client, text: &str) -> u16 {
    client.send(ask(text)).await.unwrap().status.as_u16()
}

async fn gets(client: &Client, text: &str, wanted: u16) {
    until(&format!("{text} gets {wanted}"), || async {
        status(client, text).await == wanted
    })
    .await;
}

/// The base of all worlds, with a policy.
fn resources(llm: &FakeLlm, policy: &str) -> String {
    let base = BASE.replace("${llm}", &format!("http://{}", llm.server().addr()));
    format!("{base}\n---\n{policy}")
}

/// A model, an operator, and what was published first.
struct World {
    llm: FakeLlm,
    publisher: Publisher,
    fleet: Fleet,
}

impl World {
    async fn start(installation: &Installation, policy: &str) -> Self {
        let llm = FakeLlm::start().await.unwrap();
        let mut publisher = installation.publisher().await.unwrap();
        let packed = installation.pack(&resources(&llm, policy)).unwrap();
        publisher.publish(packed, revision(1, 1)).await.unwrap();
        let operator = installation.connect(Role::Operator).await.unwrap();
        let fleet = Fleet::listen(&operator, CLASS).await.unwrap();
        Self {
            llm,
            publisher,
            fleet,
        }
    }

    async fn publish(&mut self, installation: &Installation, policy: &str, generation: u64) {
        let packed = installation.pack(&resources(&self.llm, policy)).unwrap();
        self.publisher
            .publish(packed, revision(1, generation))
            .await
            .unwrap();
    }

    /// Waits for a report of a pod.
    async fn report(&self, pod: &str, what: &str, fits: impl Fn(&Report) -> bool) -> Report {
        let find = || {
            self.fleet
                .reports()
                .into_iter()
                .find(|report| report.pod == pod && fits(report))
        };
        until(what, || async { find().is_some() }).await;
        find().unwrap()
    }
}

async fn readiness(gateway: &Gateway) -> (u16, String) {
    gateway.admin_get("/readyz").await.unwrap_or_default()
}

async fn metric(gateway: &Gateway, name: &str) -> f64 {
    let (_, text) = gateway.admin_get("/metrics").await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .trim()
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_enforces_what_is_published_and_says_so() {
    let mut installation = installation!(Installation::start().await);
    let mut world = World::start(&installation, &blocking("us_ssn")).await;
    let gateway = installation.gateway("one").start().await.unwrap();
    let client = gateway.client();
    // Its credentials came along: the account's token and the upstream's key.
    assert_eq!(status(&client, SSN).await, 400);
    assert_eq!(status(&client, EMAIL).await, 200);
    let upstream = world.llm.server().calls();
    assert_eq!(
        upstream[0].header("authorization"),
        Some("Bearer upstream-key")
    );
    let applied = world
        .report("one", "it says so", |report| report.applied.is_some())
        .await;
    assert_eq!(applied.applied.unwrap().revision, revision(1, 1));
    assert_eq!(applied.uid, "uid-of-one");

    // An edit is taken up while traffic runs.
    let load = tokio::spawn({
        let client = gateway.client();
        async move {
            let start = Instant::now();
            let mut sent = 0;
            while start.elapsed() < Duration::from_secs(2) {
                assert_eq!(status(&client, "harmless").await, 200);
                sent += 1;
            }
            sent
        }
    });
    world.publish(&installation, &blocking("email"), 2).await;
    gets(&client, EMAIL, 400).await;
    assert_eq!(status(&client, SSN).await, 200);
    assert!(load.await.unwrap() > 10);
    world
        .report("one", "the edit is acknowledged", |report| {
            report
                .applied
                .as_ref()
                .is_some_and(|applied| applied.revision == revision(1, 2))
        })
        .await;
    let (_, policy) = gateway.admin_get("/policy").await.unwrap();
    assert!(policy.contains("\"1.2\""), "{policy}");
    assert!((metric(&gateway, "parapet_nats_connected").await - 1.0).abs() < f64::EPSILON);

    // NATS goes: nothing changes for callers.
    installation.nats.kill().await.unwrap();
    until("it notices", || async {
        metric(&gateway, "parapet_nats_connected").await == 0.0
    })
    .await;
    assert_eq!(status(&client, EMAIL).await, 400);
    assert_eq!(status(&client, SSN).await, 200);
    assert_eq!(readiness(&gateway).await.0, 200);
    assert!(metric(&gateway, "parapet_rules_age_seconds").await >= 0.0);
    // It comes back, with news.
    installation.nats.start().await.unwrap();
    let deadline = Instant::now() + LIMIT;
    loop {
        let packed = installation
            .pack(&resources(&world.llm, &blocking("us_ssn")))
            .unwrap();
        if world
            .publisher
            .publish(packed, revision(1, 3))
            .await
            .is_ok()
        {
            break;
        }
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    gets(&client, SSN, 400).await;
    let said = gateway.said();
    for secret in ["upstream-key", TOKEN] {
        assert!(!said.contains(secret), "a secret in the log");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn started_while_nats_is_down_it_waits_and_becomes_ready_by_itself() {
    let mut installation = installation!(Installation::down());
    let mut gateway = installation.gateway("early").launch().await.unwrap();
    until("its admin routes answer", || async {
        readiness(&gateway).await.0 == 503
    })
    .await;
    assert!(
        readiness(&gateway)
            .await
            .1
            .contains("no connection to NATS")
    );
    assert!(
        gateway.client().send(ask("hello")).await.is_err(),
        "it takes traffic without policy"
    );
    assert!(metric(&gateway, "parapet_rules_age_seconds").await < 0.0);
    // It says so, and not with every attempt.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let said = gateway.said();
    let times = said.matches("NATS cannot be reached").count();
    assert!((1..=2).contains(&times), "{said}");

    installation.nats.start().await.unwrap();
    until("it says that there is no bucket", || async {
        let (_, why) = readiness(&gateway).await;
        why.contains("the bucket does not exist")
    })
    .await;
    let _world = World::start(&installation, &blocking("us_ssn")).await;
    gateway.wait_until_ready().await.unwrap();
    assert_eq!(status(&gateway.client(), SSN).await, 400);
    gateway.terminate().await.unwrap();
    assert_eq!(gateway.wait_for_end(LIMIT).await.unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_verified_is_refused_and_reported_and_the_last_good_stays() {
    let installation = installation!(Installation::start().await);
    let mut world = World::start(&installation, &blocking("us_ssn")).await;
    let gateway = installation.gateway("wary").start().await.unwrap();
    let client = gateway.client();
    let operator = installation.connect(Role::Operator).await.unwrap();
    let context = async_nats::jetstream::new(operator.client().clone());
    let good = world.publisher.last_good().await.unwrap().unwrap();
    assert_eq!(good.0.revision, revision(1, 1));

    // Somebody with the operator's NATS user, but without its key.
    let put = context
        .publish("$KV.rules.snapshot.default.v1", "{}\n".into())
        .await
        .unwrap();
    put.await.unwrap();
    let refused = world
        .report("wary", "the refusal is reported", |report| {
            report.rejected.is_some()
        })
        .await;
    assert_eq!(refused.rejected.unwrap().code, "Malformed");
    assert_eq!(refused.applied.unwrap().revision, revision(1, 1));
    assert_eq!(status(&client, SSN).await, 400);
    assert_eq!(
        metric(
            &gateway,
            "parapet_bundle_refusals_total{code=\"Malformed\"}"
        )
        .await as u64,
        1
    );
    let (_, policy) = gateway.admin_get("/policy").await.unwrap();
    assert!(policy.contains("Malformed"), "{policy}");

    // An older one of ours, replayed: the report says which.
    let older = installation
        .pack(&resources(&world.llm, &blocking("email")))
        .unwrap();
    let issue = parapet_bus::envelope::Issue {
        class: CLASS.into(),
        revision: revision(0, 9),
        issued_at: SystemTime::now(),
        not_after: SystemTime::now() + LIMIT,
    };
    let signing = installation.signing().unwrap();
    let replayed = parapet_bus::envelope::sign(&older, issue, &[&signing]).unwrap();
    let put = context
        .publish("$KV.rules.snapshot.default.v1", replayed.message)
        .await
        .unwrap();
    put.await.unwrap();
    let stale = |report: &Report| {
        let rejected = report.rejected.as_ref();
        rejected.is_some_and(|rejected| {
            (&*rejected.code, rejected.revision) == ("StaleEpoch", Some(revision(0, 9)))
        })
    };
    world
        .report("wary", "the replayed one is reported", stale)
        .await;
    assert_eq!(status(&client, SSN).await, 400);

    // A good one takes the refusal away.
    world.publish(&installation, &blocking("email"), 2).await;
    world
        .report("wary", "it runs the new one", |report| {
            report.rejected.is_none()
        })
        .await;
    assert_eq!(status(&client, EMAIL).await, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_policy_is_enforced_and_a_kind_of_a_newer_operator_fails_alone() {
    let installation = installation!(Installation::start().await);
    let mut world = World::start(&installation, &large()).await;
    let gateway = installation.gateway("large").start().await.unwrap();
    let client = gateway.client();
    assert_eq!(status(&client, SSN).await, 400);
    let packed = installation.pack_changed(&resources(&world.llm, &blocking("us_ssn")), |bundle| {
        bundle.guardrails[0].kind = "kindOfTomorrow".into();
        bundle.digest.push('x');
    });
    world
        .publisher
        .publish(packed.unwrap(), revision(1, 2))
        .await
        .unwrap();
    let report = world
        .report("large", "the failing guardrail is reported", |report| {
            report
                .applied
                .as_ref()
                .is_some_and(|applied| !applied.problems.is_empty())
        })
        .await;
    let applied = report.applied.unwrap();
    assert_eq!(applied.revision, revision(1, 2));
    let problem = &applied.problems[0];
    assert_eq!((&*problem.source.name, problem.source.generation), ("g", 3));
    assert_eq!(&*problem.source.uid, "uid-of-g");
    assert_eq!(problem.reason, "NotBuildable");
    // It counts as failed, and its strategy decides.
    assert_eq!(status(&client, "harmless").await, 503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_without_nats_comes_back_from_the_cache() {
    let mut installation = installation!(Installation::start().await);
    let cache = tempfile::tempdir().unwrap();
    let with_cache = |setup: Setup| setup.arg("--cache-dir").arg(cache.path().to_string_lossy());
    let world = World::start(&installation, &large()).await;
    let gateway = with_cache(installation.gateway("first"))
        .start()
        .await
        .unwrap();
    assert_eq!(status(&gateway.client(), SSN).await, 400);
    until("the bundle is cached", || async {
        cache.path().join("bundle").exists()
    })
    .await;
    drop(gateway);
    installation.nats.kill().await.unwrap();
    let cached = std::fs::read(cache.path().join("bundle")).unwrap();
    for secret in [TOKEN, "upstream-key"] {
        assert!(
            !cached
                .windows(secret.len())
                .any(|bytes| bytes == secret.as_bytes())
        );
    }
    let started = Instant::now();
    let gateway = with_cache(installation.gateway("second"))
        .start()
        .await
        .unwrap();
    assert!(started.elapsed() < LIMIT);
    assert_eq!(status(&gateway.client(), SSN).await, 400);
    drop(gateway);

    // What was changed on disk is no policy.
    std::fs::write(cache.path().join("bundle"), &cached[1..]).unwrap();
    let gateway = with_cache(installation.gateway("third"))
        .launch()
        .await
        .unwrap();
    until("it says why", || async {
        readiness(&gateway).await.1.contains("Malformed")
    })
    .await;
    assert_eq!(readiness(&gateway).await.0, 503);
    drop(world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_tls_the_server_must_be_the_right_one() {
    let mut installation = installation!(Installation::down());
    // Binaries choose at their start; this process may have been the first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    installation.authority = Some(installation.nats.with_tls().unwrap());
    let accounts = installation.server.accounts();
    installation.nats.configure(&accounts, true).unwrap();
    installation.nats.start().await.unwrap();
    let _world = World::start(&installation, &blocking("us_ssn")).await;
    let gateway = installation.gateway("tls").start().await.unwrap();
    assert_eq!(status(&gateway.client(), SSN).await, 400);

    // An authority that has not signed the server's certificate.
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let file = installation.file("other.crt");
    std::fs::write(&file, other.cert.pem()).unwrap();
    installation.authority = Some(file);
    let connection = installation.connect(Role::Gateway).await.unwrap();
    let mut state = connection.state().clone();
    let connected = state.wait_for(|state| state.connected);
    assert!(
        tokio::time::timeout(Duration::from_secs(2), connected)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn keys_that_are_none_are_said_at_the_start() {
    let installation = installation!(Installation::down());
    for name in ["trusted", "opening"] {
        let good = std::fs::read(installation.file(name)).unwrap();
        std::fs::write(installation.file(name), "hush").unwrap();
        let mut gateway = installation.gateway("mistaken").launch().await.unwrap();
        assert_eq!(gateway.wait_for_end(LIMIT).await.unwrap(), Some(1));
        until("it has said why", || async {
            gateway.said().contains("base64")
        })
        .await;
        let said = gateway.said();
        assert!(said.contains(name) && !said.contains("hush"), "{said}");
        std::fs::write(installation.file(name), good).unwrap();
    }
}
