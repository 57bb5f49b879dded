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
            method,
            tool,
            task,
            ..Asked::default()
        }
    }
}

/// The event with other ids; none when it has none. `seal` gives the new id of an old one, or nothing: then the line goes.
pub(super) fn rewritten(raw: &[u8], seal: impl Fn(&str) -> Option<String>) -> Option<Vec<u8>> {
    let is_id = |line: &[u8]| line.starts_with(b"id:") || line == b"id";
    let lines = || raw.split_inclusive(|byte| matches!(byte, b'\n' | b'\r'));
    lines().find(|line| is_id(line.trim_ascii_end()))?;
    let mut out = Vec::with_capacity(raw.len() + 128);
    for line in lines() {
        let text = line.trim_ascii_end();
        if !is_id(text) {
            out.extend_from_slice(line);
            continue;
        }
        let value = text.strip_prefix(b"id:").unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        // An empty id takes the place back: it stays as it is.
        let sealed = match std::str::from_utf8(value) {
            Ok("") => Some(String::new()),
            Ok(id) => seal(id),
            Err(_) => None,
        };
        if let Some(sealed) = sealed {
            out.extend_from_slice(b"id: ");
            out.extend_from_slice(sealed.as_bytes());
            out.extend_from_slice(line.get(text.len()..).unwrap_or(b"\n"));
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_change() {
        let seal = |id: &str| Some(format!("<{id}>"));
        let rows = [
            ("id: 7\ndata: {}\n\n", Some("id: <7>\ndata: {}\n\n")),
            (
                "data: a\r\nid:x y\r\n\r\n",
                Some("data: a\r\nid: <x y>\r\n\r\n"),
            ),
            ("id\ndata: {}\n\n", Some("id: \ndata: {}\n\n")),
            ("event: message\ndata: {\"id\":1}\n\n", None),
            (": id: comment\n\n", None),
            ("idle: 1\n\n", None),
        ];
        for (raw, expected) in rows {
            let got = rewritten(raw.as_bytes(), seal);
            let got = got.map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(got.as_deref(), expected, "{raw:?}");
        }
        assert_eq!(rewritten(b"id: 7\n\n", |_| None).unwrap(), b"\n");
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
