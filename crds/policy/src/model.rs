//! What a model's name means: `account/model` as callers write it.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::bundle::{Bundle, ProviderEntry};
use crate::facts::{Caller, Target};
use crate::subject::Subjects;

/// The models of one bundle, each found by one look-up.
#[derive(Debug)]
pub struct Models {
    accounts: HashMap<Arc<str>, u32, RandomState>,
    /// By the whole name, for accounts that list their models.
    listed: HashMap<Arc<str>, ResolvedModel, RandomState>,
    /// One for each entry of [`Bundle::providers`].
    providers: Vec<Provider>,
}

#[derive(Debug)]
struct Provider {
    namespace: Arc<str>,
    lists_models: bool,
    /// None: every authenticated caller.
    collaborators: Option<Subjects>,
}

/// A model that can be called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResolvedModel {
    /// Index in [`Bundle::providers`].
    pub provider: u32,
    /// The provider resource's namespace.
    pub namespace: Arc<str>,
    /// What the upstream calls it.
    pub upstream: Arc<str>,
    /// The names that rules are matched with: the one asked for, then `account/upstream` when it differs.
    pub names: Arc<[Arc<str>]>,
}

impl ResolvedModel {
    /// The target for [`crate::facts::Facts`].
    pub fn target(&self) -> Target {
        Target::Model {
            namespace: self.namespace.clone(),
            names: self.names.clone(),
        }
    }
}

/// Why a name is not a model. Its text is for the client.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// It has no account, or nothing after it.
    #[error("the model {0:?} does not exist: models are named account/model")]
    NotQualified(String),
    /// No provider has the account's name.
    #[error("the model {model:?} does not exist: there is no account {account:?}")]
    UnknownAccount {
        /// As asked for.
        model: String,
        /// What stands before the first `/`.
        account: String,
    },
    /// The provider lists its models, and this is none of them.
    #[error("the model {model:?} does not exist: account {account:?} does not have it")]
    UnknownModel {
        /// As asked for.
        model: String,
        /// The account.
        account: String,
    },
}

impl Models {
    /// Indexes a bundle's models.
    pub fn new(bundle: &Bundle) -> Self {
        let mut accounts = HashMap::default();
        let mut listed = HashMap::default();
        for (index, entry) in (0u32..).zip(&bundle.providers) {
            accounts.insert(entry.source.name.clone(), index);
            for (model, upstream) in entry.models.iter().flatten() {
                let name: Arc<str> = format!("{}/{model}", entry.source.name).into();
                listed.insert(name.clone(), resolved(index, entry, name, upstream.clone()));
            }
        }
        let provider = |entry: &ProviderEntry| Provider {
            namespace: entry.source.namespace.clone(),
            lists_models: entry.models.is_some(),
            collaborators: entry
                .collaborators
                .as_ref()
                .map(|subjects| Subjects::new(subjects)),
        };
        Self {
            accounts,
            listed,
            providers: bundle.providers.iter().map(provider).collect(),
        }
    }

    /// The model that a caller's name stands for. Does not allocate for a model that its provider lists.
    ///
    /// # Errors
    /// No account in the name, no such account, or no such model in it.
    pub fn resolve(&self, name: &str) -> Result<ResolvedModel, ModelError> {
        if let Some(found) = self.listed.get(name) {
            return Ok(found.clone());
        }
        let parts = name
            .split_once('/')
            .filter(|(account, model)| !account.is_empty() && !model.is_empty());
        let Some((account, model)) = parts else {
            return Err(ModelError::NotQualified(name.to_owned()));
        };
        let index = self.accounts.get(account).copied();
        let Some((index, provider)) =
            index.and_then(|index| Some((index, self.providers.get(index as usize)?)))
        else {
            return Err(ModelError::UnknownAccount {
                model: name.to_owned(),
                account: account.to_owned(),
            });
        };
        if provider.lists_models {
            return Err(ModelError::UnknownModel {
                model: name.to_owned(),
                account: account.to_owned(),
            });
        }
        Ok(ResolvedModel {
            provider: index,
            namespace: provider.namespace.clone(),
            upstream: model.into(),
            names: [Arc::from(name)].into(),
        })
    }

    /// Whether a caller may use a provider, by its index in [`Bundle::providers`].
    pub fn may_use(&self, provider: u32, caller: &Caller) -> bool {
        self.providers
            .get(provider as usize)
            .is_some_and(|provider| {
                provider
                    .collaborators
                    .as_ref()
                    .is_none_or(|listed| listed.hold(caller))
            })
    }

    /// Every listed model that a caller may use, sorted by name. Providers that forward any name have
    /// nothing to list.
    pub fn usable_by(&self, caller: &Caller) -> Vec<&ResolvedModel> {
        let mut usable: Vec<_> = self
            .listed
            .values()
            .filter(|model| self.may_use(model.provider, caller))
            .collect();
        usable.sort_unstable_by(|one, other| one.names.cmp(&other.names));
        usable
    }
}

fn resolved(
    provider: u32,
    entry: &ProviderEntry,
    name: Arc<str>,
    upstream: Arc<str>,
) -> ResolvedModel {
    // A rule may name the model either way.
    let renamed: Arc<str> = format!("{}/{upstream}", entry.source.name).into();
    let names: Arc<[Arc<str>]> = if renamed == name {
        [name].into()
    } else {
        [name, renamed].into()
    };
    ResolvedModel {
        provider,
        namespace: entry.source.namespace.clone(),
        upstream,
        names,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::facts::Subject;

    fn provider(
        name: &str,
        models: Option<&[(&str, &str)]>,
        collaborators: Option<&[&str]>,
    ) -> ProviderEntry {
        let owned = |models: &[(&str, &str)]| {
            models
                .iter()
                .map(|(name, upstream)| ((*name).into(), (*upstream).into()))
                .collect()
        };
        ProviderEntry {
            source: Source {
                kind: "ModelProvider".into(),
                namespace: "team-a".into(),
                name: name.into(),
                file: None,
            },
            collaborators: collaborators
                .map(|listed| listed.iter().map(ToString::to_string).collect()),
            models: models.map(owned),
            spec: serde_json::Value::Null,
        }
    }

    fn models() -> Models {
        let listed: &[_] = &[("gpt-4o", "gpt-4o-2024-11-20"), ("org/m", "org/m")];
        let providers = vec![
            provider("any", None, Some(&["user:alice"])),
            provider("main", Some(listed), None),
        ];
        Models::new(&Bundle {
            providers,
            ..Bundle::default()
        })
    }

    #[test]
    fn resolves_names() {
        let models = models();
        for (name, provider, upstream, names) in [
            (
                "main/gpt-4o",
                1,
                "gpt-4o-2024-11-20",
                &["main/gpt-4o", "main/gpt-4o-2024-11-20"][..],
            ),
            ("main/org/m", 1, "org/m", &["main/org/m"]),
            ("any/thing/at/all", 0, "thing/at/all", &["any/thing/at/all"]),
        ] {
            let found = models.resolve(name).unwrap();
            assert_eq!(
                (found.provider, &*found.upstream, &*found.namespace),
                (provider, upstream, "team-a")
            );
            assert_eq!(
                found.names.iter().map(|name| &**name).collect::<Vec<_>>(),
                names
            );
        }
        for (name, said) in [
            ("", "account/model"),
            ("gpt-4o", "account/model"),
            ("main/", "account/model"),
            ("/gpt-4o", "account/model"),
            ("mian/gpt-4o", "no account \"mian\""),
            ("main/gpt-4", "account \"main\" does not have it"),
            (
                "main/gpt-4o-2024-11-20",
                "account \"main\" does not have it",
            ),
        ] {
            let error = models.resolve(name).unwrap_err().to_string();
            assert!(error.contains(said), "{name}: {error}");
        }
    }

    #[test]
    fn collaborators_decide_who_may_use_a_provider() {
        let models = models();
        let caller = |name: &str| Caller {
            subject: Subject::User(name.into()),
            teams: vec![],
            roles: vec![],
        };
        assert!(models.may_use(0, &caller("alice")));
        assert!(!models.may_use(0, &caller("bob")));
        assert!(models.may_use(1, &caller("bob")));
        assert!(!models.may_use(2, &caller("alice")), "no such provider");
        let names = models.usable_by(&caller("bob"));
        let names: Vec<_> = names
            .iter()
            .map(|model| model.names[0].to_string())
            .collect();
        assert_eq!(names, ["main/gpt-4o", "main/org/m"]);
    }
}
