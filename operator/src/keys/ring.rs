//! What the Secrets of an installation hold, and how they hang together: everything that is not drawn by lot follows
//! from what is.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use parapet_bus::keys::{
    DigestKey, KeyError, OpeningKeys, SealingKey, SigningKey, TrustedKeys, generate, key_lines,
};
use parapet_policy::time::rfc3339;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::certificate::{self, CertificateError, Pair, RENEW_BEFORE};

pub mod users;

/// What stands where, as files of a Secret.
pub mod file {
    /// The operator's private keys for signing; the first signs.
    pub const SIGNING: &str = "signing";
    /// The public half of the gateways' key, which the operator seals to.
    pub const SEALING: &str = "sealing";
    /// The operator's key for digests.
    pub const DIGEST: &str = "digest";
    /// The public halves of signing keys, which gateways trust.
    pub const TRUSTED: &str = "trusted";
    /// The gateways' private keys for opening; credentials are sealed to the first.
    pub const OPENING: &str = "opening";
    /// A seed to connect to NATS with; the first counts.
    pub const NATS: &str = "nats.nk";
    /// The same for the account of records and traces.
    pub const TRACES: &str = "traces.nk";
    /// Which users NATS admits, and what they may do.
    pub const ACCOUNTS: &str = "accounts.conf";
    /// Certificates of authorities.
    pub const CA: &str = "ca.crt";
    /// The authority's private key.
    pub const CA_KEY: &str = "ca.key";
    /// A server's certificate.
    pub const CERTIFICATE: &str = "tls.crt";
    /// Its private key.
    pub const KEY: &str = "tls.key";
}

/// Who gets a Secret.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Holder {
    /// Whoever makes keys, and nobody else.
    Authority,
    /// The operator.
    Operator,
    /// The gateways.
    Gateway,
    /// Forwarders of traces.
    Forwarder,
    /// NATS.
    Nats,
    /// The operator, for its webhook.
    Webhook,
}

impl Holder {
    /// All of them, in the order in which they are made.
    pub const ALL: [Self; 6] = [
        Self::Authority,
        Self::Operator,
        Self::Gateway,
        Self::Forwarder,
        Self::Nats,
        Self::Webhook,
    ];

    /// The name of the Secret in an installation.
    pub fn secret(self, prefix: &str) -> String {
        let what = match self {
            Self::Authority => "authority",
            Self::Operator => "operator-keys",
            Self::Gateway => "gateway-keys",
            Self::Forwarder => "forwarder-keys",
            Self::Nats => "nats-server",
            Self::Webhook => "webhook-tls",
        };
        format!("{prefix}-{what}")
    }

    /// The value of `app.kubernetes.io/component`.
    pub const fn component(self) -> &'static str {
        match self {
            Self::Authority => "keys",
            Self::Operator | Self::Webhook => "operator",
            Self::Gateway => "gateway",
            Self::Forwarder => "forwarder",
            Self::Nats => "nats",
        }
    }
}

/// What is known about one key.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Note {
    /// When it was made.
    #[serde(with = "rfc3339")]
    pub made: SystemTime,
    /// Since when it is the one in use.
    #[serde(default, with = "in_use", skip_serializing_if = "Option::is_none")]
    pub first: Option<SystemTime>,
}

mod in_use {
    //! A time that may be absent.

    use std::time::SystemTime;

    use parapet_policy::time::{Rfc3339, parse_rfc3339};
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        time: &Option<SystemTime>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Rfc3339(time.unwrap_or(SystemTime::UNIX_EPOCH)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        Ok(parse_rfc3339(&String::deserialize(from)?))
    }
}

/// One Secret: its files, and notes about its keys by their ids.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Contents {
    /// Texts by the name of their file.
    pub files: BTreeMap<String, Zeroizing<String>>,
    /// What is known about private keys.
    pub notes: BTreeMap<String, Note>,
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents")
            .field("files", &self.files.keys())
            .field("notes", &self.notes)
            .finish()
    }
}

impl Contents {
    /// A text; empty when it is not there.
    pub fn text(&self, file: &str) -> &str {
        self.files.get(file).map_or("", |text| text.as_str())
    }

    /// The keys of a text.
    pub fn lines(&self, file: &str) -> Vec<&str> {
        key_lines(self.text(file)).collect()
    }

    /// Replaces a text.
    pub fn set(&mut self, file: &str, text: &str) {
        self.files
            .insert(file.to_owned(), Zeroizing::new(text.to_owned()));
    }

    /// Replaces a text by these keys.
    pub fn set_lines<'a>(&mut self, file: &str, keys: impl IntoIterator<Item = &'a str>) {
        let mut text = Zeroizing::new(String::new());
        for key in keys {
            text.push_str(key);
            text.push('\n');
        }
        self.files.insert(file.to_owned(), text);
    }
}

/// All Secrets of an installation that exist.
pub type Ring = BTreeMap<Holder, Contents>;

/// What an installation should have.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The names of the Secrets begin with it.
    pub prefix: String,
    /// Names of the NATS servers; none when NATS is somebody else's.
    pub nats_names: Vec<String>,
    /// Names of the webhook; none when there is none.
    pub webhook_names: Vec<String>,
}

/// Why keys cannot be completed or changed. It shows nothing of them.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// A text is no key.
    #[error("Secret {secret}, key {file}: {error}")]
    Key {
        /// The Secret.
        secret: String,
        /// The file in it.
        file: &'static str,
        /// What is wrong.
        error: KeyError,
    },
    /// A certificate is needed, and the authority's key is not there.
    #[error(
        "Secret {0} has a ca.crt and no ca.key, and a certificate has to be made: put the key back, or delete the Secret \
         for a new authority"
    )]
    NoAuthorityKey(String),
    /// A certificate could not be made.
    #[error("Secret {secret}: {error}")]
    Certificate {
        /// The Secret.
        secret: String,
        /// What is wrong.
        error: CertificateError,
    },
    /// The system gives no random bytes.
    #[error(transparent)]
    Random(KeyError),
}

/// Adds what is missing, and puts right what could not work: the public halves follow the private ones. What is there
/// and works stays as it is.
///
/// # Errors
/// When what is there cannot be used.
pub fn complete(ring: &mut Ring, wanted: &Wanted, now: SystemTime) -> Result<(), RingError> {
    let own_nats = !wanted.nats_names.is_empty();
    for (holder, file) in [
        (Holder::Operator, file::SIGNING),
        (Holder::Operator, file::DIGEST),
        (Holder::Gateway, file::OPENING),
    ] {
        let contents = ring.entry(holder).or_default();
        if contents.lines(file).is_empty() {
            let key = generate().map_err(RingError::Random)?;
            contents.set_lines(file, [key.as_str()]);
        }
    }
    if own_nats {
        users::complete(ring)?;
    }
    derive(ring, &wanted.prefix, now)?;
    if own_nats {
        users::accounts(ring, &wanted.prefix)?;
    }
    for (holder, names) in [
        (Holder::Nats, &wanted.nats_names),
        (Holder::Webhook, &wanted.webhook_names),
    ] {
        if !names.is_empty() {
            certify(ring, wanted, holder, names, now)?;
        }
    }
    Ok(())
}

/// Brings in line what follows from private keys: the operator seals to a key that gateways have, and gateways trust
/// what the operator signs with. Notes down keys that were not known.
fn derive(ring: &mut Ring, prefix: &str, now: SystemTime) -> Result<(), RingError> {
    let signing = signing_keys(ring, prefix)?;
    let sealing = sealing_keys(ring, prefix)?;
    let digest = contents(ring, Holder::Operator).text(file::DIGEST);
    DigestKey::from_text(key_lines(digest).next().unwrap_or_default()).map_err(bad(
        prefix,
        Holder::Operator,
        file::DIGEST,
    ))?;

    let gateway = ring.entry(Holder::Gateway).or_default();
    let mut trusted: Vec<String> = gateway
        .lines(file::TRUSTED)
        .iter()
        .map(|&line| line.to_owned())
        .collect();
    TrustedKeys::from_texts(trusted.iter().map(String::as_str)).map_err(bad(
        prefix,
        Holder::Gateway,
        file::TRUSTED,
    ))?;
    let missing: Vec<_> = signing
        .iter()
        .map(SigningKey::public_text)
        .filter(|public| !trusted.contains(public))
        .collect();
    if !missing.is_empty() {
        trusted.extend(missing);
        gateway.set_lines(file::TRUSTED, trusted.iter().map(String::as_str));
    }
    note(gateway, sealing.iter().map(SealingKey::id), now);

    let operator = ring.entry(Holder::Operator).or_default();
    let line = operator
        .lines(file::SEALING)
        .first()
        .map(|&line| line.to_owned());
    let is_held = line.is_some_and(|line| sealing.iter().any(|key| key.text() == line));
    if let Some(first) = sealing.first().filter(|_| !is_held) {
        operator.set_lines(file::SEALING, [first.text().as_str()]);
    }
    note(operator, signing.iter().map(SigningKey::id), now);
    Ok(())
}

/// Notes down the keys that are not known yet; the first one is in use.
fn note<'a>(contents: &mut Contents, ids: impl Iterator<Item = &'a str>, now: SystemTime) {
    for (index, id) in ids.enumerate() {
        contents.notes.entry(id.to_owned()).or_insert(Note {
            made: now,
            first: (index == 0).then_some(now),
        });
    }
}

/// Sees to it that a holder has a certificate for its names that is good for long enough.
fn certify(
    ring: &mut Ring,
    wanted: &Wanted,
    holder: Holder,
    names: &[String],
    now: SystemTime,
) -> Result<(), RingError> {
    let failed = |error| RingError::Certificate {
        secret: holder.secret(&wanted.prefix),
        error,
    };
    let held = contents(ring, holder);
    let pair = Pair {
        certificate: held.text(file::CERTIFICATE).to_owned(),
        key: Zeroizing::new(held.text(file::KEY).to_owned()),
    };
    let authorities = held.text(file::CA);
    if certificate::check(authorities, &pair, names, now + RENEW_BEFORE).is_err() {
        let authority = authority(ring, &wanted.prefix, now)?;
        let pair = certificate::issue(&authority, names, now).map_err(failed)?;
        let held = ring.entry(holder).or_default();
        held.set(file::CERTIFICATE, &pair.certificate);
        held.set(file::KEY, &pair.key);
        trust(held, &authority.certificate);
    }
    if holder == Holder::Nats {
        let authorities = contents(ring, holder).text(file::CA).to_owned();
        for client in [Holder::Operator, Holder::Gateway, Holder::Forwarder] {
            trust(ring.entry(client).or_default(), &authorities);
        }
    }
    Ok(())
}

/// The installation's authority, made when there is none.
fn authority(ring: &mut Ring, prefix: &str, now: SystemTime) -> Result<Pair, RingError> {
    let secret = Holder::Authority.secret(prefix);
    let held = ring.entry(Holder::Authority).or_default();
    let (certificate, key) = (held.text(file::CA), held.text(file::CA_KEY));
    if certificate.is_empty() {
        let made = certificate::make_authority(now)
            .map_err(|error| RingError::Certificate { secret, error })?;
        held.set(file::CA, &made.certificate);
        held.set(file::CA_KEY, &made.key);
        return Ok(made);
    }
    if key.is_empty() {
        return Err(RingError::NoAuthorityKey(secret));
    }
    Ok(Pair {
        certificate: certificate.to_owned(),
        key: Zeroizing::new(key.to_owned()),
    })
}

/// Puts authorities in front of those that are trusted already: while one is replaced, both have to count.
fn trust(contents: &mut Contents, authorities: &str) {
    const END: &str = "-----END CERTIFICATE-----";
    let held = contents.text(file::CA);
    let blocks = authorities.split_inclusive(END).map(str::trim);
    let missing: Vec<_> = blocks
        .filter(|block| block.ends_with(END) && !held.contains(block))
        .collect();
    if !missing.is_empty() {
        let all = format!("{}\n{held}", missing.join("\n"));
        contents.set(file::CA, &all);
    }
}

fn contents(ring: &Ring, holder: Holder) -> &Contents {
    static NOTHING: Contents = Contents {
        files: BTreeMap::new(),
        notes: BTreeMap::new(),
    };
    ring.get(&holder).unwrap_or(&NOTHING)
}

/// The operator's private keys for signing, in their order.
///
/// # Errors
/// When one of them is none.
pub fn signing_keys(ring: &Ring, prefix: &str) -> Result<Vec<SigningKey>, RingError> {
    let lines = contents(ring, Holder::Operator).lines(file::SIGNING);
    let keys = lines.into_iter().map(SigningKey::from_text);
    keys.collect::<Result<_, _>>()
        .map_err(bad(prefix, Holder::Operator, file::SIGNING))
}

/// The public halves of the gateways' keys for opening, in their order.
///
/// # Errors
/// When one of them is none.
pub fn sealing_keys(ring: &Ring, prefix: &str) -> Result<Vec<SealingKey>, RingError> {
    let lines = contents(ring, Holder::Gateway).lines(file::OPENING);
    let keys =
        OpeningKeys::from_texts(lines).map_err(bad(prefix, Holder::Gateway, file::OPENING))?;
    Ok(keys.sealing_keys().cloned().collect())
}

fn bad(prefix: &str, holder: Holder, file: &'static str) -> impl FnOnce(KeyError) -> RingError {
    let secret = holder.secret(prefix);
    move |error| RingError::Key {
        secret,
        file,
        error,
    }
}

#[cfg(test)]
mod tests;
