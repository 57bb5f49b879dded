//! Lists are filtered, never failed.

use super::*;

fn listed(method: &str, body: &Value) -> Value {
    let body = body.to_string();
    let judging = judging(&body, About::new(Direction::ToClient, method));
    let bench = Bench::default()
        .text(Mutate, Enforce, Word("secret", "[R]"))
        .text(Validate, Enforce, Word("bad", ""));
    let (allowed, outcomes) = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(run(&bench, &judging));
    // The search for what is to blame leaves no entries of its own.
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
    match text_of(&allowed) {
        Some(text) => serde_json::from_str(&text).unwrap(),
        None => json!(status_of(&allowed)),
    }
}

fn tools(descriptions: impl IntoIterator<Item = String>) -> Value {
    let tools = descriptions
        .into_iter()
        .enumerate()
        .map(|(at, description)| json!({"name": format!("t{at}"), "description": description}));
    json!({"jsonrpc": "2.0", "id": 1, "result": {
        "tools": tools.collect::<Vec<_>>(), "ttlMs": 5, "cacheScope": "public", "x": "y", "resultType": "complete",
    }})
}

#[test]
fn bad_entries_are_left_out_and_the_rest_stays() {
    let ok = |at: usize| match at {
        3 | 64 | 199 => "bad".to_owned(),
        7 => "secret".to_owned(),
        at => format!("tool {at}"),
    };
    let left = listed("tools/list", &tools((0..200).map(ok)));
    let names: Vec<&str> = left["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 197);
    assert!(["t3", "t64", "t199"].iter().all(|bad| !names.contains(bad)));
    assert!(names.is_sorted_by_key(|name| name[1..].parse::<u32>().unwrap()));
    assert_eq!(left["result"]["tools"][6]["description"], "[R]");
    assert_eq!(left["result"]["cacheScope"], "private");
    assert_eq!(
        (&left["id"], &left["result"]["x"]),
        (&json!(1), &json!("y"))
    );
    let all = listed("tools/list", &tools(vec!["bad".to_owned(); 9]));
    assert_eq!(all["result"]["tools"], json!([]));
}

#[test]
fn what_is_bad_beside_the_entries_goes_alone() {
    let mut body = tools(["fine".to_owned()]);
    body["result"]["x"] = "bad".into();
    let left = listed("tools/list", &body);
    assert_eq!(left["result"]["tools"][0]["description"], "fine");
    assert_eq!(
        (&left["result"]["x"], &left["result"]["resultType"]),
        (&Value::Null, &json!("complete"))
    );
}

#[test]
fn every_list_has_its_entries() {
    for (method, member) in [
        ("prompts/list", "prompts"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
        ("tasks/list", "tasks"),
    ] {
        let entries = json!([{"name": "a", "description": "bad"}, {"name": "b"}]);
        let body = json!({"jsonrpc": "2.0", "id": "1", "result": {member: entries}});
        let left = listed(method, &body);
        assert_eq!(left["result"][member], json!([{"name": "b"}]), "{method}");
    }
}

#[test]
fn a_servers_introduction_loses_its_instructions() {
    for method in ["initialize", "server/discover"] {
        let body = json!({"jsonrpc": "2.0", "id": 1, "result": {
            "protocolVersion": "v", "instructions": "bad", "capabilities": {},
        }});
        let left = listed(method, &body);
        assert_eq!(
            left["result"],
            json!({"protocolVersion": "v", "capabilities": {}})
        );
        let body = json!({"jsonrpc": "2.0", "id": 1, "result": {"serverInfo": {"name": "bad"}}});
        assert_eq!(
            listed(method, &body),
            json!(400),
            "nothing is left to introduce"
        );
    }
}

#[test]
fn nothing_else_is_filtered() {
    let body =
        json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "bad"}, {"name": "a"}]}});
    assert_eq!(listed("tools/call", &body), json!(400));
    let body = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "bad"}});
    assert_eq!(listed("tools/list", &body), json!(400));
}

#[test]
fn a_task_loses_the_words_about_its_state_and_keeps_the_state() {
    let task = json!({"taskId": "t", "status": "working", "statusMessage": "bad", "ttl": null});
    let left = json!({"taskId": "t", "status": "working", "ttl": null});
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let body = json!({"jsonrpc": "2.0", "id": 1, "result": task});
        assert_eq!(listed(method, &body)["result"], left, "{method}");
    }
    let begun = |task: &Value| json!({"jsonrpc": "2.0", "id": 1, "result": {"task": task, "x": 1}});
    assert_eq!(listed("tools/call", &begun(&task)), begun(&left));
    let worse = json!({"jsonrpc": "2.0", "id": 1, "result": {
        "taskId": "t", "status": "completed", "statusMessage": "bad", "result": {"content": [{"type": "text", "text": "bad"}]}}});
    assert_eq!(listed("tasks/get", &worse), json!(400));
}
