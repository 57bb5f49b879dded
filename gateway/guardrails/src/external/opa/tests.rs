use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use parapet_policy::facts::{Caller, Subject};
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{FailureClass, Operation};
use parapet_policy::overrides::Scope;
use serde_json::{Value, json};

use super::wire;
use crate::client::{ClientError, ClientRequest, ClientResponse, HttpClient};
use crate::exchange::{Call, Exchange, McpCall, ServiceError, ToolHints, Verdict};
use crate::guardrail::{BuildContext, Built, Guardrail};

fn build(config: &Value) -> Result<Built, Vec<String>> {
    let context = BuildContext {
        operation: Operation::Validate,
        secret: &|value| match &*value.secret_key_ref.key {
            "missing" => None,
            key => Some(format!("secret-{key}")),
        },
    };
    crate::kinds::build("opa", config, &context)
        .map_err(|problems| problems.into_iter().map(|p| p.path).collect())
}

/// A client that answers always the same and keeps what it was sent.
struct Fake {
    answer: Result<(u16, &'static str), ClientError>,
    sent: Mutex<Vec<ClientRequest>>,
}

impl HttpClient for Fake {
    fn send(&self, request: ClientRequest) -> BoxFuture<'_, Result<ClientResponse, ClientError>> {
        self.sent.lock().unwrap().push(request);
        let answer = self.answer.clone().map(|(status, body)| ClientResponse {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        });
        Box::pin(std::future::ready(answer))
    }
}

fn exchange(hook: Hook) -> Exchange {
    let mcp = McpCall {
        servers: ["tools".into(), "github".into()].into(),
        tool: Some("gh_get_issue".into()),
        source_tool: Some("get_issue".into()),
        arguments: Some(Bytes::from_static(b"{\"n\":1.50}")),
        hints: ToolHints {
            read_only: Some(true),
            ..ToolHints::default()
        },
    };
    let is_tool = hook == Hook::McpToolPreInvoke;
    Exchange {
        call: Arc::new(Call {
            hook,
            caller: Caller {
                subject: Subject::User("ada".into()),
                teams: vec!["research".into()],
                roles: vec!["admin".into()],
            },
            metadata: [("env".to_owned(), "dev".to_owned())].into(),
            models: match is_tool {
                true => [].into(),
                false => ["main/gpt".into(), "main/gpt-large".into()].into(),
            },
            mcp: is_tool.then_some(mcp),
            request_id: "r-1".into(),
        }),
        operation: Operation::Validate,
        scope: Scope::All,
        segments: Arc::default(),
        request_body: Bytes::from_static(b"{\"model\":\"gpt\",\"temperature\":0.10}"),
        response_body: (hook == Hook::LlmOutput).then(|| Bytes::from_static(b"{\"choices\":[]}")),
    }
}

async fn ask(
    config: Value,
    answer: Result<(u16, &'static str), ClientError>,
    exchange: &Exchange,
) -> (Result<Verdict, ServiceError>, Vec<ClientRequest>) {
    let Guardrail::Service(agent) = build(&config).unwrap().guardrail else {
        panic!("not a service");
    };
    let client = Fake {
        answer,
        sent: Mutex::default(),
    };
    let verdict = agent.call(exchange, &client).await;
    (verdict, client.sent.into_inner().unwrap())
}

#[tokio::test]
async fn posts_the_input_to_the_decision() {
    let config = json!({
        "opaUrl": "http://opa:8181/base/", "policyPath": "/authz/a b/allow",
        "bearerToken": {"secretKeyRef": {"name": "s", "key": "token"}},
        "headers": {"x-tenant": "t"},
    });
    let allowed = Ok((200, r#"{"result": true}"#));
    let (verdict, sent) = ask(config, allowed, &exchange(Hook::McpToolPreInvoke)).await;
    assert_eq!(verdict, Ok(Verdict::Pass));
    let [request] = &sent[..] else {
        panic!("{} calls", sent.len());
    };
    assert_eq!(
        request.uri,
        "http://opa:8181/base/v1/data/authz/a%20b/allow"
    );
    assert_eq!(request.headers["authorization"], "Bearer secret-token");
    assert!(request.headers["authorization"].is_sensitive());
    assert_eq!(request.headers["x-tenant"], "t");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        body,
        json!({"input": {
            "hook": "mcp_tool_pre_invoke", "requestId": "r-1",
            "user": {"subjectId": "ada", "subjectType": "user", "subjectSlug": "ada",
                     "subjectDisplayName": "ada", "teams": ["research"], "roles": ["admin"]},
            "metadata": {"env": "dev"},
            "mcp": {"server": "tools", "servers": ["tools", "github"],
                    "tool": "gh_get_issue", "sourceTool": "get_issue",
                    "arguments": {"n": 1.5}, "hints": {"readOnly": true}},
            "requestBody": {"model": "gpt", "temperature": 0.1},
        }})
    );
    // As it stands, and not as this program would write it.
    let text = std::str::from_utf8(&request.body).unwrap();
    assert!(text.contains(r#"{"n":1.50}"#) && text.contains("0.10"));
}

#[test]
fn the_input_of_models_has_their_names_and_the_answer_on_output() {
    let of = |hook| -> Value { serde_json::from_slice(&wire::input(&exchange(hook))).unwrap() };
    let input = of(Hook::LlmInput);
    assert_eq!(input["input"]["model"], "main/gpt");
    assert_eq!(
        input["input"]["models"],
        json!(["main/gpt", "main/gpt-large"])
    );
    assert_eq!(input["input"].get("responseBody"), None);
    assert_eq!(input["input"].get("mcp"), None);
    assert_eq!(
        of(Hook::LlmOutput)["input"]["responseBody"],
        json!({"choices": []})
    );
}

#[tokio::test]
async fn undefined_is_denied_and_what_is_no_decision_a_failure() {
    let rows: [(u16, &str, &str); 16] = [
        (200, r#"{"result": true}"#, "pass"),
        (200, r#"{"result": {"allow": true, "reason": "x"}}"#, "pass"),
        (200, r#"{"result": false}"#, "denied"),
        (200, r#"{"result": {"allow": false}}"#, "denied"),
        (
            200,
            r#"{"result": {"allow": false, "policies": ["no-sql", 7, ""], "reason": "not\nnow"}}"#,
            "denied denied:no-sql",
        ),
        (200, "{}", "undefined"),
        (200, r#"{"decision_id": "x"}"#, "undefined"),
        (200, r#"{"result": {}}"#, "undefined"),
        (200, r#"{"result": {"allow": null}}"#, "undefined"),
        (200, r#"{"result": "yes"}"#, "failed"),
        (200, r#"{"result": {"allow": "true"}}"#, "failed"),
        (200, r#"{"result": []}"#, "failed"),
        (200, "true", "failed"),
        (200, "<html>", "failed"),
        (404, "{}", "failed"),
        (500, r#"{"code": "internal_error"}"#, "failed"),
    ];
    let config = json!({"opaUrl": "http://opa:8181", "policyPath": "authz/allow"});
    for (status, body, expected) in rows {
        let of = exchange(Hook::LlmInput);
        let (verdict, _) = ask(config.clone(), Ok((status, body)), &of).await;
        let told = match verdict {
            Ok(Verdict::Pass) => "pass".to_owned(),
            Ok(Verdict::Violation {
                categories,
                explanation,
            }) => {
                assert!(explanation.contains("authz/allow"), "{explanation}");
                assert!(!explanation.contains('\n'));
                categories.join(" ")
            }
            Err(error) => {
                assert_eq!(error.class, FailureClass::BadAnswer);
                "failed".to_owned()
            }
            Ok(other) => panic!("{other:?}"),
        };
        assert_eq!(told, expected, "{status} {body}");
    }
    let gone = Err(ClientError::Unavailable {
        host: "opa:8181".into(),
        reason: "refused".into(),
    });
    let (verdict, _) = ask(config, gone, &exchange(Hook::LlmInput)).await;
    assert_eq!(verdict.unwrap_err().class, FailureClass::Unavailable);
}

#[tokio::test]
async fn a_message_that_calls_no_tool_is_not_asked_about() {
    let mut of = exchange(Hook::McpToolPreInvoke);
    Arc::get_mut(&mut of.call)
        .unwrap()
        .mcp
        .as_mut()
        .unwrap()
        .tool = None;
    let config = json!({"opaUrl": "http://opa:8181", "policyPath": "authz/allow"});
    let (verdict, sent) = ask(config, Ok((200, "{}")), &of).await;
    assert_eq!((verdict, sent.len()), (Ok(Verdict::Pass), 0));
}

#[test]
fn says_what_does_not_build() {
    let missing = json!({"secretKeyRef": {"name": "s", "key": "missing"}});
    let rows: [(Value, &[&str]); 8] = [
        (
            json!({"opaUrl": "opa:8181", "policyPath": "a"}),
            &["opaUrl"],
        ),
        (
            json!({"opaUrl": "http://u:p@opa", "policyPath": "a"}),
            &["opaUrl"],
        ),
        (
            json!({"opaUrl": "http://opa/v1/data/", "policyPath": "a"}),
            &["opaUrl"],
        ),
        (
            json!({"opaUrl": "http://opa?pretty", "policyPath": "a"}),
            &["opaUrl"],
        ),
        (
            json!({"opaUrl": "http://opa", "policyPath": ""}),
            &["policyPath"],
        ),
        (
            json!({"opaUrl": "http://opa", "policyPath": "a/../b"}),
            &["policyPath"],
        ),
        (
            json!({"opaUrl": "http://opa", "policyPath": "a", "bearerToken": missing}),
            &["bearerToken"],
        ),
        (
            json!({"opaUrl": "http://opa", "policyPath": "a", "headers": {"x": missing, "b c": "d"}}),
            &["headers.b c", "headers.x"],
        ),
    ];
    for (config, expected) in rows {
        assert_eq!(build(&config).unwrap_err(), expected, "{config}");
    }
}
