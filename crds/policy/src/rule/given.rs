//! Which parts of a rule's `when` filter at all.

use super::{Membership, SubjectsOperator, ToolsCondition, ValuesCondition, When};

/// The conditions of a [`When`] that filter; those that do not are `None`.
///
/// An absent condition does not filter, and neither does a list of nothing to be in: `in: []` would
/// switch its rule off without a word, and a rule that silently does nothing is a hole.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// On the model.
    pub model: Option<&'a ValuesCondition>,
    /// On the MCP server.
    pub mcp_servers: Option<&'a ValuesCondition>,
    /// On the MCP tool.
    pub mcp_tools: Option<&'a ToolsCondition>,
    /// Callers that the rule is for.
    pub within: Option<&'a [String]>,
    /// Callers that the rule is not for.
    pub without: Option<&'a [String]>,
    /// How the two lists of callers combine.
    pub operator: SubjectsOperator,
}

impl When {
    /// The conditions that filter.
    pub fn given(&self) -> Given<'_> {
        let target = self.target.as_ref().map(|target| &target.conditions);
        let subjects = self.subjects.as_ref().map(|subjects| &subjects.conditions);
        let filters = |is_empty: bool, condition| !is_empty || condition == Membership::NotIn;
        let values = |given: &&ValuesCondition| filters(given.values.is_empty(), given.condition);
        let tools = |given: &&ToolsCondition| filters(given.values.is_empty(), given.condition);
        Given {
            model: target.and_then(|given| given.model.as_ref()).filter(values),
            mcp_servers: target
                .and_then(|given| given.mcp_servers.as_ref())
                .filter(values),
            mcp_tools: target
                .and_then(|given| given.mcp_tools.as_ref())
                .filter(tools),
            within: subjects
                .and_then(|given| given.r#in.as_deref())
                .filter(|listed| !listed.is_empty()),
            without: subjects
                .and_then(|given| given.not_in.as_deref())
                .filter(|listed| !listed.is_empty()),
            operator: self
                .subjects
                .as_ref()
                .map(|subjects| subjects.operator)
                .unwrap_or_default(),
        }
    }
}

impl Given<'_> {
    /// Whether the target filters.
    pub const fn has_target(&self) -> bool {
        self.model.is_some() || self.has_mcp()
    }

    /// Whether the target has a condition that only MCP messages can meet.
    pub const fn has_mcp(&self) -> bool {
        self.mcp_servers.is_some() || self.mcp_tools.is_some()
    }

    /// Whether the caller is filtered.
    pub const fn has_subjects(&self) -> bool {
        self.within.is_some() || self.without.is_some()
    }
}

/// `server` or `server:tool`, as MCP servers are written.
pub fn split_tool(value: &str) -> (&str, Option<&str>) {
    value
        .split_once(':')
        .map_or((value, None), |(server, tool)| (server, Some(tool)))
}
