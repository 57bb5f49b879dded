//! Which revisions of the protocol a server speaks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which revisions of the protocol a server speaks. Clients of the others are served all the same.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Gateways find out.
    #[default]
    Auto,
    /// 2026-07-28, which has no sessions.
    Modern,
    /// 2025-03-26 to 2025-11-25, which have them.
    Legacy,
}
