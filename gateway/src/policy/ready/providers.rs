//! Model accounts: from their written `spec` to where to send and with which credentials.

use std::collections::BTreeMap;
use std::sync::Arc;

use parapet_crds::model_provider::{self, DemoStep, ModelProviderSpec, Upstream};
use parapet_crds::read::Secrets;
use parapet_policy::bundle::{ProviderEntry, SecretId};
use parapet_policy::diagnostic::Diagnostic;
use parapet_policy::secret::{PlainOrSecret, SecretValue};
use zeroize::Zeroizing;

use super::error;
use crate::upstream::{Demo, Dialect, HttpAccount, ReadyProvider, Step, ToolCall};

/// Makes an account ready; none, and something said, when it cannot be.
pub(super) fn provider(
    entry: &ProviderEntry,
    secrets: &Secrets,
    said: &mut Vec<Diagnostic>,
) -> Option<ReadyProvider> {
    let Ok(spec) = serde_json::from_value::<ModelProviderSpec>(entry.spec.clone()) else {
        said.push(error(
            entry.source.clone(),
            "spec",
            "this provider is not of this version".to_owned(),
        ));
        return None;
    };
    // The reader has said when it is not exactly one.
    let upstream = spec.upstream()?;
    let account = Account { entry, secrets };
    // A Secret that does not exist is the compiler's to say.
    let (member, result) = match upstream {
        Upstream::Demo(spec) => {
            return Some(ReadyProvider::demo(entry.source.name.clone(), demo(spec)));
        }
        Upstream::OpenAi(spec) => {
            let base = &spec.base_url;
            (
                "openai",
                account.http(
                    Dialect::OpenAi,
                    base,
                    spec.api_key.as_ref(),
                    &spec.headers,
                    None,
                )?,
            )
        }
        Upstream::Anthropic(spec) => {
            let version = Some(spec.version.as_str());
            let base = &spec.base_url;
            (
                "anthropic",
                account.http(
                    Dialect::Anthropic,
                    base,
                    spec.api_key.as_ref(),
                    &spec.headers,
                    version,
                )?,
            )
        }
    };
    match ReadyProvider::http(result) {
        Ok(ready) => Some(ready),
        Err(problem) => {
            said.push(error(
                entry.source.clone(),
                &format!("spec.{member}"),
                problem.to_string(),
            ));
            None
        }
    }
}

/// One account and where its credentials are.
struct Account<'a> {
    entry: &'a ProviderEntry,
    secrets: &'a Secrets,
}

impl<'a> Account<'a> {
    fn secret(&self, value: &SecretValue) -> Option<Zeroizing<String>> {
        let id = SecretId {
            namespace: self.entry.source.namespace.clone(),
            name: value.secret_key_ref.name.as_str().into(),
            key: value.secret_key_ref.key.as_str().into(),
        };
        self.secrets
            .get(&id)
            .map(|text| Zeroizing::new(text.to_owned()))
    }

    fn http(
        &self,
        dialect: Dialect,
        base_url: &'a str,
        api_key: Option<&SecretValue>,
        headers: &BTreeMap<String, PlainOrSecret>,
        anthropic_version: Option<&'a str>,
    ) -> Option<HttpAccount<'a>> {
        let mut pairs = Vec::with_capacity(headers.len());
        for (name, value) in headers {
            let value = match value {
                PlainOrSecret::Plain(text) => Zeroizing::new(text.clone()),
                PlainOrSecret::Secret(value) => self.secret(value)?,
            };
            pairs.push((name.clone(), value));
        }
        let api_key = match api_key {
            Some(value) => Some(self.secret(value)?),
            None => None,
        };
        Some(HttpAccount {
            account: Arc::clone(&self.entry.source.name),
            dialect,
            base_url: Some(base_url),
            api_key,
            anthropic_version,
            headers: pairs,
        })
    }
}

fn demo(spec: &model_provider::Demo) -> Demo {
    let default = Demo::default();
    let step = |step: &DemoStep| Step {
        pause_ms: step.pause.map_or(0, |pause| {
            u64::try_from(pause.0.as_millis()).unwrap_or(u64::MAX)
        }),
        text: step.text.clone(),
        tool_call: step.tool_call.as_ref().map(|call| ToolCall {
            name: call.name.clone(),
            arguments: call.arguments.clone(),
        }),
        raw: None,
    };
    Demo {
        canned_text: spec.canned_text.clone().unwrap_or(default.canned_text),
        pause: spec.pause.map_or(default.pause, |pause| pause.0),
        script: spec.script.iter().map(step).collect(),
    }
}
