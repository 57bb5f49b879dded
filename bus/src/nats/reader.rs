//! A gateway's way to bundles: get what is stored, listen to what is republished, say what became of it.

use async_nats::jetstream::{self, Context};
use async_nats::{Client, Subscriber};
use bytes::Bytes;
use parapet_policy::bundle::wire::{FORMAT, MAX_COMPRESSED_BYTES};

use super::connect::Connection;
use super::subjects::{self, CONTROL_STATUS};
use super::{bucket, objects};
use crate::report::Report;

/// Reads the bundles of one class. It uses no right but those that a gateway has.
#[derive(Clone, Debug)]
pub struct BundleReader {
    client: Client,
    context: Context,
    class: String,
}

/// Why something could not be read: NATS did not answer, or not with what was asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[error("reading from NATS: {0}")]
pub struct ReadError(String);

impl ReadError {
    pub(super) fn new(error: &dyn std::error::Error) -> Self {
        Self(error.to_string())
    }

    pub(super) fn said(what: &str) -> Self {
        Self(what.to_owned())
    }
}

impl BundleReader {
    /// A reader of a class's bundles in the format of this build.
    pub fn new(connection: &Connection, class: &str) -> Self {
        let client = connection.client().clone();
        Self {
            context: jetstream::new(client.clone()),
            client,
            class: class.to_owned(),
        }
    }

    /// What the bucket serves now; none when it is empty, or does not exist.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub async fn get(&self) -> Result<Option<Bytes>, ReadError> {
        let stored = bucket::get(&self.context, subjects::stored(&self.class, FORMAT))
            .await
            .map_err(|error| ReadError(error.to_string()))?;
        Ok(stored.map(|stored| stored.message))
    }

    /// A body that is an object of its own; none when it is not there. See [`crate::envelope::Verified::object`].
    ///
    /// # Errors
    /// When NATS does not answer.
    pub async fn object(&self, name: &str) -> Result<Option<Bytes>, ReadError> {
        let body = objects::get(&self.context, name)
            .await
            .map_err(|error| ReadError(error.to_string()))?;
        Ok(body.filter(|body| body.len() as u64 <= MAX_COMPRESSED_BYTES))
    }

    /// Every bundle as it is published, at most once each.
    ///
    /// # Errors
    /// When the subscription cannot be sent.
    pub async fn listen(&self) -> Result<Subscriber, ReadError> {
        self.subscribe(subjects::republished(&self.class, FORMAT))
            .await
    }

    /// A message whenever somebody wants a report.
    ///
    /// # Errors
    /// When the subscription cannot be sent.
    pub async fn questions(&self) -> Result<Subscriber, ReadError> {
        self.subscribe(CONTROL_STATUS.to_owned()).await
    }

    async fn subscribe(&self, subject: String) -> Result<Subscriber, ReadError> {
        self.client
            .subscribe(subject)
            .await
            .map_err(|error| ReadError(error.to_string()))
    }

    /// Sends a report. It is sent once; the next one follows soon.
    ///
    /// # Errors
    /// When it cannot be handed to the connection.
    pub async fn report(&self, report: &Report) -> Result<(), ReadError> {
        let body = serde_json::to_vec(report).map_err(|error| ReadError(error.to_string()))?;
        let subject = subjects::status_subject(&self.class, &report.uid);
        self.client
            .publish(subject, body.into())
            .await
            .map_err(|error| ReadError(error.to_string()))
    }
}
