//! Metrics of MCP messages.

use parapet_policy::record::{McpMessage, Record};
use prometheus::{HistogramVec, IntCounterVec, Registry};

use super::lists::ListMetrics;
use super::make::Make;
use super::programs::ProgramMetrics;
use super::{Metrics, seconds};

/// Seconds: from a tool that looks something up to one that builds something.
const BUCKETS: [f64; 12] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0,
];

/// Counted for each message and each call of a server.
pub(super) struct McpMetrics {
    messages: IntCounterVec,
    seconds: HistogramVec,
    dropped: IntCounterVec,
    /// Counted by whoever calls.
    token_calls: IntCounterVec,
    /// Counted where lists are made.
    lists: ListMetrics,
    /// Counted where programs are started and ended.
    programs: ProgramMetrics,
}

impl Metrics {
    /// Counts calls of token endpoints.
    pub(crate) fn token_calls(&self) -> IntCounterVec {
        self.mcp.token_calls.clone()
    }

    /// Counts what is not shown in lists.
    pub(crate) fn lists(&self) -> ListMetrics {
        self.mcp.lists.clone()
    }

    /// Counts servers that are programs.
    pub(crate) fn programs(&self) -> ProgramMetrics {
        self.mcp.programs.clone()
    }
}

impl McpMetrics {
    pub(super) fn new(make: &Make<'_>, registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            messages: make.counter(
                "parapet_mcp_messages_total",
                "MCP messages, by server, member of a virtual server, method and how they ended.",
                &["server", "source", "method", "end"],
            )?,
            seconds: make.histogram(
                "mcp_client_operation_duration_seconds",
                "How long calls of MCP servers took.",
                &["mcp_method_name", "error_type"],
                &BUCKETS,
            )?,
            dropped: make.counter(
                "parapet_mcp_tools_dropped_total",
                "Tools that were left out of lists because their annotations are wrong.",
                &["server"],
            )?,
            token_calls: make.counter(
                "parapet_mcp_token_calls_total",
                "Calls of MCP servers' token endpoints, by server and how they ended.",
                &["server", "result"],
            )?,
            lists: ListMetrics::new(make)?,
            programs: ProgramMetrics::new(make, registry)?,
        })
    }

    /// Counts a record.
    pub(super) fn count(&self, record: &Record, message: &McpMessage) {
        let source = message.source.as_deref().unwrap_or_default();
        let end = record.end.as_str();
        let labels = [&*message.server, source, message.method, end];
        self.messages.with_label_values(&labels).inc();
        if message.dropped > 0 {
            self.dropped
                .with_label_values(&[&*message.server])
                .inc_by(message.dropped.into());
        }
        for attempt in &record.attempts {
            let failed = if message.failed { "tool_error" } else { "" };
            let error = attempt.error.unwrap_or(failed);
            self.seconds
                .with_label_values(&[message.method, error])
                .observe(seconds(attempt.took_us));
        }
    }
}
