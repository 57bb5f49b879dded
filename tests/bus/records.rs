//! Records of real gateways, as operators hear them.

use std::time::{Duration, Instant};

use parapet_bus::nats::{Connection, RecordReader, Role};
use parapet_policy::record::{End, Record};
use parapet_tests::fake_llm::FakeLlm;
use parapet_tests::http_client::{Client, Outgoing};
use parapet_tests::installation::{CLASS, Installation};
use parapet_tests::world::{BASE, TOKEN};
use serde_json::json;

use crate::support::{LIMIT, blocking, installation, revision, until, up};

const EMAIL: &str = "ana@northwind.com";

fn ask(text: &str) -> Outgoing {
    let body = json!({"model": "model/m", "messages": [{"role": "user", "content": text}]});
    Outgoing::post("/v1/chat/completions", body.to_string()).bearer(TOKEN)
}

/// An operator that listens.
async fn watcher(installation: &Installation) -> (Connection, RecordReader) {
    let connection = installation.connect(Role::Watcher).await.unwrap();
    up(&connection).await;
    let reader = RecordReader::listen(&connection, CLASS).await.unwrap();
    connection.client().flush().await.unwrap();
    (connection, reader)
}

/// Waits for the record of a request.
async fn record_of(reader: &mut RecordReader, id: &str) -> (String, Record) {
    let heard = async {
        loop {
            let batch = reader.next().await.unwrap();
            assert_eq!(batch.unreadable, 0);
            let mut records = batch.records.into_iter();
            if let Some(record) = records.find(|record| &*record.request_id == id) {
                return (batch.pod.to_string(), record);
            }
        }
    };
    tokio::time::timeout(LIMIT, heard).await.unwrap()
}

async fn publish(installation: &Installation) -> FakeLlm {
    let llm = FakeLlm::start().await.unwrap();
    let base = BASE.replace("${llm}", &format!("http://{}", llm.server().addr()));
    let resources = format!("{base}\n---\n{}", blocking("email"));
    let mut publisher = installation.publisher().await.unwrap();
    let packed = installation.pack(&resources).unwrap();
    publisher.publish(packed, revision(1, 1)).await.unwrap();
    llm
}

/// Sends a request and tells its status and id.
async fn sent(client: &Client, text: &str) -> (u16, String) {
    let answer = client.send(ask(text)).await.unwrap();
    let id = answer.header("x-request-id").unwrap().to_owned();
    (answer.status.as_u16(), id)
}

#[tokio::test]
async fn every_operator_hears_what_happened_and_no_text() {
    let installation = installation!(Installation::start().await);
    let _llm = publish(&installation).await;
    let setup = installation.gateway("gw-0").arg("--share-records");
    let gateway = setup.start().await.unwrap();
    let client = gateway.client();
    let (_first, mut first) = watcher(&installation).await;
    let (_second, mut second) = watcher(&installation).await;

    let asked = Instant::now();
    let (status, id) = sent(&client, &format!("write to {EMAIL}")).await;
    assert_eq!(status, 400);
    let (pod, record) = record_of(&mut first, &id).await;
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(pod, "gw-0");
    assert_eq!((record.end, record.status), (End::BlockedViolation, 400));
    assert_eq!(record.revision, Some(revision(1, 1)));
    let guardrail = &record.guardrails[0];
    assert_eq!(
        (&*guardrail.selector, guardrail.outcome),
        ("g/x", "violation")
    );
    assert_eq!(&*guardrail.categories[0].0, "email");
    let text = serde_json::to_string(&record).unwrap();
    assert!(!text.contains(EMAIL) && !text.contains(TOKEN), "{text}");
    let (_, again) = record_of(&mut second, &id).await;
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
}

#[tokio::test]
async fn nats_that_goes_and_comes_back_costs_no_request() {
    let mut installation = installation!(Installation::start().await);
    let _llm = publish(&installation).await;
    let setup = installation.gateway("gw-0").arg("--share-records");
    let gateway = setup.start().await.unwrap();
    let client = gateway.client();
    let (connection, mut reader) = watcher(&installation).await;
    let (_, id) = sent(&client, "hello").await;
    record_of(&mut reader, &id).await;

    installation.nats.kill().await.unwrap();
    until("the gateway knows", || async {
        let (_, metrics) = gateway.admin_get("/metrics").await.unwrap();
        metrics.contains("parapet_nats_connected 0")
    })
    .await;
    let mut last = String::new();
    for _ in 0..100 {
        let (status, id) = sent(&client, "hello").await;
        assert_eq!(status, 200);
        last = id;
    }
    installation.nats.start().await.unwrap();
    up(&connection).await;
    // What waited, or what comes from now on: the operator may listen again a little later than the gateway sends.
    let deadline = Instant::now() + LIMIT;
    let mut ids = vec![last];
    loop {
        let (status, id) = sent(&client, "hello").await;
        assert_eq!(status, 200);
        ids.push(id);
        let next = tokio::time::timeout(Duration::from_millis(500), reader.next()).await;
        if let Ok(Some(batch)) = next
            && batch
                .records
                .iter()
                .any(|record| ids.contains(&record.request_id.to_string()))
        {
            break;
        }
        assert!(Instant::now() < deadline, "no record since NATS is back");
    }
    let (_, metrics) = gateway.admin_get("/metrics").await.unwrap();
    assert!(metrics.contains("parapet_telemetry_sent_total{signal=\"records\"}"));
}
