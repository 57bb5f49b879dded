//! Keys change under gateways that run.

use parapet_bus::keys::{OpeningKeys, SigningKey, TrustedKeys, generate};
use parapet_bus::nats::{Publisher, PublisherConfig, Role};
use parapet_bus::plain::Packed;
use parapet_tests::installation::{CLASS, INSTALLATION, Installation};

use crate::support::{blocking, installation, reader, revision, until, up, verified};

/// With a credential, so that there is something to seal.
const ACCOUNT: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {token: a-token}\n---\n\
    apiVersion: parapet.dev/v1alpha1\nkind: VirtualAccount\nmetadata: {name: bot}\nspec: {tokens: [{secretKeyRef: {name: s, key: token}}]}\n";

fn packed(installation: &Installation, preset: &str) -> Packed {
    let resources = format!("{}{ACCOUNT}", blocking(preset));
    installation.pack(&resources).unwrap()
}

async fn runs(gateway: &parapet_tests::harness::Gateway, wanted: &str) {
    until(&format!("it runs {wanted}"), || async {
        let (_, policy) = gateway.admin_get("/policy").await.unwrap();
        policy.contains(&format!("\"{wanted}\""))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_rotated_without_a_gap_and_without_a_restart() {
    let mut installation = installation!(Installation::start().await);
    let mut before = installation.publisher().await.unwrap();
    before
        .publish(packed(&installation, "us_ssn"), revision(1, 1))
        .await
        .unwrap();
    let old = installation.gateway("old").start().await.unwrap();

    // Signing: gateways trust both, the next leader signs with the new one, the old one goes.
    let new = SigningKey::from_text(&generate().unwrap()).unwrap();
    let (old_public, new_public) = (
        installation.signing().unwrap().public_text(),
        new.public_text(),
    );
    let trusted = installation.file("trusted");
    std::fs::write(&trusted, format!("{old_public}\n{new_public}\n")).unwrap();
    let operator = installation.connect(Role::Operator).await.unwrap();
    up(&operator).await;
    let mut config = PublisherConfig::new(INSTALLATION.into(), CLASS.into(), vec![new]);
    config.trusted = TrustedKeys::from_texts([old_public.as_str()]).unwrap();
    let mut publisher = Publisher::new(&operator, config);
    let (manifest, _) = publisher.last_good().await.unwrap().unwrap();
    assert_eq!(manifest.revision, revision(1, 1));
    publisher
        .publish(packed(&installation, "email"), revision(2, 1))
        .await
        .unwrap();
    runs(&old, "2.1").await;
    std::fs::write(&trusted, format!("{new_public}\n")).unwrap();

    // Sealing: gateways have both, the same revision is sealed anew, the old one goes.
    let (old_key, new_key) = (
        std::fs::read_to_string(installation.file("opening")).unwrap(),
        generate().unwrap(),
    );
    let opening = installation.file("opening");
    std::fs::write(&opening, format!("{old_key}\n{}\n", *new_key)).unwrap();
    let keys = OpeningKeys::from_texts([new_key.as_str()]).unwrap();
    installation.sealing = keys.sealing_keys().next().unwrap().clone();
    publisher
        .publish(packed(&installation, "email"), revision(2, 1))
        .await
        .unwrap();
    std::fs::write(&opening, new_key.as_bytes()).unwrap();
    let (_connection, reader) = reader(&installation).await;
    let message = reader.get().await.unwrap().unwrap();
    let stored = verified(&installation, &message).unwrap();
    assert_eq!(stored.manifest().revision, revision(2, 1));
    let sealed = stored.body().unwrap().sealed.unwrap();
    assert_eq!(sealed.key_id, installation.sealing.id());

    // Whoever starts now has only the new keys, and both run the next revision.
    let fresh = installation.gateway("fresh").start().await.unwrap();
    runs(&fresh, "2.1").await;
    publisher
        .publish(packed(&installation, "us_ssn"), revision(2, 2))
        .await
        .unwrap();
    for gateway in [&old, &fresh] {
        runs(gateway, "2.2").await;
        let (_, metrics) = gateway.admin_get("/metrics").await.unwrap();
        let refused = metrics.lines().filter(|line| {
            line.starts_with("parapet_bundle_refusals_total{") && !line.ends_with(" 0")
        });
        assert_eq!(refused.count(), 0, "something was refused on the way");
    }
}
