//! Callers as rules and collaborators name them: `user:`, `team:`, `virtualaccount:` and `role:`.

use crate::facts::{Caller, Subject};
use crate::glob::{self, Names};

/// The team of every authenticated user. Virtual accounts are never in it, whatever they list.
pub const EVERYONE: &str = "everyone";

/// What a subject's prefix says.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SubjectKind {
    /// `user:`, a person.
    User,
    /// `team:`, whoever belongs to it.
    Team,
    /// `virtualaccount:` (older documents: `virtual-account:`), a machine.
    VirtualAccount,
    /// `role:`, whoever has it.
    Role,
}

/// Why a text is not a subject.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{text:?} is not a subject: write user:NAME, team:NAME, virtualaccount:NAME or role:NAME \
     (* stands for any run of characters in NAME)"
)]
pub struct SubjectError {
    /// What was written.
    pub text: String,
}

/// Splits a written subject into kind and name.
///
/// # Errors
/// A prefix that is not one of the four, or no name.
pub fn parse(text: &str) -> Result<(SubjectKind, &str), SubjectError> {
    let fail = || SubjectError {
        text: text.to_owned(),
    };
    let (prefix, name) = text.split_once(':').ok_or_else(fail)?;
    if name.is_empty() || name.trim() != name {
        return Err(fail());
    }
    let kind = match prefix {
        "user" => SubjectKind::User,
        "team" => SubjectKind::Team,
        "virtualaccount" | "virtual-account" => SubjectKind::VirtualAccount,
        "role" => SubjectKind::Role,
        _ => return Err(fail()),
    };
    Ok((kind, name))
}

/// Whether a caller is one of `subjects`. What is not a subject holds nobody.
pub fn caller_is_among<S: AsRef<str>>(caller: &Caller, subjects: &[S]) -> bool {
    subjects
        .iter()
        .filter_map(|text| parse(text.as_ref()).ok())
        .any(|(kind, name)| holds(caller, kind, |candidate| glob::matches(name, candidate)))
}

/// Whether any of the caller's names of one kind is listed.
fn holds(caller: &Caller, kind: SubjectKind, listed: impl Fn(&str) -> bool) -> bool {
    match (kind, &caller.subject) {
        (SubjectKind::User, Subject::User(name))
        | (SubjectKind::VirtualAccount, Subject::VirtualAccount(name)) => listed(name),
        (SubjectKind::User, Subject::VirtualAccount(_))
        | (SubjectKind::VirtualAccount, Subject::User(_)) => false,
        (SubjectKind::Team, subject) => {
            let everyone = match subject {
                Subject::User(_) => listed(EVERYONE),
                Subject::VirtualAccount(_) => false,
            };
            everyone
                || caller
                    .teams
                    .iter()
                    .any(|team| &**team != EVERYONE && listed(team))
        }
        (SubjectKind::Role, _) => caller.roles.iter().any(|role| listed(role)),
    }
}

/// Subjects made ready to look callers up in.
#[derive(Clone, Debug, Default)]
pub struct Subjects {
    users: Names,
    teams: Names,
    accounts: Names,
    roles: Names,
}

impl Subjects {
    /// Reads a list. What is not a subject holds nobody; the compiler has said so.
    pub fn new<S: AsRef<str>>(subjects: &[S]) -> Self {
        let of = |wanted| {
            let parsed = subjects.iter().filter_map(|text| parse(text.as_ref()).ok());
            Names::new(
                parsed
                    .filter(|(kind, _)| *kind == wanted)
                    .map(|(_, name)| name),
            )
        };
        Self {
            users: of(SubjectKind::User),
            teams: of(SubjectKind::Team),
            accounts: of(SubjectKind::VirtualAccount),
            roles: of(SubjectKind::Role),
        }
    }

    /// Whether the caller is one of them. Does not allocate.
    pub fn hold(&self, caller: &Caller) -> bool {
        holds(caller, SubjectKind::User, |name| self.users.holds(name))
            || holds(caller, SubjectKind::VirtualAccount, |name| {
                self.accounts.holds(name)
            })
            || holds(caller, SubjectKind::Team, |name| self.teams.holds(name))
            || holds(caller, SubjectKind::Role, |name| self.roles.holds(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(subject: Subject, teams: &[&str], roles: &[&str]) -> Caller {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
        Caller {
            subject,
            teams: owned(teams),
            roles: owned(roles),
        }
    }

    #[test]
    fn who_is_among_whom() {
        let alice = caller(
            Subject::User("alice@x.com".into()),
            &["payments"],
            &["admin"],
        );
        let bot = caller(
            Subject::VirtualAccount("bot".into()),
            &["payments", "everyone"],
            &[],
        );
        for (subject, is_alice, is_bot) in [
            ("user:alice@x.com", true, false),
            ("user:*@x.com", true, false),
            ("user:*", true, false),
            ("user:bot", false, false),
            ("user:bob@x.com", false, false),
            ("team:everyone", true, false),
            ("team:every*", true, false),
            ("team:*", true, true),
            ("team:payments", true, true),
            ("team:pay", false, false),
            ("virtualaccount:bot", false, true),
            ("virtual-account:bot", false, true),
            ("virtualaccount:*", false, true),
            ("virtualaccount:alice@x.com", false, false),
            ("role:admin", true, false),
            ("role:*", true, false),
            ("alice@x.com", false, false),
            ("group:payments", false, false),
            ("user:", false, false),
            ("*", false, false),
        ] {
            for (who, expected) in [(&alice, is_alice), (&bot, is_bot)] {
                assert_eq!(
                    caller_is_among(who, &[subject]),
                    expected,
                    "{subject} {}",
                    who.subject
                );
                assert_eq!(
                    Subjects::new(&[subject]).hold(who),
                    expected,
                    "{subject} {}",
                    who.subject
                );
            }
        }
        assert!(!caller_is_among::<&str>(&alice, &[]));
    }
}
