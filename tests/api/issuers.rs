//! What gateways find out about issuers while they run, as statuses tell it.

use jsonwebtoken::Algorithm;
use parapet_tests::issuer::{Issuer, Mood, SigningKey};
use serde_json::json;

use crate::support::until;
use crate::world::World;

/// Waits until the condition `Programmed` of the provider is so, with a message that ends like this.
async fn told(world: &World, expected: &str, end: &str) {
    let what = format!("{expected}: ...{end}");
    until(&what, || async {
        let status = world.cluster.status("IdentityProvider", "corp").await;
        let mut conditions = status.conditions.into_iter();
        let one = conditions.find(|one| one.type_ == "Programmed")?;
        let is_so = format!("{} {}", one.status, one.reason) == expected;
        (is_so && one.message.ends_with(end)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_cannot_be_fetched_stand_in_the_status_of_their_provider() {
    let Some(world) = World::start("issuers", 1).await else {
        return;
    };
    let issuer = Issuer::start().await.unwrap();
    let key = SigningKey::new(Algorithm::EdDSA, "ed").unwrap();
    issuer.publish("corp", &[&key]);
    issuer.mood("corp", Mood::Huge);
    let provider = json!({
        "issuer": issuer.name("corp"), "audiences": ["parapet"], "refreshInterval": "1s",
    });
    world
        .cluster
        .apply("IdentityProvider", "corp", provider)
        .await;
    let large = format!(
        "gateway-1: spec.jwks: no keys yet, so its tokens get a 503: the answer of {} is larger than 262144 bytes",
        issuer.addr()
    );
    told(&world, "False FailsInGateway", &large).await;

    // What was wrong is told no longer than it is.
    issuer.mood("corp", Mood::Good);
    told(&world, "True Programmed", "").await;
    issuer.mood("corp", Mood::Broken);
    let broken = format!(
        "gateway-1: spec.jwks: the keys of an earlier fetch still count: {} answered with status 500 Internal Server Error",
        issuer.addr()
    );
    told(&world, "True Programmed", &broken).await;
    let status = world.cluster.status("IdentityProvider", "corp").await;
    assert!(!format!("{status:?}").contains("SECRET-DOCUMENT"));
}
