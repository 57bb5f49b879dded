//! Tokens that an answer cost, as the upstream counts them.

use std::collections::VecDeque;

use bytes::Bytes;

use super::json::{Doc, Value};

/// Tokens that an answer cost, as the upstream counts them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Tokens of the request; for Anthropic without those read from or written to its cache.
    pub input: u64,
    /// Tokens of the answer.
    pub output: u64,
}

impl Usage {
    /// Both: of what two events of one stream say, the later and larger count is the whole.
    pub fn and(self, other: Self) -> Self {
        Self {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
        }
    }

    /// Reads a `usage` object of either dialect; none when it has no counts.
    pub(super) fn read(usage: Value<'_>) -> Option<Self> {
        let count = |a, b| {
            usage
                .get(a)
                .or_else(|| usage.get(b))
                .and_then(Value::as_u64)
        };
        let input = count("prompt_tokens", "input_tokens");
        let output = count("completion_tokens", "output_tokens");
        if input.is_none() && output.is_none() {
            return None;
        }
        Some(Self {
            input: input.unwrap_or(0),
            output: output.unwrap_or(0),
        })
    }
}

/// How much of an answer's end is kept: room for a usage object with all its details and what follows it.
const TAIL: usize = 4096;

/// Finds the usage in an answer that is passed on without being parsed: it stands in the first event of
/// Anthropic's streams and at the end of everything else.
#[derive(Debug, Default)]
pub struct UsageTap {
    first: Bytes,
    tail: VecDeque<Bytes>,
    kept: usize,
}

impl UsageTap {
    /// Takes note of a piece. Nothing is copied.
    pub fn pass(&mut self, piece: &Bytes) {
        if self.tail.is_empty() {
            self.first = piece.clone();
        }
        self.kept += piece.len();
        self.tail.push_back(piece.clone());
        while let Some(oldest) = self.tail.front()
            && self.kept - oldest.len() >= TAIL
        {
            self.kept -= oldest.len();
            self.tail.pop_front();
        }
    }

    /// What the answer said; none when it said nothing, or not where it is looked for.
    pub fn usage(&self) -> Option<Usage> {
        let end = match self.tail.len() {
            0 => return None,
            1 => last_usage(self.tail.front()?),
            _ => last_usage(&self.tail.iter().flatten().copied().collect::<Vec<u8>>()),
        };
        let begin = first_usage(&self.first);
        match (begin, end) {
            (Some(begin), Some(end)) => Some(begin.and(end)),
            (one, other) => one.or(other),
        }
    }
}

const NAME: &[u8] = b"\"usage\"";

fn last_usage(bytes: &[u8]) -> Option<Usage> {
    let from = bytes.len().saturating_sub(2 * TAIL);
    let bytes = bytes.get(from..)?;
    let at = memchr::memmem::find_iter(bytes, NAME).last()?;
    read(bytes.get(at + NAME.len()..)?)
}

fn first_usage(bytes: &[u8]) -> Option<Usage> {
    let bytes = bytes.get(..TAIL).unwrap_or(bytes);
    let at = memchr::memmem::find(bytes, NAME)?;
    read(bytes.get(at + NAME.len()..)?)
}

/// Reads what follows the name: a colon and an object.
fn read(bytes: &[u8]) -> Option<Usage> {
    let bytes = bytes
        .trim_ascii_start()
        .strip_prefix(b":")?
        .trim_ascii_start();
    let object = std::str::from_utf8(bytes.get(..object_len(bytes)?)?).ok()?;
    let doc = Doc::parse(object).ok()?;
    Usage::read(doc.root(object))
}

/// The length of the object that begins here; none when it has no end.
fn object_len(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage_of(answer: &str, piece: usize) -> Option<(u64, u64)> {
        let mut tap = UsageTap::default();
        for piece in answer.as_bytes().chunks(piece) {
            tap.pass(&Bytes::copy_from_slice(piece));
        }
        tap.usage().map(|usage| (usage.input, usage.output))
    }

    #[test]
    fn tokens_are_found_where_answers_say_them() {
        let long = "x".repeat(3 * TAIL);
        let plain = format!(
            r#"{{"choices":[{{"message":{{"content":"my \"usage\": {{}} {long}"}}}}],"usage": {{"prompt_tokens":7,"completion_tokens":9,"details":{{"a":"}}"}}}},"x":1}}"#
        );
        let stream = format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{long}\"}}}}],\"usage\":null}}\n\n\
             data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":7,\"completion_tokens\":9}}}}\n\ndata: [DONE]\n\n"
        );
        for piece in [3, 100, 1 << 20] {
            assert_eq!(usage_of(&plain, piece), Some((7, 9)), "{piece}");
            assert_eq!(usage_of(&stream, piece), Some((7, 9)), "{piece}");
        }
        let message = format!(
            "event: message_start\ndata: {{\"type\":\"message_start\",\"message\":{{\"usage\":{{\"input_tokens\":7,\"output_tokens\":1}}}}}}\n\n\
             event: content_block_delta\ndata: {{\"delta\":{{\"text\":\"{long}\"}}}}\n\n\
             event: message_delta\ndata: {{\"usage\":{{\"output_tokens\":9}}}}\n\n"
        );
        assert_eq!(usage_of(&message, 1000), Some((7, 9)));
    }

    #[test]
    fn what_is_no_usage_is_none() {
        for answer in [
            "",
            "hello",
            r#"{"usage":null}"#,
            r#"{"usage":{}}"#,
            r#"{"usage":{"prompt_tokens":7"#,
            r#"{"usage":"}{"}"#,
            r#""usage""#,
        ] {
            assert_eq!(usage_of(answer, 5), None, "{answer}");
        }
    }
}
