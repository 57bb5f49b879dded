//! What leaves over NATS: records, for whoever shows them.

use std::sync::Arc;
use std::time::Duration;

use parapet_bus::nats::{self, Publishing, RecordCounts, RecordQueue};

use crate::args::Serve;

/// What is to be sent, before there is a connection.
#[derive(Default)]
pub(super) struct Sharing {
    records: Option<RecordQueue>,
}

impl Sharing {
    pub(super) fn new(args: &Serve) -> Self {
        Self {
            records: args.sharing.share_records.then(RecordQueue::default),
        }
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
        let Some(records) = self.records else {
            return Ok(Shared::default());
        };
        let bus = &args.policy.bus.nats;
        let config = args.sharing.connect_config(bus, pod.to_owned());
        let connection = nats::connect(&config).await?;
        Ok(Shared {
            records: Some(records.publish(&connection, &bus.class, pod)),
        })
    }
}

/// What sends, until it is told to end.
#[derive(Default)]
pub(super) struct Shared {
    records: Option<Publishing>,
}

impl Shared {
    /// Sends what is left, for as long as `limit`.
    pub(super) async fn finish(self, limit: Duration) {
        if let Some(records) = self.records {
            records.finish(limit).await;
        }
    }
}
