//! What a gateway finds out about issuers while it runs: for reports, because no log of a gateway is where a resource's
//! owner looks.

use std::collections::BTreeMap;
use std::sync::Arc;

use parapet_bus::report::{Applied, MAX_PROBLEMS, Problem, ProblemSource};
use parapet_crds::identity_provider::IdentityProviderSpec;
use parapet_crds::resource::Spec as _;
use parapet_identity::IssuerStatus;
use parapet_policy::bundle::wire::SourceEntry;
use parapet_policy::diagnostic::Reason;

/// Bytes of what is told of one issuer. What is wrong with each of a hundred keys is for the log.
const MAX_MESSAGE: usize = 400;

/// The identity providers of a policy, by name: they count in one namespace only.
pub type Providers = BTreeMap<Arc<str>, ProblemSource>;

/// Those that a bundle was compiled from.
pub fn providers(sources: &[SourceEntry]) -> Providers {
    let providers = sources
        .iter()
        .filter(|entry| &*entry.kind == IdentityProviderSpec::KIND);
    let providers = providers.map(|entry| {
        let source = ProblemSource {
            kind: entry.kind.clone(),
            namespace: entry.namespace.clone(),
            name: entry.name.clone(),
            uid: entry.uid.clone(),
            generation: entry.generation,
        };
        (entry.name.clone(), source)
    });
    providers.collect()
}

/// Adds what is wrong with issuers' keys at this moment: without any, tokens are not let in; with those of an earlier
/// fetch they are.
pub fn add(applied: &mut Applied, providers: &Providers, issuers: &[IssuerStatus]) {
    for issuer in issuers {
        let Some(error) = &issuer.error else { continue };
        // One that is not of this policy is about to go.
        let Some(source) = providers.get(&issuer.name) else {
            continue;
        };
        let (into, reason, what) = if issuer.keys == 0 {
            let what = "no keys yet, so its tokens get a 503";
            (&mut applied.problems, Reason::NotBuildable, what)
        } else {
            let what = "the keys of an earlier fetch still count";
            (&mut applied.doubts, Reason::Suspicious, what)
        };
        if into.len() < MAX_PROBLEMS {
            into.push(Problem {
                source: source.clone(),
                path: "spec.jwks".to_owned(),
                reason: format!("{reason:?}"),
                message: cut(format!("{what}: {error}")),
            });
        } else {
            applied.more += 1;
        }
    }
}

/// Cuts a message between characters.
fn cut(mut message: String) -> String {
    if message.len() > MAX_MESSAGE {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE - 3));
        message.push_str("...");
    }
    message
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use parapet_policy::bundle::Revision;

    use super::*;

    fn entry(kind: &str, name: &str) -> SourceEntry {
        SourceEntry {
            kind: kind.into(),
            namespace: "parapet".into(),
            name: name.into(),
            uid: format!("uid of {name}").into(),
            generation: 3,
            created: None,
            spec: None,
        }
    }

    fn issuer(name: &str, keys: usize, error: Option<&str>) -> IssuerStatus {
        IssuerStatus {
            name: name.into(),
            keys,
            age: None,
            fetched: 0,
            failed: 0,
            error: error.map(str::to_owned),
        }
    }

    fn applied() -> Applied {
        Applied {
            revision: Revision {
                epoch: 1,
                generation: 1,
            },
            digest: "digest".into(),
            at: SystemTime::UNIX_EPOCH,
            stale: false,
            problems: Vec::new(),
            doubts: Vec::new(),
            more: 0,
        }
    }

    fn told(problems: &[Problem]) -> Vec<(&str, i64, &str)> {
        let told = problems.iter().map(|problem| {
            let source = &problem.source;
            (&*source.uid, source.generation, &*problem.message)
        });
        told.collect()
    }

    #[test]
    fn an_issuer_without_keys_fails_and_one_with_older_keys_is_in_doubt() {
        let providers = providers(&[
            entry("IdentityProvider", "corp"),
            entry("IdentityProvider", "cluster"),
            entry("IdentityProvider", "fresh"),
            entry("GuardrailConfig", "rules"),
        ]);
        let mut applied = applied();
        let issuers = [
            issuer("corp", 0, Some("id.example did not answer within 10 s")),
            issuer("cluster", 2, Some("k8s answered with status 500")),
            issuer("fresh", 0, None),
            issuer("rules", 0, Some("is none")),
        ];
        add(&mut applied, &providers, &issuers);
        assert_eq!(
            told(&applied.problems),
            [(
                "uid of corp",
                3,
                "no keys yet, so its tokens get a 503: id.example did not answer within 10 s"
            )]
        );
        assert_eq!(
            told(&applied.doubts),
            [(
                "uid of cluster",
                3,
                "the keys of an earlier fetch still count: k8s answered with status 500"
            )]
        );
    }

    #[test]
    fn what_is_told_is_bounded() {
        let names: Vec<_> = (0..MAX_PROBLEMS + 5).map(|n| format!("i{n}")).collect();
        let entries: Vec<_> = names
            .iter()
            .map(|name| entry("IdentityProvider", name))
            .collect();
        let long = "ä".repeat(10_000);
        let issuers: Vec<_> = names
            .iter()
            .map(|name| issuer(name, 1, Some(&long)))
            .collect();
        let mut applied = applied();
        add(&mut applied, &providers(&entries), &issuers);
        assert_eq!((applied.doubts.len(), applied.more), (MAX_PROBLEMS, 5));
        assert!(
            applied
                .doubts
                .iter()
                .all(|doubt| doubt.message.len() <= MAX_MESSAGE)
        );
    }
}
