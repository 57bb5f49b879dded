//! What an answer says about itself, besides its texts: its id, the model that gave it, and why it ended.
//!
//! All of it is an upstream's word that goes into records, so it is kept short and plain, and reasons are those of the
//! dialects: text of an answer cannot get into a record this way.

use std::sync::Arc;

use super::json::{Doc, Value};

/// Bytes of an answer's id; the longest known ones have some 60.
const MAX_ID: usize = 128;
/// Bytes of a model's name.
const MAX_MODEL: usize = 256;
/// Answers of one response whose end is told.
const MAX_REASONS: usize = 16;

/// Why answers end, in either dialect.
const REASONS: [&str; 13] = [
    "stop",
    "length",
    "tool_calls",
    "content_filter",
    "function_call",
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
    "error",
];
/// Any other reason.
const OTHER: &str = "other";

/// What an answer says about itself. What it does not say, or not in a plain word, is absent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct About {
    /// Its id.
    pub id: Option<Arc<str>>,
    /// The model that gave it.
    pub model: Option<Arc<str>>,
    /// Why it ended, one word for each answer that has.
    pub finish_reasons: Vec<&'static str>,
}

impl About {
    /// Reads a whole answer, or one event of a stream, of either dialect.
    pub(super) fn read(root: Value<'_>) -> Self {
        let mut about = Self::default();
        about.members(root);
        about
    }

    /// Reads an event's data; nothing is told of what is no JSON.
    pub(super) fn of_event(data: &str) -> Self {
        Doc::parse(data).map_or_else(|_| Self::default(), |doc| Self::read(doc.root(data)))
    }

    /// Whether nothing is told.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn members(&mut self, object: Value<'_>) {
        for (key, value) in object.members() {
            match key.as_ref() {
                "id" => self.id = value.as_str().and_then(|id| word(&id, MAX_ID)),
                "model" => self.model = value.as_str().and_then(|name| word(&name, MAX_MODEL)),
                // The first event of Anthropic's streams, and the last but one.
                "message" | "delta" => self.members(value),
                "choices" => {
                    for choice in value.items() {
                        if let Some(why) = choice.get_str("finish_reason") {
                            self.ended(&why);
                        }
                    }
                }
                "stop_reason" => {
                    if let Some(why) = value.as_str() {
                        self.ended(&why);
                    }
                }
                _ => {}
            }
        }
    }

    fn ended(&mut self, why: &str) {
        // Some servers write an empty reason into every chunk.
        if !why.is_empty() && self.finish_reasons.len() < MAX_REASONS {
            self.finish_reasons.push(reason(why));
        }
    }
}

/// A reason as the dialects know it.
fn reason(why: &str) -> &'static str {
    let known = REASONS.iter().find(|known| **known == why);
    known.map_or(OTHER, |known| known)
}

/// One plain word; none when it is anything else.
fn word(text: &str, longest: usize) -> Option<Arc<str>> {
    let plain = !text.is_empty()
        && text.len() <= longest
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then(|| text.into())
}

/// What the beginning of an answer says that is passed on without being parsed: id and model, when they stand before
/// what is long.
pub(super) fn of_beginning(bytes: &[u8]) -> About {
    let mut about = About::default();
    let begun = bytes.trim_ascii_start();
    if begun.starts_with(b"{") {
        prefix(begun, &mut about);
    } else if let Some(at) = memchr::memmem::find(begun, b"data:") {
        let data = begun.get(at + b"data:".len()..).unwrap_or_default();
        prefix(data.trim_ascii_start(), &mut about);
    }
    about
}

/// The reasons in the end of an answer that is passed on without being parsed. A name in a text has its quotes escaped.
pub(super) fn of_end(bytes: &[u8], about: &mut About) {
    for name in [&b"\"finish_reason\""[..], b"\"stop_reason\""] {
        for at in memchr::memmem::find_iter(bytes, name) {
            let rest = bytes.get(at + name.len()..).unwrap_or_default();
            if let Some(why) = string_after_colon(rest) {
                about.ended(&String::from_utf8_lossy(why));
            }
        }
    }
}

/// The members at the top of an object that may break off, up to the first that is neither short nor looked for.
fn prefix(object: &[u8], about: &mut About) {
    let mut rest = object.strip_prefix(b"{").unwrap_or_default();
    loop {
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
        let Some((key, after)) = string(rest) else {
            return;
        };
        let Some(value) = after.trim_ascii_start().strip_prefix(b":") else {
            return;
        };
        let value = value.trim_ascii_start();
        if key == b"message" {
            return prefix(value, about);
        }
        rest = if let Some((text, after)) = string(value) {
            let text = std::str::from_utf8(text).unwrap_or_default();
            match key {
                b"id" => about.id = word(text, MAX_ID),
                b"model" => about.model = word(text, MAX_MODEL),
                _ => {}
            }
            after
        } else if matches!(value.first(), Some(b'{' | b'[') | None) {
            return;
        } else {
            let end = value.iter().position(|byte| *byte == b',');
            let Some(end) = end else { return };
            value.get(end..).unwrap_or_default()
        };
    }
}

fn string_after_colon(bytes: &[u8]) -> Option<&[u8]> {
    let value = bytes.trim_ascii_start().strip_prefix(b":")?;
    Some(string(value.trim_ascii_start())?.0)
}

/// A string without escapes that begins here, and what follows it.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = bytes.strip_prefix(b"\"")?;
    let end = memchr::memchr2(b'"', b'\\', text)?;
    let (text, rest) = text.split_at(end);
    Some((text, rest.strip_prefix(b"\"")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(id: &str, model: &str, reasons: &[&'static str]) -> About {
        let word = |text: &str| (!text.is_empty()).then(|| text.into());
        About {
            id: word(id),
            model: word(model),
            finish_reasons: reasons.to_vec(),
        }
    }

    #[test]
    fn answers_and_events_of_both_dialects() {
        let rows = [
            (
                r#"{"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","choices":[{"finish_reason":"stop"},{"finish_reason":"length"}]}"#,
                about("chatcmpl-1", "gpt-4o-2024-11-20", &["stop", "length"]),
            ),
            (
                r#"{"id":"c","model":"m","choices":[{"delta":{"content":"x","id":"no"},"finish_reason":null}]}"#,
                about("c", "m", &[]),
            ),
            (
                r#"{"choices":[{"delta":{},"finish_reason":""}]}"#,
                about("", "", &[]),
            ),
            (
                r#"{"choices":[{"finish_reason":"eos, my secret"}]}"#,
                about("", "", &["other"]),
            ),
            (
                r#"{"id":"msg_1","type":"message","model":"claude","content":[{"type":"tool_use","id":"t"}],"stop_reason":"tool_use"}"#,
                about("msg_1", "claude", &["tool_use"]),
            ),
            (
                r#"{"type":"message_start","message":{"id":"msg_1","model":"claude","stop_reason":null}}"#,
                about("msg_1", "claude", &[]),
            ),
            (
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}"#,
                about("", "", &["end_turn"]),
            ),
            (r#"{"id":"two words","model":["m"]}"#, about("", "", &[])),
            ("[DONE]", about("", "", &[])),
        ];
        for (text, expected) in rows {
            assert_eq!(About::of_event(text), expected, "{text}");
        }
        let endless = format!(r#"{{"id":"{}","model":"m\n"}}"#, "i".repeat(129));
        assert!(About::of_event(&endless).is_empty());
    }

    #[test]
    fn beginnings_that_break_off() {
        let rows = [
            (
                r#"{"id":"c","object":"chat.completion","created":7,"model":"m","choices":[{"mess"#,
                about("c", "m", &[]),
            ),
            (
                r#" { "model" : "m" , "id" : "c" , "stop": null, "type"#,
                about("c", "m", &[]),
            ),
            // What stands inside of something is not the answer's.
            (
                r#"{"content":[{"input":{"id":"536-22-1234"}}],"id":"c"}"#,
                about("", "", &[]),
            ),
            (
                "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"id\":\"msg\",\"content\":[",
                about("msg", "m", &[]),
            ),
            (
                "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[]}\n\n",
                about("c", "m", &[]),
            ),
            (r#"{"id":"c"#, about("", "", &[])),
            ("", about("", "", &[])),
            ("no json", about("", "", &[])),
        ];
        for (text, expected) in rows {
            assert_eq!(of_beginning(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn reasons_at_the_end() {
        let end = |text: &str| {
            let mut about = About::default();
            of_end(text.as_bytes(), &mut about);
            about.finish_reasons
        };
        assert_eq!(
            end(
                r#"ent":"say \"finish_reason\": \"x\""},"finish_reason":null},{"finish_reason": "stop"}],"usage":{}}"#
            ),
            ["stop"]
        );
        assert_eq!(end(r#"]},"stop_reason":"end_turn","#), ["end_turn"]);
        assert_eq!(end(r#""finish_reason":"sto"#), [""; 0]);
        assert_eq!(end(r#""stop_reason":"whatever it says""#), ["other"]);
    }
}
