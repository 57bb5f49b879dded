//! What the operator needs of the way to the gateways, whatever it is made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parapet_bus::report::HeldKeys;
use parapet_bus::tools::ToolsReport;
use parapet_crds::read::Secrets;
use parapet_policy::bundle::{Bundle, Revision};
use serde_json::Value as Json;
use tokio::sync::watch;

mod keys;
pub mod memory;
pub mod nats;

/// Publishes compiled policy, and hears what gateways say about it.
pub trait Publisher: Send + Sync {
    /// What is published now, by whomever; none when nothing ever was.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn current(&self) -> BoxFuture<'_, Result<Option<Published>, PublishError>>;

    /// Publishes. It either replaces what is published as a whole or leaves it.
    ///
    /// # Errors
    /// When it did not, or when that is not known: publishing the same again is always right.
    fn publish<'a>(
        &'a self,
        publication: &'a Publication,
    ) -> BoxFuture<'a, Result<(), PublishError>>;

    /// Keeps what was published as it is, until somebody with a higher revision has published: then this process must not
    /// lead on with its epoch. It is called while this process leads, and dropped when it does not.
    fn keep(&self) -> BoxFuture<'_, ()>;

    /// The keys that publications are made with. When they change, what is published has to be published anew.
    fn keys(&self) -> watch::Receiver<KeysInUse>;

    /// What gateways say; the newest value stands, and each change of it wakes whoever waits.
    fn fleet(&self) -> watch::Receiver<Arc<Fleet>>;
}

/// What publications are made with.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KeysInUse {
    /// The id of the key that signs.
    pub signing: String,
    /// The id of the key that credentials are sealed to.
    pub sealing: String,
    /// Counts the changes.
    pub change: u64,
    /// The newest revision that was published with them.
    pub published: Option<Revision>,
}

/// One policy, ready to be sent.
#[derive(Debug)]
pub struct Publication {
    /// The policy, with its revision.
    pub bundle: Bundle,
    /// The values that it refers to, which are sealed before they leave.
    pub secrets: Secrets,
    /// The resources in the form that was compiled, without any secret: the next leader starts from them.
    pub sources: Vec<Arc<Json>>,
}

/// What is published.
#[derive(Clone, Debug)]
pub struct Published {
    /// Which.
    pub revision: Revision,
    /// The resources that it was compiled from.
    pub sources: Vec<Arc<Json>>,
}

/// What gateways say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fleet {
    /// Whether they can be heard at all.
    pub reachable: bool,
    /// By the uid of their pod. Those that have fallen silent are not in it.
    pub gateways: BTreeMap<String, GatewayReport>,
    /// What they have seen of MCP servers' tools.
    pub tools: Vec<Arc<ToolsReport>>,
}

/// What one gateway says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GatewayReport {
    /// Its pod's name.
    pub pod: String,
    /// What it enforces.
    pub applied: Option<Revision>,
    /// What it has refused since.
    pub rejected: Option<Rejection>,
    /// What of the policy in force counts as failed there, by uid and generation of the resource.
    pub problems: BTreeMap<(String, i64), String>,
    /// What of it is done there, and perhaps not as it was meant, likewise.
    pub doubts: BTreeMap<(String, i64), String>,
    /// Which keys it has, as far as it says.
    pub keys: Option<HeldKeys>,
}

/// Why a gateway keeps an older revision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rejection {
    /// What it refused, as far as that can be believed.
    pub revision: Option<Revision>,
    /// A word for the cause.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Why something could not be published or read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PublishError {
    /// Nothing can be reached.
    #[error("the way to the gateways is down: {0}")]
    Unavailable(String),
    /// Somebody with a higher epoch has published since: this leader is none any more.
    #[error("revision {0} is published already")]
    Fenced(Revision),
    /// It was refused: too large, not permitted, no space.
    #[error("refused: {0}")]
    Refused(String),
}
