//! Where the calls of a stream wait until they are whole: the last thing on its way to the client, behind all that judges
//! text.
//!
//! From the first piece of a call on everything is held until the call's answer (the choice, or Anthropic's block) has
//! ended; then its calls are judged, and all goes on in its order. Everything else passes as it comes.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::RandomState;
use parapet_guardrails::client::HttpClient;

use super::{ToolHooks, unreadable};
use crate::handler::error::Failure;
use crate::handler::payload::RequestPayload;
use crate::handler::plan::Planned;
use crate::handler::stream::services::write;
use crate::llm::sse::Decoder;
use crate::llm::stream::assembly::Assembly;
use crate::llm::stream::{Event, EventKind};
use crate::llm::tool_parts::{Names, Piece, pieces};
use crate::llm::{Dialect, Limits, Response};

/// The calls of one stream.
pub(in crate::handler) struct Gate {
    planned: Rc<Planned>,
    request: Rc<RequestPayload>,
    client: Arc<dyn HttpClient>,
    decoder: Decoder,
    /// What waits.
    held: Vec<Event>,
    /// Its bytes.
    bytes: usize,
    /// The answers with calls that wait.
    open: BTreeSet<u32>,
    /// The calls that wait.
    waiting: Vec<Piece>,
    /// The calls that have gone. More of one could make another one of it.
    gone: HashSet<Piece, RandomState>,
    /// What the calls were of, for results that come later.
    names: Names,
}

impl Gate {
    /// None where nothing could run.
    pub(in crate::handler) fn of(
        planned: &Rc<Planned>,
        request: &Rc<RequestPayload>,
        client: &Arc<dyn HttpClient>,
    ) -> Option<Self> {
        planned.tools.as_ref().map(|_| Self {
            planned: planned.clone(),
            request: request.clone(),
            client: client.clone(),
            decoder: Decoder::new(usize::MAX),
            held: Vec::new(),
            bytes: 0,
            open: BTreeSet::new(),
            waiting: Vec::new(),
            gone: HashSet::default(),
            names: Names::default(),
        })
    }

    /// Takes what is to go to the client, and puts into `passed` what goes now. What was put there before a failure goes
    /// all the same.
    ///
    /// # Errors
    /// The guardrails that block a call, and what nobody can read.
    pub(in crate::handler) async fn pass(
        &mut self,
        out: Vec<Bytes>,
        passed: &mut Vec<Bytes>,
    ) -> Result<(), Failure> {
        for piece in out {
            self.decoder.push(piece);
            while let Some(frame) = self.decoder.next_frame().map_err(|_| unreadable())? {
                self.event(Event::read(self.dialect(), frame), passed)
                    .await?;
            }
        }
        Ok(())
    }

    /// Nothing more comes: what waits is judged as it is.
    ///
    /// # Errors
    /// As [`Gate::pass`].
    pub(in crate::handler) async fn finish(
        &mut self,
        passed: &mut Vec<Bytes>,
    ) -> Result<(), Failure> {
        if let Some(frame) = self.decoder.finish() {
            self.event(Event::read(self.dialect(), frame), passed)
                .await?;
        }
        self.judge(passed).await
    }

    fn dialect(&self) -> Dialect {
        self.request.request.dialect()
    }

    async fn event(&mut self, event: Event, passed: &mut Vec<Bytes>) -> Result<(), Failure> {
        let tools = self.planned.tools.as_ref();
        if event.kind == EventKind::Broken && tools.is_some_and(ToolHooks::must_see_answers) {
            return Err(unreadable());
        }
        let pieces = pieces(self.dialect(), &event);
        if pieces.is_empty() && self.held.is_empty() {
            passed.push(event.raw().clone());
            return Ok(());
        }
        self.bytes += event.raw().len();
        if self.bytes > self.planned.snapshot.settings.answer_bytes {
            return Err(Failure::Upstream(
                "the model's answer is too large".to_owned(),
            ));
        }
        for piece in pieces {
            if self.gone.contains(&piece) {
                return Err(unreadable());
            }
            self.open.insert(piece.answer);
            self.waiting.push(piece);
        }
        for answer in &event.ended {
            self.open.remove(answer);
        }
        self.held.push(event);
        if self.open.is_empty() {
            self.judge(passed).await?;
        }
        Ok(())
    }

    /// Judges the calls that wait, and lets go what waits.
    async fn judge(&mut self, passed: &mut Vec<Bytes>) -> Result<(), Failure> {
        let mut held = std::mem::take(&mut self.held);
        self.bytes = 0;
        self.open.clear();
        self.gone.extend(self.waiting.drain(..));
        let Some(hooks) = self.planned.tools.as_ref().filter(|_| !held.is_empty()) else {
            return Ok(());
        };
        let mut assembly = Assembly::new(self.dialect());
        for event in &held {
            assembly.push(event);
        }
        let body = Arc::new(assembly.body());
        let response = Response::parse(self.dialect(), body).map_err(|_| unreadable())?;
        let parts = response.tool_parts(Some(&self.request.request), &mut self.names);
        let limits = Limits {
            max_segments: self.planned.snapshot.settings.segments,
            ..Limits::default()
        };
        let changed = self
            .planned
            .guard_parts(hooks, &self.client, &parts, &limits)
            .await?;
        match changed {
            None => passed.extend(held.iter().map(|event| event.raw().clone())),
            Some(changed) => {
                let changes = assembly.changes(&changed).map_err(|_| unreadable())?;
                passed.push(write(&mut held, changes));
            }
        }
        Ok(())
    }
}
