//! Secrets of a cluster. Made by `create` and changed by a patch of exactly the version that was read, so that two who
//! do it at once do not overwrite each other.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::json;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Done, StoreError, Written};
use crate::keys::ring::{Contents, Holder};

/// The annotation with what is known about the keys, by their ids.
const NOTES: &str = "parapet.dev/keys";
/// The annotation for people.
const NOTE: &str = "parapet.dev/note";
/// Its value.
const NOTE_TEXT: &str = "Keys of a Parapet installation, made by `parapet-operator keys ensure`. They belong to no Helm \
     release: `helm uninstall` leaves them. See docs/operations.md before you delete them.";

/// `metadata.resourceVersion` of what was read.
pub(super) type Versions = BTreeMap<Holder, String>;

pub(super) struct Cluster {
    api: Api<Secret>,
    prefix: String,
}

impl Cluster {
    pub(super) fn new(api: Api<Secret>, prefix: &str) -> Self {
        Self {
            api,
            prefix: prefix.to_owned(),
        }
    }

    /// A Secret and its version; none when it does not exist.
    pub(super) async fn read(
        &self,
        secret: &str,
    ) -> Result<Option<(Contents, String)>, StoreError> {
        let found = self.api.get_opt(secret).await;
        let Some(found) = found.map_err(failed(secret))? else {
            return Ok(None);
        };
        let mut contents = Contents::default();
        for (file, ByteString(bytes)) in found.data.into_iter().flatten() {
            let text = String::from_utf8(bytes).map_err(|error| {
                error.into_bytes().zeroize();
                StoreError::NoText {
                    secret: secret.to_owned(),
                    file: file.clone(),
                }
            })?;
            contents.files.insert(file, Zeroizing::new(text));
        }
        let annotations = found.metadata.annotations.unwrap_or_default();
        // Whoever has changed it by hand has made it unknown how old the keys are, and nothing else.
        contents.notes = annotations
            .get(NOTES)
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let version = found.metadata.resource_version.unwrap_or_default();
        Ok(Some((contents, version)))
    }

    pub(super) async fn create(
        &self,
        done: &Done,
        contents: &Contents,
    ) -> Result<Written, StoreError> {
        let labels = [
            ("app.kubernetes.io/name", "parapet"),
            ("app.kubernetes.io/instance", &self.prefix),
            ("app.kubernetes.io/component", done.holder.component()),
            ("app.kubernetes.io/managed-by", "parapet-operator"),
        ];
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let mut annotations: BTreeMap<_, _> = [owned((NOTE, NOTE_TEXT))].into();
        annotations.extend(notes(contents));
        let files = contents.files.iter();
        let data = files.map(|(file, text)| (file.clone(), ByteString(text.as_bytes().to_vec())));
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(done.secret.clone()),
                labels: Some(labels.map(owned).into()),
                annotations: Some(annotations),
                ..ObjectMeta::default()
            },
            data: Some(data.collect()),
            ..Secret::default()
        };
        let created = self.api.create(&PostParams::default(), &secret).await;
        unless_beaten(created, &done.secret)
    }

    pub(super) async fn replace(
        &self,
        done: &Done,
        contents: &Contents,
        version: &str,
    ) -> Result<Written, StoreError> {
        let text = |file: &String| (file.clone(), json!(contents.text(file)));
        let patch = json!({
            "metadata": {
                "resourceVersion": version,
                "annotations": notes(contents).collect::<BTreeMap<_, _>>(),
            },
            "stringData": done.files.iter().map(text).collect::<serde_json::Map<_, _>>(),
        });
        let patched = self
            .api
            .patch(&done.secret, &PatchParams::default(), &Patch::Merge(patch))
            .await;
        unless_beaten(patched, &done.secret)
    }
}

/// The annotation, when there is anything to note.
fn notes(contents: &Contents) -> impl Iterator<Item = (String, String)> {
    let notes = (!contents.notes.is_empty()).then(|| serde_json::to_string(&contents.notes).ok());
    notes
        .flatten()
        .map(|text| (NOTES.to_owned(), text))
        .into_iter()
}

fn unless_beaten(result: kube::Result<Secret>, secret: &str) -> Result<Written, StoreError> {
    match result {
        Ok(_) => Ok(Written::Done),
        // 409: the name is taken, or the version has moved. 404: it was deleted.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(Written::Beaten),
        Err(error) => Err(failed(secret)(error)),
    }
}

fn failed(secret: &str) -> impl FnOnce(kube::Error) -> StoreError {
    let secret = secret.to_owned();
    move |error| StoreError::Cluster {
        secret,
        error: Box::new(error),
    }
}
