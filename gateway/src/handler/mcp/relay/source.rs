//! A stream's bytes, as long as somebody wants them.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;

use crate::edge::Frames;
use crate::timer;
use crate::upstream::{UpstreamBody, UpstreamError};

/// What says that a stream lives while there is no event.
const ALIVE: &[u8] = b": keep-alive\n\n";
/// How long the end of a stream may take after its answer, and an answer that nobody waits for.
const LAST_BYTES: Duration = Duration::from_secs(1);
const UNWANTED: Duration = Duration::from_secs(600);

/// Waits for something, and tells the client meanwhile that its stream lives.
pub(super) async fn alive<T>(frames: &Frames, every: Duration, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        match timer::timeout(every, work.as_mut()).await {
            Ok(done) => return done,
            Err(timer::Elapsed) => frames.send(Bytes::from_static(ALIVE)).await,
        }
    }
}

/// A stream's bytes. In a session a server goes on with an answer when its client has left: it is read to the end all the
/// same.
pub(super) struct Source {
    body: Option<UpstreamBody>,
    goes_on: bool,
}

impl Source {
    pub(super) const fn new(body: UpstreamBody, goes_on: bool) -> Self {
        Self {
            body: Some(body),
            goes_on,
        }
    }

    /// The next piece.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        match &mut self.body {
            None => Ok(None),
            Some(body) => body.chunk().await,
        }
    }

    /// Reads no further: nobody can know what the rest of it is.
    pub(super) fn give_up(mut self) {
        self.body = None;
    }

    /// Lets the stream end, so that its connection can be used again.
    pub(super) fn finish(mut self) {
        if let Some(mut body) = self.body.take() {
            tokio::task::spawn_local(timer::timeout(LAST_BYTES, async move {
                while let Ok(Some(_)) = body.chunk().await {}
            }));
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if self.goes_on
            && let Some(body) = self.body.take()
        {
            tokio::task::spawn_local(read_to_the_end(body));
        }
    }
}

/// Reads what nobody waits for any more, within bounds.
pub(in crate::handler::mcp) async fn read_to_the_end(mut body: UpstreamBody) {
    let reading = async move { while let Ok(Some(_)) = body.chunk().await {} };
    // Whether it ended or took too long, there is nobody to tell.
    let _ = timer::timeout(UNWANTED, reading).await;
}
