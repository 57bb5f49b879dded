//! What exists, for checking what rules and lists of subjects name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::glob;
use crate::subject::{EVERYONE, SubjectKind};

use super::mcp_servers::KnownTools;
use super::names::Held;
use super::nearest::Hints;
use super::written::{WrittenMcpServer, WrittenProvider};

/// The names of an installation.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) policy_namespace: &'a str,
    /// By account.
    pub(super) providers: HashMap<&'a str, &'a WrittenProvider, RandomState>,
    /// By name.
    pub(super) mcp_servers: BTreeMap<&'a str, (&'a WrittenMcpServer, KnownTools<'a>)>,
    /// Names of `VirtualAccount`s.
    pub(super) virtual_accounts: BTreeSet<&'a str>,
    /// Teams that a `VirtualAccount` lists.
    account_teams: BTreeSet<&'a str>,
    /// Roles that a `VirtualAccount` lists.
    account_roles: BTreeSet<&'a str>,
    /// Names of `IdentityProvider`s.
    pub(super) identity_providers: BTreeSet<&'a str>,
    /// Whether people can call: only with an `IdentityProvider`, or without any token where the settings say so.
    pub(super) has_users: bool,
    /// Whether results of any MCP server hold text of strangers.
    pub(super) has_untrusted_servers: bool,
    pub(super) hints: Hints,
}

impl<'a> Known<'a> {
    pub(super) fn new(policy_namespace: &'a str, held: &Held<'a>) -> Self {
        let teams = held
            .accounts
            .iter()
            .flat_map(|account| &account.teams)
            .map(String::as_str);
        let roles = held.accounts.iter().flat_map(|account| &account.roles);
        let identity_providers = held.identity_providers.iter();
        let identity_providers: BTreeSet<_> = identity_providers
            .map(|provider| &*provider.source.name)
            .collect();
        let anonymous = held.settings.first().is_some_and(|settings| {
            let anonymous = settings.spec.get("anonymous");
            anonymous.is_some_and(|anonymous| !anonymous.is_null())
        });
        Self {
            policy_namespace,
            providers: held
                .providers
                .iter()
                .map(|provider| (&*provider.source.name, *provider))
                .collect(),
            mcp_servers: held
                .mcp_servers
                .iter()
                .map(|server| (&*server.source.name, (*server, KnownTools::new(server))))
                .collect(),
            virtual_accounts: held
                .accounts
                .iter()
                .map(|account| &*account.source.name)
                .collect(),
            account_teams: teams.filter(|team| *team != EVERYONE).collect(),
            account_roles: roles.map(String::as_str).collect(),
            has_users: !identity_providers.is_empty() || anonymous,
            identity_providers,
            has_untrusted_servers: held.mcp_servers.iter().any(|server| {
                let trust = server.spec.get("trust");
                trust.and_then(serde_json::Value::as_str) == Some("untrusted")
            }),
            hints: Hints::default(),
        }
    }

    /// Whether any caller can be this subject. A user's name, teams and roles come with the token, so
    /// every one of them is possible where there are users at all.
    pub(super) fn can_call(&self, kind: SubjectKind, name: &str) -> bool {
        match kind {
            SubjectKind::User => self.has_users,
            SubjectKind::Role => {
                !self.identity_providers.is_empty()
                    || self
                        .account_roles
                        .iter()
                        .any(|role| glob::matches(name, role))
            }
            SubjectKind::Team => {
                self.has_users
                    || self
                        .account_teams
                        .iter()
                        .any(|team| glob::matches(name, team))
            }
            SubjectKind::VirtualAccount => self
                .virtual_accounts
                .iter()
                .any(|account| glob::matches(name, account)),
        }
    }
}
