//! What exists, for checking what rules and lists of subjects name.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::glob;
use crate::subject::{EVERYONE, SubjectKind};

use super::names::Held;
use super::nearest::Hints;
use super::written::WrittenProvider;

/// The names of an installation.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) policy_namespace: &'a str,
    /// By account.
    pub(super) providers: HashMap<&'a str, &'a WrittenProvider, RandomState>,
    /// Names of `VirtualAccount`s.
    pub(super) virtual_accounts: BTreeSet<&'a str>,
    /// Teams that a `VirtualAccount` lists.
    account_teams: BTreeSet<&'a str>,
    /// Whether people can call: only with an `IdentityProvider`.
    pub(super) has_users: bool,
    pub(super) hints: Hints,
}

impl<'a> Known<'a> {
    pub(super) fn new(policy_namespace: &'a str, held: &Held<'a>) -> Self {
        let teams = held
            .accounts
            .iter()
            .flat_map(|account| &account.teams)
            .map(String::as_str);
        Self {
            policy_namespace,
            providers: held
                .providers
                .iter()
                .map(|provider| (&*provider.source.name, *provider))
                .collect(),
            virtual_accounts: held
                .accounts
                .iter()
                .map(|account| &*account.source.name)
                .collect(),
            account_teams: teams.filter(|team| *team != EVERYONE).collect(),
            has_users: !held.identity_providers.is_empty(),
            hints: Hints::default(),
        }
    }

    /// Whether any caller can be this subject. A user's name, teams and roles come with the token, so
    /// every one of them is possible where there are users at all.
    pub(super) fn can_call(&self, kind: SubjectKind, name: &str) -> bool {
        match kind {
            SubjectKind::User | SubjectKind::Role => self.has_users,
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
