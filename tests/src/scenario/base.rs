//! What every scenario starts from.

/// The resources that every scenario file has: two callers and three model accounts.
pub const MANIFESTS: &str = include_str!("../../scenarios/base/base.yaml");

/// The token of the account `bot`, who calls when nothing else is said.
pub const TOKEN: &str = "bot-token";

/// Addresses that take the place of `${...}` in resources.
#[derive(Clone, Debug)]
pub struct Places {
    /// The scripted model, without `/v1`.
    pub llm: String,
    /// The scripted services.
    pub service: String,
    /// Nobody listens there.
    pub closed: String,
}

impl Places {
    /// Resources with the addresses filled in.
    pub fn fill(&self, manifests: &str) -> String {
        manifests
            .replace("${llm}", &self.llm)
            .replace("${service}", &self.service)
            .replace("${closed}", &self.closed)
    }
}
