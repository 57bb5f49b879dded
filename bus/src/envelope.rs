//! The message that travels: a signed manifest, and the body beside it.
//!
//! ```text
//! {"payloadType": "...", "payload": "<base64>", "signatures": [{"keyid": "...", "sig": "<base64>"}]} LF body
//! ```
//!
//! The first line is a [DSSE](https://github.com/secure-systems-lab/dsse) envelope: what is signed are the bytes of
//! type and payload, so nothing has to be canonical. The payload is the manifest, and the manifest names the body by its
//! hash. The body follows as it is, or is an object of its own.

mod open;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parapet_policy::bundle::wire::{FORMAT, MAX_MANIFEST_BYTES, Manifest};
use parapet_policy::bundle::{Refusal, RefusalCode, Revision};
use serde::{Deserialize, Serialize};

use crate::keys::{SigningKey, TrustedKeys};
use crate::plain::Packed;

pub use open::{Opened, Verified};

/// The payload's type; a signature made for something else is none for a manifest.
const PAYLOAD_TYPE: &str = "application/vnd.parapet.bundle-manifest+json";

/// Signatures that an envelope may have: a rotation needs two.
const MAX_SIGNATURES: usize = 8;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload_type: String,
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize, Serialize)]
struct Signature {
    keyid: String,
    sig: String,
}

/// What stands in a manifest beside what was packed.
#[derive(Clone, Debug)]
pub struct Issue {
    /// Which gateways it is for.
    pub class: Arc<str>,
    /// Epoch and generation.
    pub revision: Revision,
    /// Now.
    pub issued_at: SystemTime,
    /// See [`parapet_policy::bundle::wire::VALIDITY`].
    pub not_after: SystemTime,
}

/// A message, ready to be published.
#[derive(Clone, Debug)]
pub struct Signed {
    /// What was signed.
    pub manifest: Manifest,
    /// The message.
    pub message: Bytes,
    /// The body, when it is to be stored as an object of its own, under [`Manifest::body`]'s hash, before the message
    /// is published.
    pub object: Option<Bytes>,
}

/// Signs a packed policy with one key, or with several while keys are rotated.
///
/// # Errors
/// When the manifest cannot be written as JSON.
pub fn sign(packed: &Packed, issue: Issue, keys: &[&SigningKey]) -> serde_json::Result<Signed> {
    let manifest = Manifest {
        format: FORMAT,
        installation: packed.installation.clone(),
        class: issue.class,
        revision: issue.revision,
        issued_at: issue.issued_at,
        not_after: issue.not_after,
        digest: packed.digest.clone(),
        body: packed.reference.clone(),
    };
    let payload = serde_json::to_vec(&manifest)?;
    let mut message = seal_envelope(&payload, keys)?;
    let object = if manifest.body.object {
        Some(packed.body().clone())
    } else {
        message.extend_from_slice(packed.body());
        None
    };
    Ok(Signed {
        manifest,
        message: message.into(),
        object,
    })
}

/// The first line of a message: any payload in a signed envelope. What this build publishes comes from [`sign`]; a
/// manifest of another format can be put in an envelope only here.
///
/// # Errors
/// When the envelope cannot be written as JSON.
pub fn seal_envelope(payload: &[u8], keys: &[&SigningKey]) -> serde_json::Result<Vec<u8>> {
    let signed = pae(payload);
    let signature = |key: &&SigningKey| Signature {
        keyid: key.id().to_owned(),
        sig: STANDARD.encode(key.sign(&signed)),
    };
    let mut line = serde_json::to_vec(&Envelope {
        payload_type: PAYLOAD_TYPE.to_owned(),
        payload: STANDARD.encode(payload),
        signatures: keys.iter().map(signature).collect(),
    })?;
    line.push(b'\n');
    Ok(line)
}

/// DSSE's pre-authentication encoding.
fn pae(payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "DSSEv1 {} {PAYLOAD_TYPE} {} ",
        PAYLOAD_TYPE.len(),
        payload.len()
    )
    .into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// What a gateway, or a new leader, takes a message for good by.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Whose signatures count.
    pub trusted: &'a TrustedKeys,
    /// The own installation.
    pub installation: &'a str,
    /// The own class.
    pub class: &'a str,
    /// Now.
    pub now: SystemTime,
    /// What is in force: its revision, and the digest that its manifest has.
    pub in_force: Option<(Revision, &'a str)>,
}

/// Whether a verified manifest says anything new.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// Its revision is greater than the one in force.
    New,
    /// It is what is in force: signed anew, or sealed anew.
    Same,
}

/// Verifies a message as far as that can be done without its body. Nothing is decompressed or believed before a trusted
/// key's signature is found good.
///
/// # Errors
/// Why it is refused.
pub fn verify(message: &Bytes, expected: &Expected<'_>) -> Result<Verified, Refusal> {
    let (line, rest) = first_line(message)?;
    let manifest = signed_manifest(&line, expected.trusted)?;
    let revision = manifest.revision;
    let verified = fits(&manifest, expected).and_then(|order| Verified::new(manifest, rest, order));
    verified.map_err(|refusal| refusal.of(revision))
}

/// Whether a signed manifest is for us and of now.
fn fits(manifest: &Manifest, expected: &Expected<'_>) -> Result<Order, Refusal> {
    let refuse = |code, message: String| Err(Refusal::new(code, message));
    if *manifest.installation != *expected.installation {
        let message = format!("it is for the installation {}", manifest.installation);
        return refuse(RefusalCode::WrongInstallation, message);
    }
    if *manifest.class != *expected.class {
        let message = format!("it is for gateways of the class {}", manifest.class);
        return refuse(RefusalCode::WrongClass, message);
    }
    if manifest.not_after <= expected.now {
        let end = parapet_policy::time::Rfc3339(manifest.not_after);
        return refuse(RefusalCode::Expired, format!("it was good until {end}"));
    }
    order(manifest, expected.in_force)
}

fn first_line(message: &Bytes) -> Result<(Bytes, Bytes), Refusal> {
    let limit = usize::try_from(MAX_MANIFEST_BYTES).unwrap_or(usize::MAX);
    let head = message.get(..message.len().min(limit)).unwrap_or_default();
    match head.iter().position(|byte| *byte == b'\n') {
        Some(end) => Ok((message.slice(..end), message.slice(end + 1..))),
        None if message.len() > limit => Err(Refusal::new(
            RefusalCode::TooLarge,
            format!("its manifest has more than {limit} bytes"),
        )),
        None => Err(malformed("it has no whole first line")),
    }
}

fn malformed(message: &str) -> Refusal {
    Refusal::new(RefusalCode::Malformed, message)
}

fn signed_manifest(line: &[u8], trusted: &TrustedKeys) -> Result<Manifest, Refusal> {
    let envelope: Envelope = serde_json::from_slice(line)
        .map_err(|_| malformed("its first line is not a signed envelope"))?;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(malformed("its payload is not a bundle's manifest"));
    }
    if envelope.signatures.len() > MAX_SIGNATURES {
        return Err(malformed("it has too many signatures"));
    }
    let payload = STANDARD
        .decode(&envelope.payload)
        .map_err(|_| malformed("its payload is not base64"))?;
    let signed = pae(&payload);
    let mut known = false;
    let mut is_good = |signature: &Signature| {
        let Some(key) = trusted.get(&signature.keyid) else {
            return false;
        };
        known = true;
        STANDARD.decode(&signature.sig).is_ok_and(|sig| {
            UnparsedPublicKey::new(&ED25519, key)
                .verify(&signed, &sig)
                .is_ok()
        })
    };
    if !envelope.signatures.iter().any(&mut is_good) {
        return Err(if known {
            let message = "the signature of a trusted key does not fit";
            Refusal::new(RefusalCode::BadSignature, message)
        } else {
            Refusal::new(RefusalCode::UnknownSigner, "no trusted key has signed it")
        });
    }
    read_manifest(&payload)
}

/// The format comes first: what else stands there depends on it.
fn read_manifest(payload: &[u8]) -> Result<Manifest, Refusal> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format } = serde_json::from_slice(payload)
        .map_err(|_| malformed("its manifest does not say its format"))?;
    if format != FORMAT {
        let message = format!("it is of format {format}, this build reads {FORMAT}");
        return Err(Refusal::new(RefusalCode::UnknownFormat, message));
    }
    serde_json::from_slice(payload).map_err(|_| malformed("its manifest is not one of its format"))
}

fn order(manifest: &Manifest, in_force: Option<(Revision, &str)>) -> Result<Order, Refusal> {
    let Some((revision, digest)) = in_force else {
        return Ok(Order::New);
    };
    let given = manifest.revision;
    if given > revision {
        return Ok(Order::New);
    }
    if given == revision && *manifest.digest == *digest {
        return Ok(Order::Same);
    }
    let code = if given == revision {
        RefusalCode::ConflictingRevision
    } else if given.epoch < revision.epoch {
        RefusalCode::StaleEpoch
    } else {
        RefusalCode::StaleGeneration
    };
    let message = format!("it is revision {given}, in force is {revision}");
    Err(Refusal::new(code, message))
}
