//! What a gateway's credential cannot do.

use std::time::Duration;

use async_nats::jetstream;
use futures_util::StreamExt as _;
use parapet_bus::nats::{Connection, Role};
use parapet_tests::installation::Installation;

use crate::support::{blocking, installation, reader, revision, until, up};

/// Waits until the server has refused something more.
async fn refused(connection: &Connection, before: u64, what: &str) -> u64 {
    until(what, || async {
        connection.state().borrow().refused > before
    })
    .await;
    connection.state().borrow().refused
}

#[tokio::test]
async fn a_gateway_can_neither_publish_nor_delete_nor_read_others_answers() {
    let installation = installation!(Installation::start().await);
    let mut publisher = installation.publisher().await.unwrap();
    let packed = installation.pack(&blocking("email")).unwrap();
    publisher.publish(packed, revision(1, 1)).await.unwrap();
    let (connection, good) = reader(&installation).await;
    let before = good.get().await.unwrap().unwrap();
    let (_listener, listening) = reader(&installation).await;
    let mut heard = listening.listen().await.unwrap();
    _listener.client().flush().await.unwrap();

    let client = connection.client();
    let mut count = connection.state().borrow().refused;
    let forged = before.clone();
    for subject in [
        "$KV.rules.snapshot.default.v1",
        "cfg.rules.snapshot.default.v1",
        "$O.snaps.M.x",
        "ctl.status",
        "$JS.API.STREAM.PURGE.KV_rules",
        "$JS.API.STREAM.DELETE.KV_rules",
        "$JS.API.STREAM.MSG.DELETE.KV_rules",
        "$JS.API.STREAM.UPDATE.KV_rules",
        "$JS.API.CONSUMER.CREATE.KV_rules",
        "$JS.API.CONSUMER.CREATE.OBJ_snaps.c.x",
        "$JS.API.STREAM.MSG.GET.KV_rules",
    ] {
        client.publish(subject, forged.clone()).await.unwrap();
        count = refused(&connection, count, subject).await;
    }
    for subject in [">", "_INBOX_op.>", "$KV.>", "gw.status.>", "$O.>"] {
        let _subscription = client.subscribe(subject).await.unwrap();
        count = refused(&connection, count, subject).await;
    }
    // And the client's own ways to the same ends.
    let context = jetstream::new(client.clone());
    assert!(context.delete_stream("KV_rules").await.is_err());
    assert!(context.get_object_store("snaps").await.is_err());
    assert_eq!(good.get().await.unwrap().unwrap(), before);
    let silent = tokio::time::timeout(Duration::from_millis(300), heard.next()).await;
    assert!(silent.is_err(), "a gateway was heard by another");
}

#[tokio::test]
async fn records_and_traces_have_an_account_of_their_own() {
    let installation = installation!(Installation::start().await);
    let mut publisher = installation.publisher().await.unwrap();
    let packed = installation.pack(&blocking("email")).unwrap();
    publisher.publish(packed, revision(1, 1)).await.unwrap();
    let (_gateway, reader) = reader(&installation).await;
    let before = reader.get().await.unwrap().unwrap();
    let rows: [(Role, &[&str], &[&str]); 3] = [
        (
            Role::Recorder,
            &[
                "$KV.rules.snapshot.default.v1",
                "cfg.rules.snapshot.default.v1",
                "gw.status.default.x",
                "ctl.status",
                "$JS.API.STREAM.MSG.GET.TRACES",
                "$JS.API.DIRECT.GET.TRACES",
                "$JS.API.CONSUMER.CREATE.TRACES.mine",
                "$JS.API.CONSUMER.MSG.NEXT.TRACES.forwarders-default",
                "$JS.API.STREAM.DELETE.TRACES",
                "$JS.ACK.TRACES.forwarders-default.1.1.1.1.1",
            ],
            &[
                ">",
                "records.>",
                "otel.>",
                "$KV.>",
                "_INBOX_fwd.>",
                "_INBOX_watch.>",
            ],
        ),
        (
            Role::Watcher,
            &[
                "records.default",
                "otel.traces.default",
                "$KV.rules.snapshot.default.v1",
                "$JS.API.STREAM.MSG.GET.TRACES",
            ],
            &[">", "otel.>", "cfg.rules.>", "_INBOX_rec.>"],
        ),
        (
            Role::Forwarder,
            &[
                "$KV.rules.snapshot.default.v1",
                "cfg.rules.snapshot.default.v1",
                "records.default",
                "otel.traces.default",
                "ctl.status",
                "$JS.API.STREAM.CREATE.KV_rules",
                "$JS.API.STREAM.DELETE.TRACES",
                "$JS.API.STREAM.PURGE.TRACES",
            ],
            &[
                ">",
                "records.>",
                "cfg.rules.>",
                "gw.status.>",
                "_INBOX_rec.>",
            ],
        ),
    ];
    for (role, publishes, subscribes) in rows {
        let connection = installation.connect(role).await.unwrap();
        up(&connection).await;
        let client = connection.client();
        let mut count = connection.state().borrow().refused;
        for subject in publishes {
            client.publish(*subject, before.clone()).await.unwrap();
            count = refused(&connection, count, &format!("{role:?} {subject}")).await;
        }
        for subject in subscribes {
            let _subscription = client.subscribe(*subject).await.unwrap();
            count = refused(&connection, count, &format!("{role:?} {subject}")).await;
        }
    }
    // Nor does a gateway's other user hear anything, or an operator's.
    for role in [Role::Gateway, Role::Operator] {
        let connection = installation.connect(role).await.unwrap();
        up(&connection).await;
        let count = connection.state().borrow().refused;
        let _subscription = connection.client().subscribe("records.>").await.unwrap();
        refused(&connection, count, &format!("{role:?} records")).await;
    }
    assert_eq!(reader.get().await.unwrap().unwrap(), before);
}
