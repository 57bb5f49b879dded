//! Finds the few rules that a request could match among many that it cannot.
//!
//! Each rule is filed under the exact values of one of its parts (its models, its callers, a pair of
//! its metadata, its namespace), whichever part shares its values with the fewest other rules. A
//! request looks up the values that it has. Only rules without any exact value are tried every time.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::bundle::RuleEntry;
use crate::facts::{Facts, Subject, Target, UNKNOWN_SERVER};
use crate::glob;
use crate::rule::{Given, Membership, SubjectsOperator, split_tool};
use crate::subject::{self, EVERYONE, SubjectKind};

/// Which requests an index serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    Llm,
    Mcp,
}

/// Rules by what a request must have to match them.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Tried for every request.
    broad: Vec<u32>,
    /// By model name or MCP server.
    names: Buckets,
    /// By model account, for patterns such as `openai-main/*`.
    accounts: Buckets,
    users: Buckets,
    virtual_accounts: Buckets,
    teams: Buckets,
    roles: Buckets,
    namespaces: Buckets,
    /// By key, then by value.
    metadata: HashMap<Box<str>, Buckets, RandomState>,
    /// For tools of servers that are not known: by the tool that a rule names.
    tools: Buckets,
    /// The same for rules that name tools by patterns.
    tool_patterns: Vec<u32>,
}

type Buckets = HashMap<Box<str>, Vec<u32>, RandomState>;

/// One exact value that a request must have.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Key<'a> {
    Name(&'a str),
    Account(&'a str),
    User(&'a str),
    VirtualAccount(&'a str),
    Team(&'a str),
    Role(&'a str),
    Namespace(&'a str),
    Metadata(&'a str, &'a str),
}

impl Index {
    pub(super) fn new(side: Side, rules: &[RuleEntry]) -> Self {
        let ways: Vec<_> = rules.iter().map(|rule| ways_in(side, rule)).collect();
        let mut shared: HashMap<Key<'_>, usize, RandomState> = HashMap::default();
        for key in ways.iter().flatten().flatten().flatten() {
            *shared.entry(*key).or_default() += 1;
        }
        let crowd =
            |keys: &Vec<Key<'_>>| keys.iter().filter_map(|key| shared.get(key)).max().copied();
        let mut index = Self::default();
        for (rule, ways) in (0u32..).zip(&ways) {
            let Some(ways) = ways else { continue };
            match ways.iter().min_by_key(|keys| crowd(keys)) {
                Some(keys) => keys.iter().for_each(|key| index.file(*key, rule)),
                None => index.broad.push(rule),
            }
        }
        if side == Side::Mcp {
            for ((number, rule), ways) in (0u32..).zip(rules).zip(&ways) {
                if ways.is_some() {
                    index.file_by_tool(rule.when.given(), number);
                }
            }
        }
        index
    }

    /// Files a rule under the tools that it names, whatever their servers.
    fn file_by_tool(&mut self, given: Given<'_>, rule: u32) {
        let listed = given.mcp_tools.into_iter();
        let named = listed.flat_map(|tools| tools.values.iter().flat_map(|one| &one.enabled_tools));
        for tool in named {
            let rules = match glob::is_pattern(tool) {
                true => &mut self.tool_patterns,
                false => self.tools.entry(tool.as_str().into()).or_default(),
            };
            // Of one rule's names neighbours at most are equal.
            if rules.last() != Some(&rule) {
                rules.push(rule);
            }
        }
    }

    fn file(&mut self, key: Key<'_>, rule: u32) {
        let (buckets, value) = match key {
            Key::Name(value) => (&mut self.names, value),
            Key::Account(value) => (&mut self.accounts, value),
            Key::User(value) => (&mut self.users, value),
            Key::VirtualAccount(value) => (&mut self.virtual_accounts, value),
            Key::Team(value) => (&mut self.teams, value),
            Key::Role(value) => (&mut self.roles, value),
            Key::Namespace(value) => (&mut self.namespaces, value),
            Key::Metadata(key, value) => (self.metadata.entry(key.into()).or_default(), value),
        };
        buckets.entry(value.into()).or_default().push(rule);
    }

    /// Calls `found` for every rule that could match, for some of them more than once.
    pub(super) fn candidates(&self, facts: &Facts, mut found: impl FnMut(u32)) {
        let mut look_up = |buckets: &Buckets, value: &str| {
            // Most policies leave most of the maps empty.
            if !buckets.is_empty()
                && let Some(rules) = buckets.get(value)
            {
                rules.iter().copied().for_each(&mut found);
            }
        };
        let mut by_pattern: &[u32] = &[];
        let namespace = match &facts.target {
            Target::Model { namespace, names } => {
                for name in names.iter() {
                    look_up(&self.names, name);
                    look_up(&self.accounts, account_of(name));
                }
                namespace
            }
            Target::Mcp {
                namespace,
                servers,
                tool,
                ..
            } => {
                servers
                    .iter()
                    .for_each(|server| look_up(&self.names, server));
                if servers.iter().any(|server| **server == *UNKNOWN_SERVER) {
                    match tool {
                        Some(tool) => look_up(&self.tools, tool),
                        None => self
                            .tools
                            .keys()
                            .for_each(|tool| look_up(&self.tools, tool)),
                    }
                    by_pattern = &self.tool_patterns;
                }
                namespace
            }
        };
        look_up(&self.namespaces, namespace);
        match &facts.caller.subject {
            Subject::User(name) => {
                look_up(&self.users, name);
                look_up(&self.teams, EVERYONE);
            }
            Subject::VirtualAccount(name) => look_up(&self.virtual_accounts, name),
        }
        facts
            .caller
            .teams
            .iter()
            .for_each(|team| look_up(&self.teams, team));
        facts
            .caller
            .roles
            .iter()
            .for_each(|role| look_up(&self.roles, role));
        if !self.metadata.is_empty() {
            for (key, value) in &facts.metadata {
                if let Some(buckets) = self.metadata.get(key.as_str()) {
                    look_up(buckets, value);
                }
            }
        }
        self.broad.iter().chain(by_pattern).copied().for_each(found);
    }
}

/// What stands before the first `/` of `account/model`.
fn account_of(model: &str) -> &str {
    model.split_once('/').map_or(model, |(account, _)| account)
}

/// The ways to find a rule: of each, a request that matches has at least one key. None when no request
/// of this side can match the rule, or it would do nothing.
fn ways_in(side: Side, rule: &RuleEntry) -> Option<Vec<Vec<Key<'_>>>> {
    let lists = &rule.guardrails;
    let does_something = match side {
        Side::Llm => {
            !lists.llm_input.is_empty()
                || !lists.llm_output.is_empty()
                || rule.input_execution.is_some()
                || rule.unscannable.is_some()
        }
        Side::Mcp => {
            !lists.mcp_tool_pre_invoke.is_empty()
                || !lists.mcp_tool_post_invoke.is_empty()
                || rule.unscannable.is_some()
                || rule.taint.is_some()
        }
    };
    if !does_something {
        return None;
    }
    let mut ways = Vec::new();
    let given = rule.when.given();
    ways.extend(by_target(side, given)?);
    ways.extend(by_subject(given));
    ways.extend(
        rule.when
            .metadata
            .iter()
            .map(|(key, value)| vec![Key::Metadata(key, value)]),
    );
    ways.extend(
        rule.only_namespace
            .as_deref()
            .map(|namespace| vec![Key::Namespace(namespace)]),
    );
    Some(ways)
}

/// `None`: never matches on this side. `Some(None)`: no exact value.
fn by_target(side: Side, given: Given<'_>) -> Option<Option<Vec<Key<'_>>>> {
    let Given {
        model,
        mcp_servers: servers,
        mcp_tools: tools,
        ..
    } = given;
    if !given.has_target() {
        return Some(None);
    }
    match side {
        Side::Llm => {
            let model = model?;
            let keys = match model.condition {
                Membership::In => model.values.iter().map(|value| model_key(value)).collect(),
                Membership::NotIn => None,
            };
            Some(keys)
        }
        Side::Mcp if !given.has_mcp() => None,
        Side::Mcp => {
            let excludes = servers.is_some_and(|given| given.condition == Membership::NotIn)
                || tools.is_some_and(|given| given.condition == Membership::NotIn);
            if excludes {
                return Some(None);
            }
            let by_server = servers
                .into_iter()
                .flat_map(|given| &given.values)
                .map(|value| split_tool(value).0);
            let by_tool = tools
                .into_iter()
                .flat_map(|given| &given.values)
                .map(|server| server.name.as_str());
            let key = |server| (!glob::is_pattern(server)).then_some(Key::Name(server));
            Some(by_server.chain(by_tool).map(key).collect())
        }
    }
}

fn model_key(value: &str) -> Option<Key<'_>> {
    if !glob::is_pattern(value) {
        return Some(Key::Name(value));
    }
    // Up to the slash there is no star, so every name that matches has this account.
    let (account, _) = value.split_once('/')?;
    (!glob::is_pattern(account)).then_some(Key::Account(account))
}

fn by_subject(given: Given<'_>) -> Option<Vec<Key<'_>>> {
    let within = given.within?;
    match given.operator {
        SubjectsOperator::Or if given.without.is_some() => return None,
        SubjectsOperator::Or | SubjectsOperator::And => {}
    }
    // What is not a subject holds nobody, so no request needs to find the rule by it.
    let known = within.iter().filter_map(|text| subject::parse(text).ok());
    known
        .map(|(kind, name)| {
            let key = match kind {
                SubjectKind::User => Key::User(name),
                SubjectKind::Team => Key::Team(name),
                SubjectKind::VirtualAccount => Key::VirtualAccount(name),
                SubjectKind::Role => Key::Role(name),
            };
            (!glob::is_pattern(name)).then_some(key)
        })
        .collect()
}
