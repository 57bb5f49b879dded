//! Statuses tell what gateways do: who refuses what and why, and who is not there.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use parapet_bus::envelope::{Issue, seal_envelope, sign};
use parapet_bus::keys::{SigningKey, generate};
use parapet_bus::nats::Role;
use parapet_bus::plain::Packed;
use parapet_policy::bundle::Revision;
use parapet_tests::harness::Gateway;
use parapet_tests::installation::{CLASS, INSTALLATION, Installation};
use serde_json::Value;

use crate::whole::{SSN, guardrails};
use crate::world::World;

/// Where the bundle is.
const SUBJECT: &str = "$KV.rules.snapshot.default.v1";

/// Some policy that is not the one in force.
const OTHER: &str = "apiVersion: parapet.dev/v1alpha1\nkind: ModelProvider\nmetadata: {name: other}\nspec: {demo: {}}\n";

fn issue(epoch: u64, generation: u64, good_for: i64) -> Issue {
    let now = SystemTime::now();
    let seconds = Duration::from_secs(good_for.unsigned_abs());
    Issue {
        class: CLASS.into(),
        revision: Revision { epoch, generation },
        issued_at: now,
        not_after: if good_for < 0 {
            now - seconds
        } else {
            now + seconds
        },
    }
}

fn message(packed: &Packed, issue: Issue, key: &SigningKey) -> Bytes {
    sign(packed, issue, &[key]).unwrap().message
}

/// A message with its signature changed.
fn forged(good: &Bytes) -> Bytes {
    let end = good.iter().position(|byte| *byte == b'\n').unwrap();
    let mut line: Value = serde_json::from_slice(&good[..end]).unwrap();
    let signature = line["signatures"][0]["sig"].as_str().unwrap().to_owned();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    line["signatures"][0]["sig"] = format!("{other}{}", &signature[1..]).into();
    format!("{line}\n").into()
}

/// What a gateway must not believe, with the code that it refuses it by.
fn unbelievable(installation: &Installation, current: Revision) -> Vec<(&'static str, Bytes)> {
    let key = installation.signing().unwrap();
    let stranger = SigningKey::from_text(&generate().unwrap()).unwrap();
    let other = installation.pack(OTHER).unwrap();
    let elsewhere = installation.pack_for("elsewhere", OTHER, |_| ()).unwrap();
    let Revision { epoch, generation } = current;
    let good = message(&other, issue(epoch, generation + 9, 60), &key);
    let newer = br#"{"format":2,"installation":"here","of":"tomorrow"}"#;
    vec![
        ("Malformed", good.slice(..100)),
        ("TooLarge", Bytes::from(vec![b'a'; 70_000])),
        ("BadSignature", forged(&good)),
        (
            "UnknownSigner",
            message(&other, issue(epoch, generation + 9, 60), &stranger),
        ),
        (
            "StaleEpoch",
            message(&other, issue(epoch - 1, 99, 60), &key),
        ),
        (
            "StaleGeneration",
            message(&other, issue(epoch, 0, 60), &key),
        ),
        (
            "ConflictingRevision",
            message(&other, issue(epoch, generation, 60), &key),
        ),
        (
            "WrongInstallation",
            message(&elsewhere, issue(epoch, generation + 9, 60), &key),
        ),
        (
            "Expired",
            message(&other, issue(epoch, generation + 9, -60), &key),
        ),
        (
            "UnknownFormat",
            seal_envelope(newer, &[&key]).unwrap().into(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_into_nats_by_others_is_refused_and_the_status_tells_who_refused_it_and_why() {
    let Some(world) = World::start("truth", 2).await else {
        return;
    };
    let operator = world.installation.connect(Role::Operator).await.unwrap();
    let context = async_nats::jetstream::new(operator.client().clone());
    let put = async |bytes: &Bytes| {
        let sent = context.publish(SUBJECT, bytes.clone()).await.unwrap();
        sent.await.unwrap();
    };
    let publisher = world.installation.publisher().await.unwrap();
    let (manifest, _) = publisher.last_good().await.unwrap().unwrap();
    assert_eq!(&*manifest.installation, INSTALLATION);
    for (code, bytes) in unbelievable(&world.installation, manifest.revision) {
        let wanted = format!("refused by gateway-1 ({code}), gateway-2 ({code})");
        let mut told = std::pin::pin!(world.told("Programmed", "True Programmed", |message| {
            message.starts_with("2/2 ") && message.ends_with(&wanted)
        }));
        println!("{code}");
        // The operator puts the good one back every half minute: then it is put there again.
        loop {
            put(&bytes).await;
            if tokio::time::timeout(Duration::from_secs(5), &mut told)
                .await
                .is_ok()
            {
                break;
            }
        }
        world.event(&format!("Warning Refused{code}")).await;
        world.all_answer(SSN, true).await;
        world.all_answer("harmless", false).await;
    }
    // The operator's check makes it good.
    world
        .told("Programmed", "True Programmed", |message| {
            message.starts_with("2/2 ") && !message.contains("refused")
        })
        .await;
    world.event("Normal Distributed").await;

    // Somebody with the signing key, and a body that was cut off on the way: the leader rises above it.
    let key = world.installation.signing().unwrap();
    let other = world.installation.pack(OTHER).unwrap();
    let Revision { epoch, generation } = manifest.revision;
    let cut = message(&other, issue(epoch, generation + 1000, 60), &key);
    put(&cut.slice(..cut.len() - 5)).await;
    world.event("Warning RefusedBodyMismatch").await;
    world.all_answer(SSN, true).await;
    let next = format!("2/2 gateways at revision {}.", epoch + 1);
    world
        .cluster
        .apply("GuardrailIntegration", "g", guardrails("email"))
        .await;
    world.programmed(&next).await;
    world.all_answer("ana@northwind.com", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_gateway_of_three_that_refuses_or_is_gone_has_its_name_in_the_status() {
    let Some(mut world) = World::start("third", 2).await else {
        return;
    };
    // Its keys are not those of the installation.
    let stranger = SigningKey::from_text(&generate().unwrap()).unwrap();
    let trusted = world.installation.file("trusted-by-the-third");
    std::fs::write(&trusted, stranger.public_text()).unwrap();
    world.launch("gateway-3", &trusted).await;
    let begun = Instant::now();
    let message = world
        .told("Programmed", "False RejectedByGateway", |_| true)
        .await;
    assert!(
        message.starts_with("2/3 gateways at revision 1."),
        "{message}"
    );
    assert!(
        message.ends_with("; gateway-3: UnknownSigner: no trusted key has signed it"),
        "{message}"
    );
    println!("told after {:?}", begun.elapsed());
    world.event("Warning RefusedUnknownSigner").await;
    // The right keys come, and it takes what it finds.
    std::fs::copy(world.installation.file("trusted"), &trusted).unwrap();
    world.programmed("3/3 ").await;

    // A process that dies without its pod: it falls silent.
    let mut gone: Gateway = world.gateways.remove(1);
    gone.terminate().await.unwrap();
    gone.wait_for_end(Duration::from_secs(30)).await.unwrap();
    let begun = Instant::now();
    let message = world
        .told("Programmed", "False PartiallyProgrammed", |_| true)
        .await;
    println!("told after {:?}", begun.elapsed());
    assert!(
        message.starts_with("2/3 ") && message.ends_with("; gateway-2 is silent"),
        "{message}"
    );
    // Without its pod it is none of the gateways any more.
    world.cluster.delete_pod("gateway-2").await;
    world.programmed("2/2 ").await;
    let status = world.cluster.status("GuardrailIntegration", "g").await;
    let gateways = status.gateways.unwrap();
    assert_eq!(
        (gateways.desired, gateways.programmed, gateways.rejected),
        (2, 2, 0)
    );
}
