//! Servers that are programs: what reaches them, what they say, and which client hears it.

use http::Method;
use parapet_tests::harness::{Gateway, Setup};
use parapet_tests::http_client::{Answered, Outgoing};
use serde_json::{Value, json};

use super::guarded::{POLICY, is_blocked};
use super::support::{CALLERS, bodiless, call, in_session, initialize, messages, stateless};

/// Resources with a program named `fake`, with more members of its `spec` and of its `command` in flow style.
pub(super) fn program(args: &str, command: &str, spec: &str) -> String {
    let program = env!("CARGO_BIN_EXE_fake-stdio");
    format!(
        "{CALLERS}---\napiVersion: parapet.dev/v1alpha1\nkind: MCPServer\nmetadata: {{name: fake}}\nspec: {{command: {{program: \"{program}\", args: [{args}]{command}}}{spec}}}\n"
    )
}

/// A gateway with a program named `fake`.
pub(super) async fn start(args: &str, command: &str) -> Gateway {
    let setup = Setup::new(program(args, command, ""));
    let setup = setup.env("NOT_FOR_PROGRAMS", "gateway-secret");
    setup.start().await.unwrap()
}

pub(super) fn request(id: &Value, tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": {"name": tool, "arguments": {"text": "x"}, "_meta": {"progressToken": "mine"}}})
}

pub(super) async fn ask(gateway: &Gateway, session: &str, tool: &str) -> Answered {
    let outgoing = in_session(Some(session), &request(&json!(9), tool));
    gateway.client().send(outgoing).await.unwrap()
}

fn text(answer: &Value) -> String {
    let text = answer["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// What a tool says.
pub(super) async fn told(gateway: &Gateway, session: &str, tool: &str) -> String {
    let answered = ask(gateway, session, tool).await;
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    text(&messages(&answered).pop().unwrap())
}

/// The same from the second caller.
pub(super) fn of_bob(mut outgoing: Outgoing) -> Outgoing {
    outgoing.headers.retain(|(name, _)| name != "authorization");
    outgoing.bearer("bob-token")
}

/// All that the gateway has printed.
pub(super) fn log(gateway: &Gateway) -> String {
    gateway.log().lines().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_what_the_resource_names_and_no_shell() {
    let env = ", cwd: \"/\", env: {PLAIN: \"$HOME; echo\", TOKEN: {secretKeyRef: {name: tokens, key: upstream}}}";
    let gateway = start("\"$(id)\", \"a b;c\"", env).await;
    let session = initialize(&gateway).await;
    let environment = told(&gateway, &session, "environment").await;
    let environment: Value = serde_json::from_str(&environment).unwrap();
    let names: Vec<&String> = environment.as_object().unwrap().keys().collect();
    assert_eq!(names, ["HOME", "PATH", "PLAIN", "TOKEN"]);
    assert_eq!(environment["PLAIN"], "$HOME; echo");
    assert_eq!(environment["TOKEN"], "Bearer upstream-token");
    let arguments = told(&gateway, &session, "arguments").await;
    assert_eq!(arguments, r#"["$(id)","a b;c"]"#);
    assert_eq!(told(&gateway, &session, "folder").await, "/");
    assert!(!log(&gateway).contains("upstream-token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_says_besides_is_not_heard_and_shown_only_where_that_is_wanted() {
    for (more, shown) in [("", false), (", logStderr: true", true)] {
        let gateway = start("", more).await;
        let session = initialize(&gateway).await;
        let answered = ask(&gateway, &session, "noise").await;
        let all = messages(&answered);
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!((&all[0]["id"], text(&all[0])), (&json!(9), "done".into()));
        assert_eq!(told(&gateway, &session, "echo").await, "x");
        let log = log(&gateway);
        assert!(!log.contains("that is no message"), "{log}");
        assert_eq!(log.contains("SECRET-DOCUMENT of"), shown, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_and_tokens_are_a_clients_own() {
    let gateway = start("", "").await;
    let session = initialize(&gateway).await;
    let answered = ask(&gateway, &session, "progress").await;
    let both = messages(&answered);
    assert_eq!(both.len(), 2, "{both:?}");
    assert_eq!(both[0]["params"]["progressToken"], "mine");
    assert_eq!(both[1]["id"], 9);
    // Two calls at once under ids that programs may take for the same one.
    let client = gateway.client();
    let hangs = in_session(Some(&session), &request(&json!(1), "asked"));
    let hangs = tokio::spawn(async move { client.send(hangs).await.unwrap() });
    while told(&gateway, &session, "calls")
        .await
        .parse::<u32>()
        .unwrap()
        < 3
    {}
    for id in [json!(1), json!(1.0), json!("1")] {
        let outgoing = in_session(Some(&session), &request(&id, "echo"));
        let answered = gateway.client().send(outgoing).await.unwrap();
        let last = messages(&answered).pop().unwrap();
        assert_eq!((&last["id"], text(&last)), (&id, "x".to_owned()));
    }
    assert!(!hangs.is_finished());
    hangs.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_asks_reaches_its_client() {
    let gateway = start("\"--asks\"", "").await;
    let session = initialize(&gateway).await;
    let client = gateway.client();
    // At the client's open stream, also what was asked before it opened.
    let mut stream = client.open(bodiless(Method::GET, &session)).await.unwrap();
    let answer = |asked: &str| {
        let mut data = asked.lines().filter_map(|line| line.strip_prefix("data: "));
        let asked: Value = serde_json::from_str(data.next_back().unwrap()).unwrap();
        json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"roots": []}})
    };
    let early = answer(&stream.read_until("roots/list").await.unwrap());
    assert_eq!(early["id"], "early");
    let answered = client.send(in_session(Some(&session), &early)).await;
    assert_eq!(answered.unwrap().status, 202);
    let call = tokio::spawn({
        let client = gateway.client();
        let outgoing = in_session(Some(&session), &request(&json!(3), "ask"));
        async move { client.send(outgoing).await.unwrap() }
    });
    let asked = answer(&stream.read_until("question-1").await.unwrap());
    let answered = client.send(in_session(Some(&session), &asked)).await;
    assert_eq!(answered.unwrap().status, 202);
    let last = messages(&call.await.unwrap()).pop().unwrap();
    assert_eq!((&last["id"], &*text(&last)), (&json!(3), r#"{"roots":[]}"#));
    let heard = told(&gateway, &session, "heard").await;
    assert!(heard.contains("notifications/initialized") && heard.contains("roots"));
    drop(stream);

    // Without one, on the open answer to the call.
    let session = initialize(&gateway).await;
    let outgoing = in_session(Some(&session), &request(&json!(4), "ask"));
    let mut open = client.open(outgoing).await.unwrap();
    let asked = answer(&open.read_until("question-1").await.unwrap());
    let answered = client.send(in_session(Some(&session), &asked)).await;
    assert_eq!(answered.unwrap().status, 202);
    open.read_until("\"id\":4").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cancels_its_call_and_a_gateway_that_waits_no_longer_does_too() {
    let settings = "---\napiVersion: parapet.dev/v1alpha1\nkind: GatewaySettings\nmetadata: {name: settings}\nspec: {limits: {firstByteTimeout: 1s}}\n";
    let resources = format!("{}{settings}", program("", "", ""));
    let gateway = Setup::new(resources).start().await.unwrap();
    let session = initialize(&gateway).await;
    let late = ask(&gateway, &session, "hang").await;
    assert_eq!(late.status, 200, "{:?}", late.text());
    assert_eq!(late.json().unwrap()["error"]["code"], -32603);
    let heard = told(&gateway, &session, "heard").await;
    assert_eq!(heard.matches("notifications/cancelled").count(), 1);

    let gateway = start("", "").await;
    let session = initialize(&gateway).await;
    let client = gateway.client();
    let outgoing = in_session(Some(&session), &request(&json!("a"), "hang"));
    let hangs = tokio::spawn(async move { client.send(outgoing).await.unwrap() });
    let cancel = async |id: Value| {
        let message = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
        let client = gateway.client();
        let sent = client.send(in_session(Some(&session), &message)).await;
        assert_eq!(sent.unwrap().status, 202);
    };
    while told(&gateway, &session, "calls").await == "1" {}
    // A number that it has never used, although the program may know one like it.
    cancel(json!(2)).await;
    cancel(json!("a")).await;
    let ended = hangs.await.unwrap();
    let error = messages(&ended).pop().unwrap();
    assert_eq!(error["id"], "a", "{error}");
    assert_eq!(error["error"]["code"], -32603, "{error}");
    let heard = told(&gateway, &session, "heard").await;
    assert_eq!(heard.matches("notifications/cancelled").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_sessions_is_served_by_processes_of_its_own() {
    let gateway = start("", "").await;
    let send = async |outgoing| {
        let answered: Answered = gateway.client().send(outgoing).await.unwrap();
        messages(&answered).pop().unwrap()
    };
    let discovered = send(stateless("server/discover", json!({}))).await;
    let info = &discovered["result"]["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!(info["name"], "fake-stdio", "{discovered}");
    let tools = send(stateless("tools/list", json!({}))).await;
    assert_eq!(tools["result"]["tools"][0]["name"], "echo", "{tools}");
    let echoed = send(call("echo", json!({"text": "x"}))).await;
    assert_eq!((&echoed["id"], text(&echoed)), (&json!(7), "x".to_owned()));
    // One call after the other goes on with the same process; another caller has another one.
    let one = text(&send(call("pid", json!({}))).await);
    assert_eq!(text(&send(call("pid", json!({}))).await), one);
    assert_ne!(text(&send(of_bob(call("pid", json!({})))).await), one);
    // What cannot be asked ends the call, and a program that dies is an error.
    let asked = send(call("ask", json!({}))).await;
    assert_eq!(asked["error"]["code"], -32603, "{asked}");
    let died = send(call("die", json!({}))).await;
    assert_eq!(died["error"]["code"], -32603, "{died}");
    assert_eq!(text(&send(call("echo", json!({"text": "y"}))).await), "y");
}

#[tokio::test(flavor = "multi_thread")]
async fn guardrails_and_pins_hold_for_programs() {
    let resources = format!("{}{POLICY}", program("", "", ""));
    let gateway = Setup::new(resources).start().await.unwrap();
    let session = initialize(&gateway).await;
    let say = async |text: &str| {
        let message = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "echo", "arguments": {"text": text}}});
        let outgoing = in_session(Some(&session), &message);
        gateway.client().send(outgoing).await.unwrap()
    };
    let answered = say("a MARK-7f3a b").await;
    assert_eq!(text(&answered.json().unwrap()), "a [REDACTED] b");
    let id = answered.header("x-request-id").unwrap();
    let record = gateway.record(id).await.unwrap();
    assert_eq!(record["mcp"]["server"], "fake", "{record}");
    assert_eq!(record["mcp"]["tool"], "echo");
    for text in ["DROP TABLE users", "BAD-7f3a"] {
        assert!(is_blocked(&say(text).await.json().unwrap()), "{text}");
    }
    assert_eq!(told(&gateway, &session, "calls").await, "2");

    let pinned = program("", "", ", pinning: {mode: enforce}");
    let gateway = Setup::new(pinned).start().await.unwrap();
    let session = initialize(&gateway).await;
    let refused = ask(&gateway, &session, "echo").await.json().unwrap();
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let client = gateway.client();
    let listed = client.send(in_session(Some(&session), &list));
    let listed = messages(&listed.await.unwrap()).pop().unwrap();
    assert_eq!(listed["result"]["tools"], json!([]), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_can_be_a_member_of_a_virtual_server() {
    let several = "---\napiVersion: parapet.dev/v1alpha1\nkind: MCPServer\nmetadata: {name: several}\nspec: {virtual: {members: [{server: fake, prefix: f}]}}\n";
    let resources = format!("{}{several}", program("", "", ""));
    let gateway = Setup::new(resources).start().await.unwrap();
    let mut outgoing = call("f_echo", json!({"text": "x"}));
    outgoing.path = "/mcp/several".into();
    let answered = gateway.client().send(outgoing).await.unwrap();
    let last = messages(&answered).pop().unwrap();
    assert_eq!(text(&last), "x");
}
