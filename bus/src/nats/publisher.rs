//! The operator's side: what is published, and that it stays so.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context};
use parapet_policy::bundle::wire::{Body, FORMAT, Manifest, VALIDITY};
use parapet_policy::bundle::{Refusal, Revision};

use super::bucket::{self, GetError, Stored};
use super::connect::Connection;
use super::{objects, subjects};
use crate::envelope::{Expected, Issue, Signed, Verified, sign, verify};
use crate::keys::{SigningKey, TrustedKeys};
use crate::plain::Packed;

/// A manifest is signed anew when it is so old.
const RENEW_AFTER: Duration = Duration::from_secs(3600);
/// How often a publication is tried again when somebody else published in between.
const ATTEMPTS: usize = 3;

/// What and how to publish.
#[derive(Debug)]
pub struct PublisherConfig {
    /// The installation.
    pub installation: Arc<str>,
    /// The class of gateways.
    pub class: Arc<str>,
    /// Signs. Several while keys are rotated.
    pub keys: Vec<SigningKey>,
    /// Whose signatures count on what is stored, beside the own ones: the keys before, while keys are rotated.
    pub trusted: TrustedKeys,
    /// Copies of what is stored: as many as there are servers, up to three.
    pub replicas: usize,
    /// Bytes that the bucket may have; below what the account may store.
    pub bucket_bytes: i64,
    /// Bytes that the store for large bodies may have.
    pub object_bytes: i64,
    /// How long a manifest is good for.
    pub validity: Duration,
}

impl PublisherConfig {
    /// With the defaults for the rest.
    pub fn new(installation: Arc<str>, class: Arc<str>, keys: Vec<SigningKey>) -> Self {
        Self {
            installation,
            class,
            keys,
            trusted: TrustedKeys::default(),
            replicas: 1,
            bucket_bytes: 32 * 1024 * 1024,
            object_bytes: 128 * 1024 * 1024,
            validity: VALIDITY,
        }
    }
}

/// Why something was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// NATS cannot be reached or does not answer. Whether anything was stored is not known; [`Publisher::check`] finds out.
    #[error("NATS cannot be reached: {0}")]
    Unavailable(String),
    /// The server has no JetStream for this account.
    #[error("JetStream is not available: {0}")]
    NoJetStream(String),
    /// There is no room, or a limit is too low.
    #[error("NATS has no room: {0}")]
    Full(String),
    /// A newer leader has published.
    #[error("revision {stored} is published: this leader was replaced")]
    Deposed {
        /// What is published.
        stored: Revision,
    },
    /// Others publish all the time.
    #[error("somebody else publishes at the same time")]
    Contended,
    /// Anything else.
    #[error("NATS refuses: {0}")]
    Refused(String),
    /// The manifest cannot be written as JSON.
    #[error("writing the manifest: {0}")]
    Encode(#[from] serde_json::Error),
}

/// What was published.
#[derive(Clone, Debug)]
pub struct Published {
    /// What was signed.
    pub manifest: Manifest,
    /// Its place in the stream.
    pub sequence: u64,
}

/// What a check found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Checked {
    /// The bucket serves what was published last.
    Serves,
    /// The same, and it was signed anew because it was old.
    Renewed,
    /// It served something else or nothing: it was put there again.
    Restored,
    /// Nothing was published yet.
    Nothing,
}

/// Publishes the bundles of one class, as one leader. Several publishers do not overwrite each other's news.
#[derive(Debug)]
pub struct Publisher {
    context: Context,
    config: PublisherConfig,
    last: Option<(Packed, Published)>,
    /// The object before the last one: gateways may be about to read it.
    before: Option<Arc<str>>,
}

impl Publisher {
    /// A publisher that has published nothing.
    pub fn new(connection: &Connection, config: PublisherConfig) -> Self {
        Self {
            context: jetstream::new(connection.client().clone()),
            config,
            last: None,
            before: None,
        }
    }

    /// From now on it signs with these keys, and believes them and what else is trusted.
    pub fn set_keys(&mut self, keys: Vec<SigningKey>, trusted: TrustedKeys) {
        self.config.keys = keys;
        self.config.trusted = trusted;
    }

    /// What was published last.
    pub fn published(&self) -> Option<&Published> {
        self.last.as_ref().map(|(_, published)| published)
    }

    /// Makes bucket and store, or changes them to what they should be. What is stored stays.
    ///
    /// # Errors
    /// When that fails.
    pub async fn prepare(&self) -> Result<(), PublishError> {
        let PublisherConfig {
            replicas,
            bucket_bytes,
            object_bytes,
            ..
        } = self.config;
        bucket::prepare(&self.context, replicas, bucket_bytes)
            .await
            .map_err(|error| create_error(&error))?;
        objects::prepare(&self.context, replicas, object_bytes)
            .await
            .map_err(|error| create_error(&error))
    }

    /// What is published, as far as this installation's keys have signed it: a new leader starts from its sources. None
    /// when nothing is published that can be believed; an expired one still can.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub async fn last_good(&self) -> Result<Option<(Manifest, Body)>, PublishError> {
        let Some(stored) = self.stored().await? else {
            return Ok(None);
        };
        let Some(mut verified) = self.believed(&stored) else {
            return Ok(None);
        };
        if let Some(name) = verified.object().map(str::to_owned) {
            let body = objects::get(&self.context, &name).await;
            let body = body.map_err(|error| PublishError::Unavailable(error.to_string()))?;
            let Some(body) = body else { return Ok(None) };
            verified = verified.with_object(body);
        }
        let manifest = verified.manifest().clone();
        match verified.body() {
            Ok(body) => Ok(Some((manifest, body))),
            Err(refusal) => {
                tracing::warn!(%refusal, "what is published cannot be read: starting without it");
                Ok(None)
            }
        }
    }

    /// Publishes a policy under a revision. The object for a large body is stored first. Publishing the same revision
    /// again is no error.
    ///
    /// # Errors
    /// When it was not published, or that is not known.
    pub async fn publish(
        &mut self,
        packed: Packed,
        revision: Revision,
    ) -> Result<&Published, PublishError> {
        let signed = self.sign(&packed, revision)?;
        if let Some(body) = &signed.object {
            objects::put(&self.context, &packed.reference.sha256, body)
                .await
                .map_err(|error| storing_error(error.to_string()))?;
        }
        let sequence = self.put(&signed).await?;
        let before = self
            .last
            .as_ref()
            .map(|(packed, _)| packed.reference.sha256.clone());
        if before.as_ref() != Some(&packed.reference.sha256) {
            self.before = before;
        }
        self.tidy(&packed).await;
        let published = Published {
            manifest: signed.manifest,
            sequence,
        };
        Ok(&self.last.insert((packed, published)).1)
    }

    /// Looks whether the bucket serves what was published last, and puts it there again when not: after NATS has lost
    /// its disk, or a write that was acknowledged. Signs anew what is old. To be called every 30 s, and whenever the
    /// connection comes up.
    ///
    /// # Errors
    /// When it could not be found out, or not be put there; [`PublishError::Deposed`] when a newer leader has published.
    pub async fn check(&mut self) -> Result<Checked, PublishError> {
        let Some((packed, published)) = &self.last else {
            return Ok(Checked::Nothing);
        };
        let last = &published.manifest;
        let stored = self
            .stored()
            .await?
            .and_then(|stored| self.believed(&stored));
        let stored = stored.as_ref().map(Verified::manifest);
        let serves = stored.is_some_and(|stored| {
            (stored.revision, &stored.digest) == (last.revision, &last.digest)
        });
        let age = SystemTime::now().duration_since(last.issued_at);
        let old = age.unwrap_or_default() > RENEW_AFTER.min(self.config.validity / 2);
        if serves && !old {
            return Ok(Checked::Serves);
        }
        if !serves {
            self.prepare().await?;
        }
        let (packed, revision) = (packed.clone(), last.revision);
        self.publish(packed, revision).await?;
        Ok(if serves {
            Checked::Renewed
        } else {
            Checked::Restored
        })
    }

    fn sign(&self, packed: &Packed, revision: Revision) -> Result<Signed, PublishError> {
        let now = SystemTime::now();
        let issue = Issue {
            class: self.config.class.clone(),
            revision,
            issued_at: now,
            not_after: now + self.config.validity,
        };
        let keys: Vec<_> = self.config.keys.iter().collect();
        Ok(sign(packed, issue, &keys)?)
    }

    async fn stored(&self) -> Result<Option<Stored>, PublishError> {
        match bucket::get(&self.context, self.subject()).await {
            Ok(stored) => Ok(stored),
            // Whatever is there after all is not overwritten: a publication says what it expects.
            Err(GetError::NoStream) => Ok(None),
            Err(GetError::Failed(error)) => Err(PublishError::Unavailable(error)),
        }
    }

    /// Only one format is published so far; see [`parapet_policy::bundle::wire::PUBLISHED_FORMATS`].
    fn subject(&self) -> String {
        subjects::stored(&self.config.class, FORMAT)
    }

    /// What is stored, when our own keys have signed it for here.
    fn believed(&self, stored: &Stored) -> Option<Verified> {
        let mut trusted = self.config.trusted.clone();
        for key in &self.config.keys {
            trusted.add(key);
        }
        let expected = Expected {
            trusted: &trusted,
            installation: &self.config.installation,
            class: &self.config.class,
            // What has expired still says which revisions are taken.
            now: SystemTime::UNIX_EPOCH,
            in_force: None,
        };
        let result: Result<_, Refusal> = verify(&stored.message, &expected);
        result
            .inspect_err(|refusal| tracing::warn!(%refusal, "what is published is not ours"))
            .ok()
    }

    /// Replaces what is stored, unless a newer leader has stored something.
    async fn put(&self, signed: &Signed) -> Result<u64, PublishError> {
        for _ in 0..ATTEMPTS {
            let stored = self.stored().await?;
            let sequence = stored.as_ref().map_or(0, |stored| stored.sequence);
            if let Some(before) = stored.as_ref().and_then(|stored| self.believed(stored)) {
                let stored = before.manifest().revision;
                if stored > signed.manifest.revision {
                    return Err(PublishError::Deposed { stored });
                }
                if before.manifest() == &signed.manifest {
                    // An attempt whose answer was lost.
                    return Ok(sequence);
                }
            }
            let message = PublishMessage::build()
                .payload(signed.message.clone())
                .expected_last_subject_sequence(sequence);
            let sent = self.context.send_publish(self.subject(), message).await;
            let acknowledged = match sent {
                Ok(acknowledged) => acknowledged.await,
                Err(error) => Err(error),
            };
            match acknowledged {
                Ok(ack) => return Ok(ack.sequence),
                Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {}
                Err(error) => return Err(publish_error(&error)),
            }
        }
        Err(PublishError::Contended)
    }

    /// Deletes bodies that nobody needs any more. It is tried again with the next publication.
    async fn tidy(&self, packed: &Packed) {
        let was_object = self
            .last
            .as_ref()
            .is_some_and(|(packed, _)| packed.reference.object);
        if !packed.reference.object && !was_object {
            return;
        }
        let mut names = vec![&*packed.reference.sha256];
        names.extend(self.before.as_deref());
        if let Err(error) = objects::keep(&self.context, &names).await {
            tracing::warn!(%error, "old bodies could not be deleted");
        }
    }
}

fn create_error(error: &CreateStreamError) -> PublishError {
    match error.kind() {
        CreateStreamErrorKind::JetStreamUnavailable => PublishError::NoJetStream(error.to_string()),
        CreateStreamErrorKind::JetStream(inner) => match inner.error_code() {
            // Not enabled for the account, or not enabled at all.
            code if code.0 == 10039 || code.0 == 10076 => {
                PublishError::NoJetStream(inner.to_string())
            }
            _ => storing_error(inner.to_string()),
        },
        CreateStreamErrorKind::TimedOut => PublishError::Unavailable(error.to_string()),
        CreateStreamErrorKind::EmptyStreamName
        | CreateStreamErrorKind::InvalidStreamName
        | CreateStreamErrorKind::DomainAndExternalSet
        | CreateStreamErrorKind::Response
        | CreateStreamErrorKind::NotFound
        | CreateStreamErrorKind::ResponseParse => PublishError::Refused(error.to_string()),
    }
}

fn publish_error(error: &jetstream::context::PublishError) -> PublishError {
    let text = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    match error.kind() {
        PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => {
            PublishError::Unavailable(text)
        }
        PublishErrorKind::StreamNotFound => PublishError::Unavailable(text),
        PublishErrorKind::MaxPayloadExceeded => PublishError::Full(text),
        PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence
        | PublishErrorKind::MaxAckPending
        | PublishErrorKind::Other => storing_error(text),
    }
}

/// The client has no kinds for what a server that is full answers.
fn storing_error(text: String) -> PublishError {
    let full = [
        "maximum bytes",
        "insufficient",
        "resource limits",
        "max_bytes",
        "no space",
    ];
    let said = text.to_lowercase();
    if full.iter().any(|word| said.contains(word)) {
        PublishError::Full(text)
    } else if said.contains("timed out") || said.contains("no responders") {
        PublishError::Unavailable(text)
    } else {
        PublishError::Refused(text)
    }
}
