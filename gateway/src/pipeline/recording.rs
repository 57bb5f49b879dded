//! The record of one request while it is being made.
//!
//! Everybody who still has something to say holds a clone: the handler, the response's body, guardrails
//! under audit that outlive the response. When the last one lets go, the record is handed on; so a
//! disconnect counts too, and the record waits for audits without the client waiting.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use parapet_policy::hook::Hook;
use parapet_policy::record::{
    Attempt, Content, End, GuardrailRecord, Parameters, RECORD_VERSION, Record,
};
use parapet_policy::trace::TraceContext;

use super::calls::{Calls, MAX_NOTED};
use super::merged;

/// Takes finished records. Must not block.
pub type Sink = Rc<dyn Fn(Record)>;

/// Adds what is still missing before a record is handed on.
type LastLook = Box<dyn FnOnce(&mut Record)>;

/// A shared handle on the record of one request.
#[derive(Clone)]
pub struct Recording {
    inner: Rc<Inner>,
}

struct Inner {
    record: RefCell<Record>,
    last_look: RefCell<Option<LastLook>>,
    began: Instant,
    /// How many span numbers are given out.
    numbers: Cell<u32>,
    /// How many bytes of each body are kept for spans.
    content: Cell<usize>,
    sink: Sink,
}

impl Recording {
    /// Begins a record. Until something else is said, it ended because the client went away.
    pub fn begin(request_id: Arc<str>, route: &'static str, sink: Sink) -> Self {
        let record = Record {
            version: RECORD_VERSION,
            request_id,
            trace: None,
            started: SystemTime::now(),
            revision: None,
            route,
            subject: None,
            teams: Vec::new(),
            model: None,
            mcp: None,
            stream: false,
            parameters: Parameters::default(),
            guardrails: Vec::new(),
            attempts: Vec::new(),
            unjudged: Vec::new(),
            rewrites: Vec::new(),
            end: End::ClientGone,
            status: 0,
            request_bytes: 0,
            response_bytes: 0,
            total_us: 0,
            content: None,
        };
        Self {
            inner: Rc::new(Inner {
                record: RefCell::new(record),
                last_look: RefCell::new(None),
                began: Instant::now(),
                numbers: Cell::new(0),
                content: Cell::new(0),
                sink,
            }),
        }
    }

    /// Puts the request into a trace.
    pub fn trace(&self, trace: TraceContext) {
        self.with(|record| record.trace = Some(trace));
    }

    /// From here on so many bytes of the bodies that go out are kept for spans.
    pub fn keep_content(&self, bytes: usize) {
        self.inner.content.set(bytes);
        if bytes > 0 {
            self.with(|record| record.content = Some(Box::default()));
        }
    }

    /// Whether any are kept.
    pub fn keeps_content(&self) -> bool {
        self.inner.content.get() > 0
    }

    /// Keeps the beginning of the body that the model gets.
    pub fn keep_input(&self, body: &[u8]) {
        self.keep(body, |content| &mut content.input);
    }

    /// Keeps a piece of the body that the client gets, until there is enough.
    pub fn keep_output(&self, piece: &[u8]) {
        self.keep(piece, |content| &mut content.output);
    }

    fn keep(&self, piece: &[u8], of: impl FnOnce(&mut Content) -> &mut Vec<u8>) {
        let most = self.inner.content.get();
        self.with(|record| {
            if let Some(content) = &mut record.content {
                let kept = of(content);
                let room = most.saturating_sub(kept.len()).min(piece.len());
                kept.extend_from_slice(piece.get(..room).unwrap_or_default());
            }
        });
    }

    /// A recording of a part of the same request, with the same clock and trace, that goes somewhere else.
    pub fn part(&self, sink: Sink) -> Self {
        let (request_id, route, trace) = self.with(|record| {
            let trace = record.trace.clone();
            (record.request_id.clone(), record.route, trace)
        });
        let mut part = Self::begin(request_id, route, sink);
        if let Some(inner) = Rc::get_mut(&mut part.inner) {
            inner.began = self.inner.began;
            inner.record.get_mut().trace = trace;
            // The numbers of parts must not meet each other's, nor the whole's.
            inner.numbers = Cell::new(self.numbers(PART));
        }
        part
    }

    /// The place in the trace for the record of another message of the same request.
    pub fn trace_below(&self) -> Option<TraceContext> {
        let number = self.numbers(1);
        self.with(|record| Some(record.trace.as_ref()?.below(number)))
    }

    /// Reserves numbers for spans, and tells the first.
    fn numbers(&self, count: u32) -> u32 {
        let first = self.inner.numbers.get();
        self.inner.numbers.set(first.wrapping_add(count));
        first
    }

    /// Reserves a number for the span of a call.
    pub(crate) fn number(&self) -> u32 {
        self.numbers(1)
    }

    /// Notes the calls of one guardrail.
    pub(super) fn calls(&self) -> Calls {
        let trace = self.with(|record| record.trace.clone());
        Calls::new(self.inner.began, trace, self.numbers(MAX_NOTED))
    }

    /// Microseconds since the request's start.
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.inner.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Changes the record. The closure must not call this recording again.
    pub fn with<R>(&self, change: impl FnOnce(&mut Record) -> R) -> R {
        change(&mut self.inner.record.borrow_mut())
    }

    /// Has `look` see the record when nobody holds it any more: to add what a request that broke off
    /// anywhere left unsaid.
    pub fn before_handing_on(&self, look: impl FnOnce(&mut Record) + 'static) {
        *self.inner.last_look.borrow_mut() = Some(Box::new(look));
    }

    /// Adds what one guardrail did. In a chat one entry stands for all that it did about one tool: a conversation may hold
    /// hundreds of results.
    pub fn guardrail(&self, entry: GuardrailRecord) {
        self.with(|record| {
            let same = |known: &&mut GuardrailRecord| {
                known.hook == entry.hook
                    && known.selector == entry.selector
                    && known.tool == entry.tool
            };
            let is_of_tool = matches!(entry.hook, Hook::McpToolPreInvoke | Hook::McpToolPostInvoke);
            let known = match is_of_tool && record.mcp.is_none() {
                true => record.guardrails.iter_mut().find(same),
                false => None,
            };
            match known {
                Some(known) => merged::add(known, entry),
                None => record.guardrails.push(entry),
            }
        });
    }

    /// Adds an upstream attempt and tells its place, for later changes. Its span gets a number.
    pub fn attempt(&self, mut entry: Attempt) -> usize {
        entry.span = self.numbers(1);
        self.with(|record| {
            record.attempts.push(entry);
            record.attempts.len() - 1
        })
    }

    /// Says how it ended, with the status for the client.
    pub fn end(&self, end: End, status: u16) {
        let now = self.now_us();
        self.with(|record| {
            close_attempt(record, now);
            record.end = end;
            record.status = status;
            record.total_us = now;
        });
    }
}

/// A call whose answer never began, and that did not fail either, was dropped: by a block, or with the client.
fn close_attempt(record: &mut Record, now: u64) {
    if let Some(attempt) = record.attempts.last_mut()
        && attempt.status.is_none()
        && attempt.error.is_none()
    {
        attempt.error = Some("dropped");
        attempt.took_us = now.saturating_sub(attempt.start_us);
    }
}

/// The numbers that a part may give out: those of a window's guardrails.
const PART: u32 = 1 << 14;

impl Drop for Inner {
    fn drop(&mut self) {
        let record = self.record.get_mut();
        if record.total_us == 0 {
            record.total_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
            close_attempt(record, record.total_us);
        }
        if let Some(look) = self.last_look.get_mut().take() {
            look(record);
        }
        // The sort is stable: guardrails that began at the same microsecond keep their order.
        record
            .guardrails
            .sort_by_key(|guardrail| (guardrail.hook, guardrail.start_us));
        let placeholder = Record {
            request_id: Arc::from(""),
            trace: None,
            subject: None,
            teams: Vec::new(),
            model: None,
            mcp: None,
            guardrails: Vec::new(),
            attempts: Vec::new(),
            unjudged: Vec::new(),
            rewrites: Vec::new(),
            content: None,
            ..*record
        };
        (self.sink)(std::mem::replace(record, placeholder));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording() -> (Recording, Rc<RefCell<Vec<Record>>>) {
        let records = Rc::new(RefCell::new(Vec::new()));
        let sink = records.clone();
        let sink: Sink = Rc::new(move |record| sink.borrow_mut().push(record));
        (
            Recording::begin("r1".into(), "/v1/chat/completions", sink),
            records,
        )
    }

    #[test]
    fn a_record_that_nobody_ended_says_that_the_client_went_away() {
        let (recording, records) = recording();
        drop(recording);
        assert_eq!(records.borrow()[0].end, End::ClientGone);
        assert_eq!(&*records.borrow()[0].request_id, "r1");
    }

    #[test]
    fn the_last_look_comes_when_nobody_holds_the_record() {
        let (recording, records) = recording();
        recording.before_handing_on(|record| record.response_bytes = record.request_bytes + 1);
        recording.with(|record| record.request_bytes = 6);
        drop(recording);
        assert_eq!(records.borrow()[0].response_bytes, 7);
    }

    #[test]
    fn a_record_waits_for_the_last_holder() {
        let (recording, records) = recording();
        let audit = recording.clone();
        recording.end(End::Allowed, 200);
        drop(recording);
        assert!(records.borrow().is_empty());
        audit.with(|record| record.stream = true);
        drop(audit);
        let records = records.borrow();
        assert_eq!(
            (records.len(), records[0].end, records[0].stream),
            (1, End::Allowed, true)
        );
    }
}
