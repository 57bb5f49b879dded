//! Traces from gateways to forwarders: messages that a collector takes as they are, kept in a stream until one has.
//!
//! A batch is published until the stream has confirmed it, each time under the same id, so that the stream keeps it once.
//! The stream drops the oldest when it is full: gateways are never held up by whoever does not forward.

use std::time::SystemTime;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context};
use bytes::Bytes;

use super::connect::Connection;
use super::records::MAX_MESSAGE_BYTES;
use super::subjects;

/// Bytes of one batch, so that none holds up the others for long; a request with more spans than that goes alone, as long
/// as the server takes it.
pub const MAX_TRACE_BYTES: usize = MAX_MESSAGE_BYTES;

/// How many spans a batch has, for whoever counts.
pub(super) const SPANS: &str = "Parapet-Spans";

/// Publishes the traces of one gateway. The connection has the role [`super::Role::Recorder`].
#[derive(Debug)]
pub struct TracePublisher {
    connection: Connection,
    context: Context,
    subject: String,
    /// What all ids of this process begin with.
    run: String,
    batches: u64,
}

/// Why a batch is not in the stream.
#[derive(Debug)]
pub struct NotStored {
    /// In a few words.
    pub why: String,
    /// Whether it may be another time.
    pub again: bool,
}

impl NotStored {
    fn for_now(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            again: true,
        }
    }
}

impl TracePublisher {
    /// For the gateway `pod` of a class.
    pub fn new(connection: &Connection, class: &str, pod: &str) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            connection: connection.clone(),
            context: jetstream::new(connection.client().clone()),
            subject: subjects::traces_of_class(class),
            run: format!("{pod}-{:x}", since.unwrap_or_default().as_nanos()),
            batches: 0,
        }
    }

    /// A name for the next batch, which no other batch has.
    pub fn next_id(&mut self) -> String {
        self.batches += 1;
        format!("{}-{}", self.run, self.batches)
    }

    /// Waits until there is a connection. What is sent without one would wait inside the client, without any bound.
    pub async fn connected(&self) {
        let mut state = self.connection.state().clone();
        // Who keeps it up lives as long as this.
        let _ = state.wait_for(|state| state.connected).await;
    }

    /// Publishes a batch, once, and waits until the stream has it.
    ///
    /// # Errors
    /// When it is not known to be there.
    pub async fn publish(&self, id: &str, spans: u64, message: Bytes) -> Result<(), NotStored> {
        if !self.connection.state().borrow().connected {
            return Err(NotStored::for_now("there is no connection to NATS"));
        }
        let message = PublishMessage::build()
            .payload(message)
            .message_id(id)
            .header(SPANS, spans.to_string());
        let failed = |error: jetstream::context::PublishError| NotStored {
            again: error.kind() != PublishErrorKind::MaxPayloadExceeded,
            why: match error.kind() {
                PublishErrorKind::StreamNotFound => {
                    "no forwarder has made the stream yet".to_owned()
                }
                _ => error.to_string(),
            },
        };
        let confirmed = self.context.send_publish(self.subject.clone(), message);
        confirmed.await.map_err(failed)?.await.map_err(failed)?;
        Ok(())
    }
}
