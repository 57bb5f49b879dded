//! Values of Secrets: read only when a resource names them, and again only when they have changed.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use parapet_crds::read::Secrets;
use parapet_policy::bundle::SecretId;
use zeroize::Zeroize as _;

use super::watch_all::{CREDENTIALS_LABEL, SecretName};
use crate::cluster::{CALL_LIMIT, within};

/// How many Secrets are read at a time.
const AT_ONCE: usize = 8;

/// The values that resources name, as far as they may be used.
#[derive(Debug, Default)]
pub struct Credentials {
    known: BTreeMap<SecretName, Known>,
}

#[derive(Debug)]
struct Known {
    resource_version: String,
    /// The keys that were looked for.
    asked: BTreeSet<SecretId>,
    values: Secrets,
}

/// What came of reading.
#[derive(Debug, Default)]
pub struct Values {
    /// The values.
    pub values: Secrets,
    /// Secrets that could not be read, and why. They are tried again.
    pub failed: Vec<(SecretName, String)>,
}

impl Credentials {
    /// Brings the values of `named` up to date. `labelled` are the Secrets that may be used, with their resource
    /// versions; what is not named any more is forgotten.
    pub async fn refresh(
        &mut self,
        client: &Client,
        named: &BTreeSet<SecretId>,
        labelled: &BTreeMap<SecretName, String>,
    ) -> Values {
        let mut keys: BTreeMap<SecretName, Vec<&SecretId>> = BTreeMap::new();
        for id in named {
            let name = (id.namespace.clone(), id.name.clone());
            if labelled.contains_key(&name) {
                keys.entry(name).or_default().push(id);
            }
        }
        self.known.retain(|name, _| keys.contains_key(name));
        let stale = keys.iter().filter(|(name, ids)| {
            let version = labelled.get(*name);
            self.known
                .get(*name)
                .is_none_or(|known| Some(&known.resource_version) != version || !known.covers(ids))
        });
        let reads = stale.map(|(name, ids)| async move {
            let api: Api<Secret> = Api::namespaced(client.clone(), &name.0);
            (name, ids, within(CALL_LIMIT, api.get_opt(&name.1)).await)
        });
        let reads: Vec<_> = futures_util::stream::iter(reads.collect::<Vec<_>>())
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut failed = Vec::new();
        for (name, ids, read) in reads {
            match read {
                Ok(Some(secret)) if is_labelled(&secret) => {
                    self.known.insert(name.clone(), Known::take(secret, ids));
                }
                // Gone since it was seen, or not to be used any more; the watch will say so too.
                Ok(_) => {
                    self.known.remove(name);
                }
                // The values that were there before are better than none.
                Err(error) => failed.push((name.clone(), error.to_string())),
            }
        }
        let mut values = Secrets::default();
        for known in self.known.values() {
            values.extend(&known.values);
        }
        Values { values, failed }
    }
}

fn is_labelled(secret: &Secret) -> bool {
    let labels = secret.metadata.labels.as_ref();
    CREDENTIALS_LABEL
        .split_once('=')
        .is_some_and(|(name, value)| {
            labels
                .and_then(|labels| labels.get(name))
                .map(String::as_str)
                == Some(value)
        })
}

impl Known {
    fn covers(&self, ids: &[&SecretId]) -> bool {
        ids.iter().all(|id| self.asked.contains(*id))
    }

    /// Takes the values of the named keys, and overwrites the rest.
    fn take(secret: Secret, ids: &[&SecretId]) -> Self {
        let mut values = Secrets::default();
        for (key, mut bytes) in secret.data.unwrap_or_default() {
            let id = ids.iter().find(|id| *id.key == *key);
            // What is not text is no credential that could be sent in a header.
            if let (Some(id), Ok(text)) = (id, std::str::from_utf8(&bytes.0)) {
                values.insert((*id).clone(), text);
            }
            bytes.0.zeroize();
        }
        Self {
            resource_version: secret.metadata.resource_version.unwrap_or_default(),
            values,
            asked: ids.iter().map(|id| (*id).clone()).collect(),
        }
    }
}
