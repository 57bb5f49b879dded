//! Tells API servers which authority to trust for the webhook: the leader writes it into the configuration of its name.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::certificate::Certificate;
use crate::cluster::{CALL_LIMIT, within};
use crate::controller::report::FIELD_MANAGER;

/// How often the configuration is looked at: it may be made after the operator, or made anew.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// What is told to whom.
#[derive(Clone)]
pub struct Injection {
    /// For the configuration.
    pub client: Client,
    /// Which one.
    pub name: Arc<str>,
    /// Whose authority.
    pub certificate: watch::Receiver<Option<Certificate>>,
}

/// Keeps the configuration true, for ever. Without one this only waits.
pub async fn keep(injection: Option<&Injection>) {
    let Some(injection) = injection else {
        return std::future::pending().await;
    };
    let mut certificate = injection.certificate.clone();
    let mut said = None;
    loop {
        let authority = certificate
            .borrow_and_update()
            .as_ref()
            .map(|known| Arc::clone(&known.authority));
        if let Some(authority) = authority {
            match within(CALL_LIMIT, injection.tell(&authority)).await {
                Ok(false) => said = None,
                Ok(true) => {
                    said = None;
                    tracing::info!(configuration = %injection.name, "the webhook's authority is told");
                }
                Err(error) => {
                    let error = error.to_string();
                    if said.as_ref() != Some(&error) {
                        tracing::warn!(configuration = %injection.name, error, "the webhook's authority cannot be told; trying again");
                    }
                    said = Some(error);
                }
            }
        }
        tokio::select! {
            changed = certificate.changed() => {
                // Nobody reads the certificate any more: the process is about to end.
                if changed.is_err() { std::future::pending::<()>().await; }
            }
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

impl Injection {
    /// Whether anything had to be written.
    async fn tell(&self, authority: &[u8]) -> kube::Result<bool> {
        let api: Api<ValidatingWebhookConfiguration> = Api::all(self.client.clone());
        let found = api.get(&self.name).await?;
        let Some(patch) = patch(&self.name, &found, authority) else {
            return Ok(false);
        };
        let params = PatchParams::apply(FIELD_MANAGER).force();
        api.patch(&self.name, &params, &Patch::Apply(patch)).await?;
        Ok(true)
    }
}

/// What to apply: the authority and no other field. None when it is there already.
fn patch(name: &str, found: &ValidatingWebhookConfiguration, authority: &[u8]) -> Option<Json> {
    let webhooks = found.webhooks.as_deref().unwrap_or_default();
    let knows_it =
        |bundle: &Option<ByteString>| bundle.as_ref().is_some_and(|it| it.0 == authority);
    if webhooks
        .iter()
        .all(|webhook| knows_it(&webhook.client_config.ca_bundle))
    {
        return None;
    }
    let authority = ByteString(authority.to_vec());
    let webhooks = webhooks
        .iter()
        .map(|webhook| json!({"name": webhook.name, "clientConfig": {"caBundle": authority}}));
    Some(json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        // One that was made anew in the meantime is looked at anew.
        "metadata": {"name": name, "uid": found.metadata.uid},
        "webhooks": webhooks.collect::<Vec<_>>(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_and_nothing_else_is_written_and_only_when_it_differs() {
        let configuration = |bundle: Json| -> ValidatingWebhookConfiguration {
            serde_json::from_value(json!({
                "metadata": {"name": "parapet", "uid": "u"},
                "webhooks": [{
                    "name": "validate.parapet.dev", "sideEffects": "None", "admissionReviewVersions": ["v1"],
                    "clientConfig": {"url": "https://a/validate", "caBundle": bundle},
                }],
            }))
            .unwrap()
        };
        let written = patch("parapet", &configuration(Json::Null), b"pem").unwrap();
        assert_eq!(
            written,
            json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
                "metadata": {"name": "parapet", "uid": "u"},
                "webhooks": [{"name": "validate.parapet.dev", "clientConfig": {"caBundle": "cGVt"}}],
            })
        );
        assert_eq!(
            patch("parapet", &configuration(json!("cGVt")), b"pem"),
            None
        );
        assert!(patch("parapet", &configuration(json!("b2xk")), b"pem").is_some());
    }
}
