//! What leaves over NATS: records, for whoever shows them, and traces, for whoever forwards them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use parapet_bus::nats::{self, Publishing, RecordCounts, RecordQueue, TracePublisher};

use crate::args::Serve;

/// What is to be sent, before there is a connection.
#[derive(Default)]
pub(super) struct Sharing {
    records: Option<RecordQueue>,
    traces: bool,
}

impl Sharing {
    /// As the command line says; `traces`: whether they go over NATS.
    ///
    /// # Errors
    /// When there is no NATS.
    pub(super) fn new(args: &Serve, traces: bool) -> anyhow::Result<Self> {
        if traces {
            let nats = args.policy.bus.nats.urls.first();
            nats.context("--traces nats needs --nats: a gateway that reads files has none")?;
        }
        Ok(Self {
            records: args.sharing.share_records.then(RecordQueue::default),
            traces,
        })
    }

    /// For the records' thread; none when records are not shared.
    pub(super) fn records(&self) -> Option<RecordQueue> {
        self.records.clone()
    }

    /// What became of records; none when they are not shared.
    pub(super) fn counts(&self) -> Option<Arc<RecordCounts>> {
        self.records.as_ref().map(RecordQueue::counts)
    }

    /// Begins to connect, and sends what there is from then on.
    ///
    /// # Errors
    /// When a connection cannot even be tried.
    pub(super) async fn start(self, args: &Serve, pod: &str) -> anyhow::Result<Shared> {
        if self.records.is_none() && !self.traces {
            return Ok(Shared::default());
        }
        let bus = &args.policy.bus.nats;
        let config = args.sharing.connect_config(bus, pod.to_owned());
        let connection = nats::connect(&config).await?;
        Ok(Shared {
            records: self
                .records
                .map(|records| records.publish(&connection, &bus.class, pod)),
            traces: self
                .traces
                .then(|| TracePublisher::new(&connection, &bus.class, pod)),
        })
    }
}

/// What sends, until it is told to end.
#[derive(Default)]
pub(super) struct Shared {
    records: Option<Publishing>,
    traces: Option<TracePublisher>,
}

impl Shared {
    /// The way of traces; none when they go elsewhere.
    pub(super) fn take_traces(&mut self) -> Option<TracePublisher> {
        self.traces.take()
    }

    /// Sends what is left, for as long as `limit`.
    pub(super) async fn finish(self, limit: Duration) {
        if let Some(records) = self.records {
            records.finish(limit).await;
        }
    }
}
