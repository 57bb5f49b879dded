//! A body that a future makes piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use parapet_connect::UpstreamError;
use tokio::sync::mpsc::{self, Receiver, Sender};

/// Pieces that may wait for their reader before [`Feed::send`] waits too.
const PIECES_AHEAD: usize = 8;

/// Where the future of [`super::UpstreamBody::produced`] puts its pieces.
#[derive(Clone)]
pub struct Feed(Sender<Bytes>);

impl Feed {
    /// Sends one piece; waits while nobody reads. An empty piece is nothing.
    pub async fn send(&self, piece: Bytes) {
        if !piece.is_empty() {
            // The reader owns the future that sends: when it is gone, nobody is left to be told.
            let _ = self.0.send(piece).await;
        }
    }
}

type Producer = Pin<Box<dyn Future<Output = Result<(), UpstreamError>>>>;

/// A future that makes pieces, and its pieces. Dropping it drops the future.
pub(super) struct Produced {
    future: Option<Producer>,
    pieces: Receiver<Bytes>,
}

impl Produced {
    pub(super) fn new<F>(produce: impl FnOnce(Feed) -> F) -> Self
    where
        F: Future<Output = Result<(), UpstreamError>> + 'static,
    {
        let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
        Self {
            future: Some(Box::pin(produce(Feed(sender)))),
            pieces,
        }
    }

    /// The next piece; none at the end. An error is the end, and comes after the pieces before it.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, UpstreamError>> {
        if let Poll::Ready(Some(piece)) = self.pieces.poll_recv(cx) {
            return Poll::Ready(Ok(Some(piece)));
        }
        let ended = match &mut self.future {
            Some(future) => future.as_mut().poll(cx),
            None => return Poll::Ready(Ok(None)),
        };
        match ended {
            Poll::Pending => self.pieces.poll_recv(cx).map(Ok),
            Poll::Ready(result) => {
                self.future = None;
                self.pieces.close();
                match self.pieces.try_recv() {
                    Ok(piece) => {
                        // What is left comes first, and then how it ended.
                        self.future = Some(Box::pin(std::future::ready(result)));
                        Poll::Ready(Ok(Some(piece)))
                    }
                    Err(_) => Poll::Ready(result.map(|()| None)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use crate::upstream::UpstreamBody;

    use super::*;

    fn cut() -> UpstreamError {
        UpstreamError::Cut {
            host: "test".to_owned(),
            reason: "test".to_owned(),
        }
    }

    #[tokio::test]
    async fn pieces_come_in_order_and_wait_for_their_reader() {
        let made = Rc::new(Cell::new(0));
        let count = made.clone();
        let mut body = UpstreamBody::produced(|feed| async move {
            for number in 0..20 {
                feed.send(format!("{number} ").into()).await;
                count.set(number + 1);
            }
            Ok(())
        });
        assert_eq!(body.chunk().await.unwrap().unwrap(), "0 ");
        assert!(made.get() <= PIECES_AHEAD + 1, "made {} ahead", made.get());
        let rest = body.collect(1024).await.unwrap();
        assert!(rest.starts_with(b"1 2 3") && rest.ends_with(b"18 19 "));
    }

    #[tokio::test]
    async fn an_error_comes_after_the_pieces_before_it() {
        let mut body = UpstreamBody::produced(|feed| async move {
            feed.send("a".into()).await;
            feed.send("b".into()).await;
            Err(cut())
        });
        assert_eq!(body.chunk().await.unwrap().unwrap(), "a");
        assert_eq!(body.chunk().await.unwrap().unwrap(), "b");
        assert!(body.chunk().await.is_err());
        assert!(body.chunk().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn who_stops_reading_stops_the_future() {
        struct Told(Rc<Cell<bool>>);
        impl Drop for Told {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let gone = Rc::new(Cell::new(false));
        let told = Told(gone.clone());
        let mut body = UpstreamBody::produced(|feed| async move {
            let _told = told;
            feed.send("a".into()).await;
            std::future::pending().await
        });
        assert_eq!(body.chunk().await.unwrap().unwrap(), "a");
        assert!(!gone.get());
        drop(body);
        assert!(gone.get());
    }
}
