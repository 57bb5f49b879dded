//! What guardrails came to on the tools of chat requests, by the tool.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parapet_policy::record::GuardrailRecord;
use prometheus::IntCounterVec;

use super::OTHER;
use super::make::Make;

/// Tools that have series of their own: callers choose the names.
const MAX_TOOLS: usize = 200;

pub(super) struct ChatToolMetrics {
    outcomes: IntCounterVec,
}

/// Tools that have series of their own.
#[derive(Default)]
pub(super) struct KnownTools(HashSet<Arc<str>, RandomState>);

impl ChatToolMetrics {
    pub(super) fn new(make: &Make<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            outcomes: make.counter(
                "parapet_chat_tool_outcomes_total",
                "What guardrails came to on calls and results of tools in chat requests, by tool.",
                &["tool", "hook", "outcome"],
            )?,
        })
    }

    /// Counts an entry that is about a tool.
    pub(super) fn count(&self, known: &mut KnownTools, entry: &GuardrailRecord) {
        let Some(tool) = &entry.tool else { return };
        let is_known =
            known.0.contains(tool) || known.0.len() < MAX_TOOLS && known.0.insert(Arc::clone(tool));
        let tool = if is_known { &**tool } else { OTHER };
        self.outcomes
            .with_label_values(&[tool, entry.hook.as_str(), entry.outcome])
            .inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::tests::guardrail;

    #[test]
    fn tools_have_series_until_there_are_too_many() {
        let registry = prometheus::Registry::new();
        let metrics = ChatToolMetrics::new(&Make(&registry)).unwrap();
        let mut known = KnownTools::default();
        let entry = |tool: Option<String>| GuardrailRecord {
            tool: tool.map(Arc::from),
            ..guardrail("g/pii", "clean")
        };
        for number in 0..MAX_TOOLS + 5 {
            metrics.count(&mut known, &entry(Some(format!("tool-{number}"))));
        }
        metrics.count(&mut known, &entry(Some("tool-0".into())));
        metrics.count(&mut known, &entry(None));
        let value = |tool: &str| {
            metrics
                .outcomes
                .with_label_values(&[tool, "llm_input", "clean"])
                .get()
        };
        assert_eq!((value("tool-0"), value("tool-1"), value(OTHER)), (2, 1, 5));
    }
}
