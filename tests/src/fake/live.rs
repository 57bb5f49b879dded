//! Bytes that a test, or another call, gives to an answer that is already under way.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The end of an answer that writes. The answer's body goes on to its next step when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Line(UnboundedSender<Bytes>);

/// The end that the answer's body reads; a step of it.
#[derive(Clone, Debug)]
pub struct Live(Arc<Mutex<UnboundedReceiver<Bytes>>>);

impl Line {
    /// A line, and the step that reads it.
    pub fn new() -> (Self, Live) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender), Live(Arc::new(Mutex::new(receiver))))
    }

    /// Gives these bytes, in a write of their own; tells whether anybody reads them.
    pub fn send(&self, bytes: impl Into<Bytes>) -> bool {
        self.0.send(bytes.into()).is_ok()
    }
}

impl Live {
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .poll_recv(cx)
    }
}
