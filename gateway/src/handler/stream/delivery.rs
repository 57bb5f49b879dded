//! What reaches the client, and who is shown it afterwards.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parapet_guardrails::client::HttpClient;
use parapet_policy::plan::Planned as Entry;
use tokio::sync::oneshot;

use super::services;
use crate::edge::Frames;
use crate::handler::error::Failure;
use crate::handler::payload::RequestPayload;
use crate::handler::plan::Planned;
use crate::handler::tools::Gate;
use crate::llm::Dialect;
use crate::llm::sse::Decoder;
use crate::llm::stream::Event;
use crate::llm::stream::assembly::Assembly;

/// The way to the client.
pub(super) struct Delivery {
    frames: Frames,
    /// Where calls of tools wait until they are judged.
    gate: Option<Gate>,
    observed: Option<Observed>,
}

/// What has been sent, for services that observe.
struct Observed {
    seen: Rc<RefCell<Seen>>,
    /// Dropped when the stream has ended, or the client has left: then they are asked.
    _under_way: oneshot::Sender<()>,
}

struct Seen {
    dialect: Dialect,
    decoder: Decoder,
    assembly: Assembly,
}

impl Delivery {
    /// Sends to `frames`. What has been sent is shown to `observing` once nothing more comes, whether the stream
    /// ended or the client left; the record waits for them, nobody else does.
    pub(super) fn new(
        frames: Frames,
        planned: &Rc<Planned>,
        request: &Rc<RequestPayload>,
        observing: Vec<Entry>,
        client: Arc<dyn HttpClient>,
    ) -> Self {
        let gate = Gate::of(planned, request, &client);
        if observing.is_empty() {
            return Self {
                frames,
                gate,
                observed: None,
            };
        }
        let dialect = request.request.dialect();
        let seen = Rc::new(RefCell::new(Seen {
            dialect,
            decoder: Decoder::new(usize::MAX),
            assembly: Assembly::new(dialect),
        }));
        let (under_way, over) = oneshot::channel::<()>();
        let (planned, request, shown) = (planned.clone(), request.clone(), seen.clone());
        tokio::task::spawn_local(async move {
            // An error says that the sender is gone, which is what is waited for.
            let _ = over.await;
            let body = shown.borrow_mut().body();
            services::observe(&planned, &request, &observing, body, client).await;
        });
        Self {
            frames,
            gate,
            observed: Some(Observed {
                seen,
                _under_way: under_way,
            }),
        }
    }

    /// Sends what is ready, but for calls of tools that have not been judged.
    ///
    /// # Errors
    /// The guardrails that block a call, after all that came before it has been sent.
    pub(super) async fn send(&mut self, out: Vec<Bytes>) -> Result<(), Failure> {
        let Some(gate) = &mut self.gate else {
            self.put(out).await;
            return Ok(());
        };
        let mut passed = Vec::with_capacity(out.len());
        let result = gate.pass(out, &mut passed).await;
        self.put(passed).await;
        result
    }

    /// The stream has ended: what waits is judged and sent.
    ///
    /// # Errors
    /// The guardrails that block a call.
    pub(super) async fn finish(&mut self) -> Result<(), Failure> {
        let Some(gate) = &mut self.gate else {
            return Ok(());
        };
        let mut passed = Vec::new();
        let result = gate.finish(&mut passed).await;
        self.put(passed).await;
        result
    }

    /// Puts pieces on the way to the client, as one.
    async fn put(&self, mut out: Vec<Bytes>) {
        let piece = match out.len() {
            0 => return,
            1 => out.remove(0),
            _ => {
                let mut joined = BytesMut::with_capacity(out.iter().map(Bytes::len).sum());
                for piece in &out {
                    joined.extend_from_slice(piece);
                }
                joined.freeze()
            }
        };
        if let Some(observed) = &self.observed {
            observed.seen.borrow_mut().push(piece.clone());
        }
        self.frames.send(piece).await;
    }

    /// Sends words of the gateway's own, which are no part of the answer.
    pub(super) async fn say(&self, words: Bytes) {
        self.frames.send(words).await;
    }
}

impl Seen {
    fn push(&mut self, piece: Bytes) {
        self.decoder.push(piece);
        while let Ok(Some(frame)) = self.decoder.next_frame() {
            self.assembly.push(&Event::read(self.dialect, frame));
        }
    }

    fn body(&mut self) -> String {
        if let Some(frame) = self.decoder.finish() {
            self.assembly.push(&Event::read(self.dialect, frame));
        }
        self.assembly.body()
    }
}
