//! Which requests are listed.

use std::fmt::Write as _;

use parapet_policy::record::{End, GuardrailRecord};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::entry::{self, Entry};
use super::text::visible;

/// Characters that stand for themselves in a query and in a path.
pub(crate) const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// What became of a request.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Show {
    /// Everything.
    #[default]
    All,
    /// A guardrail stopped it.
    Blocked,
    /// A guardrail changed it.
    Changed,
    /// A guardrail or the model failed.
    Failed,
    /// A guardrail found something, and nothing came of it: it is audited.
    Flagged,
    /// The gateway refused it: no token, a bad body, an unknown model.
    Refused,
}

impl Show {
    /// All of them, as they are offered.
    pub const ALL: [Self; 6] = [
        Self::All,
        Self::Blocked,
        Self::Changed,
        Self::Failed,
        Self::Flagged,
        Self::Refused,
    ];

    /// The word in the query.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Blocked => "blocked",
            Self::Changed => "changed",
            Self::Failed => "failed",
            Self::Flagged => "flagged",
            Self::Refused => "refused",
        }
    }
}

/// Which requests are listed: those for which everything that is given holds.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
pub struct Filter {
    /// What became of them. With a guardrail: what that guardrail did.
    pub show: Show,
    /// A part of a guardrail's selector.
    pub guardrail: String,
    /// A part of the caller, e.g. `user:alice`.
    pub subject: String,
    /// A part of the model's name, or of an MCP server's and its tool's; of a virtual server also its member's.
    pub model: String,
    /// Only those before this one: where the page before ended.
    pub before: String,
}

/// A filter that is made ready for many entries.
pub(crate) struct Ready {
    show: Show,
    guardrail: String,
    subject: String,
    model: String,
    before: Option<(u64, String)>,
}

impl Filter {
    pub(crate) fn ready(&self) -> Ready {
        let lower = |text: &str| text.trim().to_lowercase();
        let before = self.before.split_once('-');
        Ready {
            show: self.show,
            guardrail: lower(&self.guardrail),
            subject: lower(&self.subject),
            model: lower(&self.model),
            before: before.and_then(|(micros, id)| Some((micros.parse().ok()?, id.to_owned()))),
        }
    }

    /// Whether it lets everything through but for the page.
    pub(crate) fn is_empty(&self) -> bool {
        let texts = [&self.guardrail, &self.subject, &self.model];
        self.show == Show::All && texts.iter().all(|text| text.trim().is_empty())
    }

    /// The same filter from another place on, as a query with its question mark.
    pub(crate) fn query(&self, before: Option<&Entry>) -> String {
        let mut query = String::new();
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                let sign = if query.is_empty() { '?' } else { '&' };
                // Writing to a String cannot fail.
                let _ = write!(query, "{sign}{name}={}", utf8_percent_encode(value, PLAIN));
            }
        };
        if self.show != Show::All {
            add("show", self.show.as_str());
        }
        add("guardrail", self.guardrail.trim());
        add("subject", self.subject.trim());
        add("model", self.model.trim());
        if let Some(entry) = before {
            let (micros, id) = entry.position();
            add("before", &format!("{micros}-{id}"));
        }
        query
    }
}

impl Ready {
    pub(crate) fn holds(&self, entry: &Entry) -> bool {
        let record = &entry.record;
        if let Some((micros, id)) = &self.before
            && entry.position() >= (*micros, id.as_str())
        {
            return false;
        }
        // What is seen can be looked for, as it is seen.
        let contains = |text: &str, part: &String| {
            text.to_lowercase().contains(part) || visible(text).to_lowercase().contains(part)
        };
        if !self.subject.is_empty() {
            let subject = record.subject.as_ref().map(ToString::to_string);
            if !subject.is_some_and(|subject| contains(&subject, &self.subject)) {
                return false;
            }
        }
        if !self.model.is_empty() {
            let upstream = || {
                record
                    .attempts
                    .iter()
                    .any(|at| contains(&at.model, &self.model))
            };
            let asked = || {
                let model = record.model.as_ref();
                model.is_some_and(|model| contains(model, &self.model))
            };
            let called = || {
                record.mcp.as_ref().is_some_and(|message| {
                    let member = message.source.as_ref();
                    contains(&entry::about(message), &self.model)
                        || member.is_some_and(|member| contains(member, &self.model))
                })
            };
            if !asked() && !called() && !upstream() {
                return false;
            }
        }
        if self.guardrail.is_empty() {
            return self.shows(entry);
        }
        let named = |one: &&GuardrailRecord| contains(&one.selector, &self.guardrail);
        record
            .guardrails
            .iter()
            .filter(named)
            .any(|one| self.did(one, record.end))
    }

    fn shows(&self, entry: &Entry) -> bool {
        match self.show {
            Show::All => true,
            Show::Blocked => entry.is_blocked(),
            Show::Changed => entry.is_changed(),
            Show::Failed => entry.has_failed(),
            Show::Flagged => entry.is_flagged(),
            Show::Refused => entry.record.end == End::Refused,
        }
    }

    /// Whether one guardrail did what is asked for.
    fn did(&self, guardrail: &GuardrailRecord, end: End) -> bool {
        match self.show {
            Show::All => true,
            Show::Blocked => guardrail.blocks,
            Show::Changed => entry::changed(guardrail),
            Show::Failed => entry::failed(guardrail),
            Show::Flagged => entry::flagged(guardrail),
            Show::Refused => end == End::Refused,
        }
    }
}

#[cfg(test)]
mod tests;
