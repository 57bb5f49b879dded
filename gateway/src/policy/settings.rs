//! `GatewaySettings` in their ready form: everything has a value.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parapet_crds::gateway_settings::{
    Anonymous, ExposeGuardrails, GatewaySettingsSpec, Limits, McpEndpoint,
};
use parapet_crds::human_duration::HumanDuration;
use parapet_policy::facts::{Caller, Subject};
use parapet_policy::outcome::DEFAULT_TIMEOUT;
use parapet_policy::plan::PlanDefaults;

use crate::identity::Identity;
use crate::upstream::AddressRules;

/// What holds for the whole installation.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For guardrails and rules that say nothing themselves.
    pub plan: PlanDefaults,
    /// How long a guardrail that makes calls may take.
    pub timeout: Duration,
    /// What responses tell about the guardrails that ran.
    pub expose_guardrails: ExposeGuardrails,
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Bytes of a request's headers.
    pub header_bytes: usize,
    /// Bytes of an upstream's answer that is not streamed.
    pub answer_bytes: usize,
    /// Pieces of text in one request or answer.
    pub segments: usize,
    /// Bytes of one event of a stream.
    pub stream_event_bytes: usize,
    /// Bytes of a stream that a local guardrail may hold back.
    pub hold_back_bytes: usize,
    /// Requests in flight.
    pub concurrent_requests: usize,
    /// Patience with a client's headers, and with its silence inside a body.
    pub client_timeout: Duration,
    /// Patience with an upstream's connection.
    pub connect_timeout: Duration,
    /// Patience with an upstream's first byte.
    pub first_byte_timeout: Duration,
    /// Patience with an upstream's silence after that.
    pub idle_timeout: Duration,
    /// Where the gateway's own calls may go.
    pub egress: AddressRules,
    /// Metadata of requests where nothing else is said.
    pub metadata: BTreeMap<String, String>,
    /// How MCP clients reach the gateway.
    pub mcp: McpSettings,
    /// Who calls when no token comes; none: nobody.
    pub anonymous: Option<Arc<Identity>>,
}

impl Settings {
    /// The settings as written, with the defaults for the rest; and what cannot be used of them, as
    /// (path, message).
    pub fn new(spec: &GatewaySettingsSpec) -> (Self, Vec<(String, String)>) {
        let (egress, problems) = AddressRules::read(&spec.egress.allow, &spec.egress.deny);
        let problems = problems
            .into_iter()
            .map(|(list, index, error)| (format!("spec.egress.{list}[{index}]"), error.to_string()))
            .collect();
        // Taken apart, so that a new setting cannot be forgotten here.
        let Limits {
            body_bytes,
            header_bytes,
            answer_bytes,
            segments,
            stream_event_bytes,
            hold_back_bytes,
            concurrent_requests,
            client_timeout,
            connect_timeout,
            first_byte_timeout,
            idle_timeout,
        } = &spec.limits;
        let count = |given: &Option<i64>, default: usize| {
            given
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(default)
        };
        let time = |given: &Option<HumanDuration>, default: u64| {
            given.map_or(Duration::from_secs(default), |given| given.0)
        };
        let settings = Self {
            plan: PlanDefaults {
                strategy: spec.defaults.enforcing_strategy,
                input_execution: spec.defaults.input_execution,
                unscannable: spec.defaults.unscannable.unwrap_or_default(),
            },
            timeout: spec
                .defaults
                .timeout
                .map_or(DEFAULT_TIMEOUT, |given| given.0),
            expose_guardrails: spec.expose_guardrails,
            body_bytes: count(body_bytes, 20 * 1024 * 1024),
            header_bytes: count(header_bytes, 64 * 1024),
            answer_bytes: count(answer_bytes, 64 * 1024 * 1024),
            segments: count(segments, 65_536),
            stream_event_bytes: count(stream_event_bytes, 1024 * 1024),
            hold_back_bytes: count(hold_back_bytes, 1024),
            concurrent_requests: count(concurrent_requests, 10_000),
            client_timeout: time(client_timeout, 30),
            connect_timeout: time(connect_timeout, 5),
            first_byte_timeout: time(first_byte_timeout, 600),
            idle_timeout: time(idle_timeout, 120),
            egress,
            metadata: spec.defaults.metadata.clone(),
            mcp: McpSettings::new(&spec.mcp),
            anonymous: spec.anonymous.as_ref().map(anonymous),
        };
        (settings, problems)
    }
}

/// How MCP clients reach the gateway.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct McpSettings {
    /// Scheme, host and port; none: what a request came by.
    pub public_url: Option<String>,
    /// In lower case, without port; empty: see the resource.
    pub allowed_hosts: Vec<String>,
    /// In lower case.
    pub allowed_origins: Vec<String>,
    /// How long a client's stream may have no event before it gets a comment.
    pub keep_alive: Duration,
    /// Whether the hooks of tools run on the calls and results in chat requests.
    pub guard_chat: bool,
}

/// The default of [`McpSettings::keep_alive`]: half of what proxies commonly wait.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

impl Default for McpSettings {
    fn default() -> Self {
        Self::new(&McpEndpoint::default())
    }
}

impl McpSettings {
    fn new(spec: &McpEndpoint) -> Self {
        let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self {
            public_url: spec.public_url.clone(),
            allowed_hosts: lower(&spec.allowed_hosts),
            allowed_origins: lower(&spec.allowed_origins),
            keep_alive: spec
                .keep_alive
                .as_ref()
                .map_or(KEEP_ALIVE, |time| time.0.max(Duration::from_secs(1))),
            guard_chat: spec.guard_chat,
        }
    }
}

fn anonymous(spec: &Anonymous) -> Arc<Identity> {
    Arc::new(Identity {
        caller: Caller {
            subject: Subject::User(spec.user.as_str().into()),
            teams: spec.teams.iter().map(|team| team.as_str().into()).collect(),
            roles: Vec::new(),
        },
        metadata: BTreeMap::new(),
        fixed_metadata: BTreeMap::new(),
    })
}

impl Default for Settings {
    fn default() -> Self {
        Self::new(&GatewaySettingsSpec::default()).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_wins_over_the_default() {
        let spec: GatewaySettingsSpec = serde_json::from_value(serde_json::json!({
            "defaults": {"timeout": "2s", "enforcingStrategy": "audit", "inputExecution": "sequential"},
            "limits": {"bodyBytes": 2048, "idleTimeout": "1m"},
            "egress": {"allow": ["169.254.1.0/24"], "deny": ["10.0.0.0/8", "everything"]},
        }))
        .unwrap();
        let (settings, problems) = Settings::new(&spec);
        assert_eq!(settings.timeout, Duration::from_secs(2));
        assert_eq!(
            settings.plan.strategy,
            Some(parapet_policy::outcome::Strategy::Audit)
        );
        assert_eq!(
            (settings.body_bytes, settings.idle_timeout),
            (2048, Duration::from_secs(60))
        );
        assert_eq!(settings.first_byte_timeout, Duration::from_secs(600));
        assert_eq!(
            (settings.egress.allow.len(), settings.egress.deny.len()),
            (1, 1)
        );
        let paths: Vec<&str> = problems.iter().map(|problem| problem.0.as_str()).collect();
        assert_eq!(paths, ["spec.egress.deny[1]"]);
        assert_eq!(Settings::default().timeout, DEFAULT_TIMEOUT);
    }
}
