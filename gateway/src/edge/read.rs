//! Reading a request body: bounded in size and in patience, and checked to be UTF-8.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use http_body::Body as _;
use hyper::body::Incoming;

use crate::timer::{self, Lazy};

/// How much of a request body is read, and how patiently.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Bytes.
    pub max: usize,
    /// Between two pieces.
    pub idle: Duration,
}

impl Default for ReadLimits {
    /// 16 MiB, which is room for a few images; 30 s.
    fn default() -> Self {
        Self {
            max: 16 * 1024 * 1024,
            idle: Duration::from_secs(30),
        }
    }
}

/// Why a request body was not read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// Larger than the limit.
    #[error("the request body is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The client stopped sending.
    #[error("the request body stopped for {} seconds", .idle.as_secs_f32())]
    TimedOut {
        /// The limit.
        idle: Duration,
    },
    /// Not UTF-8.
    #[error("the request body is not UTF-8 at byte {at}")]
    NotUtf8 {
        /// Bytes before the first wrong one.
        at: usize,
    },
    /// It is compressed, and so can't be judged.
    #[error("the request body has a content-encoding; send it without one")]
    Encoded,
    /// The client broke off.
    #[error("the request body broke off")]
    BrokenOff,
    /// Its chunks are not HTTP.
    #[error("the request body is not framed as HTTP says")]
    BadFraming,
}

impl ReadError {
    /// The status that tells the client.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TimedOut { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotUtf8 { .. } | Self::BrokenOff | Self::BadFraming => StatusCode::BAD_REQUEST,
        }
    }
}

/// The most memory reserved on the word of a `content-length`.
const RESERVE: usize = 1024 * 1024;

/// Reads the whole body as text.
///
/// What is left of a body that is too large is read and dropped in the background for a while, because a
/// client that still sends would otherwise see a reset instead of the answer.
///
/// # Errors
/// See [`ReadError`].
pub async fn read_body(
    headers: &HeaderMap,
    mut body: Incoming,
    limits: ReadLimits,
) -> Result<String, ReadError> {
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        discard(body);
        return Err(ReadError::Encoded);
    }
    let announced = body.size_hint().lower();
    if announced > limits.max as u64 {
        discard(body);
        return Err(ReadError::TooLarge { limit: limits.max });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or(RESERVE).min(RESERVE));
    let mut patience = Lazy::default();
    while !body.is_end_stream() {
        let next = poll_fn(|cx| match Pin::new(&mut body).poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(Ok(frame)),
            Poll::Pending => patience.poll(limits.idle, cx).map(Err),
        });
        match next.await {
            Err(()) => return Err(ReadError::TimedOut { idle: limits.idle }),
            Ok(None) => break,
            Ok(Some(Err(error))) => return Err(broken(&error)),
            Ok(Some(Ok(frame))) => {
                let Some(data) = frame.data_ref() else {
                    continue;
                };
                if data.len() > limits.max - bytes.len() {
                    discard(body);
                    return Err(ReadError::TooLarge { limit: limits.max });
                }
                bytes.extend_from_slice(data);
                patience.restart(limits.idle);
            }
        }
    }
    String::from_utf8(bytes).map_err(|error| ReadError::NotUtf8 {
        at: error.utf8_error().valid_up_to(),
    })
}

/// Tells a client that left from one that sends nonsense.
fn broken(error: &hyper::Error) -> ReadError {
    use std::error::Error as _;
    use std::io::ErrorKind;
    let nonsense = error.is_parse()
        || error
            .source()
            .and_then(|source| source.downcast_ref::<std::io::Error>())
            .is_some_and(|io| {
                matches!(io.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData)
            });
    if nonsense {
        ReadError::BadFraming
    } else {
        ReadError::BrokenOff
    }
}

/// How much of an unwanted body is read, so that the client gets to read the answer, and for how long.
const DISCARD_BYTES: u64 = 64 * 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// Reads and drops what is left of a body, within bounds, without keeping the answer waiting.
pub fn discard(mut body: Incoming) {
    if body.is_end_stream() {
        return;
    }
    tokio::task::spawn_local(timer::timeout(DISCARD_TIME, async move {
        let mut read = 0;
        while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            read += frame.data_ref().map_or(0, |data| data.len() as u64);
            if read > DISCARD_BYTES {
                break;
            }
        }
    }));
}
