//! Checks what a rule says of conversations that have read text of strangers: a rule that can never stop anything is a hole.

use crate::diagnostic::Reason;
use crate::rule::Given;

use super::super::known::Known;
use super::super::report::Report;
use super::super::rules::Placed;

pub(super) fn check(at: &Placed<'_>, given: Given<'_>, known: &Known<'_>, report: &mut Report) {
    let rule = at.rule;
    if rule.taint.is_none() {
        if rule.taint_scope.is_some() {
            let path = format_args!("spec.rules[{}].taint_scope", at.index);
            let message = "this says what taint looks at, and the rule has no taint: add taint: block or audit";
            report.warning(at.source, path, Reason::NeverMatches, message);
        }
        return;
    }
    let message = if given.model.is_some() && !given.has_mcp() {
        "this never does anything: it is about calls of tools, and the target has conditions on models alone; add \
         mcpServers: {values: [\"*\"], condition: in}"
    } else if !known.has_untrusted_servers {
        "this does nothing yet: no MCPServer is marked trust: untrusted"
    } else {
        return;
    };
    let path = format_args!("spec.rules[{}].taint", at.index);
    report.warning(at.source, path, Reason::NeverMatches, message);
}
