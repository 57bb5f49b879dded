//! Checks lists of subjects.

use std::fmt::Display;

use crate::diagnostic::{Reason, Source};
use crate::glob;
use crate::subject::{self, SubjectKind};

use super::known::Known;
use super::report::Report;

/// Reports what is not a subject, and virtual accounts that do not exist. `path` is that of the list;
/// `member` what follows an index in it.
pub(super) fn check(
    source: &Source,
    path: impl Display,
    member: &str,
    listed: &[String],
    known: &Known<'_>,
    report: &mut Report,
) {
    for (index, text) in listed.iter().enumerate() {
        match subject::parse(text) {
            Err(error) => {
                report.error(
                    source,
                    format_args!("{path}[{index}]{member}"),
                    Reason::Invalid,
                    error.to_string(),
                );
            }
            Ok((SubjectKind::VirtualAccount, name))
                if !glob::is_pattern(name) && !known.virtual_accounts.contains(name) =>
            {
                let hint = known
                    .hints
                    .did_you_mean(name, known.virtual_accounts.iter().copied());
                let message =
                    format!("there is no VirtualAccount {name:?} in the policy namespace{hint}");
                report.warning(
                    source,
                    format_args!("{path}[{index}]{member}"),
                    Reason::UnknownReference,
                    message,
                );
            }
            Ok((
                SubjectKind::User
                | SubjectKind::Team
                | SubjectKind::Role
                | SubjectKind::VirtualAccount,
                _,
            )) => {}
        }
    }
}
