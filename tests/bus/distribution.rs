//! What is published arrives, once or not at all.

use futures_util::StreamExt as _;
use parapet_bus::keys::read_opening_keys;
use parapet_bus::nats::{Checked, PublishError};
use parapet_tests::installation::Installation;

use crate::support::{LIMIT, blocking, installation, large, reader, revision, verified};

#[tokio::test]
async fn what_is_published_is_heard_by_ten_and_can_be_got() {
    let installation = installation!(Installation::start().await);
    let mut publisher = installation.publisher().await.unwrap();
    let mut listeners = Vec::new();
    for _ in 0..10 {
        let (connection, reader) = reader(&installation).await;
        assert!(reader.get().await.unwrap().is_none());
        let heard = reader.listen().await.unwrap();
        connection.client().flush().await.unwrap();
        listeners.push((connection, reader, heard));
    }
    for (generation, preset) in [(1, "us_ssn"), (2, "email")] {
        let packed = installation.pack(&blocking(preset)).unwrap();
        let digest = packed.digest().clone();
        publisher
            .publish(packed, revision(1, generation))
            .await
            .unwrap();
        for (_, reader, heard) in &mut listeners {
            let message = tokio::time::timeout(LIMIT, heard.next())
                .await
                .unwrap()
                .unwrap();
            let got = reader.get().await.unwrap().unwrap();
            assert_eq!(message.payload, got);
            let verified = verified(&installation, &got).unwrap();
            assert_eq!(verified.manifest().revision, revision(1, generation));
            assert_eq!(verified.manifest().digest, digest);
        }
    }
    assert_eq!(publisher.check().await.unwrap(), Checked::Serves);
}

#[tokio::test]
async fn a_large_body_travels_as_an_object_and_old_ones_go() {
    let installation = installation!(Installation::start().await);
    let mut publisher = installation.publisher().await.unwrap();
    let (_connection, reader) = reader(&installation).await;
    let mut names = Vec::new();
    for generation in 1..=3 {
        let mut resources = large();
        resources.push_str(&format!(
            "    - {{name: n{generation}, requestMetadata: {{}}}}\n"
        ));
        let packed = installation.pack(&resources).unwrap();
        assert!(packed.reference().object, "{:?}", packed.reference());
        publisher
            .publish(packed, revision(1, generation))
            .await
            .unwrap();
        let message = reader.get().await.unwrap().unwrap();
        assert!(message.len() < 4096);
        let verified = verified(&installation, &message).unwrap();
        let name = verified.object().unwrap().to_owned();
        let body = reader.object(&name).await.unwrap().unwrap();
        let opening = read_opening_keys(&installation.file("opening")).unwrap();
        let opened = verified.with_object(body).open(&opening).unwrap();
        assert_eq!(opened.bundle.revision, revision(1, generation));
        names.push(name);
    }
    // The one before stays for whoever is about to read it.
    let mut there = Vec::new();
    for name in &names {
        there.push(reader.object(name).await.unwrap().is_some());
    }
    assert_eq!(there, [false, true, true]);
    // A new leader finds it as well.
    let other = installation.publisher().await.unwrap();
    let (manifest, body) = other.last_good().await.unwrap().unwrap();
    assert_eq!(manifest.revision, revision(1, 3));
    assert_eq!(body.sources.len(), 2);
}

#[tokio::test]
async fn a_leader_that_was_replaced_publishes_nothing() {
    let installation = installation!(Installation::start().await);
    let (mut old, mut new) = (
        installation.publisher().await.unwrap(),
        installation.publisher().await.unwrap(),
    );
    let packed = |preset| installation.pack(&blocking(preset)).unwrap();
    old.publish(packed("us_ssn"), revision(1, 7)).await.unwrap();
    let (manifest, body) = new.last_good().await.unwrap().unwrap();
    assert_eq!(
        (manifest.revision, body.sources[0].generation),
        (revision(1, 7), 3)
    );
    new.publish(packed("email"), revision(2, 1)).await.unwrap();
    for attempt in 0..2 {
        let result = match attempt {
            0 => old
                .publish(packed("us_ssn"), revision(1, 8))
                .await
                .map(drop),
            _ => old.check().await.map(drop),
        };
        let deposed =
            matches!(result, Err(PublishError::Deposed { stored }) if stored == revision(2, 1));
        assert!(deposed, "{result:?}");
    }
    assert_eq!(new.check().await.unwrap(), Checked::Serves);
    // The same again, by the leader itself, is no error.
    new.publish(packed("email"), revision(2, 1)).await.unwrap();
}

#[tokio::test]
async fn what_was_put_there_by_others_is_replaced() {
    let installation = installation!(Installation::start().await);
    let mut publisher = installation.publisher().await.unwrap();
    let packed = installation.pack(&blocking("email")).unwrap();
    publisher.publish(packed, revision(1, 1)).await.unwrap();
    let operator = installation
        .connect(parapet_bus::nats::Role::Operator)
        .await
        .unwrap();
    let context = async_nats::jetstream::new(operator.client().clone());
    let put = context
        .publish("$KV.rules.snapshot.default.v1", "nonsense".into())
        .await
        .unwrap();
    put.await.unwrap();
    assert_eq!(publisher.check().await.unwrap(), Checked::Restored);
    let (_connection, reader) = reader(&installation).await;
    let message = reader.get().await.unwrap().unwrap();
    verified(&installation, &message).unwrap();
}
