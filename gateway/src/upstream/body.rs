//! The body of an upstream's answer, whatever it comes from.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use hyper::body::Incoming;
use parapet_connect::{DecodeError, Decoder, Origin, UpstreamError, cut};

use self::produced::Produced;
use super::demo::Playback;
use super::pool::Lease;
use crate::timer::Lazy;

mod produced;

pub use produced::Feed;

/// An answer's body, decoded. Dropping it before its end stops the upstream.
pub struct UpstreamBody {
    source: Source,
    /// What [`UpstreamBody::begin`] has read.
    ahead: Option<Bytes>,
}

enum Source {
    Done,
    Whole(Bytes),
    Demo(Playback),
    Produced(Produced),
    Http(Http),
}

/// A body that comes over a connection.
struct Http {
    incoming: Incoming,
    lease: Option<Lease>,
    origin: Origin,
    /// Between two pieces.
    idle: Duration,
    patience: Lazy,
    decoder: Option<Box<Decoder>>,
}

impl UpstreamBody {
    /// A body that is already here.
    pub fn whole(bytes: Bytes) -> Self {
        Self::of(if bytes.is_empty() {
            Source::Done
        } else {
            Source::Whole(bytes)
        })
    }

    const fn of(source: Source) -> Self {
        Self {
            source,
            ahead: None,
        }
    }

    pub(super) const fn demo(playback: Playback) -> Self {
        Self::of(Source::Demo(playback))
    }

    /// A body that a future makes piece by piece. Dropping the body drops the future.
    pub fn produced<F>(produce: impl FnOnce(Feed) -> F) -> Self
    where
        F: Future<Output = Result<(), UpstreamError>> + 'static,
    {
        Self::of(Source::Produced(Produced::new(produce)))
    }

    pub(super) fn http(
        incoming: Incoming,
        lease: Option<Lease>,
        origin: Origin,
        idle: Duration,
        decoder: Option<Box<Decoder>>,
    ) -> Self {
        if incoming.is_end_stream() {
            lease.into_iter().for_each(Lease::give_back);
            return Self::of(Source::Done);
        }
        Self::of(Source::Http(Http {
            incoming,
            lease,
            origin,
            idle,
            patience: Lazy::default(),
            decoder,
        }))
    }

    /// The next piece, never empty; none at the end. After an error or the end it says none.
    pub fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, UpstreamError>> {
        if let Some(bytes) = self.ahead.take() {
            return Poll::Ready(Ok(Some(bytes)));
        }
        let (result, over) = match &mut self.source {
            Source::Done => return Poll::Ready(Ok(None)),
            Source::Whole(bytes) => (Ok(Some(std::mem::take(bytes))), true),
            Source::Demo(playback) => {
                let next = ready!(playback.poll_next(cx));
                let over = next.is_none();
                (Ok(next), over)
            }
            Source::Produced(produced) => {
                let next = ready!(produced.poll_next(cx));
                let over = !matches!(next, Ok(Some(_)));
                (next, over)
            }
            Source::Http(http) => ready!(http.poll_chunk(cx)),
        };
        if over {
            self.source = Source::Done;
        }
        Poll::Ready(result)
    }

    /// The next piece, never empty; none at the end.
    ///
    /// # Errors
    /// [`UpstreamError::IdleTimeout`], [`UpstreamError::Cut`], [`UpstreamError::BadAnswer`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// Reads ahead to the first piece, when the answer is compressed: whether it can be read at all shows
    /// there, and can still be told by a status.
    ///
    /// # Errors
    /// As [`UpstreamBody::chunk`].
    pub async fn begin(&mut self) -> Result<(), UpstreamError> {
        if matches!(&self.source, Source::Http(http) if http.decoder.is_some())
            && self.ahead.is_none()
        {
            self.ahead = self.chunk().await?;
        }
        Ok(())
    }

    /// All of it.
    ///
    /// # Errors
    /// As [`UpstreamBody::chunk`]; [`UpstreamError::TooLarge`] when it has more than `limit` bytes.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, UpstreamError> {
        let host = self.host();
        let too_large = || UpstreamError::TooLarge {
            host: host.clone(),
            limit,
        };
        if self.exact_len().is_some_and(|len| len > limit as u64) {
            return Err(too_large());
        }
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        if first.len() > limit {
            return Err(too_large());
        }
        let Some(second) = self.chunk().await? else {
            return Ok(first);
        };
        let mut all = BytesMut::with_capacity((first.len() + second.len()) * 2);
        all.extend_from_slice(&first);
        let mut next = Some(second);
        while let Some(piece) = next {
            if piece.len() > limit - all.len() {
                return Err(too_large());
            }
            all.extend_from_slice(&piece);
            next = self.chunk().await?;
        }
        Ok(all.freeze())
    }

    /// Whether it is known that nothing more comes.
    pub const fn is_end(&self) -> bool {
        matches!(self.source, Source::Done) && self.ahead.is_none()
    }

    /// How many bytes are left, when known.
    pub fn exact_len(&self) -> Option<u64> {
        let left = match &self.source {
            Source::Done => Some(0),
            Source::Whole(bytes) => Some(bytes.len() as u64),
            Source::Demo(_) | Source::Produced(_) => None,
            Source::Http(http) if http.decoder.is_some() => None,
            Source::Http(http) => http.incoming.size_hint().exact(),
        };
        left.map(|left| left + self.ahead.as_ref().map_or(0, |ahead| ahead.len() as u64))
    }

    fn host(&self) -> String {
        match &self.source {
            Source::Http(http) => http.origin.name().to_owned(),
            Source::Done | Source::Whole(_) | Source::Demo(_) => "demo".to_owned(),
            Source::Produced(_) => "the gateway".to_owned(),
        }
    }
}

impl std::fmt::Debug for UpstreamBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamBody")
            .field("left", &self.exact_len())
            .finish_non_exhaustive()
    }
}

type Chunk = Result<Option<Bytes>, UpstreamError>;

impl Http {
    /// The next piece, and whether the body is over with it.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<(Chunk, bool)> {
        loop {
            let frame = match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    let limit = self.idle;
                    let host = || self.origin.name().to_owned();
                    return self.patience.poll(limit, cx).map(|()| {
                        (
                            Err(UpstreamError::IdleTimeout {
                                host: host(),
                                limit,
                            }),
                            true,
                        )
                    });
                }
            };
            match frame {
                Some(Ok(frame)) => {
                    // Trailers are not relayed.
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    self.patience.restart(self.idle);
                    let (piece, over) = match &mut self.decoder {
                        None => {
                            let over = self.incoming.is_end_stream();
                            if over {
                                self.release();
                            }
                            (data, over)
                        }
                        Some(decoder) => match decoder.decode(&data) {
                            Ok(piece) => (piece, false),
                            Err(error) => return Poll::Ready((Err(self.bad(error)), true)),
                        },
                    };
                    if over || !piece.is_empty() {
                        return Poll::Ready((Ok(Some(piece).filter(|p| !p.is_empty())), over));
                    }
                }
                Some(Err(error)) => return Poll::Ready((Err(cut(&self.origin, &error)), true)),
                None => {
                    self.release();
                    let rest = match self.decoder.as_mut().map(|decoder| decoder.finish()) {
                        Some(Err(error)) => Err(self.bad(error)),
                        Some(Ok(rest)) => Ok(Some(rest).filter(|rest| !rest.is_empty())),
                        None => Ok(None),
                    };
                    return Poll::Ready((rest, true));
                }
            }
        }
    }

    fn release(&mut self) {
        self.lease.take().into_iter().for_each(Lease::give_back);
    }

    fn bad(&self, error: DecodeError) -> UpstreamError {
        UpstreamError::BadAnswer {
            host: self.origin.name().to_owned(),
            reason: error.reason().to_owned(),
        }
    }
}
