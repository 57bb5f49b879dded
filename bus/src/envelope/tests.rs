//! What is refused, and with which code.

use std::time::{Duration, UNIX_EPOCH};

use parapet_policy::bundle::wire::{MAX_PLAIN_BYTES, SourceEntry};
use parapet_policy::bundle::{Bundle, ResourceEntry, SecretId};
use parapet_policy::diagnostic::Source;
use serde_json::json;

use super::*;
use crate::keys::{DigestKey, OpeningKeys, SealingKey, generate};
use crate::plain::Plain;

const NOW: SystemTime = UNIX_EPOCH;
const HOUR: Duration = Duration::from_secs(3600);
const IN_FORCE: Revision = Revision {
    epoch: 3,
    generation: 5,
};

struct World {
    signing: SigningKey,
    trusted: TrustedKeys,
    opening: OpeningKeys,
    digest: DigestKey,
}

impl World {
    fn new() -> Self {
        let signing = SigningKey::from_text(&generate().unwrap()).unwrap();
        Self {
            trusted: TrustedKeys::from_texts([signing.public_text().as_str()]).unwrap(),
            signing,
            opening: OpeningKeys::from_texts([generate().unwrap().as_str()]).unwrap(),
            digest: DigestKey::from_text(&generate().unwrap()).unwrap(),
        }
    }

    fn sealing(&self) -> &SealingKey {
        self.opening.sealing_keys().next().unwrap()
    }

    fn plain(&self, value: &'static str) -> Plain {
        let spec = json!({"key": {"secretKeyRef": {"name": "s", "key": "k"}}});
        let source = Source {
            kind: "IdentityProvider".into(),
            namespace: "ns".into(),
            name: "n".into(),
            file: None,
        };
        let entry = SourceEntry {
            kind: source.kind.clone(),
            namespace: source.namespace.clone(),
            name: source.name.clone(),
            uid: "u".into(),
            generation: 4,
            created: None,
            spec: Some(serde_json::value::to_raw_value(&spec).unwrap()),
        };
        let bundle = Bundle {
            digest: "plain".to_owned(),
            identity_providers: vec![ResourceEntry { source, spec }],
            ..Bundle::default()
        };
        Plain::new(bundle, vec![entry], |_| Some(value), &self.digest)
    }

    fn packed(&self) -> Packed {
        self.plain("hush").pack("here", self.sealing()).unwrap()
    }

    fn signed(&self, packed: &Packed, change: impl FnOnce(&mut Issue)) -> Bytes {
        let mut issue = Issue {
            class: "default".into(),
            revision: Revision {
                epoch: 3,
                generation: 6,
            },
            issued_at: NOW,
            not_after: NOW + HOUR,
        };
        change(&mut issue);
        sign(packed, issue, &[&self.signing]).unwrap().message
    }

    fn verify(&self, message: &Bytes) -> Result<Verified, Refusal> {
        let expected = Expected {
            trusted: &self.trusted,
            installation: "here",
            class: "default",
            now: NOW,
            in_force: Some((IN_FORCE, "in force")),
        };
        verify(message, &expected)
    }

    fn refused(&self, message: &Bytes) -> RefusalCode {
        let result = self
            .verify(message)
            .and_then(|good| good.open(&self.opening));
        result.unwrap_err().code
    }

    /// A message around any payload, signed as if it were ours.
    fn around(&self, payload: &serde_json::Value, body: &[u8]) -> Bytes {
        let payload = serde_json::to_vec(payload).unwrap();
        let mut message = seal_envelope(&payload, &[&self.signing]).unwrap();
        message.extend_from_slice(body);
        message.into()
    }
}

#[test]
fn what_was_packed_is_what_is_opened() {
    let world = World::new();
    let message = world.signed(&world.packed(), |_| ());
    assert!(!message.windows(4).any(|bytes| bytes == b"hush"));
    let verified = world.verify(&message).unwrap();
    assert_eq!((verified.order(), verified.object()), (Order::New, None));
    let body = verified.body().unwrap();
    let written = body.sources[0].spec.as_ref().unwrap().get();
    assert_eq!(
        written,
        r#"{"key":{"secretKeyRef":{"name":"s","key":"k"}}}"#
    );
    let opened = verified.open(&world.opening).unwrap();
    assert_eq!(opened.bundle.revision.to_string(), "3.6");
    assert_eq!(opened.bundle.digest, *opened.manifest.digest);
    let id = SecretId {
        namespace: "ns".into(),
        name: "s".into(),
        key: "k".into(),
    };
    assert_eq!(opened.secrets.len(), 1);
    assert_eq!(
        (&opened.secrets[0].0, opened.secrets[0].1.as_str()),
        (&id, "hush")
    );
    assert_eq!(opened.sources[0].generation, 4);
    assert!(!format!("{opened:?}").contains("hush"));
}

#[test]
fn a_digest_is_that_of_the_policy_and_not_of_its_seal() {
    let world = World::new();
    let (one, two) = (world.packed(), world.packed());
    assert_eq!(one.digest(), two.digest());
    assert_ne!(one.reference().sha256, two.reference().sha256);
    assert_ne!(world.plain("other").digest(), one.digest());
}

#[test]
fn each_kind_of_wrong_message_has_its_own_code() {
    let world = World::new();
    let packed = world.packed();
    let good = world.signed(&packed, |_| ());
    let end = good.iter().position(|byte| *byte == b'\n').unwrap();
    let revision = |epoch, generation| Revision { epoch, generation };

    let stranger = SigningKey::from_text(&generate().unwrap()).unwrap();
    let issue = Issue {
        class: "default".into(),
        revision: revision(3, 6),
        issued_at: NOW,
        not_after: NOW + HOUR,
    };
    let wrong_key = sign(&packed, issue, &[&stranger]).unwrap().message;
    // Forged: the payload of one message under the signature of another.
    let mut forged: serde_json::Value = serde_json::from_slice(&good[..end]).unwrap();
    let other = world.signed(&packed, |issue| issue.revision = revision(9, 9));
    let other_end = other.iter().position(|byte| *byte == b'\n').unwrap();
    let other: serde_json::Value = serde_json::from_slice(&other[..other_end]).unwrap();
    forged["payload"] = other["payload"].clone();
    let forged = Bytes::from(format!("{forged}\n"));

    let manifest = serde_json::to_value(world.verify(&good).unwrap().manifest()).unwrap();
    let changed = |path: &str, value: serde_json::Value| {
        let mut manifest = manifest.clone();
        *manifest.pointer_mut(path).unwrap() = value;
        world.around(&manifest, &good[end + 1..])
    };
    let mut flipped = good.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    let mut torn_frame = packed.body.to_vec();
    torn_frame.truncate(20);
    let torn_frame = {
        let mut manifest = manifest.clone();
        manifest["body"]["bytes"] = json!(torn_frame.len());
        manifest["body"]["sha256"] = json!(crate::plain::sha256(&torn_frame));
        world.around(&manifest, &torn_frame)
    };

    let sealed_elsewhere = {
        let other = OpeningKeys::from_texts([generate().unwrap().as_str()]).unwrap();
        let key = other.sealing_keys().next().unwrap();
        world.signed(&world.plain("hush").pack("here", key).unwrap(), |_| ())
    };
    let sealed_for_elsewhere = {
        let mut packed = world.plain("hush").pack("there", world.sealing()).unwrap();
        packed.installation = "here".into();
        world.signed(&packed, |_| ())
    };
    let older = |epoch, generation| {
        world.signed(&packed, |issue| {
            issue.revision = revision(epoch, generation)
        })
    };

    let rows = [
        ("nothing", Bytes::new(), RefusalCode::Malformed),
        (
            "truncated manifest",
            good.slice(..end),
            RefusalCode::Malformed,
        ),
        (
            "not ours",
            Bytes::from_static(b"{}\n"),
            RefusalCode::Malformed,
        ),
        (
            "oversized manifest",
            vec![b' '; 70_000].into(),
            RefusalCode::TooLarge,
        ),
        (
            "oversized body",
            changed("/body/bytes", json!(1_u64 << 40)),
            RefusalCode::TooLarge,
        ),
        (
            "a bomb",
            changed("/body/plainBytes", json!(MAX_PLAIN_BYTES + 1)),
            RefusalCode::TooLarge,
        ),
        (
            "unknown format",
            changed("/format", json!(2)),
            RefusalCode::UnknownFormat,
        ),
        ("wrong key", wrong_key, RefusalCode::UnknownSigner),
        ("forged", forged, RefusalCode::BadSignature),
        (
            "wrong installation",
            changed("/installation", json!("there")),
            RefusalCode::WrongInstallation,
        ),
        (
            "wrong class",
            world.signed(&packed, |issue| issue.class = "edge".into()),
            RefusalCode::WrongClass,
        ),
        (
            "expired",
            world.signed(&packed, |issue| issue.not_after = NOW),
            RefusalCode::Expired,
        ),
        ("older epoch", older(2, 900), RefusalCode::StaleEpoch),
        (
            "older generation",
            older(3, 4),
            RefusalCode::StaleGeneration,
        ),
        (
            "the same again, other content",
            older(3, 5),
            RefusalCode::ConflictingRevision,
        ),
        (
            "object gone",
            changed("/body/object", json!(true)),
            RefusalCode::BodyMissing,
        ),
        (
            "truncated body",
            good.slice(..good.len() - 1),
            RefusalCode::BodyMismatch,
        ),
        ("changed body", flipped.into(), RefusalCode::BodyMismatch),
        ("torn frame", torn_frame, RefusalCode::Undecodable),
        (
            "larger than it says",
            changed("/body/plainBytes", json!(10)),
            RefusalCode::Undecodable,
        ),
        (
            "other policy",
            changed("/digest", json!("0")),
            RefusalCode::DigestMismatch,
        ),
        (
            "sealed to another key",
            sealed_elsewhere,
            RefusalCode::UnknownSealKey,
        ),
        (
            "sealed for another installation",
            sealed_for_elsewhere,
            RefusalCode::BadSeal,
        ),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (what, message, code) in rows {
        assert_eq!(world.refused(&message), code, "{what}");
        seen.insert(code);
    }
    // Only making it ready is not this module's.
    let mut missing: Vec<_> = RefusalCode::ALL
        .into_iter()
        .filter(|code| !seen.contains(code))
        .collect();
    missing.retain(|code| *code != RefusalCode::NotBuildable);
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_refusal_names_the_revision_that_was_signed_and_no_other() {
    let world = World::new();
    let packed = world.packed();
    let older = world.signed(&packed, |issue| issue.revision.epoch = 2);
    let refusal = world.verify(&older).unwrap_err();
    assert_eq!(refusal.revision.unwrap().to_string(), "2.6");
    let forged = World::new().signed(&packed, |_| ());
    assert_eq!(world.verify(&forged).unwrap_err().revision, None);
}

#[test]
fn the_same_signed_again_is_no_news() {
    let world = World::new();
    let packed = world.packed();
    let expected = |in_force| Expected {
        trusted: &world.trusted,
        installation: "here",
        class: "default",
        now: NOW,
        in_force,
    };
    let again = world.signed(&packed, |issue| issue.not_after = NOW + 9 * HOUR);
    let in_force = Revision {
        epoch: 3,
        generation: 6,
    };
    let verified = verify(&again, &expected(Some((in_force, packed.digest())))).unwrap();
    assert_eq!(verified.order(), Order::Same);
    assert_eq!(verify(&again, &expected(None)).unwrap().order(), Order::New);
}

#[test]
fn while_keys_are_rotated_either_is_enough() {
    let world = World::new();
    let new = SigningKey::from_text(&generate().unwrap()).unwrap();
    let issue = Issue {
        class: "default".into(),
        revision: Revision {
            epoch: 4,
            generation: 1,
        },
        issued_at: NOW,
        not_after: NOW + HOUR,
    };
    let both = sign(&world.packed(), issue, &[&new, &world.signing]).unwrap();
    world.verify(&both.message).unwrap();
    let only_new = World {
        trusted: TrustedKeys::from_texts([new.public_text().as_str()]).unwrap(),
        ..World::new()
    };
    only_new.verify(&both.message).unwrap();
}

#[test]
fn a_large_body_is_an_object() {
    let world = World::new();
    let mut noise = String::new();
    for number in 0..40_000_u32 {
        noise.push_str(&crate::plain::sha256(&number.to_le_bytes()));
    }
    let bundle = Bundle {
        settings: Some(json!({"noise": noise})),
        ..Bundle::default()
    };
    let plain = Plain::new(bundle, Vec::new(), |_| None, &world.digest);
    let packed = plain.pack("here", world.sealing()).unwrap();
    assert!(packed.reference().object);
    let issue = Issue {
        class: "default".into(),
        revision: Revision {
            epoch: 4,
            generation: 1,
        },
        issued_at: NOW,
        not_after: NOW + HOUR,
    };
    let signed = sign(&packed, issue, &[&world.signing]).unwrap();
    assert!(signed.message.len() < 4096);
    let verified = world.verify(&signed.message).unwrap();
    assert_eq!(verified.object(), Some(&*packed.reference().sha256));
    let code = verified.clone().open(&world.opening).unwrap_err().code;
    assert_eq!(code, RefusalCode::BodyMissing);
    let object = signed.object.unwrap();
    let torn = verified
        .clone()
        .with_object(object.slice(1..))
        .open(&world.opening);
    assert_eq!(torn.unwrap_err().code, RefusalCode::BodyMismatch);
    verified.with_object(object).open(&world.opening).unwrap();
}
