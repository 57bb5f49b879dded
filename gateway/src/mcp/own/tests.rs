use serde_json::{Value, json};

use super::list::{MOST_BYTES, MOST_ENTRIES};
use super::*;
use crate::mcp::version::MODERN;

const LEGACY: Version = Version {
    era: Era::Legacy,
    name: "2025-11-25",
};
const STATELESS: Version = Version {
    era: Era::Modern,
    name: MODERN,
};

fn own() -> Own {
    Own {
        name: "tools".into(),
        instructions: Some("Ask \"first\".".into()),
        offers: Offers::default().with(Offer::Tools),
        fresh: Duration::from_secs(60),
    }
}

fn request(method: &str, params: Value) -> Message {
    message(json!({"jsonrpc": "2.0", "id": "a-1", "method": method, "params": params}))
}

fn message(value: Value) -> Message {
    Message::parse(value.to_string()).unwrap()
}

fn body(answer: &Answer) -> Value {
    let text = answer.body.clone().unwrap();
    // Clients get only what can be read as a message.
    Message::parse(text.clone()).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_session_begins_with_the_revision_that_the_client_asked_for_or_the_newest_with_sessions() {
    let rows = [
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2024-11-05", "2024-11-05"),
        ("2026-07-28", "2025-11-25"),
        ("2031-01-01", "2025-11-25"),
    ];
    for (asked, agreed) in rows {
        let initialize = request(
            "initialize",
            json!({"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}),
        );
        let answer = own().answer(LEGACY, &initialize).unwrap();
        assert_eq!(answer.status, 200);
        let body = body(&answer);
        assert_eq!(
            body["result"],
            json!({
                "protocolVersion": agreed, "capabilities": {"tools": {}}, "instructions": "Ask \"first\".",
                "serverInfo": {"name": "tools", "version": env!("CARGO_PKG_VERSION")},
            })
        );
        assert_eq!(body["id"], "a-1");
        let text = answer.session.unwrap();
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
        let session = OwnSession::read(&text).unwrap();
        assert_eq!(session.version, agreed);
        assert!(session.id.len() >= 20);
    }
    let again = own().answer(
        LEGACY,
        &request("initialize", json!({"protocolVersion": "x"})),
    );
    let other = own().answer(
        LEGACY,
        &request("initialize", json!({"protocolVersion": "x"})),
    );
    assert_ne!(again.unwrap().session, other.unwrap().session);
    let without = own()
        .answer(LEGACY, &request("initialize", json!({})))
        .unwrap();
    assert_eq!(body(&without)["error"]["code"], -32602);
    assert_eq!(without.session, None);
}

#[test]
fn each_era_has_its_own_methods() {
    let offers = Offers::default().with(Offer::Tools).with(Offer::Logging);
    let own = Own { offers, ..own() };
    // Method, then what comes of it with sessions and without: none is left to the server, otherwise status and code (0 for
    // a result).
    type Outcome = Option<(u16, i64)>;
    let rows: [(&str, Outcome, Outcome); 9] = [
        ("ping", Some((200, 0)), Some((404, -32601))),
        ("logging/setLevel", Some((200, 0)), Some((404, -32601))),
        ("initialize", Some((200, -32602)), Some((404, -32601))),
        ("server/discover", Some((200, -32601)), Some((200, 0))),
        ("tools/list", None, None),
        ("tools/call", None, None),
        ("prompts/list", Some((200, -32601)), Some((404, -32601))),
        (
            "subscriptions/listen",
            Some((200, -32601)),
            Some((404, -32601)),
        ),
        ("no/such", Some((200, -32601)), Some((404, -32601))),
    ];
    for (method, legacy, modern) in rows {
        for (version, expected) in [(LEGACY, legacy), (STATELESS, modern)] {
            let answer = own.answer(version, &request(method, json!({})));
            let got = answer.as_ref().map(|answer| {
                let code = body(answer)["error"]["code"].as_i64().unwrap_or(0);
                (answer.status.as_u16(), code)
            });
            assert_eq!(got, expected, "{method} {version:?}");
            if got.is_some_and(|(_, code)| code == 0) {
                let kind = &body(&answer.unwrap())["result"]["resultType"];
                let expected = match version.era {
                    Era::Modern => json!("complete"),
                    Era::Legacy => Value::Null,
                };
                assert_eq!(*kind, expected, "{method}");
            }
        }
    }
    for method in [
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/x",
    ] {
        let told = message(json!({"jsonrpc": "2.0", "method": method}));
        assert_eq!(own.answer(LEGACY, &told), Some(Answer::taken()));
    }
    let answered = message(json!({"jsonrpc": "2.0", "id": 7, "result": {}}));
    assert_eq!(own.answer(LEGACY, &answered), Some(Answer::taken()));
}

#[test]
fn without_sessions_a_server_tells_what_it_is_when_it_is_asked() {
    let offers = Offers::default()
        .with(Offer::Tools)
        .with(Offer::Prompts)
        .with(Offer::Logging);
    let own = Own { offers, ..own() };
    let answer = own
        .answer(STATELESS, &request("server/discover", json!({})))
        .unwrap();
    assert_eq!(
        body(&answer)["result"],
        json!({
            "resultType": "complete", "supportedVersions": SERVED, "capabilities": {"tools": {}, "prompts": {}},
            "instructions": "Ask \"first\".", "ttlMs": 60_000, "cacheScope": "private",
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "tools", "version": env!("CARGO_PKG_VERSION")}},
        })
    );
    assert_eq!(answer.session, None);
}

/// Every name on the pages of a list, and how many pages there were.
fn walk(entries: &[Entry], version: Version) -> (Vec<String>, usize) {
    let (mut names, mut pages, mut cursor) = (Vec::new(), 0, None);
    loop {
        let params = cursor.map_or(json!({}), |cursor: Value| json!({"cursor": cursor}));
        let body = body(&own().list(version, &request("tools/list", params), "tools", entries));
        let result = &body["result"];
        let tools = result["tools"].as_array().unwrap();
        names.extend(
            tools
                .iter()
                .map(|tool| tool["name"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        let modern = version.era == Era::Modern;
        assert_eq!(result["ttlMs"].as_u64(), modern.then_some(60_000));
        assert_eq!(result["cacheScope"].as_str(), modern.then_some("private"));
        match &result["nextCursor"] {
            Value::Null => return (names, pages),
            next => cursor = Some(next.clone()),
        }
    }
}

#[test]
fn a_list_has_every_entry_once_whatever_its_pages() {
    let entry = |key: String, filler: usize| Entry {
        json: json!({"name": key, "description": "x".repeat(filler)}).to_string(),
        key,
    };
    let rows = [
        (0, 0, 1),
        (1, 0, 1),
        (MOST_ENTRIES, 0, 1),
        (MOST_ENTRIES + 1, 0, 2),
        (2 * MOST_ENTRIES + 1, 0, 3),
        // Each larger than a page.
        (3, MOST_BYTES + 1, 3),
    ];
    for (count, filler, expected) in rows {
        let entries: Vec<Entry> = (0..count)
            .map(|n| entry(format!("t{n:05}"), filler))
            .collect();
        let keys: Vec<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        for version in [LEGACY, STATELESS] {
            assert_eq!(walk(&entries, version), (keys.clone(), expected), "{count}");
        }
    }
}

#[test]
fn a_cursor_holds_when_entries_come_and_go_and_a_wrong_one_is_refused() {
    let entries = |names: &[usize]| -> Vec<Entry> {
        let entry = |n: &usize| Entry {
            key: format!("t{n:05}"),
            json: json!({"name": format!("t{n:05}")}).to_string(),
        };
        names.iter().map(entry).collect()
    };
    let all: Vec<usize> = (0..MOST_ENTRIES + 2).collect();
    let first = body(&own().list(
        LEGACY,
        &request("tools/list", json!({})),
        "tools",
        &entries(&all),
    ));
    let cursor = &first["result"]["nextCursor"];
    // The last entry of the first page is gone by now.
    let fewer: Vec<usize> = all
        .iter()
        .copied()
        .filter(|n| *n != MOST_ENTRIES - 1)
        .collect();
    let ask = request("tools/list", json!({"cursor": cursor}));
    let second = body(&own().list(LEGACY, &ask, "tools", &entries(&fewer)));
    let names: Vec<&str> = second["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            format!("t{MOST_ENTRIES:05}"),
            format!("t{:05}", MOST_ENTRIES + 1)
        ]
    );
    for cursor in [json!("!"), json!(7), json!("gICA"), json!("A".repeat(5000))] {
        let ask = request("tools/list", json!({"cursor": cursor}));
        let answer = own().list(STATELESS, &ask, "tools", &entries(&all));
        assert_eq!(answer.status, 400, "{cursor}");
        assert_eq!(body(&answer)["error"]["code"], -32602);
    }
}

#[test]
fn results_and_errors_are_of_the_era() {
    let call = request("tools/call", json!({"name": "x"}));
    let rows = [
        (LEGACY, 200, json!({"content": []})),
        (
            STATELESS,
            400,
            json!({"resultType": "complete", "content": []}),
        ),
    ];
    for (version, status, expected) in rows {
        let result = Own::result(version, &call, r#""content":[]"#);
        assert_eq!(body(&result)["result"], expected);
        let error = Own::error(version, &call, RpcError::params("no"));
        assert_eq!(error.status, status);
        assert_eq!(body(&error)["error"]["message"], "no");
        let unknown = Own::error(version, &call, RpcError::unknown_tool());
        assert_eq!(
            (unknown.status.as_u16(), &body(&unknown)["error"]["code"]),
            (200, &json!(-32602))
        );
    }
}
