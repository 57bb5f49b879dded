//! NATS fails in all ways that it has: the status tells, gateways keep what they have, and all is made good by itself.

use parapet_bus::nats::UserKey;
use parapet_tests::installation::Installation;

use crate::cluster::Cluster;
use crate::whole::{Operator, SSN, guardrails};
use crate::world::{World, policy, signal};

const EMAIL: &str = "ana@northwind.com";

impl World {
    /// Edits; the policy in force stays the one before, because the edit does not reach anybody.
    async fn edit(&self, preset: &str) {
        self.cluster
            .apply("GuardrailIntegration", "g", guardrails(preset))
            .await;
    }

    async fn unavailable(&self, because: &str) {
        self.told("Programmed", "Unknown DistributionUnavailable", |message| {
            message.contains(because)
        })
        .await;
    }

    async fn restart_nats(&mut self, jetstream: bool) {
        self.installation.nats.kill().await.unwrap();
        let accounts = self.installation.server.accounts();
        self.installation
            .nats
            .configure(&accounts, jetstream)
            .unwrap();
        self.installation.nats.start().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_nats_does_not_know_says_so_and_goes_on_when_it_does() {
    let Some(cluster) = Cluster::new("stranger").await else {
        return;
    };
    let Some(mut installation) = Installation::down().unwrap() else {
        return;
    };
    let known = installation.server.users.operators.clone();
    installation.server.users.operators = vec![UserKey::generate().unwrap().public];
    let accounts = installation.server.accounts();
    installation.nats.configure(&accounts, true).unwrap();
    installation.nats.start().await.unwrap();
    let operator = Operator::start(&cluster, &installation, "operator-1").await;
    policy(&cluster).await;
    cluster.pod("gateway-1").await;
    let mut world = World {
        cluster,
        installation,
        operator,
        gateways: Vec::new(),
    };
    world
        .unavailable("NATS does not accept the credentials")
        .await;
    world.event("Warning DistributionUnavailable").await;
    let accepted = world.told("Accepted", "True Accepted", |_| true).await;
    assert_eq!(accepted, "accepted");

    world.installation.server.users.operators = known;
    world.restart_nats(true).await;
    world.told("Programmed", "False Pending", |_| true).await;
    world.event("Normal Distributed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_without_jetstream_without_room_without_its_disk_or_hanging_loses_nothing() {
    let Some(mut world) = World::start("troubles", 1).await else {
        return;
    };
    world.restart_nats(false).await;
    world.edit("email").await;
    world.unavailable("JetStream").await;
    world.event("Warning DistributionUnavailable").await;
    world.all_answer(SSN, true).await;
    world.all_answer(EMAIL, false).await;
    world.restart_nats(true).await;
    world.programmed("1/1 ").await;
    world.all_answer(EMAIL, true).await;

    // Without its disk, and with no room for a new bucket.
    let room = world.installation.server.max_file_bytes;
    world.installation.server.max_file_bytes = 1024 * 1024;
    world.installation.nats.kill().await.unwrap();
    world.installation.nats.lose_disk().unwrap();
    world.restart_nats(true).await;
    world.edit("us_ssn").await;
    let full = world
        .told("Programmed", "False PublishFailed", |_| true)
        .await;
    assert!(full.contains("NATS has no room"), "{full}");
    world.event("Warning PublishFailed").await;
    world.all_answer(EMAIL, true).await;
    world.all_answer(SSN, false).await;
    // What the gateways enforce already is not said to fail.
    let untouched = world.cluster.status("ModelProvider", "demo").await;
    let programmed = untouched.conditions.last().unwrap();
    assert_eq!(programmed.reason, "Programmed", "{}", programmed.message);
    world.installation.server.max_file_bytes = room;
    world.restart_nats(true).await;
    world.programmed("1/1 ").await;
    world.all_answer(SSN, true).await;
    let metrics = world.operator.metrics().await;
    let failed = "parapet_operator_publications_total{result=\"failed\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(failed));
    assert!(line.unwrap().parse::<u32>().unwrap() >= 2, "{metrics}");

    // It loses its disk while nothing happens: a gateway that starts then gets its policy all the same.
    world.installation.nats.kill().await.unwrap();
    world.installation.nats.lose_disk().unwrap();
    world.restart_nats(true).await;
    let trusted = world.installation.file("trusted");
    world.launch("gateway-2", &trusted).await;
    world.gateways[1].wait_until_ready().await.unwrap();
    world.all_answer(SSN, true).await;
    world.programmed("2/2 ").await;

    // It hangs: nothing is refused, and nothing is answered.
    let nats = world.installation.nats.pid();
    signal(nats, "STOP").await;
    world.edit("email").await;
    world.unavailable("").await;
    world.all_answer(SSN, true).await;
    signal(nats, "CONT").await;
    world.programmed("2/2 ").await;
    world.all_answer(EMAIL, true).await;
}
