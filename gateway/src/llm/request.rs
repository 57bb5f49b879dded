//! A request in one of the dialects.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use parapet_policy::record::Parameters;

use super::facts::Facts;
use super::json::{Doc, Kind, Value, escape_into};
use super::locate::Locator;
use super::texts::Texts;
use super::{Dialect, Limits, LlmError, chat, messages};

/// A request, parsed in place. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Request {
    dialect: Dialect,
    body: Arc<String>,
    doc: Arc<Doc>,
    facts: Arc<Facts>,
}

impl Request {
    /// Reads a body. Texts are not collected yet.
    pub fn parse(dialect: Dialect, body: Arc<String>, limits: &Limits) -> Result<Self, LlmError> {
        let doc = Doc::parse(&body)?;
        let facts = Facts::read(dialect, doc.root(&body))?;
        if facts.messages > limits.max_messages {
            let (count, limit) = (facts.messages, limits.max_messages);
            return Err(LlmError::TooManyMessages { count, limit });
        }
        Ok(Self {
            dialect,
            body,
            doc: Arc::new(doc),
            facts: Arc::new(facts),
        })
    }

    /// Collects the texts to judge.
    pub fn texts(&self, limits: &Limits) -> Result<Texts, LlmError> {
        let mut out = Locator::new(self.body.clone(), limits);
        match self.dialect {
            Dialect::OpenAi => chat::request(self.root(), &mut out),
            Dialect::Anthropic => messages::request(self.root(), &mut out),
        }
        out.finish(Some(self.doc.clone()))
    }

    /// The body without its texts, for a request that no guardrail looks at.
    pub fn no_texts(&self) -> Texts {
        Texts::none(self.body.clone(), Some(self.doc.clone()))
    }

    pub(super) fn root(&self) -> Value<'_> {
        self.doc.root(&self.body)
    }

    pub(super) const fn doc(&self) -> &Arc<Doc> {
        &self.doc
    }

    /// Its dialect.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The body as it came.
    pub const fn body(&self) -> &Arc<String> {
        &self.body
    }

    /// The model as the caller names it; never empty.
    pub fn model(&self) -> &Arc<str> {
        &self.facts.model
    }

    /// Whether a stream is asked for.
    pub fn stream(&self) -> bool {
        self.facts.stream
    }

    /// What it asks the model for in numbers.
    pub fn parameters(&self) -> &Parameters {
        &self.facts.parameters
    }

    /// Whether `stream_options.include_usage` is set.
    pub fn include_usage(&self) -> bool {
        self.facts.include_usage
    }

    /// How many answers are asked for (`n`).
    pub fn answers(&self) -> u64 {
        self.facts.answers
    }

    /// Whether the provider is asked to keep the answer (`store: true`).
    pub fn stores(&self) -> bool {
        self.facts.store_at.is_some()
    }

    /// Whether tools are offered.
    pub fn has_tools(&self) -> bool {
        self.facts.has_tools
    }

    /// Whether tools are offered that the provider itself runs.
    pub fn provider_runs_tools(&self) -> bool {
        self.facts.provider_runs_tools
    }

    /// How many messages there are.
    pub fn messages(&self) -> usize {
        self.facts.messages
    }

    /// Sends another model name upstream. `texts` are those of this request, here and below.
    pub fn put_model(&self, texts: &mut Texts, model: &str) {
        let mut text = String::with_capacity(model.len() + 2);
        text.push('"');
        escape_into(model, &mut text);
        text.push('"');
        texts.put(self.facts.model_at.clone(), text);
    }

    /// Sets `stream_options.include_usage`, if it isn't yet. Gives whether it had to: then the extra chunk
    /// is the gateway's and must not reach the client.
    pub fn put_include_usage(&self, texts: &mut Texts) -> bool {
        if self.facts.include_usage {
            return false;
        }
        let options = self.facts.stream_options.map(|index| self.root().at(index));
        let (parent, member) = match options {
            None => (self.root(), r#""stream_options":{"include_usage":true}"#),
            Some(options) if options.kind() == Kind::Object => {
                if let Some(flag) = options.get("include_usage") {
                    texts.put(flag.range(), "true".to_owned());
                    return true;
                }
                (options, r#""include_usage":true"#)
            }
            Some(other) => {
                texts.put(other.range(), r#"{"include_usage":true}"#.to_owned());
                return true;
            }
        };
        let comma = if parent.members().next().is_some() {
            ","
        } else {
            ""
        };
        let at = parent.range().start + 1;
        texts.put(at..at, format!("{member}{comma}"));
        true
    }

    /// Sends `store: false` where the caller sent `store: true`. Gives whether it had to.
    pub fn put_no_store(&self, texts: &mut Texts) -> bool {
        let Some(at) = self.facts.store_at.clone() else {
            return false;
        };
        texts.put(at, "false".to_owned());
        true
    }
}
