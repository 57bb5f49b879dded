//! A body that follows a script and notices when nobody reads it any more.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::{Log, Progress, Step};

/// The scripted body of one answer.
pub(crate) struct ScriptedBody {
    steps: VecDeque<Step>,
    pause: Option<Pin<Box<Sleep>>>,
    /// Whether the reader was given a turn since the last piece.
    flushed: bool,
    finished: bool,
    log: Arc<Log>,
    index: usize,
}

impl ScriptedBody {
    pub(crate) fn new(steps: VecDeque<Step>, log: Arc<Log>, index: usize) -> Self {
        Self {
            steps,
            pause: None,
            flushed: true,
            finished: false,
            log,
            index,
        }
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let this = self.get_mut();
        if let Some(pause) = &mut this.pause {
            std::task::ready!(pause.as_mut().poll(cx));
            this.pause = None;
        }
        // One turn of the loop between two pieces makes hyper write the first before it asks for the second.
        if !this.flushed {
            this.flushed = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match this.steps.pop_front() {
            None => {
                this.finished = true;
                Poll::Ready(None)
            }
            Some(Step::Send(bytes)) => {
                this.flushed = false;
                // With a known length hyper does not ask for the end.
                this.finished = this.steps.is_empty();
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(Step::Pause(pause)) => {
                this.pause = Some(Box::pin(tokio::time::sleep(pause)));
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Live(live)) => match live.poll(cx) {
                Poll::Ready(Some(bytes)) => {
                    this.flushed = false;
                    this.steps.push_front(Step::Live(live));
                    Poll::Ready(Some(Ok(Frame::data(bytes))))
                }
                Poll::Ready(None) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Poll::Pending => {
                    this.steps.push_front(Step::Live(live));
                    Poll::Pending
                }
            },
            Some(Step::Hang) => {
                this.steps.push_front(Step::Hang);
                Poll::Pending
            }
            Some(Step::Cut) => Poll::Ready(Some(Err(std::io::Error::other(
                "the script breaks the connection",
            )))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.finished
    }

    fn size_hint(&self) -> SizeHint {
        if self.steps.is_empty() {
            return SizeHint::with_exact(0);
        }
        match (self.steps.len(), self.steps.front()) {
            (1, Some(Step::Send(bytes))) => SizeHint::with_exact(bytes.len() as u64),
            _ => SizeHint::new(),
        }
    }
}

impl Drop for ScriptedBody {
    fn drop(&mut self) {
        let progress = if self.finished {
            Progress::Done
        } else {
            Progress::Gone
        };
        self.log.close(self.index, progress);
    }
}
