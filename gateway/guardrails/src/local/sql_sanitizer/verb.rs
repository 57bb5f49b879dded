//! The verbs that options object to.

use super::engine::Options;

/// A destructive verb.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verb {
    Drop,
    Truncate,
    Alter,
    Grant,
    Revoke,
    Delete,
    Update,
}

impl Verb {
    /// Reads a word.
    pub(super) fn of(word: &str) -> Option<Self> {
        const VERBS: [(&str, Verb); 7] = [
            ("DROP", Verb::Drop),
            ("TRUNCATE", Verb::Truncate),
            ("ALTER", Verb::Alter),
            ("GRANT", Verb::Grant),
            ("REVOKE", Verb::Revoke),
            ("DELETE", Verb::Delete),
            ("UPDATE", Verb::Update),
        ];
        VERBS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word))
            .map(|(_, verb)| *verb)
    }

    /// What a finding of it is called.
    pub(super) const fn category(self) -> &'static str {
        match self {
            Self::Drop => "sql_drop",
            Self::Truncate => "sql_truncate",
            Self::Alter => "sql_alter",
            Self::Grant => "sql_grant",
            Self::Revoke => "sql_revoke",
            Self::Delete => "sql_delete_without_where",
            Self::Update => "sql_update_without_where",
        }
    }

    /// Whether the options object to it.
    pub(super) const fn is_blocked(self, options: &Options) -> bool {
        match self {
            Self::Drop => options.drop,
            Self::Truncate => options.truncate,
            Self::Alter => options.alter,
            Self::Grant => options.grant,
            Self::Revoke => options.revoke,
            Self::Delete => options.delete_without_where,
            Self::Update => options.update_without_where,
        }
    }
}
