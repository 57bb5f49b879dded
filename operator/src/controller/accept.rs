//! Which form of each resource counts: as it is now, or the last good one.
//!
//! Pure: resources and the names of Secrets in, a bundle and verdicts out. A resource with an error of its own keeps
//! its last good form; so does one whose edit names guardrails that do not exist or may not be used. Without
//! a last good form it counts as far as it can be read, and what cannot be built counts as failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parapet_crds::mcp_server::McpServerSpec;
use parapet_crds::model_provider::ModelProviderSpec;
use parapet_crds::resource::Spec as _;
use parapet_policy::bundle::{Bundle, SecretId};
use parapet_policy::compile::{Compiled, Written, compile};
use parapet_policy::diagnostic::{Diagnostic, Reason, Severity, Source};
use serde_json::Value as Json;

use super::object::Object;
use crate::kinds::CheckCache;
use crate::ready;

/// Remembers what was good.
#[derive(Debug)]
pub struct Acceptor {
    policy_namespace: Arc<str>,
    last_good: BTreeMap<Source, Object>,
    checks: CheckCache,
}

/// What came of looking at everything once.
#[derive(Debug)]
pub struct Round {
    /// What can be published. Its revision is for the caller to set.
    pub bundle: Bundle,
    /// What is to be said about each resource.
    pub verdicts: BTreeMap<Source, Verdict>,
    /// The last good forms, for the next leader.
    pub sources: Vec<Arc<Json>>,
}

/// What is to be said about one resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Which of those that had this name.
    pub uid: Arc<str>,
    /// The generation that the diagnostics speak of: the newest.
    pub generation: i64,
    /// The generation that counts; none when the newest counts only as far as it can be read.
    pub in_force: Option<i64>,
    /// Errors, warnings and information.
    pub diagnostics: Vec<Diagnostic>,
}

impl Acceptor {
    /// Remembers what an earlier leader has left.
    pub fn new(policy_namespace: Arc<str>, left: &[Arc<Json>]) -> Self {
        let restored = left
            .iter()
            .filter_map(|resource| Object::restored(resource, &policy_namespace))
            // Of another version of the operator, perhaps: what it cannot read it cannot keep.
            .filter(|object| object.read.is_well_formed());
        Self {
            last_good: restored
                .map(|object| (object.source.clone(), object))
                .collect(),
            policy_namespace,
            checks: CheckCache::default(),
        }
    }

    /// How many configurations of guardrails were built so far, to see whether they do.
    pub const fn builds(&self) -> u64 {
        self.checks.builds()
    }

    /// Every Secret value that the forms that may count name.
    pub fn secret_refs(&self, objects: &[Object]) -> BTreeSet<SecretId> {
        let now = objects.iter().flat_map(|object| object.read.secret_refs());
        let good = self.last_good.values();
        now.chain(good.flat_map(|object| object.read.secret_refs()))
            .collect()
    }

    /// Looks at everything. `objects` are all resources there are; `secrets` the names of all values there are.
    pub fn round(&mut self, objects: &[Object], secrets: &BTreeSet<SecretId>) -> Round {
        self.checks.begin();
        self.forget_what_is_gone(objects);
        let mut held: BTreeMap<Source, Vec<Diagnostic>> = objects
            .iter()
            .filter(|object| !object.read.is_well_formed())
            .map(|object| (object.source.clone(), object.read.diagnostics.clone()))
            .collect();
        // What a resource does wrong by itself comes first: while a group is bad, everything that names its
        // guardrails looks bad too.
        let mut compiled = self.compile(objects, &held, secrets);
        for stage in [is_own_fault as fn(&Diagnostic) -> bool, names_nothing] {
            // Each turn holds at least one more resource, so there is an end.
            loop {
                let bad = self.bad(objects, &held, &compiled, stage);
                if bad.is_empty() {
                    break;
                }
                held.extend(bad);
                compiled = self.compile(objects, &held, secrets);
            }
        }
        self.checks.forget_unused();
        let verdicts = self.judge(objects, held, compiled.diagnostics);
        Round {
            bundle: compiled.bundle,
            verdicts,
            sources: self
                .last_good
                .values()
                .map(|object| Arc::clone(&object.resource))
                .collect(),
        }
    }

    fn forget_what_is_gone(&mut self, objects: &[Object]) {
        let there: BTreeMap<&Source, &Object> = objects
            .iter()
            .map(|object| (&object.source, object))
            .collect();
        self.last_good.retain(|source, good| {
            there
                .get(source)
                .is_some_and(|object| object.is_same_resource(good))
        });
    }

    fn compile(
        &self,
        objects: &[Object],
        held: &BTreeMap<Source, Vec<Diagnostic>>,
        secrets: &BTreeSet<SecretId>,
    ) -> Compiled {
        let counts = objects.iter().map(|object| {
            let good = self.last_good.get(&object.source);
            good.filter(|_| held.contains_key(&object.source))
                .unwrap_or(object)
        });
        compiled(counts, &self.policy_namespace, secrets, &self.checks)
    }

    /// The resources whose present form is not put in force because of what is said at this stage, although there is a
    /// good one to keep.
    fn bad(
        &self,
        objects: &[Object],
        held: &BTreeMap<Source, Vec<Diagnostic>>,
        compiled: &Compiled,
        stage: fn(&Diagnostic) -> bool,
    ) -> BTreeMap<Source, Vec<Diagnostic>> {
        let errors = compiled
            .diagnostics
            .iter()
            .filter(|said| said.severity == Severity::Error && stage(said));
        let blamed: BTreeSet<&Source> = errors.map(|said| &said.source).collect();
        objects
            .iter()
            .filter(|object| blamed.contains(&object.source) && !held.contains_key(&object.source))
            .filter(|object| {
                let good = self.last_good.get(&object.source);
                good.is_some_and(|good| good.generation != object.generation)
            })
            .map(|object| {
                let own = compiled.diagnostics.iter();
                let own = own.filter(|said| said.source == object.source).cloned();
                (object.source.clone(), own.collect())
            })
            .collect()
    }

    /// Says what is to be said, and remembers what is good now.
    fn judge(
        &mut self,
        objects: &[Object],
        mut held: BTreeMap<Source, Vec<Diagnostic>>,
        diagnostics: Vec<Diagnostic>,
    ) -> BTreeMap<Source, Verdict> {
        let mut said: BTreeMap<Source, Vec<Diagnostic>> = BTreeMap::new();
        for diagnostic in diagnostics {
            said.entry(diagnostic.source.clone())
                .or_default()
                .push(diagnostic);
        }
        let mut verdicts = BTreeMap::new();
        for object in objects {
            let source = &object.source;
            let (in_force, diagnostics) = match held.remove(source) {
                Some(diagnostics) => {
                    let good = self.last_good.get(source);
                    (good.map(|good| good.generation), diagnostics)
                }
                None => {
                    let diagnostics = said.remove(source).unwrap_or_default();
                    let is_good = !diagnostics.iter().any(|one| {
                        one.severity == Severity::Error
                            && (is_own_fault(one) || names_nothing(one) || does_not_count(one))
                    });
                    if is_good {
                        self.last_good.insert(source.clone(), object.clone());
                    }
                    // What was good and is not any more, through no change of its own, counts as it is.
                    let counts = is_good
                        || self
                            .last_good
                            .get(source)
                            .is_some_and(|good| good.generation == object.generation)
                            && !diagnostics.iter().any(does_not_count);
                    (counts.then_some(object.generation), diagnostics)
                }
            };
            let verdict = Verdict {
                uid: object.uid.clone(),
                generation: object.generation,
                in_force,
                diagnostics,
            };
            verdicts.insert(source.clone(), verdict);
        }
        verdicts
    }
}

/// What these forms come to together.
fn compiled<'a>(
    objects: impl Iterator<Item = &'a Object>,
    policy_namespace: &Arc<str>,
    secrets: &BTreeSet<SecretId>,
    checks: &CheckCache,
) -> Compiled {
    let mut written = Written {
        policy_namespace: policy_namespace.clone(),
        secrets: secrets.clone(),
        ..Written::default()
    };
    for object in objects {
        object.read.add_to(&mut written);
        if object.read.is_readable() {
            continue;
        }
        let holders = match &*object.source.kind {
            ModelProviderSpec::KIND => &mut written.unreadable_providers,
            McpServerSpec::KIND => &mut written.unreadable_mcp_servers,
            _ => continue,
        };
        holders.push((object.source.clone(), object.created()));
    }
    let mut compiled = compile(&written, checks);
    compiled.diagnostics.extend(ready::remarks(&written));
    compiled
}

/// What there is to say about one form of a resource, beside the others as they are: what a round would say of it, had
/// it no form that was good.
pub fn opinion(
    form: &Object,
    others: &[Object],
    policy_namespace: &Arc<str>,
    secrets: &BTreeSet<SecretId>,
    checks: &CheckCache,
) -> Vec<Diagnostic> {
    if !form.read.is_well_formed() {
        return form.read.diagnostics.clone();
    }
    let others = others.iter().filter(|other| other.source != form.source);
    let all = others.chain([form]);
    let mut said = compiled(all, policy_namespace, secrets, checks).diagnostics;
    said.retain(|one| one.source == form.source);
    said
}

/// The resource is wrong whatever else there is.
const fn is_own_fault(said: &Diagnostic) -> bool {
    match said.reason {
        Reason::Invalid | Reason::CannotMutate | Reason::NotBuildable => true,
        // Two of its own parts claim one name, or a part of it counts only elsewhere.
        Reason::Conflicted | Reason::WrongNamespace => !does_not_count(said),
        Reason::UnknownSelector
        | Reason::SelectorNotAllowed
        | Reason::UnknownReference
        | Reason::UnknownSecret
        | Reason::UnsupportedHook
        | Reason::NeverMatches
        | Reason::HoldBack
        | Reason::Unbounded
        | Reason::Suspicious => false,
    }
}

/// The resource names what is not there, or must not be used so.
const fn names_nothing(said: &Diagnostic) -> bool {
    match said.reason {
        Reason::UnknownSelector | Reason::SelectorNotAllowed | Reason::UnsupportedHook => true,
        // A Secret that is missing makes what names it fail, and that is for its strategy to judge.
        Reason::UnknownSecret
        | Reason::UnknownReference
        | Reason::Invalid
        | Reason::Conflicted
        | Reason::CannotMutate
        | Reason::NotBuildable
        | Reason::WrongNamespace
        | Reason::NeverMatches
        | Reason::HoldBack
        | Reason::Unbounded
        | Reason::Suspicious => false,
    }
}

/// The resource does not count at all: an older one holds its name, or it stands in the wrong namespace.
const fn does_not_count(said: &Diagnostic) -> bool {
    matches!(said.reason, Reason::Conflicted | Reason::WrongNamespace)
        && matches!(
            said.path.as_bytes(),
            b"metadata.name" | b"metadata.namespace"
        )
}

#[cfg(test)]
mod tests;
