//! Metrics of what clients are not shown in lists of MCP servers' tools.

use prometheus::IntCounterVec;

use super::make::Make;

/// Why a tool is not in a list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hidden {
    /// Its server's resource says `disabled`.
    Disabled,
    /// It is not as approved.
    Pinned,
    /// No policy lets this caller call it.
    Policy,
}

impl Hidden {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Pinned => "pinned",
            Self::Policy => "policy",
        }
    }
}

/// What could not be had of a member of a virtual server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// Its tools.
    List,
    /// A session for a client that begins one.
    Session,
}

impl Wanted {
    const fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Session => "session",
        }
    }
}

/// Counted where lists are made. The labels are names of servers in the policy, and words of closed lists.
#[derive(Clone, Debug)]
pub(crate) struct ListMetrics {
    hidden: IntCounterVec,
    absent: IntCounterVec,
}

impl ListMetrics {
    pub(super) fn new(make: &Make<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            hidden: make.counter(
                "parapet_mcp_tools_hidden_total",
                "Entries of lists that clients did not see: disabled tools, such as are not as approved, and those that the caller may never call.",
                &["server", "why"],
            )?,
            absent: make.counter(
                "parapet_mcp_members_absent_total",
                "Members of virtual servers that could not be reached, by what was wanted of them.",
                &["server", "member", "wanted"],
            )?,
        })
    }

    /// Counts entries of a server's list.
    pub(crate) fn hidden(&self, server: &str, why: Hidden, entries: usize) {
        if entries > 0 {
            self.hidden
                .with_label_values(&[server, why.as_str()])
                .inc_by(entries as u64);
        }
    }

    /// Counts a member of a virtual server.
    pub(crate) fn absent(&self, server: &str, member: &str, wanted: Wanted) {
        self.absent
            .with_label_values(&[server, member, wanted.as_str()])
            .inc();
    }
}
