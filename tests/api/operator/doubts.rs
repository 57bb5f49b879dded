//! What is accepted with a doubt, and what gateways would find out: every kind says it in the same place.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doubt_about_any_kind_stands_in_its_status() {
    let Some(cluster) = Cluster::new("doubts").await else {
        return;
    };
    let bus = Arc::new(Memory::default());
    let operator = Operator::start(&cluster.server, &cluster.namespace, "one", &bus);
    let token_url = "http://id.example.com/token";
    let secret = json!({"secretKeyRef": {"name": "oauth", "key": "secret"}});
    let rows = [
        (
            "IdentityProvider",
            json!({"issuer": "http://id.example.com", "audiences": ["parapet"]}),
            "spec.issuer: keys are fetched unencrypted",
        ),
        (
            "VirtualAccount",
            json!({"teams": ["payments"]}),
            "spec.tokens: without a token nobody can call as this account",
        ),
        (
            "ModelProvider",
            json!({"demo": {}, "collaborators": []}),
            "spec.collaborators: an empty list admits nobody",
        ),
        (
            "MCPServer",
            json!({"url": "https://tools.example.com/mcp", "auth": {
                "clientCredentials": {"tokenUrl": token_url, "clientId": "parapet", "clientSecret": secret},
            }}),
            "spec.auth.clientCredentials.tokenUrl: client secret and tokens go over the network in the clear",
        ),
        (
            "GatewaySettings",
            json!({"anonymous": {"user": "anonymous"}}),
            "spec.anonymous: callers without a token are let in",
        ),
        (
            "GuardrailIntegration",
            json!({"guardrails": [{"name": "x", "regex": {}}]}),
            "spec.guardrails[0].regex: there is nothing to find",
        ),
        (
            "GuardrailConfig",
            json!({"rules": [
                {"id": "never", "llm_input_guardrails": ["doubtful/x"], "when": {"target": {"operator": "or", "conditions": {
                    "model": {"values": ["nobody/has-it"], "condition": "in"},
                }}}},
            ]}),
            "spec.rules[0].when.target.conditions.model",
        ),
    ];
    for (kind, spec, doubt) in rows {
        cluster.apply(kind, "doubtful", spec).await;
        let message = cluster
            .condition(kind, "doubtful", "Accepted", "True Accepted")
            .await;
        let expected = format!("accepted, with a doubt: {doubt}");
        assert!(message.starts_with(&expected), "{kind}: {message}");
    }
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_or_settings_that_gateways_could_not_use_keep_their_last_good_form() {
    let Some(cluster) = Cluster::new("unusable").await else {
        return;
    };
    let bus = Arc::new(Memory::default());
    let operator = Operator::start(&cluster.server, &cluster.namespace, "one", &bus);
    let issuer = |more: Value| {
        let mut spec = json!({"issuer": "https://id.example.com", "audiences": ["parapet"]});
        spec.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        spec
    };
    let rows = [
        (
            "IdentityProvider",
            issuer(json!({})),
            issuer(json!({"jwks": {"inline": "{\"keys\": [{\"k\": \"hush-hush\"}]}"}})),
            "spec.jwks.inline: key 0 holds private or secret material",
        ),
        (
            "GatewaySettings",
            json!({"egress": {"allow": ["10.0.0.0/8"]}}),
            json!({"egress": {"allow": ["10.0.0.0/40"]}}),
            "spec.egress.allow[0]: ",
        ),
    ];
    for (kind, good, bad, why) in rows {
        cluster.apply(kind, "edited", good.clone()).await;
        cluster
            .condition(kind, "edited", "Accepted", "True Accepted")
            .await;
        cluster.apply(kind, "edited", bad).await;
        let message = cluster
            .condition(kind, "edited", "Accepted", "False NotBuildable")
            .await;
        assert!(message.starts_with(why), "{message}");
        assert!(
            message.ends_with("generation 1 stays in force") && !message.contains("hush-hush"),
            "{message}"
        );
    }
    let bundle = bus.bundle().unwrap();
    assert!(bundle.identity_providers[0].spec.get("jwks").is_none());
    assert_eq!(
        bundle.settings.unwrap()["egress"]["allow"],
        json!(["10.0.0.0/8"])
    );
    operator.stop().await;
}
