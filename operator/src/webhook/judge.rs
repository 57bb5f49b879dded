//! Whether a form of a resource would be accepted: the controller's question, asked before the resource is stored.
//!
//! What would make `Accepted` false is refused, what would make `ResolvedRefs` false is a warning (or refused, when that is
//! wanted), and so is a doubt. A resource that was bad before may be edited as long as nothing more becomes wrong: whoever
//! repairs one of two mistakes must be let.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::ResourceExt as _;
use kube::api::DynamicObject;
use parapet_crds::guardrail_config::GuardrailConfigSpec;
use parapet_crds::guardrail_integration::GuardrailIntegrationSpec;
use parapet_crds::resource::Spec as _;
use parapet_policy::bundle::SecretId;
use parapet_policy::diagnostic::{Diagnostic, Reason, Severity, Source};

use super::Missing;
use super::review::{Answer, Forms};
use crate::controller::accept::opinion;
use crate::controller::conditions::{let_it_be_used, line};
use crate::controller::object::{Object, Readings};
use crate::controller::reasons::{Accepted, Resolved};
use crate::controller::watch_all::SecretName;
use crate::kinds::CheckCache;

/// Sentences in one answer; more of them help nobody.
const MAX_SENTENCES: usize = 8;

/// Bytes of one sentence. An API server cuts all warnings together at 4,096 characters.
const MAX_SENTENCE: usize = 500;

/// Judges, and remembers what was read and built.
#[derive(Debug)]
pub struct Judge {
    policy_namespace: Arc<str>,
    missing: Missing,
    readings: Readings,
    /// Of the guardrails that are there, for rules that name them.
    checks: CheckCache,
    /// Of those that are asked about.
    own_checks: CheckCache,
}

/// What there is besides.
pub struct Surroundings<'a, I> {
    /// Every resource that is there, with its kind. Other `GuardrailConfig`s may be left out: no resource names one.
    pub seen: I,
    /// Secrets that carry the label. Their values are not looked at, so each is taken to have every key.
    pub labelled: &'a BTreeMap<SecretName, String>,
}

impl Judge {
    /// Knows nothing yet.
    pub fn new(policy_namespace: Arc<str>, missing: Missing) -> Self {
        Self {
            policy_namespace,
            missing,
            readings: Readings::default(),
            checks: CheckCache::default(),
            own_checks: CheckCache::default(),
        }
    }

    /// Reads and builds what is there, so that the first question does not wait for it.
    pub fn warm<'a>(&mut self, seen: impl Iterator<Item = (&'a Arc<str>, Arc<DynamicObject>)>) {
        let others = self.readings.read(seen, &self.policy_namespace);
        if let Some((any, others)) = others.split_first() {
            self.opinion(any, others, &BTreeMap::new(), &self.checks);
        }
    }

    /// What is answered.
    pub fn judge<'a>(
        &mut self,
        forms: &Forms,
        there: Surroundings<'_, impl Iterator<Item = (&'a Arc<str>, Arc<DynamicObject>)>>,
    ) -> Answer {
        let mut others = self.readings.read(there.seen, &self.policy_namespace);
        let now = self.form(forms, &forms.now);
        let names_guardrails = forms.kind == GuardrailConfigSpec::KIND;
        let checks = if names_guardrails {
            &self.checks
        } else {
            // What a group says depends on no other group, and looking at all of them takes the longest.
            others.retain(|other| &*other.source.kind != GuardrailIntegrationSpec::KIND);
            &self.own_checks
        };
        checks.begin();
        let said = self.opinion(&now, &others, there.labelled, checks);
        let Said {
            refused,
            mut warned,
        } = self.sort(said);
        let (known, new) = match &forms.before {
            Some(before) if !refused.is_empty() => {
                let before = self.form(forms, before);
                let said = self.opinion(&before, &others, there.labelled, checks);
                without_known(refused, &self.sort(said).refused)
            }
            Some(_) | None => (Vec::new(), refused),
        };
        checks.forget_unused();
        if new.is_empty() {
            warned.splice(0..0, known);
            let secrets = now.read.secret_refs();
            let warnings = warned
                .iter()
                .map(|one| cut(warning(one, &secrets, there.labelled)));
            return Answer::Allowed(at_most(warnings.collect()));
        }
        let reasons: BTreeSet<&'static str> = new.iter().map(|one| word(one.reason)).collect();
        let sentences = new.iter().map(|one| cut(line(one)));
        Answer::Refused {
            message: at_most(sentences.collect()).join("; "),
            reasons: reasons.into_iter().collect(),
        }
    }

    fn form(&self, forms: &Forms, form: &DynamicObject) -> Object {
        let source = Source {
            kind: forms.kind.into(),
            namespace: forms.namespace.as_str().into(),
            name: form.name_any().into(),
            file: None,
        };
        Object::new(source, form, &self.policy_namespace)
    }

    fn opinion(
        &self,
        form: &Object,
        others: &[Object],
        labelled: &BTreeMap<SecretName, String>,
        checks: &CheckCache,
    ) -> Vec<Diagnostic> {
        let named = form.read.secret_refs().into_iter();
        let secrets = named.filter(|id| is_labelled(id, labelled)).collect();
        opinion(form, others, &self.policy_namespace, &secrets, checks)
    }

    fn sort(&self, said: Vec<Diagnostic>) -> Said {
        let mut sorted = Said::default();
        for one in said {
            let is_refused = match one.severity {
                Severity::Info => continue,
                Severity::Warning => false,
                Severity::Error => {
                    Accepted::of(one.reason).is_some() || self.missing == Missing::Refuse
                }
            };
            if is_refused {
                sorted.refused.push(one);
            } else {
                sorted.warned.push(one);
            }
        }
        sorted
    }
}

#[derive(Debug, Default)]
struct Said {
    refused: Vec<Diagnostic>,
    warned: Vec<Diagnostic>,
}

/// Tells what was wrong before from what has become wrong. A mistake is the same one wherever it has moved in its list.
fn without_known(
    refused: Vec<Diagnostic>,
    before: &[Diagnostic],
) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    let key = |one: &Diagnostic| {
        let place = one.path.split(['[', ']']).step_by(2).collect::<String>();
        (one.reason, place, one.message.clone())
    };
    let mut left: BTreeMap<_, usize> = BTreeMap::new();
    for one in before {
        *left.entry(key(one)).or_default() += 1;
    }
    refused
        .into_iter()
        .partition(|one| match left.get_mut(&key(one)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            Some(_) | None => false,
        })
}

/// A reason as the status would give it.
fn word(reason: Reason) -> &'static str {
    Accepted::of(reason)
        .map(Accepted::as_str)
        .or_else(|| Resolved::of(reason).map(Resolved::as_str))
        .unwrap_or_default()
}

fn warning(
    said: &Diagnostic,
    named: &[SecretId],
    labelled: &BTreeMap<SecretName, String>,
) -> String {
    let is_meant = |id: &&SecretId| {
        said.reason == Reason::UnknownSecret
            && !is_labelled(id, labelled)
            && said.message.contains(&format!("{:?}", id.name))
    };
    let label = named.iter().find(is_meant).map(let_it_be_used);
    format!("{}{}", line(said), label.unwrap_or_default())
}

fn is_labelled(id: &SecretId, labelled: &BTreeMap<SecretName, String>) -> bool {
    labelled.contains_key(&(id.namespace.clone(), id.name.clone()))
}

fn at_most(mut sentences: Vec<String>) -> Vec<String> {
    let more = sentences.len().saturating_sub(MAX_SENTENCES);
    if more > 0 {
        sentences.truncate(MAX_SENTENCES);
        sentences.push(format!("and {more} more"));
    }
    sentences
}

/// Cuts a sentence between characters.
fn cut(mut sentence: String) -> String {
    if sentence.len() > MAX_SENTENCE {
        let end = (0..=MAX_SENTENCE)
            .rev()
            .find(|at| sentence.is_char_boundary(*at));
        sentence.truncate(end.unwrap_or_default());
        sentence.push_str("...");
    }
    sentence
}

#[cfg(test)]
mod tests;
