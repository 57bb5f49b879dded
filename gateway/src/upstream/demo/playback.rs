//! Frames that come one after the other, each after a pause.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Sleep;

/// The frames that are still to come.
#[derive(Default)]
pub(in crate::upstream) struct Playback {
    frames: VecDeque<(Duration, Bytes)>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Playback {
    /// Adds a frame that comes `after` the one before.
    pub(super) fn push(&mut self, after: Duration, frame: impl Into<Bytes>) {
        self.frames.push_back((after, frame.into()));
    }

    /// Adds a server-sent event.
    pub(super) fn event(&mut self, after: Duration, name: Option<&str>, data: &str) {
        let name = name.map_or_else(String::new, |name| format!("event: {name}\n"));
        self.push(after, format!("{name}data: {data}\n\n"));
    }

    pub(in crate::upstream) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some((after, _)) = self.frames.front() else {
            return Poll::Ready(None);
        };
        if !after.is_zero() {
            let pause = self
                .pause
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(*after)));
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        Poll::Ready(self.frames.pop_front().map(|(_, frame)| frame))
    }
}
