use serde_json::json;

use super::*;

fn record(id: &str, teams: usize) -> Record {
    let record = json!({
        "version": RECORD_VERSION, "request_id": id, "started": "2026-01-01T00:00:00Z", "revision": null,
        "route": "/v1/messages", "subject": null, "teams": vec!["x".repeat(1000); teams], "model": null,
        "stream": false, "guardrails": [], "attempts": [], "unjudged": [], "rewrites": [], "end": "allowed",
        "status": 200, "request_bytes": 1, "response_bytes": 2, "total_us": 3
    });
    serde_json::from_value(record).unwrap()
}

fn framed(batch: &Batch) -> Vec<u8> {
    [
        b"{\"v\":1,\"pod\":\"gw\",\"records\":[".as_slice(),
        &batch.json,
        b"]}",
    ]
    .concat()
}

#[test]
fn records_gather_in_messages_of_a_bounded_size_and_come_out_in_order() {
    let queue = RecordQueue::default();
    // About 100 kB each: two fit into a message.
    for number in 0..5 {
        queue.put(&[record(&number.to_string(), 100)]);
    }
    let mut ids = Vec::new();
    let mut sizes = Vec::new();
    while let Some(batch) = queue.take(true) {
        let message = framed(&batch);
        assert!(message.len() <= MAX_MESSAGE_BYTES);
        let read = read(&message).unwrap();
        assert_eq!((&*read.pod, read.unreadable), ("gw", 0));
        sizes.push(read.records.len());
        ids.extend(
            read.records
                .iter()
                .map(|record| record.request_id.to_string()),
        );
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(ids, ["0", "1", "2", "3", "4"]);
    assert!(queue.take(true).is_none());
}

#[test]
fn what_finds_no_room_is_lost_and_counted() {
    let queue = RecordQueue::default();
    let room = 2 * (MAX_WAITING + 1);
    for _ in 0..room + 7 {
        queue.put(&[record("r", 100)]);
    }
    queue.put(&[record("huge", 300)]);
    let counts = queue.counts();
    assert_eq!(counts.lost(), [("queue_full", 7), ("too_large", 1)]);
    assert!(queue.take(false).is_some());
    queue.put(&[record("r", 100)]);
    assert_eq!(counts.lost(), [("queue_full", 7), ("too_large", 1)]);
}

#[test]
fn what_cannot_be_read_is_passed_over() {
    let good = serde_json::to_value(record("good", 0)).unwrap();
    let mut newer = good.clone();
    newer["end"] = json!("something_new");
    let message = json!({"v": 1, "pod": "gw", "records": [newer, good, 7]});
    let batch = read(message.to_string().as_bytes()).unwrap();
    assert_eq!((batch.records.len(), batch.unreadable), (1, 2));
    // Entries that are none take no room for records.
    let nothing = json!({"v": 1, "pod": "gw", "records": vec![0; 100_000]});
    let batch = read(nothing.to_string().as_bytes()).unwrap();
    assert_eq!(batch.unreadable, 100_000);
    assert!(batch.records.capacity() < 100);
    for bad in [
        json!({"v": 2, "pod": "gw", "records": []}).to_string(),
        json!({"v": 1, "records": []}).to_string(),
        String::new(),
        format!("{}{}", message, " ".repeat(MAX_MESSAGE_BYTES)),
    ] {
        assert!(read(bad.as_bytes()).is_none());
    }
}
