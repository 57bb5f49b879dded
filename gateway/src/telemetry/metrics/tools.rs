//! Metrics of tools that are held to what was approved.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use super::make::Make;
use super::raise;
use crate::mcp::pinning::pin::State;
use crate::mcp::pinning::sightings::Sightings;
use crate::mcp::pinning::suspicion::Sort;

/// Set when they are read. The labels are names of servers in the policy, and words of closed lists.
pub(super) struct ToolMetrics {
    definitions: IntGaugeVec,
    suspicious: IntGaugeVec,
    withheld: IntCounterVec,
    drifted: IntCounterVec,
}

impl ToolMetrics {
    pub(super) fn new(make: &Make<'_>, registry: &Registry) -> prometheus::Result<Self> {
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        Ok(Self {
            definitions: gauges(
                "parapet_mcp_tool_definitions",
                "Definitions of tools as this gateway saw them last, by how they stand to what was approved.",
                &["server", "state"],
            )?,
            suspicious: gauges(
                "parapet_mcp_tools_suspicious",
                "Definitions of tools in which something was found that has no business there, by category.",
                &["server", "category"],
            )?,
            withheld: make.counter(
                "parapet_mcp_tools_withheld_total",
                "Tools that were not approved: entries of lists that were hidden, calls that were refused, and calls that were refused because the tools could not be listed.",
                &["server", "how"],
            )?,
            drifted: make.counter(
                "parapet_mcp_tool_drift_total",
                "Definitions that were not as approved, each counted once.",
                &["server"],
            )?,
        })
    }

    /// Sets everything to what was seen.
    pub(super) fn set(&self, sightings: &Sightings) {
        // What is not looked at any more has no series.
        self.definitions.reset();
        self.suspicious.reset();
        for seen in sightings.told() {
            let server = &*seen.name;
            let states = [
                State::Approved,
                State::Changed,
                State::New,
                State::Ambiguous,
            ];
            for state in states {
                let tools = seen.tools.iter().filter(|tool| tool.state == state);
                self.definitions
                    .with_label_values(&[server, state.as_str()])
                    .set(super::gauge_of(tools.count() as u64));
            }
            self.definitions
                .with_label_values(&[server, "removed"])
                .set(super::gauge_of(seen.removed.len() as u64));
            for sort in Sort::ALL {
                let tools = seen
                    .tools
                    .iter()
                    .filter(|tool| tool.suspicions.contains(&sort));
                let count = tools.count();
                if count > 0 {
                    self.suspicious
                        .with_label_values(&[server, sort.as_str()])
                        .set(super::gauge_of(count as u64));
                }
            }
            let counts = [
                ("hidden", seen.counts.hidden),
                ("refused", seen.counts.refused),
                ("unchecked", seen.counts.unchecked),
            ];
            for (how, count) in counts {
                raise(&self.withheld.with_label_values(&[server, how]), count);
            }
            raise(
                &self.drifted.with_label_values(&[server]),
                seen.counts.drifted,
            );
        }
    }
}
