//! Server-sent events: cutting a byte stream into events, wherever it was split on the way.
//!
//! Every byte that comes in is part of exactly one [`Frame::raw`], in order, so a stream that is not
//! changed is relayed as it is: framing, comments and unknown fields included.

#[cfg(test)]
mod tests;

use bytes::{Buf as _, Bytes, BytesMut};

/// An event is longer than the decoder accepts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("stream event longer than {limit} bytes")]
pub struct EventTooLong {
    /// The limit.
    pub limit: usize,
}

/// One event, with the empty line that ends it.
#[derive(Clone, Eq, PartialEq)]
pub struct Frame {
    /// As it came.
    pub raw: Bytes,
    /// The `event` field; empty when there is none.
    pub event: String,
    /// The `data` lines, joined with line feeds; none when there are none.
    pub data: Option<String>,
    /// Whether the fields are not UTF-8: then `event` and `data` are not to be trusted.
    pub broken: bool,
    /// Whether there are lines that the format does not know, such as a body that is no stream at all.
    pub strange: bool,
}

/// Events hold text of answers, which stays out of debug output.
impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = self.data.as_ref().map(String::len);
        write!(
            f,
            "Frame({} bytes, event {:?}, data {length:?})",
            self.raw.len(),
            self.event
        )
    }
}

/// Cuts a stream into events.
#[derive(Debug)]
pub struct Decoder {
    max_event: usize,
    /// What has not been looked at.
    input: Bytes,
    /// The beginning of an event that goes on in the next chunk.
    partial: BytesMut,
    /// Whether the line at hand has no bytes yet.
    line_is_empty: bool,
    /// Whether the last byte was a carriage return: a line feed then belongs to it.
    after_return: bool,
}

impl Decoder {
    /// A decoder that accepts events up to `max_event` bytes.
    pub fn new(max_event: usize) -> Self {
        Self {
            max_event,
            input: Bytes::new(),
            partial: BytesMut::new(),
            line_is_empty: true,
            after_return: false,
        }
    }

    /// Takes the next chunk. Read all events with [`Decoder::next`] before the next one.
    pub fn push(&mut self, chunk: Bytes) {
        if self.input.is_empty() {
            self.input = chunk;
        } else {
            let mut joined = BytesMut::with_capacity(self.input.len() + chunk.len());
            joined.extend_from_slice(&self.input);
            joined.extend_from_slice(&chunk);
            self.input = joined.freeze();
        }
    }

    /// The next complete event; none when more bytes are needed.
    ///
    /// # Errors
    /// An event grew longer than the limit. Nothing sensible can follow.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, EventTooLong> {
        let end = self.find_end();
        let length = self.partial.len() + end.unwrap_or(self.input.len());
        if length > self.max_event {
            return Err(EventTooLong {
                limit: self.max_event,
            });
        }
        let Some(end) = end else {
            self.partial.extend_from_slice(&self.input);
            self.input.clear();
            return Ok(None);
        };
        let head = self.input.split_to(end);
        let raw = if self.partial.is_empty() {
            head
        } else {
            self.partial.extend_from_slice(&head);
            self.partial.split().freeze()
        };
        Ok(Some(Frame::read(raw)))
    }

    /// What is left when the stream ends without an empty line: clients differ in whether they take it for
    /// an event, so it is judged like one.
    pub fn finish(&mut self) -> Option<Frame> {
        self.partial.extend_from_slice(&self.input);
        self.input.clear();
        let rest = self.partial.split().freeze();
        rest.has_remaining().then(|| Frame::read(rest))
    }

    /// Looks through the input for the end of the event, just past its empty line.
    fn find_end(&mut self) -> Option<usize> {
        let mut at = 0;
        if self.after_return && self.input.first() == Some(&b'\n') {
            at = 1;
        }
        if !self.input.is_empty() {
            self.after_return = false;
        }
        while let Some(rest) = self.input.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(line) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.line_is_empty = false;
                return None;
            };
            let blank = line == 0 && self.line_is_empty;
            at += line + 1;
            if rest.get(line) == Some(&b'\r') {
                match rest.get(line + 1) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.after_return = true,
                }
            }
            self.line_is_empty = true;
            if blank {
                return Some(at);
            }
        }
        None
    }
}

impl Frame {
    fn read(raw: Bytes) -> Self {
        let mut event = String::new();
        let mut data: Option<String> = None;
        let (mut broken, mut strange) = (false, false);
        for line in lines(&raw) {
            let (name, value) = field(line);
            if !matches!(name, b"data" | b"event") {
                strange |= !matches!(name, b"" | b"id" | b"retry");
                continue;
            }
            let Ok(value) = std::str::from_utf8(value) else {
                broken = true;
                continue;
            };
            match (name, &mut data) {
                (b"event", _) => value.clone_into(&mut event),
                (_, None) => data = Some(value.to_owned()),
                (_, Some(data)) => {
                    data.push('\n');
                    data.push_str(value);
                }
            }
        }
        Self {
            raw,
            event,
            data,
            broken,
            strange,
        }
    }

    /// The event with other data; its other lines stay as they are.
    pub fn with_data(&self, data: &str) -> Bytes {
        let mut out = Vec::with_capacity(self.raw.len() + data.len());
        let mut written = false;
        for line in lines(&self.raw) {
            if field(line).0 != b"data" {
                out.extend_from_slice(line);
                out.push(b'\n');
            } else if !written {
                push_data(data, &mut out);
                written = true;
            }
        }
        // A final event may lack its empty line; what follows must not become part of it.
        if !out.ends_with(b"\n\n") {
            out.push(b'\n');
        }
        out.into()
    }
}

/// An event of the gateway's own. `event` empty: no such field.
pub fn encode(event: &str, data: &str) -> Bytes {
    let mut out = Vec::with_capacity(event.len() + data.len() + 20);
    if !event.is_empty() {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(event.as_bytes());
        out.push(b'\n');
    }
    push_data(data, &mut out);
    out.push(b'\n');
    out.into()
}

fn push_data(data: &str, out: &mut Vec<u8>) {
    for line in data.split('\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}

/// The lines of an event without their ends, a byte order mark left out.
fn lines(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    // The rest of a line end that was split: it ended the event before this one.
    rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        rest = after
            .strip_prefix(b"\r\n")
            .or(after.get(1..))
            .unwrap_or_default();
        Some(line)
    })
}

/// A line's field name and value; a comment has an empty name.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = memchr::memchr(b':', line) else {
        return (line, b"");
    };
    let (name, value) = line.split_at(colon);
    let value = value.strip_prefix(b":").unwrap_or(value);
    (name, value.strip_prefix(b" ").unwrap_or(value))
}
