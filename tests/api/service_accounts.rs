//! Tokens of Kubernetes' service accounts, issued and vouched for by a real API server.

use kube::Client;
use parapet_tests::http_client::Outgoing;
use parapet_tests::installation::Installation;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::support::until;
use crate::whole::Operator;

async fn post(client: &Client, path: &str, body: Value) -> Value {
    let request = http::Request::post(path)
        .header("content-type", "application/json")
        .body(body.to_string().into_bytes());
    client.request(request.unwrap()).await.unwrap()
}

/// A token as a pod's projected volume has it; without an audience it is for the API server itself.
async fn token(cluster: &Cluster, account: &str, audience: Option<&str>) -> String {
    let path = format!(
        "/api/v1/namespaces/{}/serviceaccounts/{account}/token",
        cluster.namespace
    );
    let audiences: Vec<&str> = audience.into_iter().collect();
    let spec = json!({"audiences": audiences, "expirationSeconds": 600});
    let request =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    let answer = post(&cluster.client, &path, request).await;
    answer["status"]["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_call_with_their_service_accounts_tokens() {
    let Some(cluster) = Cluster::new("service-accounts").await else {
        return;
    };
    let Some(installation) = Installation::start().await.unwrap() else {
        return;
    };
    let namespace = &cluster.namespace;
    for name in ["checkout", "other", "parapet-keys"] {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
        post(&cluster.client, &path, account).await;
    }
    let operator = Operator::start(&cluster, &installation, "operator-1").await;
    operator.leads().await;
    let uid = cluster.pod("gateway-1").await;
    let gateway = installation
        .gateway_of("gateway-1", &uid)
        .start()
        .await
        .unwrap();
    let mut issuer = json!({
        "issuer": "https://kubernetes.default.svc",
        "audiences": ["parapet"],
        "jwks": {"uri": format!("{}/openid/v1/jwks", cluster.server.url())},
        "ca": cluster.server.ca(),
        "claims": {"metadata": {"namespace": "kubernetes.io.namespace"}},
    });
    cluster
        .apply("IdentityProvider", "cluster", issuer.clone())
        .await;
    let subject = format!("system:serviceaccount:{namespace}:checkout");
    let account =
        json!({"identities": [{"provider": "cluster", "value": subject}], "teams": ["payments"]});
    cluster.apply("VirtualAccount", "checkout", account).await;
    let provider = json!({"demo": {}, "collaborators": [{"subject": "virtualaccount:checkout"}]});
    cluster.apply("ModelProvider", "demo", provider).await;
    for (kind, name) in [("VirtualAccount", "checkout"), ("ModelProvider", "demo")] {
        cluster
            .condition(kind, name, "Programmed", "True Programmed")
            .await;
    }

    let ask = async |token: &str| {
        let body = json!({"model": "demo/echo", "messages": [{"role": "user", "content": "x"}]});
        let asked = Outgoing::post("/v1/chat/completions", body.to_string()).bearer(token);
        gateway.client().send(asked).await.unwrap()
    };
    let issuers = async || {
        let (_, policy) = gateway.admin_get("/policy").await.unwrap();
        let policy: Value = serde_json::from_str(&policy).unwrap();
        policy["issuers"][0].clone()
    };
    let checkout = token(&cluster, "checkout", Some("parapet")).await;
    // This API server shows its keys to service accounts only.
    until("it refuses", || async {
        let error = issuers().await["error"].as_str()?.to_owned();
        error.contains("answered with status 403").then_some(())
    })
    .await;
    assert_eq!(ask(&checkout).await.status, 503);
    let message = cluster
        .condition(
            "IdentityProvider",
            "cluster",
            "Programmed",
            "False FailsInGateway",
        )
        .await;
    let why = "it counts as failed in gateway-1: spec.jwks: no keys yet, so its tokens get a 503: ";
    assert!(
        message.contains(why) && message.ends_with("answered with status 403 Forbidden"),
        "{message}"
    );

    // As docs/identity.md says: with a token of a service account that may do nothing else.
    let keys = token(&cluster, "parapet-keys", None).await;
    let label = json!({"parapet.dev/credentials": "true"});
    cluster.secret("parapet-keys", &keys, label).await;
    issuer["token"] = json!({"secretKeyRef": {"name": "parapet-keys", "key": "token"}});
    cluster
        .apply("IdentityProvider", "cluster", issuer.clone())
        .await;
    let id = until("the keys have come", || async {
        let answer = ask(&checkout).await;
        let id = answer.header("x-request-id")?.to_owned();
        (answer.status == 200).then_some(id)
    })
    .await;
    cluster
        .condition(
            "IdentityProvider",
            "cluster",
            "Programmed",
            "True Programmed",
        )
        .await;
    let record = gateway.record(&id).await.unwrap();
    assert_eq!(
        record["subject"],
        json!({"type": "virtual_account", "name": "checkout"})
    );
    assert_eq!(record["teams"], json!(["payments"]));
    let other = token(&cluster, "other", Some("parapet")).await;
    assert_eq!(ask(&other).await.status, 403, "a user that nobody lists");
    let elsewhere = token(&cluster, "checkout", Some("vault")).await;
    assert_eq!(
        ask(&elsewhere).await.status,
        401,
        "a token for another service"
    );

    // Or to everybody.
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "parapet-issuer-discovery"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:service-account-issuer-discovery"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:unauthenticated"}],
    });
    let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    post(&cluster.client, bindings, binding).await;
    let before = issuers().await["fetched"].clone();
    issuer.as_object_mut().unwrap().remove("token");
    issuer["refreshInterval"] = json!("1s");
    cluster
        .replace("IdentityProvider", "cluster", &issuer)
        .await;
    until("the keys have come to somebody without a token", || async {
        let now = issuers().await;
        (now["keys"].as_u64()? > 0 && now["fetched"] != before).then_some(())
    })
    .await;
    assert_eq!(ask(&checkout).await.status, 200);
    let said = gateway.log().lines().join("\n") + &operator.log.lines().join("\n");
    for token in [&checkout, &other, &elsewhere, &keys] {
        let signature = token.rsplit('.').next().unwrap();
        assert!(!said.contains(signature));
    }
}
