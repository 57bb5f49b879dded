//! NATS goes, comes back, comes back empty, refuses, is full.

use std::time::Duration;

use futures_util::StreamExt as _;
use parapet_bus::nats::{Checked, Credentials, PublishError, Publisher, Role, UserKey};
use parapet_tests::installation::Installation;

use crate::support::{LIMIT, blocking, installation, large, reader, revision, until, up, verified};

#[tokio::test]
async fn a_restart_with_its_disk_loses_nothing() {
    let mut installation = installation!(Installation::start().await);
    let mut publisher = installation.publisher().await.unwrap();
    let (connection, reader) = reader(&installation).await;
    let mut heard = reader.listen().await.unwrap();
    let packed = |preset| installation.pack(&blocking(preset)).unwrap();
    let (first, second) = (packed("email"), packed("us_ssn"));
    publisher.publish(first, revision(1, 1)).await.unwrap();
    tokio::time::timeout(LIMIT, heard.next())
        .await
        .unwrap()
        .unwrap();
    let before = reader.get().await.unwrap().unwrap();

    installation.nats.kill().await.unwrap();
    let mut state = connection.state().clone();
    state.wait_for(|state| !state.connected).await.unwrap();
    installation.nats.start().await.unwrap();
    up(&connection).await;
    until("the stream is served again", || async {
        reader
            .get()
            .await
            .is_ok_and(|got| got.as_ref() == Some(&before))
    })
    .await;
    until("the operator is connected again", || async {
        reader.get().await.is_ok()
    })
    .await;
    assert_eq!(publisher.check().await.unwrap(), Checked::Serves);
    publisher.publish(second, revision(1, 2)).await.unwrap();
    let message = tokio::time::timeout(LIMIT, heard.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        verified(&installation, &message.payload)
            .unwrap()
            .manifest()
            .revision,
        revision(1, 2)
    );
}

#[tokio::test]
async fn a_restart_without_its_disk_is_made_good() {
    let mut installation = installation!(Installation::start().await);
    let mut publisher = installation.publisher().await.unwrap();
    let (connection, reader) = reader(&installation).await;
    let mut heard = reader.listen().await.unwrap();
    let packed = installation.pack(&large()).unwrap();
    publisher.publish(packed, revision(3, 9)).await.unwrap();
    tokio::time::timeout(LIMIT, heard.next())
        .await
        .unwrap()
        .unwrap();

    installation.nats.kill().await.unwrap();
    connection
        .state()
        .clone()
        .wait_for(|state| !state.connected)
        .await
        .unwrap();
    installation.nats.lose_disk().unwrap();
    installation.nats.start().await.unwrap();
    up(&connection).await;
    let mut checked = publisher.check().await;
    for _ in 0..20 {
        if checked.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        checked = publisher.check().await;
    }
    assert_eq!(checked.unwrap(), Checked::Restored);
    let message = tokio::time::timeout(LIMIT, heard.next())
        .await
        .unwrap()
        .unwrap();
    let verified = verified(&installation, &message.payload).unwrap();
    assert_eq!(verified.manifest().revision, revision(3, 9));
    assert!(
        reader
            .object(verified.object().unwrap())
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn wrong_credentials_do_not_connect_until_they_are_right() {
    let installation = installation!(Installation::start().await);
    let stranger = UserKey::generate().unwrap();
    let file = installation.file("stranger.nk");
    std::fs::write(&file, stranger.seed.as_bytes()).unwrap();
    let credentials = Credentials::NkeySeedFile(file.clone());
    let connection = installation
        .connect_as(Role::Gateway, credentials)
        .await
        .unwrap();
    let mut state = connection.state().clone();
    let connected = state.wait_for(|state| state.connected);
    assert!(
        tokio::time::timeout(Duration::from_secs(2), connected)
            .await
            .is_err()
    );
    // The file is read again at every attempt.
    std::fs::copy(installation.file("gateway.nk"), &file).unwrap();
    up(&connection).await;
}

#[tokio::test]
async fn without_jetstream_it_is_said() {
    let mut installation = installation!(Installation::down());
    installation.server.jetstream = false;
    let accounts = installation.server.accounts();
    for with_server in [false, true] {
        installation.nats.kill().await.unwrap();
        installation.nats.configure(&accounts, with_server).unwrap();
        installation.nats.start().await.unwrap();
        let publisher = installation.publisher_unprepared().await.unwrap();
        let error = publisher.prepare().await.unwrap_err();
        assert!(matches!(error, PublishError::NoJetStream(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_full_server_refuses_and_keeps_what_it_has() {
    let installation = installation!(Installation::start().await);
    let operator = installation.connect(Role::Operator).await.unwrap();
    up(&operator).await;
    let mut config = installation.publisher_config().unwrap();
    config.bucket_bytes = 16 * 1024;
    config.object_bytes = 64 * 1024;
    let mut publisher = Publisher::new(&operator, config);
    publisher.prepare().await.unwrap();
    let small = installation.pack(&blocking("email")).unwrap();
    publisher.publish(small, revision(1, 1)).await.unwrap();
    let error = publisher
        .publish(installation.pack(&large()).unwrap(), revision(1, 2))
        .await;
    assert!(matches!(error, Err(PublishError::Full(_))), "{error:?}");
    assert_eq!(publisher.check().await.unwrap(), Checked::Serves);
    let (_connection, reader) = reader(&installation).await;
    let message = reader.get().await.unwrap().unwrap();
    assert_eq!(
        verified(&installation, &message)
            .unwrap()
            .manifest()
            .revision,
        revision(1, 1)
    );
}

#[tokio::test]
async fn while_nats_is_down_publishing_says_so() {
    let mut installation = installation!(Installation::start().await);
    let mut publisher = installation.publisher().await.unwrap();
    let packed = installation.pack(&blocking("email")).unwrap();
    installation.nats.kill().await.unwrap();
    let error = publisher.publish(packed.clone(), revision(1, 1)).await;
    assert!(
        matches!(error, Err(PublishError::Unavailable(_))),
        "{error:?}"
    );
    installation.nats.start().await.unwrap();
    for _ in 0..20 {
        if publisher
            .publish(packed.clone(), revision(1, 1))
            .await
            .is_ok()
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(publisher.check().await.unwrap(), Checked::Serves);
}
