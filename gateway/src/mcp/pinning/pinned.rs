//! A server's tools as they are held to what was approved: of one policy.

use std::sync::Arc;
use std::time::Duration;

use parapet_crds::mcp_server::{MAX_AGE, Pinning, PinningMode};

use super::held::Held;
use super::known::Known;
use super::pin::Pins;

/// What was approved of a server's tools, and what is known of them under this policy.
#[derive(Debug)]
pub(crate) struct Pinned {
    /// Its lists that were seen last.
    pub(crate) held: Held,
    /// What its tools are by now.
    pub(crate) known: Known,
    /// For how long that is relied upon.
    pub(crate) max_age: Duration,
    /// What says where the server is.
    pub(crate) place: String,
    /// Whether what it offers may depend on who calls.
    pub(crate) per_caller: bool,
}

impl Default for Pinned {
    fn default() -> Self {
        Self::new(&Pinning::default(), String::new(), false)
    }
}

impl Pinned {
    /// What a resource says.
    pub(crate) fn new(pinning: &Pinning, place: String, per_caller: bool) -> Self {
        Self {
            held: Held::new(Arc::new(Pins::new(pinning))),
            known: Known::default(),
            max_age: pinning.max_age.map_or(MAX_AGE, |age| age.0),
            place,
            per_caller,
        }
    }

    /// What was approved.
    pub(crate) const fn pins(&self) -> &Arc<Pins> {
        self.held.pins()
    }

    /// What happens to what was not approved.
    pub(crate) fn mode(&self) -> PinningMode {
        self.pins().mode()
    }
}
