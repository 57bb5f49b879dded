//! One leader after the other, however the first one goes.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt as _;
use parapet_bus::envelope::{Expected, verify};
use parapet_bus::keys::read_trusted_keys;
use parapet_bus::nats::{BundleReader, Role};
use parapet_policy::bundle::Revision;
use parapet_tests::installation::{CLASS, INSTALLATION, Installation};
use tokio::task::JoinHandle;

use crate::support::until;
use crate::whole::{Operator, SSN, guardrails};
use crate::world::{World, signal};

/// Every revision that is published from now on.
async fn revisions(installation: &Installation) -> (Arc<Mutex<Vec<Revision>>>, JoinHandle<()>) {
    let connection = installation.connect(Role::Gateway).await.unwrap();
    let reader = BundleReader::new(&connection, CLASS);
    let mut published = reader.listen().await.unwrap();
    let trusted = read_trusted_keys(&installation.file("trusted")).unwrap();
    let seen = Arc::<Mutex<Vec<Revision>>>::default();
    let noted = Arc::clone(&seen);
    let task = tokio::spawn(async move {
        let _connection = connection;
        while let Some(message) = published.next().await {
            let expected = Expected {
                trusted: &trusted,
                installation: INSTALLATION,
                class: CLASS,
                now: SystemTime::now(),
                in_force: None,
            };
            let verified = verify(&message.payload, &expected).unwrap();
            noted.lock().unwrap().push(verified.manifest().revision);
        }
    });
    (seen, task)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_was_paused_publishes_nothing_and_one_that_is_asked_to_end_hands_over() {
    let Some(world) = World::start("handover", 1).await else {
        return;
    };
    let (seen, listening) = revisions(&world.installation).await;
    let first = &world.operator;
    let second = Operator::start(&world.cluster, &world.installation, "operator-2").await;
    until("the second has seen everything", || async {
        (second.admin_get("/readyz").await == "ready\n").then_some(())
    })
    .await;

    // Paused past its lease, as a machine that is suspended: what it was about to do it does afterwards.
    signal(first.child.id(), "STOP").await;
    world
        .cluster
        .apply("GuardrailIntegration", "g", guardrails("email"))
        .await;
    second.leads().await;
    world.programmed("1/1 gateways at revision 2.").await;
    signal(first.child.id(), "CONT").await;
    for preset in ["us_ssn", "email", "us_ssn"] {
        world
            .cluster
            .apply("GuardrailIntegration", "g", guardrails(preset))
            .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    until("the first knows that it leads no more", || async {
        let metrics = first.metrics().await;
        metrics.contains("parapet_operator_leader 0").then_some(())
    })
    .await;
    world.programmed("1/1 gateways at revision 2.").await;
    world.all_answer(SSN, true).await;
    assert!(second.metrics().await.contains("parapet_operator_leader 1"));

    // Asked to end, it gives the lease back, and nobody waits for it to run out.
    signal(second.child.id(), "TERM").await;
    let begun = Instant::now();
    first.leads().await;
    let took = begun.elapsed();
    println!("handed over in {took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    world
        .cluster
        .apply("GuardrailIntegration", "g", guardrails("email"))
        .await;
    world.programmed("1/1 gateways at revision 3.").await;
    world.all_answer("ana@northwind.com", true).await;
    listening.abort();
    let seen = seen.lock().unwrap();
    assert!(seen.is_sorted(), "{seen:?}");
    let epochs = |epoch| seen.iter().filter(|seen| seen.epoch == epoch).count();
    assert_eq!(epochs(1), 0, "{seen:?}");
    assert!(epochs(2) > 0 && epochs(3) > 0, "{seen:?}");
}
