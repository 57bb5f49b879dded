//! What goes back to the client: a response body that boxes nothing in the common cases, knows when
//! the client has gone, and carries the request's place among those in flight.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::limits::Lease;
use crate::upstream::{UpstreamBody, UpstreamError};

/// The body breaks off here: the connection is cut, so that the client does not take it for complete.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the answer was cut short")]
pub struct Cut;

/// How a response body ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ended {
    /// All of it was handed to the connection. Otherwise the client went away, or the body was cut.
    pub complete: bool,
    /// The body itself broke off with [`Cut`].
    pub cut: bool,
    /// Bytes handed to the connection.
    pub bytes: u64,
}

/// Called once, when the response body has ended or was dropped.
pub type OnEnd = Box<dyn FnOnce(Ended)>;

/// Sees every piece of a body before it goes.
type OnPiece = Box<dyn FnMut(&Bytes)>;

/// What ends a body whose upstream breaks off.
type LastWords = Box<dyn FnOnce(UpstreamError) -> Bytes>;

/// A body made frame by frame.
type Stream = Pin<Box<dyn http_body::Body<Data = Bytes, Error = Cut>>>;

/// A response body. It is not `Send`: it lives on the thread that serves the connection.
#[derive(Default)]
pub struct Body {
    content: Content,
    sent: u64,
    cut: bool,
    on_end: Option<OnEnd>,
    on_piece: Option<OnPiece>,
    on_sent: Option<OnPiece>,
    last_words: Option<LastWords>,
    lease: Option<Lease>,
}

#[derive(Default)]
enum Content {
    #[default]
    Done,
    Full(Bytes),
    Upstream(UpstreamBody),
    Stream(Stream),
    Produced(Produced),
}

impl Body {
    const fn of(content: Content) -> Self {
        Self {
            content,
            sent: 0,
            cut: false,
            on_end: None,
            on_piece: None,
            on_sent: None,
            last_words: None,
            lease: None,
        }
    }

    /// Nothing.
    pub fn empty() -> Self {
        Self::default()
    }

    /// All of it at once.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let content = if bytes.is_empty() {
            Content::Done
        } else {
            Content::Full(bytes)
        };
        Self::of(content)
    }

    /// The upstream's body as it comes; its idle limit ends it.
    pub fn upstream(body: UpstreamBody) -> Self {
        Self::of(Content::Upstream(body))
    }

    /// With [`Body::upstream`]: when the upstream breaks off, these bytes end the body instead of a cut.
    #[must_use]
    pub fn last_words(mut self, words: impl FnOnce(UpstreamError) -> Bytes + 'static) -> Self {
        self.last_words = Some(Box::new(words));
        self
    }

    /// With [`Body::upstream`]: `hook` sees every piece before it goes.
    #[must_use]
    pub fn on_piece(mut self, hook: impl FnMut(&Bytes) + 'static) -> Self {
        self.on_piece = Some(Box::new(hook));
        self
    }

    /// `hook` sees every piece that is handed to the connection.
    #[must_use]
    pub fn on_sent(mut self, hook: impl FnMut(&Bytes) + 'static) -> Self {
        self.on_sent = Some(Box::new(hook));
        self
    }

    /// Any other body.
    pub fn stream(stream: impl http_body::Body<Data = Bytes, Error = Cut> + 'static) -> Self {
        Self::of(Content::Stream(Box::pin(stream)))
    }

    /// Runs `produce` inside the body: it sends frames, and what it returns ends the body. It is dropped
    /// when the client goes away, and waits in [`Frames::send`] while the client does not read.
    pub fn produced<F>(produce: impl FnOnce(Frames) -> F) -> Self
    where
        F: Future<Output = Result<(), Cut>> + 'static,
    {
        let frames = Frames::default();
        let future: Producer = Box::pin(produce(frames.clone()));
        let produced = Produced {
            future: Some(future),
            frames,
            cut: false,
        };
        Self::of(Content::Produced(produced))
    }

    /// Calls `hook` once when the body has ended, or is dropped before.
    #[must_use]
    pub fn on_end(mut self, hook: impl FnOnce(Ended) + 'static) -> Self {
        self.on_end = Some(match self.on_end.take() {
            None => Box::new(hook),
            Some(earlier) => Box::new(move |ended| {
                earlier(ended);
                hook(ended);
            }),
        });
        self
    }

    /// Keeps the request counted as in flight until this body is done with.
    pub(super) fn hold(&mut self, lease: Lease) {
        self.lease = Some(lease);
    }

    fn poll_content(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        match &mut self.content {
            Content::Done => Poll::Ready(None),
            Content::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.content = Content::Done;
                Poll::Ready(Some(Ok(bytes)))
            }
            Content::Upstream(body) => match std::task::ready!(body.poll_chunk(cx)) {
                Ok(chunk) => {
                    if let (Some(hook), Some(piece)) = (&mut self.on_piece, &chunk) {
                        hook(piece);
                    }
                    Poll::Ready(chunk.map(Ok))
                }
                Err(error) => {
                    tracing::debug!(%error, "upstream answer cut");
                    self.content = Content::Done;
                    match self.last_words.take() {
                        Some(last_words) => Poll::Ready(Some(Ok(last_words(error)))),
                        None => Poll::Ready(Some(Err(Cut))),
                    }
                }
            },
            Content::Produced(produced) => produced.poll(cx),
            Content::Stream(stream) => loop {
                match std::task::ready!(stream.as_mut().poll_frame(cx)) {
                    None => return Poll::Ready(None),
                    Some(Err(cut)) => return Poll::Ready(Some(Err(cut))),
                    // Trailers are not relayed.
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data() {
                            return Poll::Ready(Some(Ok(data)));
                        }
                    }
                }
            },
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match std::task::ready!(self.poll_content(cx)) {
            Some(Ok(data)) => {
                self.sent += data.len() as u64;
                if let Some(hook) = &mut self.on_sent {
                    hook(&data);
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Some(Err(cut)) => {
                // What stood behind the body (an upstream call) ends with it.
                self.content = Content::Done;
                self.cut = true;
                Poll::Ready(Some(Err(cut)))
            }
            None => {
                self.content = Content::Done;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Done => true,
            Content::Full(bytes) => bytes.is_empty(),
            Content::Upstream(body) => body.is_end(),
            Content::Stream(stream) => stream.is_end_stream(),
            Content::Produced(produced) => produced.is_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Done => SizeHint::with_exact(0),
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Upstream(body) => body
                .exact_len()
                .map_or_else(SizeHint::default, SizeHint::with_exact),
            Content::Stream(stream) => stream.size_hint(),
            Content::Produced(_) => SizeHint::default(),
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(hook) = self.on_end.take() {
            let complete = !self.cut && http_body::Body::is_end_stream(self);
            hook(Ended {
                complete,
                cut: self.cut,
                bytes: self.sent,
            });
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body")
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

/// Frames that may wait for the connection before [`Frames::send`] waits too.
const FRAMES_AHEAD: usize = 8;

/// Where the future of [`Body::produced`] puts its frames.
#[derive(Clone, Default)]
pub struct Frames(Rc<RefCell<Queue>>);

#[derive(Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    full: Option<Waker>,
}

impl Frames {
    /// Sends one frame; waits while the client does not read. An empty frame is nothing.
    pub async fn send(&self, frame: Bytes) {
        if frame.is_empty() {
            return;
        }
        let mut frame = Some(frame);
        std::future::poll_fn(|cx| {
            let mut queue = self.0.borrow_mut();
            if queue.frames.len() >= FRAMES_AHEAD {
                queue.full = Some(cx.waker().clone());
                return Poll::Pending;
            }
            queue.frames.extend(frame.take());
            Poll::Ready(())
        })
        .await;
    }

    fn take(&self) -> Option<Bytes> {
        let mut queue = self.0.borrow_mut();
        let frame = queue.frames.pop_front();
        let waker = queue.full.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
        frame
    }
}

type Producer = Pin<Box<dyn Future<Output = Result<(), Cut>>>>;

/// A future that makes frames, and its frames.
struct Produced {
    future: Option<Producer>,
    frames: Frames,
    cut: bool,
}

impl Produced {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        if let Some(frame) = self.frames.take() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if let Some(future) = &mut self.future
            && let Poll::Ready(result) = future.as_mut().poll(cx)
        {
            self.future = None;
            self.cut = result.is_err();
        }
        match self.frames.take() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None if self.future.is_some() => Poll::Pending,
            None if std::mem::take(&mut self.cut) => Poll::Ready(Some(Err(Cut))),
            None => Poll::Ready(None),
        }
    }

    fn is_end(&self) -> bool {
        self.future.is_none() && !self.cut && self.frames.0.borrow().frames.is_empty()
    }
}

#[cfg(test)]
mod tests;
