//! Event ids of a session's streams: the client gets them sealed, and brings one back to go on from there.
//!
//! A stream that is repeated holds the answer to a request that another gateway may have sent. What the request was travels
//! in the id, so that the answer meets the same guardrails.

use serde::{Deserialize, Serialize};

use crate::handler::mcp::asked::Asked;

/// For [`super::Exchange::seal`].
pub(in crate::handler::mcp) const EVENT_PURPOSE: &str = "event";

/// What an event id stands for.
#[derive(Debug, Deserialize, Serialize)]
pub(in crate::handler::mcp) struct EventId {
    /// The server's own id.
    #[serde(rename = "i")]
    pub(in crate::handler::mcp) upstream: String,
    /// The request that the stream answers: id as written, method, tool, task.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    asked: Option<(String, String, Option<String>, Option<String>)>,
    /// The member of a virtual server, and the tool as that server calls it.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub(in crate::handler::mcp) member: Option<(String, Option<String>)>,
}

impl EventId {
    pub(super) fn new(
        upstream: &str,
        asked: &Asked,
        member: Option<(String, Option<String>)>,
    ) -> Self {
        let parts = |id: &String| {
            let Asked {
                method, tool, task, ..
            } = asked.clone();
            (id.clone(), method, tool, task)
        };
        Self {
            upstream: upstream.to_owned(),
            asked: asked.id.as_ref().map(parts),
            member,
        }
    }

    /// The request that the stream answers.
    pub(in crate::handler::mcp) fn asked(self) -> Asked {
        let Some((id, method, tool, task)) = self.asked else {
            return Asked::default();
        };
        Asked {
            id: Some(id),
            // The gateway that knew of which tool the task came need not be this one.
            of_any_tool: tool.is_none() && task.is_some(),
            method,
            tool,
            task,
            ..Asked::default()
        }
    }
}

/// The event as a client may see what stands beside its data, which nobody judges; none when that is how it is. `seal` gives
/// the new id of an old one, or nothing: then the line goes. So does what a comment says, and a time to wait that is none.
pub(super) fn rewritten(raw: &[u8], seal: impl Fn(&str) -> Option<String>) -> Option<Vec<u8>> {
    let raw = raw.strip_prefix(BYTE_ORDER_MARK).unwrap_or(raw);
    lines(raw).find(|(line, _)| !is_plain(line))?;
    let mut out = Vec::with_capacity(raw.len() + 128);
    for (line, end) in lines(raw) {
        let written = match (value_of(line, b"id"), line) {
            // An empty id takes the place back: it stays as it is.
            (Some(b""), _) => Some(b"id: ".to_vec()),
            (Some(id), _) => {
                let sealed = std::str::from_utf8(id).ok().and_then(&seal);
                sealed.map(|sealed| format!("id: {sealed}").into_bytes())
            }
            (None, [b':', ..]) => Some(b":".to_vec()),
            (None, line) => is_plain(line).then(|| line.to_vec()),
        };
        if let Some(written) = written {
            out.extend_from_slice(&written);
            out.extend_from_slice(end);
        }
    }
    Some(out)
}

/// Lines and their ends: a line feed, a carriage return, or both.
fn lines(mut rest: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at(length);
        let (end, left) = match after {
            [b'\r', b'\n', ..] => after.split_at(2),
            [_, ..] => after.split_at(1),
            [] => (after, after),
        };
        rest = left;
        Some((line, end))
    })
}

/// What a stream may begin with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A line of data, which is judged, or one that says nothing.
fn is_plain(line: &[u8]) -> bool {
    if let Some(kind) = value_of(line, b"event") {
        return matches!(kind, b"" | b"message");
    }
    if let Some(wait) = value_of(line, b"retry") {
        return wait.len() <= 9 && wait.iter().all(u8::is_ascii_digit);
    }
    line == b":" || !(line.starts_with(b":") || value_of(line, b"id").is_some())
}

/// The value of a field of this name; none for any other line.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = match line.strip_prefix(name)? {
        [] => return Some(&[]),
        [b':', value @ ..] => value,
        _ => return None,
    };
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_judges_does_not_go_on() {
        let seal = |id: &str| Some(format!("<{id}>"));
        let rows = [
            ("id: 7\ndata: {}\n\n", Some("id: <7>\ndata: {}\n\n")),
            (
                "data: a\r\nid:x y\r\n\r\n",
                Some("data: a\r\nid: <x y>\r\n\r\n"),
            ),
            ("id\ndata: {}\n\n", Some("id: \ndata: {}\n\n")),
            ("id: 7 \n\n", Some("id: <7 >\n\n")),
            ("event: message\ndata: {\"id\":1}\n\n", None),
            (": id: comment\n\n", Some(":\n\n")),
            (":\n\n", None),
            ("idle: 1\n\n", None),
            ("retry: 3000\ndata: {}\n\n", None),
            (
                "retry: 3000 words\r: more\rdata: {}\r\r",
                Some(":\rdata: {}\r\r"),
            ),
            (
                "data: a\r\nid: 7\r\nevent: words\r\ndata: b\r\nevent: message\r\n\r\n",
                Some("data: a\r\nid: <7>\r\ndata: b\r\nevent: message\r\n\r\n"),
            ),
            ("\u{feff}id: 7\n\n", Some("id: <7>\n\n")),
            ("\u{feff}: words\r\n\r\n", Some(":\r\n\r\n")),
            ("\nid: 7\n\n", Some("\nid: <7>\n\n")),
        ];
        for (raw, expected) in rows {
            let got = rewritten(raw.as_bytes(), seal);
            let got = got.map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(got.as_deref(), expected, "{raw:?}");
        }
        assert_eq!(rewritten(b"id: 7\n\n", |_| None).unwrap(), b"\n");
        let gone = rewritten(b"data: a\r\nid: 7\r\ndata: b\r\n\r\n", |_| None);
        assert_eq!(gone.unwrap(), b"data: a\r\ndata: b\r\n\r\n");
    }

    #[test]
    fn what_was_asked_comes_back() {
        let asked = Asked {
            id: Some("7".into()),
            method: "tools/call".into(),
            tool: Some("get".into()),
            ..Asked::default()
        };
        let text = serde_json::to_string(&EventId::new("u-1", &asked, None)).unwrap();
        let read: EventId = serde_json::from_str(&text).unwrap();
        assert_eq!(read.upstream, "u-1");
        let asked = read.asked();
        assert_eq!(
            (asked.id.as_deref(), asked.tool.as_deref()),
            (Some("7"), Some("get"))
        );
    }
}
