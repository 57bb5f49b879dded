//! A diagnostic with its place in a file.

use std::path::Path;

use parapet_policy::diagnostic::{Diagnostic, Reason, Severity, Source};
use serde::Serialize;

use super::node::Position;

/// A diagnostic and where in its file it points.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Remark {
    /// What is to be said. For a file as a whole its source has no kind and no name.
    #[serde(flatten)]
    pub diagnostic: Diagnostic,
    /// Line and column, when known.
    pub position: Option<Position>,
}

impl Remark {
    /// About a file in which no resource was recognised.
    pub(super) fn of_file(
        file: &str,
        position: Option<Position>,
        severity: Severity,
        message: String,
    ) -> Self {
        let source = Source {
            kind: "".into(),
            namespace: "".into(),
            name: "".into(),
            file: Some(file.into()),
        };
        Self {
            diagnostic: Diagnostic {
                source,
                path: String::new(),
                severity,
                reason: Reason::Invalid,
                message,
            },
            position,
        }
    }

    /// Whether it keeps the set from being put in force.
    pub fn is_error(&self) -> bool {
        self.diagnostic.severity == Severity::Error
    }

    /// One line for people: `root/file.yaml:3:5: error: Kind ns/name: path: message [Reason]`.
    pub fn render(&self, root: &Path) -> String {
        use std::fmt::Write as _;
        let Diagnostic {
            source,
            path,
            severity,
            reason,
            message,
        } = &self.diagnostic;
        let mut line = String::new();
        // Writing to a String cannot fail.
        if let Some(file) = source.file.as_deref() {
            let shown = if root.is_file() {
                root.to_owned()
            } else {
                root.join(file)
            };
            let _ = write!(line, "{}", shown.display());
            if let Some(position) = self.position {
                let _ = write!(line, ":{}:{}", position.line, position.column);
            }
            line.push_str(": ");
        }
        line.push_str(match severity {
            Severity::Info => "info: ",
            Severity::Warning => "warning: ",
            Severity::Error => "error: ",
        });
        if !source.kind.is_empty() {
            let _ = write!(
                line,
                "{} {}/{}: ",
                source.kind, source.namespace, source.name
            );
        }
        if !path.is_empty() {
            let _ = write!(line, "{path}: ");
        }
        let _ = write!(line, "{message} [{reason:?}]");
        line
    }
}
