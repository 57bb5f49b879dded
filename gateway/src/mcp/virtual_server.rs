//! Tools of several servers under one endpoint: who is in it, what is called how, and to whom a name leads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use parapet_crds::mcp_server::{OnMemberFailure, VirtualServer};
use parapet_policy::facts::Caller;
use parapet_policy::glob;

use super::server::Server;

pub(crate) mod edit;
pub(crate) mod joined;
mod names;

use names::Names;

/// Names with a hash that are remembered; then all are forgotten and learned again.
const MOST_LEARNED: usize = 4096;

/// A virtual server in its ready form.
#[derive(Debug)]
pub(crate) struct Virtual {
    members: Vec<Member>,
    names: Names,
    /// What a list is when a member cannot be asked.
    pub(crate) on_failure: OnMemberFailure,
    /// For the model.
    pub(crate) instructions: Option<String>,
    /// Names that end in a hash: member, and its own name. They follow from the resource, so that what was learned from
    /// one caller's list is true for all.
    learned: Mutex<HashMap<String, (usize, String), RandomState>>,
}

/// One server of a virtual one.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// None when there is no such server, or when it cannot be a member.
    server: Option<Arc<Server>>,
    /// Its tools that are offered; none: all.
    tools: Option<Vec<String>>,
}

/// Where a name leads.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Leads {
    /// To a member, which calls it so.
    To(usize, String),
    /// To one of these members, if any: only their lists can tell.
    ToOneOf(Vec<usize>),
    /// Nowhere.
    Nowhere,
}

impl Virtual {
    /// Made ready with the servers that it may have as members, by name.
    pub(crate) fn new<'a>(
        written: &VirtualServer,
        server: impl Fn(&str) -> Option<&'a Arc<Server>>,
    ) -> Self {
        let members = written.members.iter();
        let named = members
            .clone()
            .map(|member| (member.server.as_str(), member.prefix.as_deref()));
        Self {
            names: Names::new(named),
            members: members
                .map(|member| Member {
                    name: member.server.as_str().into(),
                    server: server(&member.server).cloned(),
                    tools: member.tools.clone(),
                })
                .collect(),
            on_failure: written.on_member_failure,
            instructions: written.instructions.clone(),
            learned: Mutex::default(),
        }
    }

    /// The members, in the resource's order.
    pub(crate) fn members(&self) -> impl Iterator<Item = (usize, &Member)> {
        self.members.iter().enumerate()
    }

    /// A member.
    pub(crate) fn member(&self, index: usize) -> Option<&Member> {
        self.members.get(index)
    }

    /// The member of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| &*member.name == name)
    }

    /// What clients call a tool of a member.
    pub(crate) fn name(&self, member: usize, own: &str) -> String {
        self.names.of(member, own)
    }

    /// Where a tool's name leads.
    pub(crate) fn resolve(&self, name: &str) -> Leads {
        if let Some((index, own)) = self.names.resolve(name) {
            return self.offered(index, own);
        }
        let learned = self.learned().get(name).cloned();
        if let Some((index, own)) = learned {
            return self.offered(index, &own);
        }
        match self.names.candidates(name) {
            none if none.is_empty() => Leads::Nowhere,
            members => Leads::ToOneOf(members),
        }
    }

    fn offered(&self, index: usize, own: &str) -> Leads {
        match self.member(index) {
            Some(member) if member.offers(own) => Leads::To(index, own.to_owned()),
            Some(_) | None => Leads::Nowhere,
        }
    }

    /// Remembers where a name leads, if that does not follow from the name itself.
    pub(crate) fn learn(&self, name: &str, member: usize, own: &str) {
        if self.names.candidates(name).is_empty() {
            return;
        }
        let mut learned = self.learned();
        if learned.len() >= MOST_LEARNED {
            learned.clear();
        }
        learned.insert(name.to_owned(), (member, own.to_owned()));
    }

    fn learned(&self) -> std::sync::MutexGuard<'_, HashMap<String, (usize, String), RandomState>> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// The server, for a caller who may use it.
    pub(crate) fn open_to(&self, caller: &Caller) -> Option<&Arc<Server>> {
        self.server.as_ref().filter(|server| server.may_use(caller))
    }

    /// Whether there is a server that can be called at all.
    pub(crate) fn is_there(&self) -> bool {
        let server = self.server.as_ref();
        server.is_some_and(|server| server.backend.is_some())
    }

    /// Whether the virtual server offers one of its tools.
    pub(crate) fn offers(&self, own: &str) -> bool {
        let tools = self.tools.as_ref();
        tools.is_none_or(|tools| tools.iter().any(|tool| glob::matches(tool, own)))
    }
}

#[cfg(test)]
mod tests;
