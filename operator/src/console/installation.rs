//! What the console shows of an installation besides records.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::{HeaderMap, HeaderValue, header};
use parapet_console::{Gateway, Installation, Refused};
use parapet_identity::{AuthError, Identities};
use parapet_policy::bundle::Bundle;
use parapet_policy::facts::Caller;
use tokio::sync::watch;

use crate::controller::watch_all::Watched;
use crate::publisher::{Fleet, GatewayReport};

/// Problems of one gateway that are shown.
const MAX_PROBLEMS: usize = 5;

/// The policy that is published, and who its tokens belong to.
pub(super) struct Policy {
    pub(super) bundle: Arc<Bundle>,
    pub(super) identities: Identities,
}

/// What was seen last.
pub(super) struct Seen {
    pub(super) policy: ArcSwapOption<Policy>,
    fleet: watch::Receiver<Arc<Fleet>>,
    watched: Watched,
}

impl Seen {
    pub(super) fn new(fleet: watch::Receiver<Arc<Fleet>>, watched: Watched) -> Self {
        Self {
            policy: ArcSwapOption::empty(),
            fleet,
            watched,
        }
    }
}

impl Installation for Seen {
    fn authenticate(&self, token: &str) -> Result<Caller, Refused> {
        let refused = |message: &str, unavailable| Refused {
            message: message.to_owned(),
            unavailable,
        };
        let policy = self.policy.load();
        let Some(policy) = &*policy else {
            return Err(refused("no policy was seen yet: try again", true));
        };
        let Ok(value) = HeaderValue::try_from(format!("Bearer {token}")) else {
            return Err(refused(&AuthError::Unknown.to_string(), false));
        };
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        match policy.identities.authenticate(&headers) {
            Ok(identity) => Ok(identity.caller.clone()),
            Err(error) => Err(refused(&error.to_string(), error == AuthError::NoKeys)),
        }
    }

    fn has_identities(&self) -> bool {
        self.policy().is_none_or(|bundle| {
            !bundle.accounts.is_empty() || !bundle.identity_providers.is_empty()
        })
    }

    fn policy(&self) -> Option<Arc<Bundle>> {
        let policy = self.policy.load();
        policy.as_ref().map(|policy| Arc::clone(&policy.bundle))
    }

    fn gateways(&self) -> Vec<Gateway> {
        let fleet = Arc::clone(&self.fleet.borrow());
        let reported = fleet.gateways.values().map(reported);
        let mut gateways: Vec<Gateway> = reported.collect();
        for (uid, name, _) in self.watched.pods() {
            if !fleet.gateways.contains_key(&uid) {
                gateways.push(Gateway {
                    name: name.into(),
                    revision: None,
                    digest: None,
                    since: None,
                    remarks: vec!["it is not heard".to_owned()],
                });
            }
        }
        if !fleet.reachable {
            for gateway in &mut gateways {
                let remark = "NATS is away: this is what was heard last";
                gateway.remarks.push(remark.to_owned());
            }
        }
        gateways.sort_by(|a, b| a.name.cmp(&b.name));
        gateways
    }
}

fn reported(report: &GatewayReport) -> Gateway {
    let mut remarks = Vec::new();
    if let Some(rejected) = &report.rejected {
        let which = rejected.revision.map(|revision| format!(" {revision}"));
        remarks.push(format!(
            "refused{}: {}: {}",
            which.unwrap_or_default(),
            rejected.code,
            rejected.message
        ));
    }
    let problems = report.problems.values().chain(report.doubts.values());
    remarks.extend(problems.take(MAX_PROBLEMS).cloned());
    let more = (report.problems.len() + report.doubts.len()).saturating_sub(MAX_PROBLEMS);
    if more > 0 {
        remarks.push(format!("and {more} problems more"));
    }
    Gateway {
        name: report.pod.as_str().into(),
        revision: report.applied,
        digest: None,
        since: None,
        remarks,
    }
}
