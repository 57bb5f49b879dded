//! Metrics of MCP servers that are programs.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use super::make::Make;

/// Why a program has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ProgramEnd {
    /// Its client has ended the session, or never got to know it.
    Session,
    /// Nobody used it.
    Idle,
    /// Another one was to be started, and no more may run.
    Displaced,
    /// Its resource has changed or is gone.
    Changed,
    /// The gateway ends.
    Shutdown,
    /// It has ended by itself, or was of no use any more.
    Broken,
}

impl ProgramEnd {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Idle => "idle",
            Self::Displaced => "displaced",
            Self::Changed => "changed",
            Self::Shutdown => "shutdown",
            Self::Broken => "broken",
        }
    }
}

/// Why a program was not started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ProgramRefusal {
    /// As many run as may run.
    Limit,
    /// The last one had not begun, a moment ago.
    Pause,
    /// The system says no.
    System,
    /// Its resource has changed since, or the gateway ends.
    Late,
}

impl ProgramRefusal {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Pause => "pause",
            Self::System => "system",
            Self::Late => "late",
        }
    }
}

/// Counted where programs are started and ended. The labels are names of servers in the policy, and words of closed lists.
#[derive(Clone, Debug)]
pub(crate) struct ProgramMetrics {
    running: IntGaugeVec,
    started: IntCounterVec,
    ended: IntCounterVec,
    refused: IntCounterVec,
}

impl ProgramMetrics {
    pub(super) fn new(make: &Make<'_>, registry: &Registry) -> prometheus::Result<Self> {
        let running = Opts::new(
            "parapet_mcp_programs_running",
            "Processes of MCP servers that are programs.",
        );
        let running = IntGaugeVec::new(running, &["server"])?;
        registry.register(Box::new(running.clone()))?;
        Ok(Self {
            running,
            started: make.counter(
                "parapet_mcp_programs_started_total",
                "Processes of MCP servers that are programs, as they are started.",
                &["server"],
            )?,
            ended: make.counter(
                "parapet_mcp_programs_ended_total",
                "Processes of MCP servers that are programs and have ended, by why.",
                &["server", "why"],
            )?,
            refused: make.counter(
                "parapet_mcp_programs_refused_total",
                "Sessions for which no process was started, by why.",
                &["server", "why"],
            )?,
        })
    }

    /// One more runs.
    pub(crate) fn started(&self, server: &str) {
        self.started.with_label_values(&[server]).inc();
        self.running.with_label_values(&[server]).inc();
    }

    /// One less runs.
    pub(crate) fn ended(&self, server: &str, why: ProgramEnd) {
        self.running.with_label_values(&[server]).dec();
        self.ended.with_label_values(&[server, why.as_str()]).inc();
    }

    /// One was not started.
    pub(crate) fn refused(&self, server: &str, why: ProgramRefusal) {
        self.refused
            .with_label_values(&[server, why.as_str()])
            .inc();
    }
}

#[cfg(test)]
impl ProgramMetrics {
    /// Such as nobody asks for.
    pub(crate) fn unread() -> Self {
        let registry = Registry::new();
        Self::new(&Make(&registry), &registry).unwrap()
    }

    /// How many run, were started, ended for this reason and were refused for this one, of a server.
    pub(crate) fn counts(
        &self,
        server: &str,
        why: ProgramEnd,
        refusal: ProgramRefusal,
    ) -> (i64, u64, u64, u64) {
        (
            self.running.with_label_values(&[server]).get(),
            self.started.with_label_values(&[server]).get(),
            self.ended.with_label_values(&[server, why.as_str()]).get(),
            self.refused
                .with_label_values(&[server, refusal.as_str()])
                .get(),
        )
    }
}
