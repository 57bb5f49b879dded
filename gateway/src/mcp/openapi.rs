//! An HTTP API as an MCP server: its operations are tools, which an OpenAPI document describes.
//!
//! Reading the document is [`parapet_crds::openapi`]'s business. Here arguments become a request ([`request`](OpenApi::request)), and what
//! comes back becomes a result ([`answer`]). Nothing in here sends anything.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use parapet_crds::openapi::{Api, Method, Operation};
use parapet_guardrails::exchange::ToolHints;

use super::envelope::Message;
use super::own::{Entry, Offer, Offers, Own};
use super::surfaces::Parsed;
use crate::upstream::Location;

pub(crate) mod answer;
pub(crate) mod cache;
mod request;
mod style;

pub(crate) use request::{Request, Unfit};

/// How long clients may keep the list of tools: it changes with the resource only.
const FRESH: Duration = Duration::from_secs(300);

/// Bytes of one definition: what the reader lets a schema have, for arguments and for results, and what JSON adds.
const MOST_BYTES: usize = 1024 * 1024;

/// An API, ready to be called.
#[derive(Debug)]
pub(crate) struct OpenApi {
    /// What it says as a server.
    pub(crate) own: Own,
    /// Where it is, without what is special about TLS.
    pub(crate) base: Location,
    tools: HashMap<String, Tool, RandomState>,
    entries: Vec<Entry>,
}

/// An operation, ready to be called.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) operation: Operation,
    /// As clients are shown it.
    definition: Parsed,
}

impl Tool {
    /// What results are held to.
    pub(crate) fn output_schema(&self) -> Option<crate::llm::json::Value<'_>> {
        self.definition.root().get("outputSchema")
    }
}

impl OpenApi {
    /// Makes an API ready.
    pub(crate) fn new(name: &str, base: Location, api: Api) -> Self {
        let own = Own {
            name: name.to_owned(),
            instructions: None,
            offers: Offers::default().with(Offer::Tools),
            fresh: FRESH,
        };
        let mut tools = HashMap::default();
        let mut entries = Vec::with_capacity(api.operations.len());
        for operation in api.operations {
            let json = operation.definition.to_string();
            // What the reader has bounded is bounded far below.
            let Ok(definition) = Parsed::read(Arc::new(json.clone()), MOST_BYTES) else {
                continue;
            };
            let key = operation.name.clone();
            entries.push(Entry {
                key: key.clone(),
                json,
            });
            tools.insert(
                key,
                Tool {
                    operation,
                    definition,
                },
            );
        }
        entries.sort();
        Self {
            own,
            base,
            tools,
            entries,
        }
    }

    /// Every tool, sorted by name.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// A tool by its name.
    pub(crate) fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.get(name)
    }

    /// A tool as clients are shown it, for whoever judges its calls.
    pub(crate) fn definition(&self, name: &str) -> Option<Parsed> {
        Some(self.tools.get(name)?.definition.clone())
    }

    /// What is known of a tool by the method that it is called with.
    pub(crate) fn hints(&self, name: &str) -> ToolHints {
        let method = self.tools.get(name).map(|tool| tool.operation.method);
        let (read_only, destructive) = match method {
            None => (None, None),
            Some(Method::Get | Method::Head) => (Some(true), Some(false)),
            Some(Method::Delete) => (Some(false), Some(true)),
            Some(Method::Post | Method::Put | Method::Patch) => (Some(false), None),
        };
        ToolHints {
            read_only,
            destructive,
            ..ToolHints::default()
        }
    }

    /// The request that a call comes to, below `base`.
    ///
    /// # Errors
    /// What is wrong with the arguments, for whoever gave them.
    pub(crate) fn request(
        base: &Location,
        tool: &Tool,
        message: &Message,
    ) -> Result<Request, Unfit> {
        let arguments = message.param("arguments");
        request::of(base, tool, arguments)
    }
}

#[cfg(test)]
mod tests;
