//! Checks the model names of a rule.

use crate::diagnostic::{Reason, Severity};
use crate::glob;
use crate::rule::{Given, Membership};

use super::super::known::Known;
use super::super::report::Report;
use super::super::rules::Placed;
use super::super::written::WrittenProvider;

/// What there is to say about one value.
pub(super) type Remark = (Severity, Reason, String);

pub(super) fn check(at: &Placed<'_>, given: Given<'_>, known: &Known<'_>, report: &mut Report) {
    let Some(condition) = given.model else { return };
    for (place, value) in condition.values.iter().enumerate() {
        let remark = written(value).or_else(|| meaning(at, value, condition.condition, known));
        if let Some((severity, reason, message)) = remark {
            let path = format_args!(
                "spec.rules[{}].when.target.conditions.model.values[{place}]",
                at.index
            );
            report.say(at.source, path, severity, reason, message);
        }
    }
}

/// Whether a name or pattern is well written, whatever it names.
pub(super) fn written(value: &str) -> Option<Remark> {
    if value.is_empty() || value.trim() != value {
        let message = format!("{value:?} is no name: write one without white space around it");
        return Some((Severity::Error, Reason::Invalid, message));
    }
    let special = ['?', '[', ']', '{', '}', '^', '$', '|', '\\', '(', ')'];
    if value.contains(".*") || value.contains(special) {
        let message = format!(
            "{value:?} looks like another kind of pattern: only * is special, for any run of characters"
        );
        return Some((Severity::Warning, Reason::Suspicious, message));
    }
    None
}

/// Whether what it names exists and can be matched.
fn meaning(
    at: &Placed<'_>,
    value: &str,
    membership: Membership,
    known: &Known<'_>,
) -> Option<Remark> {
    let warning = |reason, message| Some((Severity::Warning, reason, message));
    let Some((account, model)) = value.split_once('/') else {
        let message = || format!("{value:?} names no model: models are named account/model");
        return if glob::is_pattern(value) {
            None
        } else {
            warning(Reason::UnknownReference, message())
        };
    };
    if glob::is_pattern(account) {
        return None;
    }
    let Some(provider) = known.providers.get(account) else {
        let hint = known
            .hints
            .did_you_mean(account, known.providers.keys().copied());
        let message = format!("there is no ModelProvider {account:?}{hint}");
        return warning(Reason::UnknownReference, message);
    };
    let (own, of) = (&at.source.namespace, &provider.source.namespace);
    if **own != *known.policy_namespace && own != of {
        let message = format!(
            "a rule in namespace {own} governs only the providers of {own}, and {account} is in {of}: \
             move the rule to {of} or to the policy namespace {}",
            known.policy_namespace
        );
        return warning(Reason::NeverMatches, message);
    }
    match &provider.models {
        Some(_) => unlisted(provider, account, model, known)
            .and_then(|message| warning(Reason::UnknownReference, message)),
        None if membership == Membership::In && !glob::is_pattern(model) => {
            let message = format!(
                "ModelProvider {account} lists no models, so it forwards any name, and one that its upstream \
                 takes for the same model goes past this rule: list its models, or write {account}/*"
            );
            warning(Reason::Suspicious, message)
        }
        None => None,
    }
}

/// A name or pattern that none of a provider's listed models has.
fn unlisted(
    provider: &WrittenProvider,
    account: &str,
    model: &str,
    known: &Known<'_>,
) -> Option<String> {
    let models = || provider.models.iter().flatten();
    if models().any(|(name, upstream)| glob::matches(model, name) || glob::matches(model, upstream))
    {
        return None;
    }
    let hint = known
        .hints
        .did_you_mean(model, models().map(|(name, _)| name));
    Some(format!(
        "ModelProvider {account} has no model {model:?} in its list{hint}"
    ))
}
