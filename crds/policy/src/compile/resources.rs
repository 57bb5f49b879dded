//! Resources that the compiler checks and places, and that the gateway reads.

use std::collections::BTreeMap;

use crate::bundle::{AccountEntry, AccountIdentity, ProviderEntry, ResourceEntry, SecretId};
use crate::diagnostic::{Reason, Source};
use crate::subject::EVERYONE;
use crate::time::parse_rfc3339;

use super::known::Known;
use super::report::Report;
use super::secrets::Secrets;
use super::subjects;
use super::written::{WrittenAccount, WrittenProvider, WrittenResource};

/// A source as a bundle carries it: a file that is renamed is no change of policy.
pub(super) fn placed(source: &Source) -> Source {
    Source {
        file: None,
        ..source.clone()
    }
}

/// A list in which order and repetition mean nothing.
pub(super) fn sorted<T: Clone + Ord>(values: &[T]) -> Vec<T> {
    let mut values = values.to_vec();
    values.sort_unstable();
    values.dedup();
    values
}

pub(super) fn providers(
    written: &[&WrittenProvider],
    known: &Known<'_>,
    secrets: &Secrets<'_>,
    report: &mut Report,
) -> Vec<ProviderEntry> {
    let mut entries = Vec::with_capacity(written.len());
    for provider in written {
        let source = &provider.source;
        for (path, id) in &provider.secret_refs {
            secrets.check(source, format_args!("spec.{path}"), id, report);
        }
        collaborators(source, provider.collaborators.as_deref(), known, report);
        if provider.models.as_ref().is_some_and(BTreeMap::is_empty) {
            let message =
                "an empty list has no model to call: leave models out to forward any name";
            report.warning(source, "spec.models", Reason::Suspicious, message);
        }
        let named = |models: &BTreeMap<String, String>| {
            models
                .iter()
                .map(|(name, upstream)| (name.as_str().into(), upstream.as_str().into()))
                .collect()
        };
        entries.push(ProviderEntry {
            source: placed(source),
            collaborators: provider.collaborators.as_deref().map(sorted),
            models: provider.models.as_ref().map(named),
            spec: provider.spec.clone(),
        });
    }
    entries
}

/// Who may use a resource that callers name.
pub(super) fn collaborators(
    source: &Source,
    listed: Option<&[String]>,
    known: &Known<'_>,
    report: &mut Report,
) {
    let Some(listed) = listed else { return };
    let path = "spec.collaborators";
    subjects::check(source, path, ".subject", listed, known, report);
    if listed.is_empty() {
        let message = "an empty list admits nobody: leave collaborators out to admit every caller";
        report.warning(source, path, Reason::Suspicious, message);
    }
}

pub(super) fn accounts(
    written: &[&WrittenAccount],
    known: &Known<'_>,
    secrets: &Secrets<'_>,
    report: &mut Report,
) -> Vec<AccountEntry> {
    let mut entries = Vec::with_capacity(written.len());
    let mut owners: BTreeMap<&SecretId, &Source> = BTreeMap::new();
    let mut holders: BTreeMap<&AccountIdentity, &Source> = BTreeMap::new();
    for account in written {
        let source = &account.source;
        for (index, id) in account.tokens.iter().enumerate() {
            let path = format_args!("spec.tokens[{index}].secretKeyRef");
            secrets.check(source, path, id, report);
            if let Some(owner) = owners.insert(id, source).filter(|owner| *owner != source) {
                let message = format!("{owner} has the same token: give each account its own");
                report.error(source, path, Reason::Conflicted, message);
            }
        }
        let mut identities = Vec::with_capacity(account.identities.len());
        for (index, identity) in account.identities.iter().enumerate() {
            let path = format_args!("spec.identities[{index}]");
            if !known.identity_providers.contains(&*identity.provider) {
                let message = format!(
                    "there is no IdentityProvider {:?} in the policy namespace",
                    identity.provider
                );
                report.error(source, path, Reason::UnknownReference, message);
            }
            match holders.get(identity).filter(|holder| **holder != source) {
                Some(holder) => {
                    let message = format!("{holder} has the same, and keeps it");
                    report.error(source, path, Reason::Conflicted, message);
                }
                None => {
                    holders.insert(identity, source);
                    identities.push(identity.clone());
                }
            }
        }
        if account.tokens.is_empty() && account.identities.is_empty() {
            let message = "without a token nobody can call as this account: add a secretKeyRef to tokens, or an identity \
                           provider's value to identities";
            report.warning(source, "spec.tokens", Reason::Suspicious, message);
        }
        if let Some(index) = account.teams.iter().position(|team| team == EVERYONE) {
            let message = "team:everyone holds users and never virtual accounts: leave it out, and name \
                           virtualaccount:* in rules that are for accounts too";
            report.warning(
                source,
                format_args!("spec.teams[{index}]"),
                Reason::Suspicious,
                message,
            );
        }
        if let Some(text) = account
            .expires_at
            .as_deref()
            .filter(|text| parse_rfc3339(text).is_none())
        {
            let message =
                format!("{text:?} is not a date and time: write it as 2027-01-01T00:00:00Z");
            report.error(source, "spec.expiresAt", Reason::Invalid, message);
        }
        let teams = sorted(&account.teams);
        let roles = sorted(&account.roles);
        entries.push(AccountEntry {
            source: placed(source),
            tokens: sorted(&account.tokens),
            identities: sorted(&identities),
            teams: teams.iter().map(|team| team.as_str().into()).collect(),
            roles: roles.iter().map(|role| role.as_str().into()).collect(),
            metadata: account.metadata.clone(),
            fixed_metadata: account.fixed_metadata.clone(),
            expires_at: account.expires_at.clone(),
        });
    }
    entries
}

pub(super) fn identity_providers(
    written: &[&WrittenResource],
    secrets: &Secrets<'_>,
    report: &mut Report,
) -> Vec<ResourceEntry> {
    let mut by_issuer: BTreeMap<&str, &Source> = BTreeMap::new();
    for provider in written {
        check_secrets(provider, secrets, report);
        let Some(issuer) = provider
            .spec
            .get("issuer")
            .and_then(serde_json::Value::as_str)
        else {
            continue;
        };
        if let Some(other) = by_issuer.insert(issuer, &provider.source) {
            let message = format!(
                "{other} accepts tokens of the same issuer: which of the two reads a token is not defined, \
                 so put the audiences into one of them"
            );
            report.warning(&provider.source, "spec.issuer", Reason::Suspicious, message);
        }
    }
    let entry = |provider: &&WrittenResource| ResourceEntry {
        source: placed(&provider.source),
        spec: provider.spec.clone(),
    };
    written.iter().map(entry).collect()
}

pub(super) fn settings(
    written: &[&WrittenResource],
    secrets: &Secrets<'_>,
    report: &mut Report,
) -> Option<serde_json::Value> {
    // More than one has been reported already.
    let settings = written.first()?;
    check_secrets(settings, secrets, report);
    let anonymous = settings.spec.get("anonymous");
    if anonymous.is_some_and(|anonymous| !anonymous.is_null()) {
        let message = "callers without a token are let in";
        report.warning(
            &settings.source,
            "spec.anonymous",
            Reason::Suspicious,
            message,
        );
    }
    Some(settings.spec.clone())
}

fn check_secrets(resource: &WrittenResource, secrets: &Secrets<'_>, report: &mut Report) {
    for (path, id) in &resource.secret_refs {
        secrets.check(&resource.source, format_args!("spec.{path}"), id, report);
    }
}
