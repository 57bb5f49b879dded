//! From a message to a snapshot, or to a refusal.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use parapet_bus::envelope::{Expected, Verified, verify};
use parapet_bus::keys::{
    OpeningKeys, ReadKeysError, TrustedKeys, read_opening_keys, read_trusted_keys,
};
use parapet_bus::report::{HeldKeys, MAX_PROBLEMS, Problem, ProblemSource};
use parapet_crds::gateway_settings::GatewaySettingsSpec;
use parapet_crds::read::Secrets;
use parapet_crds::resource::Spec as _;
use parapet_policy::bundle::wire::{Manifest, SourceEntry};
use parapet_policy::bundle::{Refusal, RefusalCode, Revision};
use parapet_policy::diagnostic::{Diagnostic, Severity};

use super::RemoteConfig;
use super::issuers::{self, Providers};
use crate::policy::kinds::KindCache;
use crate::policy::ready::{self, Compiled, Snapshot};

/// What is in force: its revision, and its manifest's digest.
pub type InForce = (Revision, Arc<str>);

/// Verifies a message as far as that is quick. The keys are read anew each time: a rotation needs no restart.
///
/// # Errors
/// Why it is refused.
pub fn check(
    message: &Bytes,
    config: &RemoteConfig,
    in_force: Option<&InForce>,
    now: SystemTime,
) -> Result<Verified, Refusal> {
    let trusted = keys(&config.trusted_keys, read_trusted_keys, |error| {
        // Without keys nobody is trusted; why says the log.
        tracing::error!(%error, "no signature can be verified");
        TrustedKeys::default()
    });
    let expected = Expected {
        trusted: &trusted,
        installation: &config.installation,
        class: &config.class,
        now,
        in_force: in_force.map(|(revision, digest)| (*revision, &**digest)),
    };
    verify(message, &expected)
}

/// The keys that count now, for reports; none while they cannot be read.
pub fn held_keys(config: &RemoteConfig) -> Option<HeldKeys> {
    let trusted = read_trusted_keys(&config.trusted_keys).ok()?;
    let opening = read_opening_keys(&config.gateway_keys).ok()?;
    Some(HeldKeys::of(&trusted, &opening))
}

fn keys<K>(
    path: &Path,
    read: impl Fn(&Path) -> Result<K, ReadKeysError>,
    otherwise: impl FnOnce(ReadKeysError) -> K,
) -> K {
    read(path).unwrap_or_else(otherwise)
}

/// Something that can be put in force.
#[derive(Debug)]
pub struct Prepared {
    /// What was signed.
    pub manifest: Manifest,
    /// Ready to run.
    pub snapshot: Box<Snapshot>,
    /// What of it counts as failed here; at most [`MAX_PROBLEMS`].
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
    /// The identity providers of it.
    pub providers: Providers,
}

/// Opens and builds what a verified message holds. It remembers what it has built, so that an edit costs what it changes.
#[derive(Debug, Default)]
pub struct Preparer {
    kinds: KindCache,
}

impl Preparer {
    /// How many guardrails were built so far.
    pub const fn builds(&self) -> u64 {
        self.kinds.builds()
    }

    /// Makes a verified message ready.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn prepare(&self, verified: Verified, config: &RemoteConfig) -> Result<Prepared, Refusal> {
        let opening = keys(&config.gateway_keys, read_opening_keys, |error| {
            tracing::error!(%error, "no credential can be opened");
            OpeningKeys::default()
        });
        let opened = verified.open(&opening)?;
        let mut secrets = Secrets::default();
        for (id, value) in opened.secrets {
            secrets.insert(id, &value);
        }
        self.kinds.begin();
        let (snapshot, said) =
            ready::build(opened.bundle, &secrets, &self.kinds, Compiled::Elsewhere);
        self.kinds.forget_unused();
        let (problems, more) = problems(said, &opened.sources);
        Ok(Prepared {
            manifest: opened.manifest,
            snapshot: Box::new(snapshot),
            problems,
            more,
            providers: issuers::providers(&opened.sources),
        })
    }
}

/// What a panic while preparing is to the operator.
pub fn failed_inside() -> Refusal {
    let message = "making it ready failed inside the gateway: see its log";
    Refusal::new(RefusalCode::NotBuildable, message)
}

/// What was said, with the form of the resource that it was said about.
fn problems(said: Vec<Diagnostic>, sources: &[SourceEntry]) -> (Vec<Problem>, usize) {
    let known: BTreeMap<_, _> = sources
        .iter()
        .map(|entry| ((&*entry.kind, &*entry.namespace, &*entry.name), entry))
        .collect();
    // A bundle does not say which resource its settings are of; there is one.
    let settings = sources
        .iter()
        .find(|entry| &*entry.kind == GatewaySettingsSpec::KIND);
    let errors = || said.iter().filter(|said| said.severity == Severity::Error);
    let problem = |said: &Diagnostic| {
        let source = &said.source;
        let entry = known
            .get(&(&*source.kind, &*source.namespace, &*source.name))
            .copied()
            .or(settings.filter(|_| *source.kind == *GatewaySettingsSpec::KIND));
        Problem {
            source: ProblemSource {
                kind: source.kind.clone(),
                namespace: source.namespace.clone(),
                name: entry.map_or_else(|| source.name.clone(), |entry| entry.name.clone()),
                uid: entry.map_or_else(|| "".into(), |entry| entry.uid.clone()),
                generation: entry.map_or(0, |entry| entry.generation),
            },
            path: said.path.clone(),
            reason: format!("{:?}", said.reason),
            message: said.message.clone(),
        }
    };
    let told: Vec<_> = errors().take(MAX_PROBLEMS).map(problem).collect();
    let more = errors().count() - told.len();
    (told, more)
}

#[cfg(test)]
mod tests {
    use parapet_policy::diagnostic::{Reason, Source};

    use super::*;

    #[test]
    fn what_is_said_about_settings_is_said_about_their_resource() {
        let entry = |kind: &str, name: &str| SourceEntry {
            kind: kind.into(),
            namespace: "parapet".into(),
            name: name.into(),
            uid: format!("uid of {name}").into(),
            generation: 2,
            created: None,
            spec: None,
        };
        let sources = [
            entry("GatewaySettings", "settings"),
            entry("MCPServer", "tools"),
        ];
        let said = |kind: &str, name: &str| Diagnostic {
            source: Source {
                kind: kind.into(),
                namespace: "parapet".into(),
                name: name.into(),
                file: None,
            },
            path: "spec".to_owned(),
            severity: Severity::Error,
            reason: Reason::NotBuildable,
            message: "wrong".to_owned(),
        };
        let all = vec![
            said("GatewaySettings", ""),
            said("MCPServer", "tools"),
            said("MCPServer", "gone"),
        ];
        let (problems, more) = problems(all, &sources);
        let uids: Vec<&str> = problems.iter().map(|one| &*one.source.uid).collect();
        assert_eq!(uids, ["uid of settings", "uid of tools", ""]);
        assert_eq!(&*problems[0].source.name, "settings");
        assert_eq!(more, 0);
    }
}
