//! The forwarders' side: the stream of traces, and the consumer that they share.

use std::time::{Duration, SystemTime};

use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use async_nats::jetstream::message::AckKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use futures_util::StreamExt as _;

use super::connect::Connection;
use super::reader::ReadError;
use super::subjects::{self, TRACE_STREAM, TRACE_SUBJECTS};
use super::traces::SPANS;

/// A batch that its forwarder has said nothing about for so long is given to another.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// How often a forwarder that still works on a batch says so.
pub const PROGRESS: Duration = Duration::from_secs(10);
/// Batches that all forwarders may have taken and not done with. Each works on a few; the others were handed back for later,
/// and must not keep new ones from coming.
const MAX_IN_WORK: i64 = 65_536;
/// For so long the stream knows ids: as long as a gateway may try again.
const REMEMBERED: Duration = Duration::from_secs(120);
/// Bytes of the longest name of a batch that is looked at. Gateways' have a pod's name, of at most 253 bytes, and two numbers.
const LONGEST_ID: usize = 512;
/// How long a request for the next batch waits at the server.
const WAIT: Duration = Duration::from_secs(3);

/// How traces are kept.
#[derive(Clone, Debug)]
pub struct TraceStreamConfig {
    /// Whose traces: those of the gateways of a class.
    pub class: String,
    /// Bytes that the stream may have; the oldest go when it is full.
    pub max_bytes: i64,
    /// How long they are kept.
    pub max_age: Duration,
    /// Copies, on as many servers.
    pub replicas: usize,
}

/// Gives batches to forwarders. The connection has the role [`super::Role::Forwarder`].
#[derive(Debug)]
pub struct TraceReader {
    context: Context,
    config: TraceStreamConfig,
}

/// The consumer that all forwarders of a class share: each batch goes to one of them.
#[derive(Clone, Debug)]
pub struct TraceConsumer(Consumer<pull::Config>);

impl TraceReader {
    /// A reader that has made nothing yet.
    pub fn new(connection: &Connection, config: TraceStreamConfig) -> Self {
        Self {
            context: jetstream::new(connection.client().clone()),
            config,
        }
    }

    /// Makes the stream and the consumer as they should be, or changes them to that. What is stored stays.
    ///
    /// # Errors
    /// When NATS does not answer, or refuses.
    pub async fn prepare(&self) -> Result<TraceConsumer, ReadError> {
        let config = &self.config;
        let stream = Config {
            name: TRACE_STREAM.to_owned(),
            description: Some("Traces of Parapet's gateways; forwarded to a collector".to_owned()),
            subjects: vec![TRACE_SUBJECTS.to_owned()],
            max_bytes: config.max_bytes,
            max_age: config.max_age,
            duplicate_window: REMEMBERED.min(config.max_age),
            storage: StorageType::File,
            num_replicas: config.replicas,
            discard: DiscardPolicy::Old,
            ..Config::default()
        };
        self.context
            .create_or_update_stream(stream)
            .await
            .map_err(|error| ReadError::new(&error))?;
        let consumer = pull::Config {
            durable_name: Some(subjects::forwarders_of_class(&config.class)),
            description: Some("All forwarders of a class".to_owned()),
            filter_subject: subjects::traces_of_class(&config.class),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: MAX_IN_WORK,
            ..pull::Config::default()
        };
        let made = self
            .context
            .create_consumer_on_stream(consumer, TRACE_STREAM)
            .await;
        made.map(TraceConsumer)
            .map_err(|error| ReadError::new(&error))
    }
}

impl TraceConsumer {
    /// The next batch; none when there was none for some seconds.
    ///
    /// # Errors
    /// When NATS does not answer, or has lost the stream or the consumer.
    pub async fn next(&self) -> Result<Option<TraceBatch>, ReadError> {
        let mut batch = self
            .0
            .batch()
            .max_messages(1)
            .expires(WAIT)
            .messages()
            .await
            .map_err(|error| ReadError::new(&error))?;
        // A server that is gone in between never says that the time is over.
        match tokio::time::timeout(2 * WAIT, batch.next()).await {
            Ok(Some(Ok(message))) => Ok(Some(TraceBatch(message))),
            Ok(Some(Err(error))) => Err(ReadError::new(&*error)),
            Ok(None) => Ok(None),
            Err(_) => Err(ReadError::said("the server does not answer")),
        }
    }
}

/// Spans of one gateway, as a message that a collector takes.
#[derive(Debug)]
pub struct TraceBatch(jetstream::Message);

impl TraceBatch {
    /// The message.
    pub fn message(&self) -> &Bytes {
        &self.0.payload
    }

    /// Its name, when it has one such as gateways give.
    pub fn id(&self) -> Option<&str> {
        let headers = self.0.headers.as_ref()?;
        let id = headers.get("Nats-Msg-Id")?.as_str();
        (id.len() <= LONGEST_ID).then_some(id)
    }

    /// How many spans it has, as its gateway says: not more than it has bytes.
    pub fn spans(&self) -> u64 {
        let headers = self.0.headers.as_ref();
        let spans = headers.and_then(|headers| headers.get(SPANS));
        let said: Option<u64> = spans.and_then(|spans| spans.as_str().parse().ok());
        said.unwrap_or(0).min(self.0.payload.len() as u64)
    }

    /// How often it was given to a forwarder, this time included.
    pub fn deliveries(&self) -> u64 {
        let info = self.0.info().ok();
        info.map_or(1, |info| u64::try_from(info.delivered).unwrap_or(1))
    }

    /// How long it has been in the stream.
    pub fn age(&self) -> Duration {
        let published = self
            .0
            .info()
            .ok()
            .map(|info| SystemTime::from(info.published));
        published
            .and_then(|published| published.elapsed().ok())
            .unwrap_or_default()
    }

    /// How many batches wait behind it.
    pub fn waiting(&self) -> u64 {
        self.0.info().map_or(0, |info| info.pending)
    }

    /// Says that it is still worked on.
    pub async fn in_work(&self) {
        // The next one follows, and nothing is lost without it.
        let _ = self.0.ack_with(AckKind::Progress).await;
    }

    /// It has arrived: nobody gets it again. Waits until the server knows.
    ///
    /// # Errors
    /// When it is not known whether the server does: then somebody may get it again.
    pub async fn done(&self) -> Result<(), ReadError> {
        let known = self.0.double_ack().await;
        known.map_err(|error| ReadError::new(&*error))
    }

    /// Nobody is to get it again, although it has not arrived.
    pub async fn give_up(&self) {
        // Who gets it again comes to the same.
        let _ = self.0.ack_with(AckKind::Term).await;
    }

    /// Somebody is to get it again: at once, or after some time.
    pub async fn hand_back(&self, after: Option<Duration>) {
        // After some time it is, in any case.
        let _ = self.0.ack_with(AckKind::Nak(after)).await;
    }
}
