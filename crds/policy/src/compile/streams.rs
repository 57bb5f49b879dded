//! Says what output guardrails do to streams.

use crate::bundle::{RuleEntry, StreamMode};
use crate::diagnostic::Reason;
use crate::outcome::Strategy;

use super::guardrail::below;
use super::integrations::{Checked, Guardrails};
use super::kinds::HoldBack;
use super::report::Report;

/// Remarks on every guardrail that a rule puts on the model's answer.
pub(super) fn remark(guardrails: &Guardrails<'_>, rules: &[RuleEntry], report: &mut Report) {
    let mut uses = vec![Use::None; guardrails.checked.len()];
    for rule in rules {
        for guardrail in &rule.guardrails.llm_output {
            let index = *guardrail as usize;
            let own = guardrails
                .checked
                .get(index)
                .and_then(|checked| checked.written.strategy);
            let strategy = rule.strategy.or(own).unwrap_or_default();
            if let Some(of) = uses.get_mut(index) {
                *of = (*of).max(Use::of(strategy));
            }
        }
    }
    for (checked, used) in guardrails.checked.iter().zip(uses) {
        // Under audit nothing waits and nothing is held.
        if used == Use::Enforced {
            of_enforced(checked, report);
        }
    }
}

/// How rules use a guardrail on output.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Use {
    None,
    Audited,
    Enforced,
}

impl Use {
    const fn of(strategy: Strategy) -> Self {
        match strategy {
            Strategy::Audit => Self::Audited,
            Strategy::Enforce | Strategy::EnforceButIgnoreOnError => Self::Enforced,
        }
    }
}

fn of_enforced(checked: &Checked<'_>, report: &mut Report) {
    let source = &checked.integration.source;
    let at = format!("spec.guardrails[{}]", checked.index);
    let selector = &checked.entry.selector;
    if checked.report.slow {
        of_slow(checked, &at, report);
        return;
    }
    let path = format!("{at}.{}", checked.written.kind);
    match checked.report.hold_back {
        None => {}
        Some(HoldBack::Bytes(bytes)) => {
            let message = format!("{selector} holds a stream back by at most {bytes} bytes");
            report.info(source, path, Reason::HoldBack, message);
        }
        Some(HoldBack::Unbounded) => unbounded(checked, &path, report),
    }
}

/// Says which pattern has no bound, when the kind knows.
fn unbounded(checked: &Checked<'_>, path: &str, report: &mut Report) {
    let source = &checked.integration.source;
    let problems = || {
        checked
            .report
            .problems
            .iter()
            .filter(|problem| problem.reason == Reason::Unbounded)
    };
    for problem in problems() {
        let path = below(path, &problem.path);
        report.say(
            source,
            path,
            problem.severity,
            problem.reason,
            problem.message.clone(),
        );
    }
    if problems().next().is_none() {
        let message = format!(
            "a pattern of {} can match text of any length, so in a stream a match is cut at the default \
             bound: bound its repetitions, e.g. write {{1,64}} in place of + and {{0,64}} in place of *",
            checked.entry.selector
        );
        report.warning(source, path, Reason::Unbounded, message);
    }
}

fn of_slow(checked: &Checked<'_>, at: &str, report: &mut Report) {
    let source = &checked.integration.source;
    let selector = &checked.entry.selector;
    let path = format!("{at}.streaming");
    match checked.entry.streaming {
        StreamMode::Buffered => {
            let message = format!(
                "{selector} holds back the whole of every stream it judges, until the answer is complete: \
                 write streaming: {{mode: windowed}} to hold back a window at a time"
            );
            report.info(source, path, Reason::HoldBack, message);
        }
        StreamMode::Windowed { size, .. } => {
            let message = format!("{selector} holds a stream back in windows of {size} bytes");
            report.info(source, path, Reason::HoldBack, message);
        }
        StreamMode::Observe => {
            let message = format!(
                "{selector} is enforced on output, and observe lets every stream go by unjudged: write \
                 streaming: {{mode: buffered}} or {{mode: windowed}}, or enforcingStrategy: audit"
            );
            report.error(source, path, Reason::Invalid, message);
        }
    }
}
