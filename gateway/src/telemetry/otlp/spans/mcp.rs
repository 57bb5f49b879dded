//! The span of a call to an MCP server, in the names of the conventions for MCP.

use parapet_policy::record::{Attempt, End, McpMessage};

use super::values::put_server;
use super::{Failure, Kind, MODELS, Span, Spans, attempt_error, error_of, names, network_name};

/// What an attempt is called that had no token.
const NO_TOKEN: &str = "no_token";

/// What a result that says that the tool failed is called.
const TOOL_ERROR: &str = "tool_error";

/// What it is called when the client is not shown a message that nobody judged.
const REFUSED: &str = "refused";

impl Spans<'_> {
    /// What a server sent before its answer, or on a stream that answers nothing: below the request whose stream it came by.
    pub(super) fn mcp_aside(&mut self, message: &McpMessage) {
        let (record, revision) = (self.record, self.revision);
        let error = if record.end == End::Refused {
            Some(Failure::Word(REFUSED))
        } else {
            error_of(record)
        };
        let tool = message.tool.as_deref();
        let span = Span {
            id: self.trace.span_id,
            parent: self.trace.parent,
            remote: false,
            name: [message.method, tool.unwrap_or_default()],
            // It is a step of a request that is counted already, and no request.
            kind: Kind::Internal,
            start_us: 0,
            took_us: record.total_us,
            failed: false,
        };
        self.span(&span, |attributes| {
            attributes
                .str(names::MCP_METHOD, message.method)
                .str(names::MCP_VERSION, message.version)
                .str(names::MCP_SERVER, &message.server)
                .str(names::END, record.end.as_str());
            if let Some(tool) = tool {
                attributes.str(names::TOOL, tool);
            }
            if let Some(revision) = revision {
                attributes.str(names::REVISION, revision);
            }
            if let Some(error) = &error {
                attributes.str(names::ERROR_TYPE, &error.as_str());
            }
        });
    }

    /// The message at the server, and the call over the network below it.
    pub(super) fn mcp(&mut self, index: u32, attempt: &Attempt, message: &McpMessage) {
        let published = self.published;
        let id = self.trace.span(MODELS + index);
        let failure = attempt_error(attempt);
        let tool = message.tool.as_deref();
        let mut span = Span {
            id,
            parent: Some(self.trace.span_id),
            remote: false,
            name: [message.method, tool.unwrap_or_default()],
            kind: Kind::Client,
            start_us: attempt.start_us,
            took_us: attempt.took_us,
            failed: failure.is_some() || message.failed,
        };
        self.span(&span, |attributes| {
            attributes
                .str(names::MCP_METHOD, message.method)
                .str(names::MCP_VERSION, message.version)
                .str(names::MCP_SERVER, &message.server);
            if let Some(source) = &message.source {
                attributes.str(names::MCP_SOURCE, source);
            }
            if let Some(tool) = tool {
                attributes
                    .str(names::OPERATION, names::EXECUTE_TOOL)
                    .str(names::TOOL, tool);
            }
            put_server(attributes, attempt.server.as_deref());
            match &failure {
                Some(failure) => attributes.str(names::ERROR_TYPE, &failure.as_str()),
                None if message.failed => attributes.str(names::ERROR_TYPE, TOOL_ERROR),
                None => attributes,
            };
        });
        for call in &attempt.calls {
            self.call(id, call);
        }
        // Without a token nothing was sent, and a process is no network.
        if attempt.error == Some(NO_TOKEN) || attempt.server.is_none() {
            return;
        }
        span.id = self.trace.span(attempt.span);
        span.parent = Some(id);
        span.name = network_name(published);
        span.failed = failure.is_some();
        let method = match message.method {
            "stream" => "GET",
            "end" => "DELETE",
            _ => "POST",
        };
        self.span(&span, |attributes| {
            attributes.str(names::HTTP_METHOD, method);
            put_server(attributes, attempt.server.as_deref());
            if let Some(status) = attempt.status {
                attributes.int(names::HTTP_STATUS, u64::from(status));
            }
            if let Some(failure) = &failure {
                attributes.str(names::ERROR_TYPE, &failure.as_str());
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use parapet_policy::record::{McpMessage, McpSide};

    use super::super::tests::read;
    use super::super::*;
    use crate::telemetry::queue::tests::record;

    #[test]
    fn the_call_for_a_token_stands_below_the_message_that_needs_it() {
        let mut record = record("r");
        record.model = None;
        record.mcp = Some(McpMessage {
            server: "github".into(),
            source: None,
            method: "tools/call",
            tool: None,
            version: "2026-07-28",
            from: McpSide::Client,
            failed: false,
            dropped: 0,
        });
        let call = parapet_policy::record::NetworkCall {
            server: "id.example:443".into(),
            status: Some(400),
            error: Some("refused"),
            start_us: 1,
            took_us: 2,
            span: 2,
        };
        let attempt = Attempt {
            provider: "github".into(),
            kind: "mcp",
            server: Some("mcp.example:443".into()),
            error: Some("no_token"),
            span: 1,
            calls: vec![call],
            ..Attempt::default()
        };
        // The request, the message, the endpoint; the server was not called.
        for (error, count) in [(Some("no_token"), 3), (None, 4)] {
            record.attempts = vec![Attempt {
                error,
                ..attempt.clone()
            }];
            let spans = read(&record, Names::Standard);
            assert_eq!(spans.len(), count, "{error:?}");
            let of = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
            let message = of("tools/call");
            let endpoint = spans
                .iter()
                .find(|span| format!("{:?}", span.attributes).contains("id.example"));
            let endpoint = endpoint.unwrap();
            assert_eq!(endpoint.parent_span_id, message.span_id);
            assert_eq!(endpoint.name, "POST");
            assert!(format!("{:?}", endpoint.attributes).contains("refused"));
        }
    }

    #[test]
    fn a_tool_call_has_the_names_of_the_conventions() {
        let mut record = record("r");
        record.model = None;
        record.mcp = Some(McpMessage {
            server: "suite".into(),
            source: Some("github".into()),
            method: "tools/call",
            tool: Some("get_issue".into()),
            version: "2026-07-28",
            from: McpSide::Client,
            failed: true,
            dropped: 0,
        });
        record.attempts = vec![Attempt {
            provider: "github".into(),
            kind: "mcp",
            server: Some("mcp.example:443".into()),
            status: Some(200),
            span: 1,
            ..Attempt::default()
        }];
        let spans = read(&record, Names::Standard);
        let call = spans
            .iter()
            .find(|span| span.name == "tools/call get_issue")
            .unwrap();
        let has = |key: &str, value: &str| {
            call.attributes.iter().any(|attribute| {
                attribute.key == key && format!("{:?}", attribute.value).contains(value)
            })
        };
        assert!(has("mcp.method.name", "tools/call") && has("gen_ai.tool.name", "get_issue"));
        assert!(has("gen_ai.operation.name", "execute_tool") && has("error.type", "tool_error"));
        assert!(has("mcp.protocol.version", "2026-07-28"));
        assert!(has("parapet.mcp.server", "suite") && has("parapet.mcp.source", "github"));
        assert!(spans.iter().all(|span| !span.name.starts_with("chat")));
        assert_eq!(
            spans
                .iter()
                .filter(|span| span.parent_span_id == call.span_id)
                .count(),
            1
        );
    }
}
