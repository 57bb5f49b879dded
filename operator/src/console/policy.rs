//! Follows what is published: every replica compiles it again, from the forms that were published with it.
//!
//! So the page shows what gateways run, whoever leads, and not what was written since and not accepted. Of all Secrets only
//! the tokens of virtual accounts are read, to know whose they are.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use parapet_connect::{AddressRules, Connector, ConnectorConfig};
use parapet_crds::gateway_settings::GatewaySettingsSpec;
use parapet_crds::read::Secrets;
use parapet_identity::{Identities, Refresher};
use parapet_policy::bundle::{Bundle, Revision, SecretId};
use parapet_policy::diagnostic::Source;
use serde::Deserialize as _;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::Watching;
use super::installation::{Policy, Seen};
use crate::controller::accept::Acceptor;
use crate::controller::credentials::Credentials;
use crate::controller::object::{Object, Readings};
use crate::publisher::Published;

/// Tokens and what is published are looked at so often: a token that was taken back signs nobody in for longer.
const EVERY: Duration = Duration::from_secs(5);
/// What gateways report is followed at once, but not more often than this.
const PACE: Duration = Duration::from_secs(1);

pub(super) struct Follower {
    watching: Watching,
    seen: Arc<Seen>,
    /// The way to issuers.
    connector: Connector,
    refresher: Refresher,
    credentials: Credentials,
    /// It remembers which guardrails build, so that a change costs what it changes.
    acceptor: Option<Acceptor>,
    readings: Readings,
    bundle: Option<Arc<Bundle>>,
    /// What the identities were made from.
    made: Option<(Revision, Vec<(SecretId, String)>)>,
}

impl Follower {
    pub(super) fn new(watching: Watching, seen: Arc<Seen>) -> anyhow::Result<Self> {
        let connector = Connector::new(&ConnectorConfig::default())
            .context("preparing to fetch the keys of identity providers")?;
        let namespace = watching.policy_namespace.clone();
        Ok(Self {
            refresher: Refresher::new(connector.clone(), Handle::current()),
            connector,
            credentials: Credentials::default(),
            acceptor: Some(Acceptor::new(namespace, &[])),
            readings: Readings::default(),
            bundle: None,
            made: None,
            watching,
            seen,
        })
    }

    pub(super) async fn run(mut self) {
        self.watching.watched.complete().await;
        let mut fleet = self.watching.publisher.fleet();
        loop {
            self.look().await;
            tokio::select! {
                _ = fleet.changed() => {}
                () = sleep(EVERY) => {}
            }
            sleep(PACE).await;
        }
    }

    /// What is published, as far as it can be found out: what was seen before stays.
    async fn look(&mut self) {
        match self.watching.publisher.current().await {
            Ok(Some(published)) => self.compile(published).await,
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "it is not known what is published"),
        }
        if let Some(bundle) = self.bundle.clone() {
            self.identify(bundle).await;
        }
    }

    async fn compile(&mut self, published: Published) {
        let revision = published.revision;
        if self
            .bundle
            .as_ref()
            .is_some_and(|bundle| bundle.revision == revision)
        {
            return;
        }
        let namespace = self.watching.policy_namespace.clone();
        let mut acceptor = self
            .acceptor
            .take()
            .unwrap_or_else(|| Acceptor::new(namespace.clone(), &[]));
        let seen = self
            .readings
            .read(self.watching.watched.resources(), &namespace);
        let compiling = tokio::task::spawn_blocking(move || {
            let sources = published.sources.iter();
            let good: Vec<Object> = sources
                .filter_map(|source| Object::restored(source, &namespace))
                .collect();
            let bundle = in_force(&mut acceptor, good, seen);
            (acceptor, bundle)
        });
        match compiling.await {
            Ok((acceptor, mut bundle)) => {
                self.acceptor = Some(acceptor);
                bundle.revision = revision;
                self.bundle = Some(Arc::new(bundle));
            }
            Err(error) => {
                tracing::error!(%error, "what is published cannot be compiled for the page");
            }
        }
    }

    /// Knows again whose tokens are whose, when the policy or a token has changed.
    async fn identify(&mut self, bundle: Arc<Bundle>) {
        let accounts = bundle.accounts.iter();
        let named: BTreeSet<SecretId> = accounts
            .flat_map(|account| account.tokens.iter().cloned())
            .collect();
        let labelled = self.watching.watched.secrets();
        let versions = versions(&named, &labelled);
        let current = (bundle.revision, versions);
        if self.made.as_ref() == Some(&current) {
            return;
        }
        let client = &self.watching.client;
        let read = self.credentials.refresh(client, &named, &labelled).await;
        let values: Secrets = read.values;
        let (identities, _) = Identities::new(&bundle, &values);
        // Before the first call to an issuer that this policy names.
        let (rules, timeout) = way_out(&bundle);
        self.connector.configure(rules, timeout);
        self.refresher.follow(&identities);
        let policy = Policy { bundle, identities };
        self.seen.policy.store(Some(Arc::new(policy)));
        // What could not be read is read again.
        self.made = read.failed.is_empty().then_some(current);
    }
}

/// What these good forms come to that were published, with the resources that never had a good one: those count as they are,
/// as far as they can be read. What is good and was not published has been written since.
fn in_force(acceptor: &mut Acceptor, good: Vec<Object>, seen: Vec<Object>) -> Bundle {
    let published: BTreeSet<Source> = good.iter().map(|object| object.source.clone()).collect();
    let others = seen
        .into_iter()
        .filter(|object| !published.contains(&object.source));
    let mut objects: Vec<Object> = good.into_iter().chain(others).collect();
    // What is published was compiled with the values that there were.
    let secrets = acceptor.secret_refs(&objects);
    let round = acceptor.round(&objects, &secrets);
    let is_since = |source: &Source| {
        let verdict = round.verdicts.get(source);
        !published.contains(source) && verdict.is_some_and(|verdict| verdict.in_force.is_some())
    };
    let all = objects.len();
    objects.retain(|object| !is_since(&object.source));
    match objects.len() == all {
        true => round.bundle,
        false => acceptor.round(&objects, &secrets).bundle,
    }
}

/// Where issuers may be, and how long a connection to them may take: as `GatewaySettings` say it to gateways. What cannot be
/// read of them is left out, as gateways do, and the resource's status says so.
fn way_out(bundle: &Bundle) -> (AddressRules, Duration) {
    let spec = bundle.settings.as_ref();
    let spec: GatewaySettingsSpec = spec
        .and_then(|spec| GatewaySettingsSpec::deserialize(spec).ok())
        .unwrap_or_default();
    let (rules, _) = AddressRules::read(&spec.egress.allow, &spec.egress.deny);
    let timeout = spec.limits.connect_timeout.map(|given| given.0);
    (
        rules,
        timeout.unwrap_or_else(|| ConnectorConfig::default().timeout),
    )
}

/// Which version of each token's Secret there is.
fn versions(
    named: &BTreeSet<SecretId>,
    labelled: &std::collections::BTreeMap<crate::controller::watch_all::SecretName, String>,
) -> Vec<(SecretId, String)> {
    let version = |id: &SecretId| {
        let name = (id.namespace.clone(), id.name.clone());
        Some((id.clone(), labelled.get(&name)?.clone()))
    };
    named.iter().filter_map(version).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_counts_without_ever_having_been_good_is_shown_and_what_is_new_is_not() {
        let namespace: Arc<str> = "parapet".into();
        let object = |kind: &str, name: &str, spec: serde_json::Value| {
            let resource = json!({
                "apiVersion": parapet_crds::API_VERSION, "kind": kind, "spec": spec,
                "metadata": {"name": name, "namespace": "parapet", "uid": name, "generation": 1},
            });
            Object::restored(&resource, &namespace).unwrap()
        };
        let rule = |id: &str, guardrail: &str| json!({"rules": [{"id": id, "llm_input_guardrails": [guardrail]}]});
        let guardrails = json!({"guardrails": [{"name": "secrets", "operation": "mutate", "secretsDetection": {}}]});
        let good = vec![
            object("GuardrailIntegration", "g", guardrails),
            object("GuardrailConfig", "old", rule("published", "g/secrets")),
        ];
        let seen = vec![
            object("GuardrailConfig", "old", rule("edited-since", "g/secrets")),
            object("GuardrailConfig", "bad", rule("never-good", "g/nowhere")),
            object("GuardrailConfig", "new", rule("written-since", "g/secrets")),
        ];
        let mut acceptor = Acceptor::new(namespace.clone(), &[]);
        let bundle = in_force(&mut acceptor, good, seen);
        let mut rules: Vec<&str> = bundle.rules.iter().map(|rule| &*rule.id).collect();
        rules.sort_unstable();
        assert_eq!(rules, ["never-good", "published"]);
    }

    #[test]
    fn issuers_are_fetched_from_by_the_rules_for_gateways() {
        let bundle = |settings| Bundle {
            settings,
            ..Bundle::default()
        };
        let permits = |settings, address: &str| {
            let (rules, _) = way_out(&bundle(settings));
            rules.permits(address.parse().unwrap())
        };
        let denied =
            json!({"egress": {"allow": ["169.254.7.7"], "deny": ["10.0.0.0/8", "anywhere"]}});
        for (settings, address, expected) in [
            (None, "10.1.2.3", true),
            (None, "169.254.169.254", false),
            (Some(denied.clone()), "10.1.2.3", false),
            (Some(denied.clone()), "192.168.1.1", true),
            (Some(denied), "169.254.7.7", true),
        ] {
            assert_eq!(permits(settings, address), expected, "{address}");
        }
        let (_, usual) = way_out(&bundle(None));
        let (_, given) = way_out(&bundle(Some(json!({"limits": {"connectTimeout": "2s"}}))));
        assert_eq!(
            (usual, given),
            (ConnectorConfig::default().timeout, Duration::from_secs(2))
        );
    }
}
