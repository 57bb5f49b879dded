//! What is known of a call, in the words of the schema, without any of Cedar's own types.

use std::collections::BTreeMap;
use std::sync::Arc;

use parapet_policy::facts::{Caller, Subject, tools_by_server};

use super::conditions::{Kind, Of, Uid};
use super::values::{self, Argument};
use crate::exchange::ToolHints;

/// The team that every user is in.
pub(super) const EVERYONE: &str = "everyone";
/// The action of a tool call.
pub(super) const TOOL_ACTION: &str = "MCPToolInvoke";
/// The action of a model call.
pub(super) const MODEL_ACTION: &str = "ModelInvoke";

/// What is called.
#[derive(Clone, Copy)]
pub(super) struct Resource<'a> {
    /// All names of the model or the server, the one asked for first.
    pub(super) names: &'a Arc<[Arc<str>]>,
    /// The tool; none for a model.
    pub(super) tool: Option<&'a Arc<str>>,
    /// The tool as the source server behind a virtual one names it, where that differs.
    pub(super) source_tool: Option<&'a Arc<str>>,
    /// What is known of the tool.
    pub(super) hints: ToolHints,
}

/// Who calls what, and with what.
#[derive(Clone, Copy)]
pub(super) struct CallFacts<'a> {
    pub(super) caller: &'a Caller,
    pub(super) resource: Resource<'a>,
    /// None where it is not looked at: nothing that reads it has an answer then.
    pub(super) given: Option<Given<'a>>,
}

/// What every call brings anew.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    /// None for a model call.
    pub(super) arguments: Option<&'a values::Members>,
    pub(super) metadata: &'a BTreeMap<String, String>,
}

impl Resource<'_> {
    /// What was asked for: the model or the server.
    pub(super) fn asked(&self) -> &str {
        self.names.first().map_or("", |name| name)
    }

    /// The server that is called in the end: a policy about it holds whatever it is called on the way there.
    pub(super) fn server(&self) -> &str {
        self.names.last().map_or("", |name| name)
    }
}

impl CallFacts<'_> {
    /// The type of an entity of the request.
    pub(super) const fn kind(&self, of: Of) -> Kind {
        match (of, &self.caller.subject, self.resource.tool) {
            (Of::Principal, Subject::User(_), _) => Kind::User,
            (Of::Principal, Subject::VirtualAccount(_), _) => Kind::VirtualAccount,
            (Of::Action, ..) => Kind::Action,
            (Of::Resource, _, Some(_)) => Kind::Tool,
            (Of::Resource, _, None) => Kind::Model,
        }
    }

    /// Whether an entity of the request is this one.
    pub(super) fn is(&self, of: Of, uid: &Uid) -> bool {
        if self.kind(of) != uid.kind {
            return false;
        }
        match (of, self.resource.tool) {
            (Of::Principal, _) => **self.caller.subject.name() == *uid.id,
            (Of::Action, Some(_)) => *uid.id == *TOOL_ACTION,
            (Of::Action, None) => *uid.id == *MODEL_ACTION,
            (Of::Resource, Some(tool)) => is_tool(&uid.id, self.resource.asked(), tool),
            (Of::Resource, None) => *uid.id == *self.resource.asked(),
        }
    }

    /// Whether an entity of the request is this one, or in it.
    pub(super) fn is_within(&self, of: Of, group: &Uid) -> bool {
        if self.is(of, group) {
            return true;
        }
        match of {
            Of::Principal => self.is_member(group),
            Of::Action => false,
            Of::Resource => match self.resource.tool {
                Some(tool) => self.is_tool_in(tool, group),
                None => self.is_model_in(group),
            },
        }
    }

    fn is_member(&self, group: &Uid) -> bool {
        let among = |groups: &[Arc<str>]| groups.iter().any(|name| **name == *group.id);
        match group.kind {
            Kind::Team => {
                among(&self.caller.teams)
                    || matches!(self.caller.subject, Subject::User(_)) && *group.id == *EVERYONE
            }
            Kind::Role => among(&self.caller.roles),
            Kind::User
            | Kind::VirtualAccount
            | Kind::Server
            | Kind::Tool
            | Kind::Provider
            | Kind::Model
            | Kind::Action
            | Kind::Other => false,
        }
    }

    fn is_tool_in(&self, tool: &str, group: &Uid) -> bool {
        let source_tool = self.resource.source_tool.map(|tool| &**tool);
        let mut ways = tools_by_server(self.resource.names, Some(tool), source_tool);
        match group.kind {
            Kind::Server => ways.any(|(server, _)| *server == *group.id),
            Kind::Tool => {
                ways.any(|(server, named)| is_tool(&group.id, server, named.unwrap_or(tool)))
            }
            Kind::User
            | Kind::VirtualAccount
            | Kind::Team
            | Kind::Role
            | Kind::Provider
            | Kind::Model
            | Kind::Action
            | Kind::Other => false,
        }
    }

    fn is_model_in(&self, group: &Uid) -> bool {
        let mut names = self.resource.names.iter();
        match group.kind {
            Kind::Model => names.any(|name| **name == *group.id),
            Kind::Provider => names.any(|name| {
                let account = name.split_once('/').map(|(account, _)| account);
                account == Some(&*group.id)
            }),
            Kind::User
            | Kind::VirtualAccount
            | Kind::Team
            | Kind::Role
            | Kind::Server
            | Kind::Tool
            | Kind::Action
            | Kind::Other => false,
        }
    }

    /// `resource.name`
    pub(super) fn resource_name(&self) -> &str {
        match self.resource.tool {
            Some(tool) => tool,
            None => self.resource.asked(),
        }
    }

    /// `resource.server`; none of a model.
    pub(super) fn resource_server(&self) -> Option<&str> {
        self.resource.tool.map(|_| self.resource.asked())
    }

    /// `context.server`; none of a model.
    pub(super) fn server(&self) -> Option<&str> {
        self.resource.tool.map(|_| self.resource.server())
    }

    /// `context.tool`; none of a model.
    pub(super) fn tool(&self) -> Option<&str> {
        let tool = self.resource.tool?;
        Some(self.resource.source_tool.unwrap_or(tool))
    }

    /// `context.model`; none of a tool.
    pub(super) fn model(&self) -> Option<&str> {
        match self.resource.tool {
            Some(_) => None,
            None => Some(self.resource.asked()),
        }
    }

    /// A hint, if it is there; none for what is no hint of a tool.
    pub(super) fn hint(&self, name: &str) -> Option<Option<bool>> {
        self.resource.tool?;
        let hints = named(self.resource.hints);
        hints
            .into_iter()
            .find_map(|(known, hint)| (known == name).then_some(hint))
    }

    /// A key of the metadata, if it is there; none where metadata is not looked at.
    pub(super) fn metadata(&self, name: &str) -> Option<Option<&str>> {
        let value = self.given?.metadata.get(name);
        Some(value.map(String::as_str))
    }

    /// An argument, if it is there; none where arguments are not looked at, and where what it would be in is not there or
    /// is no record.
    pub(super) fn argument(&self, path: &[Box<str>]) -> Option<Option<&Argument>> {
        let mut members = self.given?.arguments?;
        let (last, records) = path.split_last()?;
        for record in records {
            match member(members, record)? {
                Argument::Record(below) => members = below,
                Argument::Text(_)
                | Argument::Long(_)
                | Argument::Bool(_)
                | Argument::Texts(_)
                | Argument::Other(_) => return None,
            }
        }
        Some(member(members, last))
    }
}

/// The hints by their names in the schema.
pub(super) const fn named(hints: ToolHints) -> [(&'static str, Option<bool>); 4] {
    [
        ("readOnly", hints.read_only),
        ("destructive", hints.destructive),
        ("idempotent", hints.idempotent),
        ("openWorld", hints.open_world),
    ]
}

/// Whether this is the id of a server's tool.
fn is_tool(id: &str, server: &str, tool: &str) -> bool {
    let named = id.strip_prefix(server).and_then(|id| id.strip_prefix(':'));
    named == Some(tool)
}

fn member<'a>(members: &'a values::Members, name: &str) -> Option<&'a Argument> {
    let mut members = members.iter();
    members.find_map(|(known, value)| (known == name).then_some(value))
}
