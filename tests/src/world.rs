//! A gateway with everything around it: a scripted model, scripted services, and resources that lead to them.

use anyhow::Result;

use crate::fake_guardrail::FakeGuardrails;
use crate::fake_llm::FakeLlm;
use crate::harness::{Gateway, Setup, free_port};
use crate::http_client::{Client, Outgoing};

/// The resources that every world has: two callers and three model accounts.
pub const BASE: &str = include_str!("../scenarios/base/base.yaml");

/// The token of the account `bot`.
pub const TOKEN: &str = "bot-token";

/// Everything, running.
pub struct World {
    /// The model.
    pub llm: FakeLlm,
    /// The guardrail services.
    pub services: FakeGuardrails,
    /// The gateway.
    pub gateway: Gateway,
    /// A client of the gateway.
    pub client: Client,
}

/// Addresses that take the place of `${...}` in resources.
#[derive(Clone, Debug)]
pub struct Places {
    llm: String,
    service: String,
    closed: String,
}

impl Places {
    /// Resources with `${llm}`, `${service}` and `${closed}` filled in.
    pub fn fill(&self, resources: &str) -> String {
        resources
            .replace("${llm}", &self.llm)
            .replace("${service}", &self.service)
            .replace("${closed}", &self.closed)
    }
}

impl World {
    /// Starts everything with these resources beside [`BASE`].
    ///
    /// # Errors
    /// When the gateway does not become ready, with what it said.
    pub async fn start(resources: &str) -> Result<Self> {
        Self::start_with(resources, |setup| setup).await
    }

    /// The same with more said about how the gateway is started.
    ///
    /// # Errors
    /// When the gateway does not become ready, with what it said.
    pub async fn start_with(resources: &str, more: impl FnOnce(Setup) -> Setup) -> Result<Self> {
        let llm = FakeLlm::start().await?;
        let services = FakeGuardrails::start().await?;
        let places = places(&llm, &services)?;
        let setup = Setup::default()
            .file("base.yaml", places.fill(BASE))
            .file("more.yaml", places.fill(resources));
        let gateway = more(setup).start().await?;
        let client = gateway.client();
        Ok(Self {
            llm,
            services,
            gateway,
            client,
        })
    }

    /// A chat request of the account `bot`.
    pub fn chat(&self, body: &serde_json::Value) -> Outgoing {
        Outgoing::post("/v1/chat/completions", body.to_string()).bearer(TOKEN)
    }

    /// A message of the account `bot` in Anthropic's dialect.
    pub fn message(&self, body: &serde_json::Value) -> Outgoing {
        Outgoing::post("/v1/messages", body.to_string()).bearer(TOKEN)
    }
}

/// Where the fakes listen, and an address where nobody does.
///
/// # Errors
/// When no port is free.
pub fn places(llm: &FakeLlm, services: &FakeGuardrails) -> Result<Places> {
    Ok(Places {
        llm: format!("http://{}", llm.server().addr()),
        service: format!("http://{}", services.server().addr()),
        closed: format!("http://{}", free_port()?),
    })
}
