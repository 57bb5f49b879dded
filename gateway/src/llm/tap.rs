//! What an answer says that is passed on without being parsed.

use std::collections::VecDeque;

use bytes::Bytes;

use super::about::{self, About};
use super::usage::{self, Usage};

/// How much of an answer's end is kept: room for a usage object with all its details and what follows it.
const TAIL: usize = 4096;

/// Listens to an answer that is passed on without being parsed. What is looked for stands in the first event of a stream, at
/// the beginning of any other answer, and at the end.
#[derive(Debug, Default)]
pub struct AnswerTap {
    first: Bytes,
    tail: VecDeque<Bytes>,
    kept: usize,
}

impl AnswerTap {
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

    /// What the answer said of its tokens and of itself; nothing of what it did not say where it is looked for.
    pub fn told(&self) -> (Option<Usage>, About) {
        let joined: Vec<u8>;
        let end: &[u8] = match self.tail.len() {
            0 => return Default::default(),
            1 => self.tail.front().map(|piece| &**piece).unwrap_or_default(),
            _ => {
                joined = self.tail.iter().flatten().copied().collect();
                &joined
            }
        };
        let end = end
            .get(end.len().saturating_sub(2 * TAIL)..)
            .unwrap_or_default();
        let begin = self.first.get(..TAIL).unwrap_or(&self.first);
        let mut about = about::of_beginning(begin);
        about::of_end(end, &mut about);
        let usage = match (usage::first(begin), usage::last(end)) {
            (Some(begin), Some(end)) => Some(begin.and(end)),
            (one, other) => one.or(other),
        };
        (usage, about)
    }
}

/// Waits for the first text of a stream that is passed on without being parsed.
#[derive(Debug, Default)]
pub struct FirstText {
    looked_at: usize,
}

/// Where text begins in an event, with the opening quote of it. Anthropic's deltas are never empty.
const TEXTS: [&[u8]; 5] = [
    b"\"content\"",
    b"\"reasoning_content\"",
    b"\"reasoning\"",
    b"\"refusal\"",
    b"\"arguments\"",
];
const ANTHROPIC: &[u8] = b"content_block_delta";
/// Where nothing was found in so many bytes, nothing is looked for any longer.
const PATIENCE: usize = 16 * 1024;

impl FirstText {
    /// Whether a piece has the first text; also when it is time to give up.
    pub fn is_in(&mut self, piece: &[u8]) -> bool {
        self.looked_at += piece.len();
        self.looked_at > PATIENCE
            || memchr::memmem::find(piece, ANTHROPIC).is_some()
            || TEXTS.iter().any(|name| has_text(piece, name))
    }
}

/// Whether a member of this name has a text that is not empty.
fn has_text(piece: &[u8], name: &[u8]) -> bool {
    memchr::memmem::find_iter(piece, name).any(|at| {
        let rest = piece.get(at + name.len()..).unwrap_or_default();
        let value = rest.trim_ascii_start().strip_prefix(b":");
        let text = value.and_then(|value| value.trim_ascii_start().strip_prefix(b"\""));
        text.is_some_and(|text| !text.is_empty() && !text.starts_with(b"\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage_of(answer: &str, piece: usize) -> Option<(u64, u64)> {
        let mut tap = AnswerTap::default();
        for piece in answer.as_bytes().chunks(piece) {
            tap.pass(&Bytes::copy_from_slice(piece));
        }
        tap.told().0.map(|usage| (usage.input, usage.output))
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

    #[test]
    fn an_answer_tells_of_itself_at_its_ends() {
        let long = "x".repeat(3 * TAIL);
        let plain = format!(
            r#"{{"id":"c1","object":"x","created":1,"model":"m","choices":[{{"message":{{"content":"{long}"}},"finish_reason":"length"}}],"usage":null}}"#
        );
        let stream = format!(
            "data: {{\"id\":\"c1\",\"model\":\"m\",\"choices\":[{{\"delta\":{{\"content\":\"{long}\"}},\"finish_reason\":null}}]}}\n\n\
             data: {{\"id\":\"c1\",\"model\":\"m\",\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"length\"}}]}}\n\ndata: [DONE]\n\n"
        );
        for text in [plain, stream] {
            let mut tap = AnswerTap::default();
            for piece in text.as_bytes().chunks(1000) {
                tap.pass(&Bytes::copy_from_slice(piece));
            }
            let (_, about) = tap.told();
            assert_eq!(about.id.as_deref(), Some("c1"));
            assert_eq!(about.model.as_deref(), Some("m"));
            assert_eq!(about.finish_reasons, ["length"]);
        }
    }

    #[test]
    fn the_first_text_is_the_first_that_is_not_empty() {
        let rows: [(&[&str], usize); 6] = [
            (
                &[
                    r#"data: {"choices":[{"delta":{"role":"assistant","content":""}}]}"#,
                    r#"data: {"choices":[{"delta":{"content":null}}]}"#,
                    r#"data: {"choices":[{"delta":{"content": "x"}}]}"#,
                ],
                2,
            ),
            (
                &[
                    r#"data: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":""}}]}}]}"#,
                    r#"data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{"}}]}}]}"#,
                ],
                1,
            ),
            (
                &[r#"data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}"#],
                0,
            ),
            (
                &[
                    r#"data: {"type":"message_start","message":{"content":[]}}"#,
                    "event: ping\ndata: {\"type\":\"ping\"}\n\n",
                    r#"data: {"type":"content_block_start","content_block":{"type":"text","text":""}}"#,
                    r#"data: {"type":"content_block_delta","delta":{"text":"x"}}"#,
                ],
                3,
            ),
            (&[": nothing but keep-alives", "data: [DONE]"], 2),
            // Text of another kind is not waited for without end.
            (&[&"y".repeat(PATIENCE), "data: z"], 1),
        ];
        for (pieces, expected) in rows {
            let mut first = FirstText::default();
            let mut pieces_iter = pieces.iter();
            let found = pieces_iter.position(|piece| first.is_in(piece.as_bytes()));
            assert_eq!(found.unwrap_or(pieces.len()), expected, "{pieces:?}");
        }
    }
}
