//! The API server fails in all ways that it has: the operator waits, and what is published stays whole.

use std::time::Instant;

use parapet_tests::api_proxy::{ApiProxy, Asked, Fault};

use super::recorded::Recorded;
use super::*;

const GROUPS: &str = "guardrailintegrations";

/// An operator behind a proxy, with a policy that is published.
struct World {
    cluster: Cluster,
    proxy: ApiProxy,
    bus: Arc<Recorded>,
    operator: Operator,
}

impl World {
    async fn start(name: &str) -> Option<Self> {
        let cluster = Cluster::new(name).await?;
        let proxy = ApiProxy::start(&cluster.server).await.unwrap();
        let config = cluster.server.config_at(&proxy.url(), "admin").unwrap();
        let client = parapet_operator::cluster::client(config).unwrap();
        let bus = Arc::new(Recorded::default());
        cluster
            .apply("GuardrailConfig", "rules", rules(&["g/x"]))
            .await;
        cluster
            .apply("GuardrailIntegration", "g", regex("first"))
            .await;
        let publisher: Arc<Recorded> = Arc::clone(&bus);
        let operator = Operator::start_with(client, name, "one", publisher);
        let world = Self {
            cluster,
            proxy,
            bus,
            operator,
        };
        world.published("first").await;
        Some(world)
    }

    async fn published(&self, pattern: &str) {
        bundle(&self.bus.bus, pattern, |bundle| {
            super::pattern(bundle) == Some(pattern)
        })
        .await;
    }

    /// Ends all watches, edits, and waits until the edit is published in spite of what is in its way.
    async fn edit(&self, pattern: &str) {
        self.proxy.cut();
        self.cluster
            .apply("GuardrailIntegration", "g", regex(pattern))
            .await;
        self.published(pattern).await;
    }

    /// Nothing that was published has lost its rule or its guardrail, and no revision went back.
    fn assert_whole(&self) {
        let sizes = self.bus.sizes();
        assert!(
            sizes
                .iter()
                .all(|(_, rules, groups)| (*rules, *groups) == (1, 1)),
            "{sizes:?}"
        );
        assert!(sizes.is_sorted_by(|one, next| one.0 < next.0), "{sizes:?}");
    }
}

/// An event of a watch that tells that its version is too old.
fn expired() -> Fault {
    let event = json!({"type": "ERROR", "object": {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version: 1 (2)", "reason": "Expired", "code": 410,
    }});
    Fault::Say(format!("{event}\n").into())
}

/// The first `times` requests that it is about fail so.
fn first(
    times: usize,
    fault: Fault,
    of: impl Fn(&Asked) -> bool + Send + 'static,
) -> impl FnMut(&Asked) -> Option<Fault> + Send + 'static {
    let mut left = times;
    move |asked| {
        if left == 0 || !of(asked) {
            return None;
        }
        left -= 1;
        Some(fault.clone())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_that_end_expire_break_or_are_refused_lose_nothing() {
    let Some(world) = World::start("faults").await else {
        return;
    };
    let proxy = &world.proxy;
    let is_watch = |asked: &Asked| asked.is_of(GROUPS) && asked.is_watch();

    proxy.fail(first(1, expired(), is_watch));
    world.edit("expired-in-the-watch").await;

    // The way that old servers and proxies say it: no watch begins until all has been listed anew.
    let mut listed = false;
    proxy.fail(move |asked| {
        if !asked.is_of(GROUPS) || listed {
            return None;
        }
        listed = !asked.is_watch();
        asked.is_watch().then_some(Fault::Answer(410, None))
    });
    world.edit("expired-at-its-beginning").await;

    let half = Fault::BreakAfter("{\"type\":\"MODIFIED\",\"object\":{\"apiVersion\":\"par".into());
    proxy.fail(first(1, half, is_watch));
    world.edit("cut-off").await;
    let half = Fault::Say("{\"type\":\"MODIFIED\",\"object\":{\"apiVersion\":\"par".into());
    proxy.fail(first(1, half, is_watch));
    world.edit("cut-off-in-order").await;

    for code in [500, 502, 503] {
        proxy.fail(first(3, Fault::Answer(code, None), |asked| {
            asked.is_of(GROUPS)
        }));
        world.edit(&format!("after-{code}")).await;
    }
    proxy.pass();
    for cut in 0..10 {
        world.edit(&format!("cut-{cut}")).await;
    }
    world.assert_whole();
    let up = format!("parapet_operator_watch_up{{what=\"{GROUPS}\"}} 1");
    until(&up, || async {
        let (_, metrics) = world.operator.admin_get("/metrics").await;
        metrics.contains(&up).then_some(())
    })
    .await;
    world.operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_asked_to_wait_waits_and_a_list_that_stalls_holds_up_nothing_else() {
    let Some(world) = World::start("patience").await else {
        return;
    };
    let proxy = &world.proxy;
    proxy.fail(first(2, Fault::Answer(429, Some(2)), |asked| {
        asked.is_of(GROUPS)
    }));
    let before = proxy.asked().len();
    world.edit("after-429").await;
    let asked = proxy.asked().split_off(before);
    let times: Vec<Instant> = asked
        .iter()
        .filter(|asked| asked.is_of(GROUPS) && !asked.writes_status())
        .map(|asked| asked.at)
        .collect();
    // In two namespaces: each of its two watches was refused at least once, so three calls in two seconds at most.
    assert!(times.len() >= 3, "{asked:?}");
    let soon = times
        .iter()
        .filter(|at| at.duration_since(times[0]) < Duration::from_millis(1900));
    assert!(soon.count() <= 2, "{asked:?}");

    // A list that stalls for 10 s; what was known before stays, and other kinds go on.
    let mut stalled = false;
    proxy.fail(move |asked| {
        if !asked.is_of(GROUPS) || stalled {
            return None;
        }
        stalled = !asked.is_watch();
        Some(if stalled {
            Fault::Stall(Duration::from_secs(10))
        } else {
            expired()
        })
    });
    proxy.cut();
    let begun = Instant::now();
    let provider = json!({"demo": {}});
    world.cluster.apply("ModelProvider", "demo", provider).await;
    bundle(&world.bus.bus, "the provider", |bundle| {
        bundle.providers.len() == 1
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    world
        .cluster
        .apply("GuardrailIntegration", "g", regex("after-the-stall"))
        .await;
    world.published("after-the-stall").await;
    world.assert_whole();
    world.operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_cannot_be_written_is_written_later_and_the_lease_is_kept() {
    let Some(world) = World::start("later").await else {
        return;
    };
    world
        .cluster
        .condition(
            "GuardrailIntegration",
            "g",
            "Programmed",
            "False NoGateways",
        )
        .await;
    // Two statuses fail, and every other kind of writing for a while that is shorter than the lease may go without.
    let proxy = &world.proxy;
    let until_then = Instant::now() + Duration::from_secs(1);
    let before = proxy.count(Asked::writes_status);
    let mut statuses = 0;
    proxy.fail(move |asked| {
        let fails = if asked.writes_status() {
            statuses += 1;
            statuses <= 2
        } else {
            asked.method != http::Method::GET && Instant::now() < until_then
        };
        fails.then_some(Fault::Answer(500, None))
    });
    world
        .cluster
        .apply("GuardrailIntegration", "g", regex("("))
        .await;
    world
        .cluster
        .condition(
            "GuardrailIntegration",
            "g",
            "Accepted",
            "False NotBuildable",
        )
        .await;
    let writes = proxy.count(Asked::writes_status) - before;
    assert_eq!(writes, 3);
    let (_, metrics) = world.operator.admin_get("/metrics").await;
    for expected in [
        "parapet_operator_leader 1",
        "parapet_operator_epoch 1",
        "parapet_operator_status_writes_total{result=\"failed\"}",
    ] {
        assert!(metrics.contains(expected), "{expected}\n{metrics}");
    }
    world.operator.stop().await;
}
