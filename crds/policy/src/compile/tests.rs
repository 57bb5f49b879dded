//! Compiled policy.

mod guardrails;
mod mcp_servers;
mod names;
mod order;
mod rules;
mod selectors;
mod stand_ins;
mod taint;
mod tools;

use crate::diagnostic::{Diagnostic, Severity};
use crate::testing::FakeKinds;

use super::{Written, compile};

/// What is said about `written`, but for information: `Severity path Reason: message`.
fn remarks(written: &Written) -> Vec<String> {
    let diagnostics = compile(written, &FakeKinds).diagnostics;
    let shown = diagnostics
        .iter()
        .filter(|one| one.severity != Severity::Info);
    shown.map(in_a_line).collect()
}

fn in_a_line(one: &Diagnostic) -> String {
    format!(
        "{:?} {} {:?}: {}",
        one.severity, one.path, one.reason, one.message
    )
}

/// Checks that `written` draws exactly the remarks that begin and end as `expected` says: a remark is
/// written as `Severity path Reason: ... words`, where `...` stands for any text.
fn assert_remarks(written: &Written, expected: &[&str], what: &str) {
    let remarks = remarks(written);
    let matches = remarks.len() == expected.len()
        && remarks
            .iter()
            .zip(expected)
            .all(|(remark, expected)| crate::glob::matches(&expected.replace("...", "*"), remark));
    assert!(
        matches,
        "{what}\n  said: {remarks:#?}\n  expected: {expected:#?}"
    );
}
