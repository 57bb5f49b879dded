use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::*;
use crate::webhook::Missing;

/// A webhook of an operator whose cluster does not answer.
fn webhook(tasks: &mut JoinSet<()>) -> Webhook {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = kube::Config::new("http://127.0.0.1:1".parse().unwrap());
    let client = kube::Client::try_from(config).unwrap();
    let scope = Scope {
        namespaces: ["parapet".to_owned()].into(),
        gateway_namespace: "parapet".to_owned(),
        gateway_selector: String::new(),
    };
    let metrics = Arc::new(Metrics::new().unwrap());
    let watched = Watched::start(&client, &scope, &metrics, tasks);
    let judge = Judge::new("parapet".into(), Missing::Warn);
    Webhook::new(judge, watched, scope, metrics)
}

fn review(namespace: &str) -> Vec<u8> {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u", "operation": "CREATE", "name": "p", "namespace": namespace, "userInfo": {},
            "kind": {"group": "parapet.dev", "version": "v1alpha1", "kind": "ModelProvider"},
            "resource": {"group": "parapet.dev", "version": "v1alpha1", "resource": "modelproviders"},
            "object": {
                "apiVersion": "parapet.dev/v1alpha1", "kind": "ModelProvider",
                "metadata": {"name": "p", "namespace": namespace}, "spec": {"nonsense": {}},
            },
        },
    });
    review.to_string().into_bytes()
}

async fn ask(webhook: &Webhook, body: Vec<u8>) -> (u16, Value) {
    let request = Request::post("/validate").body(Body::from(body)).unwrap();
    let response = validate(State(webhook.clone()), request).await;
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), MAX_BODY).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    (status, body["response"].clone())
}

fn warning(response: &Value) -> &str {
    assert_eq!(
        (&response["uid"], &response["allowed"]),
        (&json!("u"), &json!(true))
    );
    response["warnings"][0].as_str().unwrap()
}

#[tokio::test]
async fn what_cannot_be_checked_is_allowed_with_a_warning() {
    let mut tasks = JoinSet::new();
    let webhook = webhook(&mut tasks);
    let (status, response) = ask(&webhook, review("parapet")).await;
    assert_eq!(status, 200);
    assert!(
        warning(&response).contains("not everything has been listed yet"),
        "{response}"
    );

    let busy = Arc::clone(&webhook.waiting)
        .acquire_many_owned(u32::try_from(MAX_WAITING).unwrap())
        .await;
    let (_, response) = ask(&webhook, review("parapet")).await;
    assert!(
        warning(&response).contains("there is too much to check"),
        "{response}"
    );
    drop(busy);

    // A namespace that nobody looks at has no policy of this installation.
    let (_, response) = ask(&webhook, review("elsewhere")).await;
    assert_eq!(response["allowed"], true);
    assert!(response.get("warnings").is_none(), "{response}");
    let metrics = webhook.metrics.render();
    let counted = "parapet_operator_admission_requests_total{answer=\"unjudged\"} 2";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn what_cannot_be_read_is_an_http_error() {
    let mut tasks = JoinSet::new();
    let webhook = webhook(&mut tasks);
    let rows = [
        (b"nonsense".to_vec(), 400),
        (
            b"{\"apiVersion\": \"admission.k8s.io/v1\", \"kind\": \"AdmissionReview\"}".to_vec(),
            400,
        ),
        (vec![b' '; MAX_BODY + 1], 413),
    ];
    for (body, status) in rows {
        assert_eq!(ask(&webhook, body).await.0, status);
    }
    // Somebody reads slowly: whoever waits for a place is let go in time.
    tokio::time::pause();
    let _slow = webhook
        .reading
        .acquire_many(u32::try_from(MAX_READING).unwrap())
        .await;
    assert_eq!(ask(&webhook, review("parapet")).await.0, 408);
}
