//! Checks one guardrail.

use crate::bundle::{StreamMode, ValidatorInput};
use crate::diagnostic::{Reason, Severity};
use crate::outcome::Operation;

use super::kinds::KindReport;
use super::report::Report;
use super::secrets::Secrets;
use super::written::{WrittenGuardrail, WrittenIntegration};

pub(super) fn check(
    integration: &WrittenIntegration,
    index: usize,
    written: &WrittenGuardrail,
    of_kind: &KindReport,
    secrets: &Secrets<'_>,
    report: &mut Report,
) {
    let source = &integration.source;
    let at = format!("spec.guardrails[{index}]");
    let member = format!("{at}.{}", written.kind);
    // One without a member has been reported where it was read, and names nothing else.
    let problems = of_kind.problems.iter().filter(|_| !written.kind.is_empty());
    for problem in problems {
        let path = match problem.reason {
            // Matters only for streams, and there it is said.
            Reason::Unbounded => continue,
            // The kind speaks of the guardrail's operation, not of a field of its own.
            Reason::CannotMutate => format!("{at}.operation"),
            _ => below(&member, &problem.path),
        };
        report.say(
            source,
            path,
            problem.severity,
            problem.reason,
            problem.message.clone(),
        );
    }
    for (path, id) in &written.secret_refs {
        secrets.check(source, below(&member, path), id, report);
    }
    let is_built = of_kind
        .problems
        .iter()
        .all(|problem| problem.severity != Severity::Error);
    if is_built && written.operation == Operation::Mutate && !of_kind.can_mutate {
        let message = format!("{} cannot rewrite: write operation: validate", written.kind);
        report.error(
            source,
            format_args!("{at}.operation"),
            Reason::CannotMutate,
            message,
        );
    }
    if written.operation == Operation::Validate && written.priority.is_some() {
        // As admission has it in a cluster.
        let message = "only mutators have an order: leave it out, or write operation: mutate";
        report.error(
            source,
            format_args!("{at}.priority"),
            Reason::Invalid,
            message,
        );
    }
    let mut doubt = |member: &str, message: &str| {
        report.warning(
            source,
            format_args!("{at}.{member}"),
            Reason::Suspicious,
            message,
        );
    };
    if written.operation == Operation::Mutate && written.input == ValidatorInput::Mutated {
        doubt(
            "input",
            "a mutator always sees what the mutators before it left: leave it out",
        );
    }
    if is_built && !of_kind.slow && written.timeout.is_some() {
        doubt(
            "timeout",
            "this kind makes no calls, so nothing can time out: leave it out",
        );
    }
    if is_built && !of_kind.slow && written.streaming.is_some() {
        doubt(
            "streaming",
            "this kind judges a stream as it flows: leave it out",
        );
    }
    if written.timeout.is_some_and(|timeout| timeout.is_zero()) {
        let message = "no call can be made in no time: write a duration such as 5s";
        report.error(
            source,
            format_args!("{at}.timeout"),
            Reason::Invalid,
            message,
        );
    }
    if let Some(StreamMode::Windowed { size, overlap }) = written.streaming
        && overlap >= size
    {
        let message = format!(
            "a window of {size} bytes with an overlap of {overlap} has no new text in it: \
             write a size above the overlap"
        );
        report.error(
            source,
            format_args!("{at}.streaming.overlap"),
            Reason::Invalid,
            message,
        );
    }
}

/// A path below a member; an index needs no dot.
pub(super) fn below(member: &str, path: &str) -> String {
    match path.chars().next() {
        None => member.to_owned(),
        Some('[') => format!("{member}{path}"),
        Some(_) => format!("{member}.{path}"),
    }
}
