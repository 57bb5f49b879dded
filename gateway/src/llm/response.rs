//! A whole response in one of the dialects.

use std::sync::Arc;

use parapet_guardrails::segment::Role;

use super::about::About;
use super::json::{Doc, Kind, Value};
use super::locate::{Context, Locator};
use super::request::Request;
use super::texts::Texts;
use super::tools::Tools;
use super::usage::Usage;
use super::{Dialect, Limits, LlmError, chat, messages};

/// A response, parsed in place.
#[derive(Clone, Debug)]
pub struct Response {
    dialect: Dialect,
    body: Arc<String>,
    doc: Arc<Doc>,
    usage: Option<Usage>,
}

impl Response {
    /// Reads a body.
    pub fn parse(dialect: Dialect, body: Arc<String>) -> Result<Self, LlmError> {
        let doc = Doc::parse(&body)?;
        let root = doc.root(&body);
        if root.kind() != Kind::Object {
            return Err(LlmError::NotAnObject);
        }
        let usage = root.get("usage").and_then(Usage::read);
        Ok(Self {
            dialect,
            doc: Arc::new(doc),
            body,
            usage,
        })
    }

    /// Collects the texts to judge. The request tells which numbers in a tool call must stay numbers.
    pub fn texts(&self, request: Option<&Request>, limits: &Limits) -> Result<Texts, LlmError> {
        let mut out = Locator::new(self.body.clone(), limits);
        let tools = Tools::of(request.map(Request::root));
        match self.dialect {
            Dialect::OpenAi => chat::response(self.root(), &tools, &mut out),
            Dialect::Anthropic => messages::response(self.root(), &tools, &mut out),
        }
        out.finish(Some(self.doc.clone()))
    }

    /// The body without its texts, for a response that no guardrail looks at.
    pub fn no_texts(&self) -> Texts {
        Texts::none(self.body.clone(), Some(self.doc.clone()))
    }

    pub(super) fn root(&self) -> Value<'_> {
        self.doc.root(&self.body)
    }

    /// The body as it came.
    pub(super) const fn body(&self) -> &Arc<String> {
        &self.body
    }

    pub(super) const fn doc(&self) -> &Arc<Doc> {
        &self.doc
    }

    /// Its dialect.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What it says about itself.
    pub fn about(&self) -> About {
        About::read(self.root())
    }

    /// Tokens, if the upstream counted them.
    pub const fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

/// Collects the texts of any other body, such as an upstream's error: every string, or the whole body when
/// it is not JSON.
pub fn texts_of_other(body: Arc<String>, limits: &Limits) -> Result<Texts, LlmError> {
    let context = Context::text(Role::Assistant).in_turn(true);
    let mut out = Locator::new(body.clone(), limits);
    let Ok(doc) = Doc::parse(&body) else {
        out.whole_body(context);
        return out.finish(None);
    };
    out.strings_in(doc.root(&body), context);
    out.finish(Some(Arc::new(doc)))
}
