//! A rule's `when`, made ready to look requests up in.

use std::sync::Arc;

use crate::facts::{Facts, Target, UNKNOWN_SERVER, tools_by_server};
use crate::glob::{self, Names};
use crate::rule::{
    Given, Membership, SubjectsOperator, ToolsCondition, ValuesCondition, When, split_tool,
};
use crate::subject::Subjects;

/// Decides whether one rule matches a request. Does not allocate.
#[derive(Debug)]
pub(super) struct Matcher {
    /// The only namespace whose targets the rule sees.
    namespace: Option<Arc<str>>,
    target: TargetMatcher,
    subjects: SubjectsMatcher,
    /// Pairs that the request must carry.
    metadata: Box<[(Box<str>, Box<str>)]>,
}

/// Whether a rule matches, or the part of it that failed first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Matches,
    /// The target belongs to a namespace that the rule does not govern.
    OtherNamespace,
    /// Every condition given is on something that the request does not have.
    TargetIgnored,
    /// The request has what the target's conditions are on, and none matches.
    Target,
    Subjects,
    Metadata,
}

impl Verdict {
    pub(super) const fn matches(self) -> bool {
        match self {
            Self::Matches => true,
            Self::OtherNamespace
            | Self::TargetIgnored
            | Self::Target
            | Self::Subjects
            | Self::Metadata => false,
        }
    }
}

impl Matcher {
    pub(super) fn new(when: &When, only_namespace: Option<Arc<str>>) -> Self {
        let pair = |(key, value): (&String, &String)| (key.as_str().into(), value.as_str().into());
        Self {
            namespace: only_namespace,
            target: TargetMatcher::new(when),
            subjects: SubjectsMatcher::new(when),
            metadata: when.metadata.iter().map(pair).collect(),
        }
    }

    pub(super) fn verdict(&self, facts: &Facts) -> Verdict {
        let (Target::Model { namespace, .. } | Target::Mcp { namespace, .. }) = &facts.target;
        if self
            .namespace
            .as_ref()
            .is_some_and(|only| only != namespace)
        {
            return Verdict::OtherNamespace;
        }
        match self.target.matches(&facts.target) {
            Some(true) => {}
            Some(false) => return Verdict::Target,
            None => return Verdict::TargetIgnored,
        }
        let carries = |(key, value): &(Box<str>, Box<str>)| {
            facts
                .metadata
                .get(&**key)
                .is_some_and(|given| **given == **value)
        };
        // Before the subjects, because it is cheaper.
        if !self.metadata.iter().all(carries) {
            return Verdict::Metadata;
        }
        if !self.subjects.matches(facts) {
            return Verdict::Subjects;
        }
        Verdict::Matches
    }
}

/// The target's conditions; those not given are `None`.
#[derive(Debug)]
struct TargetMatcher {
    model: Option<(Names, Membership)>,
    servers: Option<(Servers, Membership)>,
    tools: Option<(Tools, Membership)>,
}

const fn holds(is_listed: bool, membership: Membership) -> bool {
    match membership {
        Membership::In => is_listed,
        Membership::NotIn => !is_listed,
    }
}

impl TargetMatcher {
    fn new(when: &When) -> Self {
        let Given {
            model,
            mcp_servers,
            mcp_tools,
            ..
        } = when.given();
        Self {
            model: model.map(|given| {
                (
                    Names::new(given.values.iter().map(String::as_str)),
                    given.condition,
                )
            }),
            servers: mcp_servers.map(|given| (Servers::new(given), given.condition)),
            tools: mcp_tools.map(|given| (Tools::new(given), given.condition)),
        }
    }

    /// None when conditions are given and the request has none of what they are on.
    fn matches(&self, target: &Target) -> Option<bool> {
        if self.model.is_none() && self.servers.is_none() && self.tools.is_none() {
            return Some(true);
        }
        match target {
            Target::Model { names, .. } => {
                let (listed, membership) = self.model.as_ref()?;
                Some(holds(
                    names.iter().any(|name| listed.holds(name)),
                    *membership,
                ))
            }
            Target::Mcp {
                servers,
                tool,
                source_tool,
                of_any_tool,
                ..
            } => {
                if *of_any_tool && tool.is_none() {
                    return self.matches_any_tool(servers);
                }
                let named = || tools_by_server(servers, tool.as_deref(), source_tool.as_deref());
                let by_server = self.servers.as_ref().map(|(listed, membership)| {
                    let mut named = named();
                    holds(
                        named.any(|(server, tool)| listed.hold(server, tool)),
                        *membership,
                    )
                });
                let by_tool = self.tools.as_ref().filter(|_| tool.is_some());
                let by_tool = by_tool.map(|(listed, membership)| {
                    let holds_tool = |server: &str, tool: &str| match membership {
                        // Whose tool it is nobody knows: it may be one of those that are meant.
                        Membership::In if server == UNKNOWN_SERVER => listed.may_hold(tool),
                        Membership::In | Membership::NotIn => listed.hold(server, tool),
                    };
                    let mut named = named();
                    let is_listed = named
                        .any(|(server, tool)| tool.is_some_and(|tool| holds_tool(server, tool)));
                    holds(is_listed, *membership)
                });
                match (by_server, by_tool) {
                    (None, None) => None,
                    (one, other) => Some(one.unwrap_or(false) || other.unwrap_or(false)),
                }
            }
        }
    }
}

impl TargetMatcher {
    /// Whether there is a tool of these servers with which the conditions would be met.
    fn matches_any_tool(&self, servers: &[Arc<str>]) -> Option<bool> {
        let any = |hold: &dyn Fn(&str) -> bool| servers.iter().any(|server| hold(server));
        let by_server = self
            .servers
            .as_ref()
            .map(|(listed, membership)| match membership {
                Membership::In => any(&|server| listed.hold_any_of(server)),
                Membership::NotIn => !any(&|server| listed.whole.holds(server)),
            });
        let by_tool = self
            .tools
            .as_ref()
            .map(|(listed, membership)| match membership {
                Membership::In => any(&|server| listed.hold_any_of(server)),
                Membership::NotIn => !any(&|server| listed.all_of.holds(server)),
            });
        match (by_server, by_tool) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or(false) || other.unwrap_or(false)),
        }
    }
}

/// Servers, some of them with one tool: `server` or `server:tool`.
#[derive(Debug)]
struct Servers {
    whole: Names,
    with_tool: Box<[(Box<str>, Box<str>)]>,
}

impl Servers {
    fn new(condition: &ValuesCondition) -> Self {
        let (with_tool, whole): (Vec<_>, Vec<_>) = condition
            .values
            .iter()
            .map(|value| split_tool(value))
            .partition(|(_, tool)| tool.is_some());
        let pair =
            |(server, tool): (&str, Option<&str>)| (server.into(), tool.unwrap_or_default().into());
        Self {
            whole: Names::new(whole.into_iter().map(|(server, _)| server)),
            with_tool: with_tool.into_iter().map(pair).collect(),
        }
    }

    fn hold(&self, server: &str, tool: Option<&str>) -> bool {
        self.whole.holds(server)
            || tool.is_some_and(|tool| {
                let listed = |(of, name): &(Box<str>, Box<str>)| {
                    glob::matches(of, server) && glob::matches(name, tool)
                };
                self.with_tool.iter().any(listed)
            })
    }
}

impl Servers {
    /// Whether it holds a server, or any tool of it.
    fn hold_any_of(&self, server: &str) -> bool {
        self.whole.holds(server)
            || self
                .with_tool
                .iter()
                .any(|(of, _)| glob::matches(of, server))
    }
}

/// Tools by server.
#[derive(Debug)]
struct Tools {
    all_of: Names,
    some_of: Box<[(Box<str>, Names)]>,
}

impl Tools {
    fn new(condition: &ToolsCondition) -> Self {
        let (all, some): (Vec<_>, Vec<_>) = condition
            .values
            .iter()
            .partition(|server| server.enable_all_tools);
        let named = |server: &crate::rule::ServerTools| {
            (
                server.name.as_str().into(),
                Names::new(server.enabled_tools.iter().map(String::as_str)),
            )
        };
        Self {
            all_of: Names::new(all.iter().map(|server| server.name.as_str())),
            some_of: some.into_iter().map(named).collect(),
        }
    }

    fn hold(&self, server: &str, tool: &str) -> bool {
        self.all_of.holds(server)
            || self
                .some_of
                .iter()
                .any(|(of, tools)| glob::matches(of, server) && tools.holds(tool))
    }

    /// Whether it holds any tool of a server; of one that is not known, whether it names any.
    fn hold_any_of(&self, server: &str) -> bool {
        let is_of = |(of, tools): &(Box<str>, Names)| {
            (server == UNKNOWN_SERVER || glob::matches(of, server)) && !tools.is_empty()
        };
        self.all_of.holds(server) || self.some_of.iter().any(is_of)
    }

    /// Whether a tool of a server that is not known may be among them: by its name alone.
    fn may_hold(&self, tool: &str) -> bool {
        let names = |(_, tools): &(Box<str>, Names)| tools.holds(tool);
        self.all_of.holds(UNKNOWN_SERVER) || self.some_of.iter().any(names)
    }
}

/// The two lists of callers; those not given are `None`.
#[derive(Debug)]
struct SubjectsMatcher {
    operator: SubjectsOperator,
    within: Option<Subjects>,
    without: Option<Subjects>,
}

impl SubjectsMatcher {
    fn new(when: &When) -> Self {
        let Given {
            within,
            without,
            operator,
            ..
        } = when.given();
        Self {
            operator,
            within: within.map(Subjects::new),
            without: without.map(Subjects::new),
        }
    }

    fn matches(&self, facts: &Facts) -> bool {
        let within = self
            .within
            .as_ref()
            .map(|listed| listed.hold(&facts.caller));
        let without = self
            .without
            .as_ref()
            .map(|listed| !listed.hold(&facts.caller));
        match (self.operator, within, without) {
            (_, None, None) => true,
            (_, Some(only), None) | (_, None, Some(only)) => only,
            (SubjectsOperator::And, Some(within), Some(without)) => within && without,
            (SubjectsOperator::Or, Some(within), Some(without)) => within || without,
        }
    }
}
