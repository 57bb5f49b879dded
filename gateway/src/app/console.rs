//! The console of a gateway: its own records, its own policy, and its own callers' tokens.

use std::sync::Arc;

use anyhow::Context as _;
use http::{HeaderMap, HeaderValue, header};
use parapet_console::session::SealingKey;
use parapet_console::{Console, Gateway, Installation, Refused};
use parapet_policy::bundle::Bundle;
use parapet_policy::facts::Caller;

use super::stage::Stage;
use crate::args::Serve;
use crate::identity::AuthError;

/// The console, unless it is switched off. Sessions end with the process.
///
/// # Errors
/// When the system gives no randomness, or its file cannot be used.
pub(super) fn new(
    args: &Serve,
    stage: &Arc<Stage>,
    name: &str,
) -> anyhow::Result<Option<Arc<Console>>> {
    if !args.console.is_on(args.policy.manifests.is_some()) {
        return Ok(None);
    }
    let key = SealingKey::random().context("starting the console")?;
    let own = Own {
        stage: Arc::clone(stage),
        name: name.into(),
    };
    Ok(Some(Arc::new(Console::new(
        &args.console.settings(),
        key,
        Arc::new(own),
    )?)))
}

/// This gateway alone.
struct Own {
    stage: Arc<Stage>,
    name: Arc<str>,
}

impl Installation for Own {
    fn authenticate(&self, token: &str) -> Result<Caller, Refused> {
        let refused = |message: &str, unavailable| Refused {
            message: message.to_owned(),
            unavailable,
        };
        let Some(live) = self.stage.live() else {
            return Err(refused("there is no policy yet: try again", true));
        };
        let value = HeaderValue::try_from(format!("Bearer {token}"));
        let Ok(value) = value else {
            return Err(refused(&AuthError::Unknown.to_string(), false));
        };
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        let snapshot = live.snapshot().load();
        match snapshot.identities.authenticate(&headers) {
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
        let live = self.stage.live()?;
        Some(Arc::clone(live.snapshot().load().planner.bundle()))
    }

    fn gateways(&self) -> Vec<Gateway> {
        let Some(live) = self.stage.live() else {
            return Vec::new();
        };
        let status = live.status();
        let mut remarks = Vec::new();
        if let Some(rejected) = &status.rejected {
            remarks.push(format!(
                "the newest policy was refused: {} errors",
                rejected.errors
            ));
        }
        if status.anonymous {
            remarks.push("callers without a token are let in".to_owned());
        }
        for issuer in &status.issuers {
            if let Some(error) = &issuer.error {
                remarks.push(format!("keys of {}: {error}", issuer.name));
            }
        }
        vec![Gateway {
            name: Arc::clone(&self.name),
            revision: Some(live.revision()),
            digest: status.digest,
            since: None,
            remarks,
        }]
    }
}
