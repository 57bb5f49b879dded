//! Which resources count: names are held by the oldest, and some kinds count only in the policy
//! namespace.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::diagnostic::{Reason, Source};
use crate::time::parse_rfc3339;

use super::report::Report;
use super::written::{
    Created, Written, WrittenAccount, WrittenConfig, WrittenIntegration, WrittenMcpServer,
    WrittenProvider, WrittenResource,
};

/// The resources that count, each list sorted by (namespace, name).
#[derive(Debug)]
pub(super) struct Held<'a> {
    pub(super) integrations: Vec<&'a WrittenIntegration>,
    pub(super) configs: Vec<&'a WrittenConfig>,
    pub(super) providers: Vec<&'a WrittenProvider>,
    pub(super) mcp_servers: Vec<&'a WrittenMcpServer>,
    pub(super) accounts: Vec<&'a WrittenAccount>,
    pub(super) identity_providers: Vec<&'a WrittenResource>,
    pub(super) settings: Vec<&'a WrittenResource>,
}

impl<'a> Held<'a> {
    pub(super) fn new(written: &'a Written, report: &mut Report) -> Self {
        let policy = &*written.policy_namespace;
        let in_namespace = |source: &'a Source| (&*source.namespace, &*source.name);
        let installation = |source: &'a Source| ("", &*source.name);
        let accounts = only_in(policy, &written.accounts, report);
        let identity_providers = only_in(policy, &written.identity_providers, report);
        let settings = only_in(policy, &written.settings, report);
        Self {
            integrations: oldest(written.integrations.iter(), &[], in_namespace, report),
            configs: oldest(written.configs.iter(), &[], in_namespace, report),
            providers: oldest(
                written.providers.iter(),
                &written.unreadable_providers,
                installation,
                report,
            ),
            mcp_servers: oldest(
                written.mcp_servers.iter(),
                &written.unreadable_mcp_servers,
                installation,
                report,
            ),
            accounts: oldest(accounts, &[], installation, report),
            identity_providers: oldest(identity_providers, &[], installation, report),
            settings: oldest(settings, &[], |_| ("", ""), report),
        }
    }
}

trait Resource {
    fn source(&self) -> &Source;
    fn created(&self) -> &Created;
}

macro_rules! resources {
    ($($written:ty,)*) => {
        $(impl Resource for $written {
            fn source(&self) -> &Source {
                &self.source
            }

            fn created(&self) -> &Created {
                &self.created
            }
        })*
    };
}

resources!(
    WrittenIntegration,
    WrittenConfig,
    WrittenProvider,
    WrittenMcpServer,
    WrittenAccount,
    WrittenResource,
);

/// Leaves out what stands outside the policy namespace.
fn only_in<'a, T: Resource>(policy: &str, written: &'a [T], report: &mut Report) -> Vec<&'a T> {
    let mut kept = Vec::new();
    for resource in written {
        let source = resource.source();
        if &*source.namespace == policy {
            kept.push(resource);
            continue;
        }
        let message = format!(
            "a resource of this kind counts only in the policy namespace {policy}, and this one is in {}: \
             move it there",
            source.namespace
        );
        report.error(
            source,
            "metadata.namespace",
            Reason::WrongNamespace,
            message,
        );
    }
    kept
}

/// Leaves out what claims a name that an older resource holds; `unreadable` hold names as well.
fn oldest<'a, T: Resource>(
    written: impl IntoIterator<Item = &'a T>,
    unreadable: &'a [(Source, Created)],
    claim: impl Fn(&'a Source) -> (&'a str, &'a str),
    report: &mut Report,
) -> Vec<&'a T> {
    let readable = written
        .into_iter()
        .map(|resource| (age(resource.source(), resource.created()), Some(resource)));
    let unreadable = unreadable
        .iter()
        .map(|(source, created)| (age(source, created), None));
    let mut by_age: Vec<_> = readable.chain(unreadable).collect();
    by_age.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut holders: HashMap<_, &'a Source, RandomState> = HashMap::default();
    let mut kept = Vec::with_capacity(by_age.len());
    for (Age { source, .. }, resource) in by_age {
        match holders.get(&claim(source)) {
            None => {
                holders.insert(claim(source), source);
                kept.extend(resource);
            }
            Some(holder) => {
                let message = conflict(source, holder);
                report.error(source, "metadata.name", Reason::Conflicted, message);
            }
        }
    }
    kept.sort_by(|one, other| place(one.source()).cmp(&place(other.source())));
    kept
}

fn conflict(source: &Source, holder: &Source) -> String {
    if source.name != holder.name {
        return format!(
            "an installation has one {}, and {holder} is older: delete one of them",
            source.kind
        );
    }
    format!(
        "the name {:?} is held by {holder}, which is older: rename or delete this one",
        source.name
    )
}

fn place(source: &Source) -> (&Arc<str>, &Arc<str>) {
    (&source.namespace, &source.name)
}

/// Sorts older before younger. What has no time of creation (or none that can be read) comes last.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Age<'a, T> {
    is_unknown: bool,
    created: T,
    file: &'a Option<Arc<str>>,
    place: (&'a Arc<str>, &'a Arc<str>),
    source: &'a Source,
}

fn age<'a>(source: &'a Source, created: &Created) -> Age<'a, impl Ord + use<>> {
    let created = created.as_deref().and_then(parse_rfc3339);
    Age {
        is_unknown: created.is_none(),
        created,
        file: &source.file,
        place: place(source),
        source,
    }
}
