//! Policy from files: a folder of manifests to a snapshot.

use parapet_crds::read::{ReadOptions, Reader, Remark, Secrets};
use parapet_policy::bundle::Revision;
use parapet_policy::compile::compile;
use parapet_policy::diagnostic::{Diagnostic, Reason, Severity};
use sha2::{Digest as _, Sha256};

use super::kinds::KindCache;
use super::ready::{self, Compiled, Snapshot};

/// Reads a folder, again and again, into snapshots whose generation counts up.
#[derive(Debug)]
pub struct Source {
    reader: Reader,
    kinds: KindCache,
    generation: u64,
    in_force: Option<Identity>,
}

/// What makes two policies the same: the bundle's digest, and the Secrets' values, which no bundle holds.
#[derive(Debug, Eq, PartialEq)]
struct Identity {
    digest: String,
    secrets: [u8; 32],
}

/// What came of reading once.
#[derive(Debug)]
pub struct Loaded {
    /// Everything there is to say, sorted by file and place.
    pub remarks: Vec<Remark>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a set of manifests.
#[derive(Debug)]
pub enum Outcome {
    /// It can be put in force.
    New(Box<Snapshot>),
    /// It says what is in force already.
    Unchanged,
    /// It has errors: what is in force stays.
    Rejected,
}

impl Source {
    /// A source that has read nothing.
    pub fn new(options: ReadOptions) -> Self {
        Self {
            reader: Reader::new(options),
            kinds: KindCache::default(),
            generation: 0,
            in_force: None,
        }
    }

    /// A source that has read nothing, and counts on from `generation`.
    pub fn continued(options: ReadOptions, generation: u64) -> Self {
        Self {
            generation,
            ..Self::new(options)
        }
    }

    /// What it reads.
    pub const fn options(&self) -> &ReadOptions {
        self.reader.options()
    }

    /// How many guardrails were built so far.
    pub const fn builds(&self) -> u64 {
        self.kinds.builds()
    }

    /// Reads and compiles everything as it is now. What is less than `least` is not said: finding the places
    /// of things that nobody reads costs more than all the rest.
    pub fn load(&mut self, least: Severity) -> Loaded {
        let read = self.reader.read();
        let mut remarks = read.remarks.clone();
        let is_whole = !remarks.iter().any(Remark::is_error);
        self.kinds.begin();
        let compiled = compile(&read.written, &self.kinds);
        let identity = Identity {
            digest: compiled.bundle.digest.clone(),
            secrets: fingerprint(&read.secrets),
        };
        let mut bundle = compiled.bundle;
        bundle.revision = Revision {
            epoch: 0,
            generation: self.generation + 1,
        };
        let (snapshot, said) = ready::build(bundle, &read.secrets, &self.kinds, Compiled::Here);
        let mut diagnostics = compiled.diagnostics;
        diagnostics.extend(said);
        diagnostics.retain(|diagnostic| {
            diagnostic.severity >= least
                && (is_whole || !follows_from_a_gap(diagnostic))
                && !was_said(&read.remarks, diagnostic)
        });
        remarks.extend(
            diagnostics
                .into_iter()
                .map(|diagnostic| read.locate(diagnostic)),
        );
        sort(&mut remarks);
        let outcome = if remarks.iter().any(Remark::is_error) {
            Outcome::Rejected
        } else {
            self.kinds.forget_unused();
            if self.in_force.as_ref() == Some(&identity) {
                Outcome::Unchanged
            } else {
                self.generation += 1;
                self.in_force = Some(identity);
                Outcome::New(Box::new(snapshot))
            }
        };
        Loaded { remarks, outcome }
    }
}

/// When a document could not be read, what names it names nothing. Saying so would only hide the cause.
const fn follows_from_a_gap(diagnostic: &Diagnostic) -> bool {
    matches!(
        diagnostic.reason,
        Reason::UnknownSelector | Reason::UnknownReference | Reason::UnknownSecret
    )
}

/// Whether the reader has found an error at the same place or above it: one cause, one message.
fn was_said(remarks: &[Remark], diagnostic: &Diagnostic) -> bool {
    let (source, path) = (&diagnostic.source, &diagnostic.path);
    remarks
        .iter()
        .filter(|remark| remark.is_error())
        .any(|remark| {
            let said = &remark.diagnostic;
            let same = (&said.source.kind, &said.source.namespace, &said.source.name)
                == (&source.kind, &source.namespace, &source.name);
            let below = path.strip_prefix(said.path.as_str());
            same && !said.path.is_empty()
                && below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
}

/// In the order in which people read files; what belongs to no file comes first.
fn sort(remarks: &mut [Remark]) {
    remarks.sort_by(|a, b| {
        let key = |remark: &Remark| (remark.diagnostic.source.file.clone(), remark.position);
        key(a)
            .cmp(&key(b))
            .then_with(|| a.diagnostic.cmp(&b.diagnostic))
    });
}

fn fingerprint(secrets: &Secrets) -> [u8; 32] {
    let mut hash = Sha256::new();
    for id in secrets.ids() {
        for part in [
            &*id.namespace,
            &*id.name,
            &*id.key,
            secrets.get(id).unwrap_or_default(),
        ] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
