//! Collects diagnostics.

use std::cmp::Ordering;
use std::fmt::Display;

use crate::diagnostic::{Diagnostic, Reason, Severity, Source};

/// What has been said so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    pub(super) fn say(
        &mut self,
        source: &Source,
        path: impl Display,
        severity: Severity,
        reason: Reason,
        message: impl Into<String>,
    ) {
        self.diagnostics.push(Diagnostic {
            source: source.clone(),
            path: path.to_string(),
            severity,
            reason,
            message: message.into(),
        });
    }

    pub(super) fn error(
        &mut self,
        source: &Source,
        path: impl Display,
        reason: Reason,
        message: impl Into<String>,
    ) {
        self.say(source, path, Severity::Error, reason, message);
    }

    pub(super) fn warning(
        &mut self,
        source: &Source,
        path: impl Display,
        reason: Reason,
        message: impl Into<String>,
    ) {
        self.say(source, path, Severity::Warning, reason, message);
    }

    pub(super) fn info(
        &mut self,
        source: &Source,
        path: impl Display,
        reason: Reason,
        message: impl Into<String>,
    ) {
        self.say(source, path, Severity::Info, reason, message);
    }

    /// Sorted by source and path, each said once.
    pub(super) fn into_diagnostics(self) -> Vec<Diagnostic> {
        let mut diagnostics = self.diagnostics;
        diagnostics.sort_by(|one, other| {
            let sources = one.source.cmp(&other.source);
            sources
                .then_with(|| by_path(&one.path, &other.path))
                .then_with(|| one.cmp(other))
        });
        diagnostics.dedup();
        diagnostics
    }
}

/// Orders paths as they stand in the document: `rules[2]` before `rules[10]`.
fn by_path(one: &str, other: &str) -> Ordering {
    let index = |part: &str| {
        part.split(']')
            .next()
            .and_then(|digits| digits.parse::<u32>().ok())
    };
    let (mut ones, mut others) = (one.split('['), other.split('['));
    loop {
        match (ones.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => {
                let order = index(one).cmp(&index(other)).then_with(|| one.cmp(other));
                if order != Ordering::Equal {
                    return order;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::by_path;

    #[test]
    fn indices_sort_as_numbers() {
        let mut paths = [
            "spec.rules[10].id",
            "spec.rules[2].when",
            "",
            "spec.rules[2].id",
            "spec.a[1].b[3]",
            "spec.a[1].b",
        ];
        paths.sort_by(|one, other| by_path(one, other));
        assert_eq!(
            paths,
            [
                "",
                "spec.a[1].b",
                "spec.a[1].b[3]",
                "spec.rules[2].id",
                "spec.rules[2].when",
                "spec.rules[10].id"
            ]
        );
    }
}
