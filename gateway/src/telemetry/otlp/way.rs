//! Where messages go: to a collector, or into the stream that forwarders read.

use bytes::Bytes;
use parapet_bus::nats::TracePublisher;
use parapet_otlp::{Failed, Transport};

/// Where messages go.
#[derive(Debug)]
pub(super) enum Way {
    /// To a collector.
    Collector(Transport),
    /// Over NATS, to a forwarder.
    Nats(TracePublisher),
}

impl Way {
    /// A name for the next message; every attempt to send it has the same.
    pub(super) fn next_id(&mut self) -> String {
        match self {
            // A collector knows no names.
            Self::Collector(_) => String::new(),
            Self::Nats(publisher) => publisher.next_id(),
        }
    }

    /// Waits until an attempt has any prospect: what waits meanwhile is bounded, and an attempt that must fail is wasted.
    pub(super) async fn open(&self) {
        match self {
            Self::Collector(_) => {}
            Self::Nats(publisher) => publisher.connected().await,
        }
    }

    /// Sends a message, once. Tells how much of it was refused.
    pub(super) async fn send(&self, id: &str, items: u64, message: &Bytes) -> Result<u64, Failed> {
        match self {
            Self::Collector(transport) => transport.send(message).await,
            Self::Nats(publisher) => {
                let sent = publisher.publish(id, items, message.clone()).await;
                match sent {
                    Ok(()) => Ok(0),
                    Err(failed) if failed.again => Err(Failed::for_now(failed.why)),
                    Err(failed) => Err(Failed::for_good(failed.why)),
                }
            }
        }
    }

    /// For the log.
    pub(super) const fn failure(&self) -> &'static str {
        match self {
            Self::Collector(_) => "the collector did not take what was sent",
            Self::Nats(_) => "NATS did not take what was sent",
        }
    }
}
