use std::sync::Arc;

use parapet_policy::facts::Subject;
use parapet_policy::outcome::Strategy;
use parapet_policy::record::{McpMessage, McpSide, Record};

use super::*;
use crate::pages::testing::{guardrail, record};

fn entry(record: Record) -> Entry {
    Entry::new("gw".into(), record)
}

/// One request of every sort.
fn requests() -> Vec<Entry> {
    let clean = Record {
        guardrails: vec![guardrail("g/pii", "clean")],
        ..record("clean")
    };
    let mut blocker = guardrail("g/pii", "violation");
    blocker.blocks = true;
    let blocked = Record {
        guardrails: vec![guardrail("g/secrets", "clean"), blocker],
        end: End::BlockedViolation,
        subject: Some(Subject::VirtualAccount("bot".into())),
        ..record("blocked")
    };
    let changed = Record {
        guardrails: vec![
            guardrail("g/secrets", "changed"),
            guardrail("g/pii", "clean"),
        ],
        model: Some("acme/GPT-9".into()),
        ..record("changed")
    };
    let failed = Record {
        guardrails: vec![guardrail("h/remote", "failed")],
        ..record("failed")
    };
    let mut auditing = guardrail("g/pii", "changed");
    auditing.strategy = Strategy::Audit;
    let flagged = Record {
        guardrails: vec![auditing],
        ..record("flagged")
    };
    let refused = Record {
        end: End::Refused,
        subject: None,
        model: None,
        status: 401,
        ..record("refused")
    };
    let down = Record {
        end: End::UpstreamFailed,
        ..record("down")
    };
    let tool = Record {
        model: None,
        mcp: Some(McpMessage {
            server: "github".into(),
            source: Some("eu-repos".into()),
            method: "tools/call",
            tool: Some("get_issue".into()),
            version: "2026-07-28",
            from: McpSide::Client,
            failed: false,
            dropped: 0,
        }),
        subject: Some(Subject::User("agent".into())),
        ..record("tool")
    };
    [
        clean, blocked, changed, failed, flagged, refused, down, tool,
    ]
    .map(entry)
    .into()
}

#[test]
fn filters_let_through_what_they_say() {
    let all = requests();
    let filter = |show, guardrail: &str, subject: &str, model: &str| Filter {
        show,
        guardrail: guardrail.to_owned(),
        subject: subject.to_owned(),
        model: model.to_owned(),
        before: String::new(),
    };
    let rows: [(Filter, &[&str]); 18] = [
        (
            Filter::default(),
            &[
                "clean", "blocked", "changed", "failed", "flagged", "refused", "down", "tool",
            ],
        ),
        (filter(Show::Blocked, "", "", ""), &["blocked"]),
        (filter(Show::Changed, "", "", ""), &["changed"]),
        (filter(Show::Failed, "", "", ""), &["failed", "down"]),
        (filter(Show::Flagged, "", "", ""), &["flagged"]),
        (filter(Show::Refused, "", "", ""), &["refused"]),
        (
            filter(Show::All, "pii", "", ""),
            &["clean", "blocked", "changed", "flagged"],
        ),
        // What that guardrail did, and not what another did.
        (filter(Show::Changed, "pii", "", ""), &[]),
        (filter(Show::Changed, " G/Secrets ", "", ""), &["changed"]),
        (filter(Show::Blocked, "secrets", "", ""), &[]),
        (filter(Show::All, "", "virtualaccount:", ""), &["blocked"]),
        (
            filter(Show::All, "", "ALICE", ""),
            &["clean", "changed", "failed", "flagged", "down"],
        ),
        (filter(Show::All, "", "", "gpt-9"), &["changed"]),
        (filter(Show::All, "", "", "GitHub/get_"), &["tool"]),
        (filter(Show::All, "", "", "EU-Repos"), &["tool"]),
        (filter(Show::All, "", "", "get_issue2"), &[]),
        (filter(Show::Failed, "remote", "alice", "echo"), &["failed"]),
        (filter(Show::All, "nowhere", "", ""), &[]),
    ];
    for (filter, expected) in rows {
        let ready = filter.ready();
        let held: Vec<&str> = all
            .iter()
            .filter(|entry| ready.holds(entry))
            .map(|entry| &*entry.record.request_id)
            .collect();
        assert_eq!(held, expected, "{filter:?}");
    }
}

#[test]
fn pages_follow_each_other_without_a_gap_and_without_a_repetition() {
    // All of them ended at the same microsecond.
    let mut left: Vec<Arc<Entry>> = (0..10)
        .map(|id| Arc::new(entry(record(&format!("r-{id}")))))
        .collect();
    left.sort_by(|a, b| b.position().cmp(&a.position()));
    let mut seen = Vec::new();
    let mut filter = Filter {
        show: Show::All,
        ..Filter::default()
    };
    loop {
        let ready = filter.ready();
        let page: Vec<_> = left
            .iter()
            .filter(|entry| ready.holds(entry))
            .take(3)
            .collect();
        let Some(last) = page.last() else { break };
        seen.extend(page.iter().map(|entry| entry.record.request_id.to_string()));
        let query = filter.query(Some(last));
        let before = query.split("before=").nth(1).unwrap();
        filter.before = percent_encoding::percent_decode_str(before)
            .decode_utf8()
            .unwrap()
            .into_owned();
    }
    assert_eq!(seen.len(), 10);
    assert!(seen.is_sorted_by(|a, b| a > b));
}

#[test]
fn a_query_says_what_the_filter_says() {
    let filter = Filter {
        show: Show::Blocked,
        guardrail: "a&b=c".to_owned(),
        subject: "<x>".to_owned(),
        model: "m/1 2".to_owned(),
        before: "ignored".to_owned(),
    };
    assert_eq!(
        filter.query(None),
        "?show=blocked&guardrail=a%26b%3Dc&subject=%3Cx%3E&model=m%2F1%202"
    );
    assert_eq!(Filter::default().query(None), "");
    for nonsense in ["", "-", "x-y", "99999999999999999999-a", "5"] {
        let filter = Filter {
            before: nonsense.to_owned(),
            ..Filter::default()
        };
        assert!(filter.ready().holds(&entry(record("a"))), "{nonsense}");
    }
}
