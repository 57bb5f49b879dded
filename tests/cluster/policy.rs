//! The resources that the tests apply, and who calls.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

/// What the account `bot` calls with. It must not be seen anywhere.
pub(crate) const TOKEN: &str = "hush-hush-token-of-bot";
/// What the model is called with. Nor must it.
pub(crate) const API_KEY: &str = "hush-hush-key-of-the-model";
/// What `guards/secrets` takes out.
pub(crate) const AWS_KEY: &str = "AKIAQYLPMN5HHHFPZAM2";
/// What `guards/numbers` stops.
pub(crate) const SSN: &str = "536-22-1234";

/// Who calls, and what every caller gets: keys are taken out, numbers are stopped, and `marker` becomes `[edit N]`
/// on its way in and on its way out, which tells the revision.
pub(crate) fn base(edit: usize) -> String {
    format!(
        r#"apiVersion: v1
kind: Secret
metadata: {{name: bot, labels: {{parapet.dev/credentials: "true"}}}}
stringData: {{token: {TOKEN}}}
---
apiVersion: parapet.dev/v1alpha1
kind: VirtualAccount
metadata: {{name: bot}}
spec: {{tokens: [{{secretKeyRef: {{name: bot, key: token}}}}]}}
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {{name: demo}}
spec: {{demo: {{}}}}
---
apiVersion: parapet.dev/v1alpha1
kind: GatewaySettings
metadata: {{name: settings}}
spec: {{exposeGuardrails: all}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {{name: everybody}}
spec:
  rules:
    - id: all
      when: {{}}
      llm_input_guardrails: [guards/secrets, guards/numbers, guards/mark]
      llm_output_guardrails: [guards/mark]
---
{}"#,
        guards(edit)
    )
}

/// The guardrails of [`base`], at this edit.
pub(crate) fn guards(edit: usize) -> String {
    format!(
        r#"apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {{name: guards}}
spec:
  guardrails:
    - {{name: secrets, operation: mutate, secretsDetection: {{}}}}
    - {{name: numbers, regex: {{presetPatterns: {{presets: [us_ssn]}}}}}}
    - name: mark
      operation: mutate
      priority: 2
      regex: {{customPatterns: [{{pattern: "marker", redactionText: "[edit {edit}]"}}]}}
"#
    )
}

/// Where the model of the published rule is: a server that a test scripts, or the demo provider.
pub(crate) fn published_model(url: Option<&str>) -> String {
    let provider = match url {
        Some(url) => format!(
            "openai: {{baseUrl: \"{url}\", apiKey: {{secretKeyRef: {{name: openai, key: api-key}}}}}}\n  models: [{{name: gpt-4o}}]"
        ),
        None => "demo: {}\n  models: [{name: gpt-4o, upstreamName: echo}]".to_owned(),
    };
    format!(
        r#"apiVersion: v1
kind: Secret
metadata: {{name: openai, labels: {{parapet.dev/credentials: "true"}}}}
stringData: {{api-key: {API_KEY}}}
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {{name: openai-main}}
spec:
  {provider}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {{name: operant}}
spec: {{guardrails: [{{name: operant-redact-profile, operation: mutate, regex: {{presetPatterns: {{presets: [email]}}}}}}]}}
"#
    )
}

/// The rule block as it is published, word for word.
pub(crate) const PUBLISHED_RULE: &str = r#"apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: guardrails-control}
spec:
  rules:
    - id: operant-baseline
      when:
        target:
          operator: or
          conditions:
            model: {values: [openai-main/gpt-4o], condition: in}
        subjects:
          operator: and
          conditions: {in: ["team:everyone"]}
      llm_input_guardrails: [operant/operant-redact-profile]
      llm_output_guardrails: [operant/operant-redact-profile]
      mcp_tool_pre_invoke_guardrails: []
      mcp_tool_post_invoke_guardrails: []
"#;

/// Somebody of the team `everyone`, whose issuer is known by [`User::issuer`].
pub(crate) struct User {
    jwk: String,
    /// What they call with.
    pub(crate) token: String,
}

impl User {
    /// Makes an issuer and a token of it.
    ///
    /// # Errors
    /// Never: the keys are made here.
    pub(crate) fn new() -> Result<Self> {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).context("making a key")?;
        let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key_raw());
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": "test", "x": x}).to_string();
        let header = Header {
            kid: Some("test".to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = json!({"iss": "https://id.test", "aud": "parapet", "exp": now + 7200, "email": "ana@id.test"});
        let key = EncodingKey::from_ed_der(&pair.serialize_der());
        let token = jsonwebtoken::encode(&header, &claims, &key).context("signing a token")?;
        Ok(Self { jwk, token })
    }

    /// The resource that makes their issuer known.
    pub(crate) fn issuer(&self) -> String {
        format!(
            r#"apiVersion: parapet.dev/v1alpha1
kind: IdentityProvider
metadata: {{name: test}}
spec:
  issuer: https://id.test
  audiences: [parapet]
  jwks: {{inline: '{{"keys":[{}]}}'}}
  claims: {{user: email}}
"#,
            self.jwk
        )
    }
}
