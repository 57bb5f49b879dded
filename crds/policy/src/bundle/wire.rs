//! The shape in which a bundle travels: a small signed [`Manifest`], and a compressed [`Body`] that the manifest names
//! by its hash. What is signed, sealed and compressed with which library is not said here.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::{Bundle, Revision, SecretId};
use crate::compile::canonical_digest;
use crate::time::rfc3339;

/// The version of manifest and body that this build writes and reads.
pub const FORMAT: u32 = 1;

/// The versions that an operator publishes, the current one last: gateways of the version before find theirs while an
/// upgrade rolls out. Format 1 has none before it.
pub const PUBLISHED_FORMATS: &[u32] = &[FORMAT];

/// Bytes of a compressed body that travels beside its manifest. Above, it travels as an object of its own. NATS takes
/// messages of 1 MiB by default.
pub const MAX_INLINE_BYTES: u64 = 512 * 1024;

/// Bytes of a signed manifest. A real one has less than 2 KiB.
pub const MAX_MANIFEST_BYTES: u64 = 64 * 1024;

/// Bytes of a compressed body. 5,000 rules have well below 1 MiB.
pub const MAX_COMPRESSED_BYTES: u64 = 16 * 1024 * 1024;

/// Bytes of a body that is not compressed.
pub const MAX_PLAIN_BYTES: u64 = 64 * 1024 * 1024;

/// How long a manifest is good for, unless the operator is told otherwise. It is signed anew long before.
pub const VALIDITY: Duration = Duration::from_secs(24 * 3600);

/// What is signed. Everything else is bound to it by hashes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The version of manifest and body, [`FORMAT`].
    pub format: u32,
    /// Which installation it is for.
    pub installation: Arc<str>,
    /// Which of the installation's gateways it is for.
    pub class: Arc<str>,
    /// Epoch and generation; the greatest wins.
    #[serde(flatten)]
    pub revision: Revision,
    /// When it was signed. Signing the same revision anew only moves this and `not_after`.
    #[serde(with = "rfc3339")]
    pub issued_at: SystemTime,
    /// From when on nobody puts it in force any more.
    #[serde(with = "rfc3339")]
    pub not_after: SystemTime,
    /// [`digest`] of the policy: equal for equal policy, however it is compressed, sealed and signed.
    pub digest: Arc<str>,
    /// Where the body is, and what it must be.
    pub body: BodyRef,
}

/// Names a compressed body.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BodyRef {
    /// How it is compressed.
    pub encoding: Encoding,
    /// Bytes as they travel.
    pub bytes: u64,
    /// Bytes when decompressed.
    pub plain_bytes: u64,
    /// Lower-case hexadecimal SHA-256 of the bytes as they travel.
    pub sha256: Arc<str>,
    /// Whether it is an object of its own, named by `sha256`, because it is too large to travel beside the manifest.
    #[serde(default)]
    pub object: bool,
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// RFC 8878.
    Zstd,
}

/// What a body says when it is decompressed: JSON.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    /// The compiled policy. Its revision is the manifest's; here it is not set.
    pub bundle: Bundle,
    /// Every credential that the bundle names and that exists, sorted, by its keyed hash.
    #[serde(default)]
    pub secrets: Vec<SecretHash>,
    /// The credentials themselves, in the order of `secrets`; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
    /// Every resource that the bundle was compiled from, sorted by kind, namespace and name.
    #[serde(default)]
    pub sources: Vec<SourceEntry>,
}

/// A credential's place in the canonical form: its name, and a hash that nobody without the key can guess it by.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct SecretHash {
    /// Which value of which Secret.
    #[serde(flatten)]
    pub id: SecretId,
    /// Lower-case hexadecimal HMAC-SHA-256 over name and value, with a key that only operators have.
    pub hash: String,
}

/// Credentials that only the installation's gateways can open.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sealed {
    /// The id of the gateways' key that they are sealed to.
    pub key_id: String,
    /// What the opener needs beside its private key, in base64.
    pub encapsulated: String,
    /// One for each of [`Body::secrets`], in base64.
    pub values: Vec<String>,
}

/// A resource as it was accepted: what an acknowledgement counts by, and what a new leader starts from.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceEntry {
    /// The resource's kind.
    pub kind: Arc<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its `metadata.uid`: a resource that is deleted and made again is another one.
    pub uid: Arc<str>,
    /// The `metadata.generation` of the form that was compiled.
    pub generation: i64,
    /// Its `metadata.creationTimestamp`, for "the oldest holds the name".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Its `spec` as accepted, references to Secrets included, values not. Gateways pass over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<Box<RawValue>>,
}

/// The digest of a policy: over the compiled bundle, and over each credential's keyed hash in its place. What the
/// policy was compiled from makes no difference, nor do signatures and seals.
pub fn digest(bundle: &Bundle, secrets: &[SecretHash]) -> String {
    canonical_digest(&json!({"bundle": bundle.digest, "secrets": secrets}))
}

/// Where the credential is in the canonical form: what its seal is bound to, beside installation and digest.
pub fn field_path(id: &SecretId) -> String {
    format!("secrets/{}/{}/{}", id.namespace, id.name, id.key)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn id(key: &str) -> SecretId {
        SecretId {
            namespace: "ns".into(),
            name: "s".into(),
            key: key.into(),
        }
    }

    #[test]
    fn a_manifest_keeps_its_spelling() {
        let manifest = Manifest {
            format: FORMAT,
            installation: "i".into(),
            class: "default".into(),
            revision: Revision {
                epoch: 17,
                generation: 42,
            },
            issued_at: UNIX_EPOCH,
            not_after: UNIX_EPOCH + VALIDITY,
            digest: "d".into(),
            body: BodyRef {
                encoding: Encoding::Zstd,
                bytes: 1,
                plain_bytes: 2,
                sha256: "h".into(),
                object: false,
            },
        };
        let text = serde_json::to_string(&manifest).unwrap();
        assert_eq!(
            text,
            r#"{"format":1,"installation":"i","class":"default","epoch":17,"generation":42,"issuedAt":"1970-01-01T00:00:00.000000Z","notAfter":"1970-01-02T00:00:00.000000Z","digest":"d","body":{"encoding":"zstd","bytes":1,"plainBytes":2,"sha256":"h","object":false}}"#
        );
        assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest);
    }

    #[test]
    fn the_digest_changes_with_the_policy_and_with_a_credential_and_with_nothing_else() {
        let mut bundle = Bundle {
            digest: "a".to_owned(),
            ..Bundle::default()
        };
        let hash = |key: &str, hash: &str| SecretHash {
            id: id(key),
            hash: hash.to_owned(),
        };
        let before = digest(&bundle, &[hash("k", "1")]);
        bundle.revision.generation = 7;
        assert_eq!(digest(&bundle, &[hash("k", "1")]), before);
        let others = [
            digest(&bundle, &[hash("k", "2")]),
            digest(&bundle, &[hash("l", "1")]),
            digest(&bundle, &[]),
            digest(
                &Bundle {
                    digest: "b".to_owned(),
                    ..bundle.clone()
                },
                &[hash("k", "1")],
            ),
        ];
        for other in others {
            assert_ne!(other, before);
        }
    }

    #[test]
    fn a_body_without_its_optional_parts_can_be_read() {
        let bundle = serde_json::to_value(Bundle::default()).unwrap();
        let body: Body = serde_json::from_value(json!({"bundle": bundle})).unwrap();
        assert!(body.secrets.is_empty() && body.sealed.is_none() && body.sources.is_empty());
        assert_eq!(field_path(&id("k")), "secrets/ns/s/k");
    }
}
