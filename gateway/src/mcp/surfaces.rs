//! Where text lives in the messages of the Model Context Protocol.
//!
//! The same members mean the same in both eras, so one table of names serves both, and a member that stands
//! where its era has none is still judged. What is not known at all is judged as free JSON: keys, strings,
//! numbers, and JSON inside of strings.

mod content;
mod definition;
mod members;
mod meta;
pub mod output_schema;
mod params;
mod result;
#[cfg(test)]
pub(crate) mod tests;
pub mod twins;

use std::sync::Arc;

use parapet_guardrails::segment::Role;

use crate::llm::json::{Doc, Kind, Value};
use crate::llm::locate::{Context, Locator};
use crate::llm::schema::Schema;
use crate::llm::{Limits, LlmError, Shown, Texts};

/// How many levels of JSON in strings of JSON are read as such. What lies deeper is judged as text.
const NESTED: u8 = 4;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Direction {
    /// From the client to the server: before a tool runs.
    ToServer,
    /// From the server to the client: after it ran.
    ToClient,
}

/// JSON with its structure: a message, or a tool's definition. Cheap to clone.
#[derive(Clone)]
pub struct Parsed {
    text: Arc<String>,
    doc: Arc<Doc>,
}

/// Text, like everything that may hold a prompt, stays out of debug output.
impl std::fmt::Debug for Parsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes of JSON", self.text.len())
    }
}

impl Parsed {
    /// Reads an object. `max` bounds its bytes.
    ///
    /// # Errors
    /// What is longer, is no JSON object, is nested too deeply, or has a key twice.
    pub fn read(text: Arc<String>, max: usize) -> Result<Self, Refused> {
        if text.len() > max {
            return Err(Refused::TooLarge { limit: max });
        }
        let doc = Doc::parse(&text).map_err(LlmError::from)?;
        match doc.root(&text).kind() {
            Kind::Object => Ok(Self {
                text,
                doc: Arc::new(doc),
            }),
            Kind::Array => Err(Refused::Batch),
            Kind::Null | Kind::Bool | Kind::Number | Kind::String => {
                Err(LlmError::NotAnObject.into())
            }
        }
    }

    /// An object that has been read already.
    pub const fn of(text: Arc<String>, doc: Arc<Doc>) -> Self {
        Self { text, doc }
    }

    /// The outermost value.
    pub fn root(&self) -> Value<'_> {
        self.doc.root(&self.text)
    }

    /// The text as it came.
    pub const fn text(&self) -> &Arc<String> {
        &self.text
    }
}

/// Why a message was refused. The text is for its sender.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    /// Longer than is accepted.
    #[error("the message is longer than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// An array of messages.
    #[error("batches of messages are not accepted")]
    Batch,
    /// JSON that is refused, or with too many texts.
    #[error(transparent)]
    Body(#[from] LlmError),
}

/// What a message is about, beyond what it says itself.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Which way it goes.
    pub direction: Direction,
    /// Its method, or of a response the method that is answered.
    pub method: &'a str,
    /// The definition of the tool that is called, as the server listed it: its schemas tell which numbers must
    /// stay numbers, and which redactions would break a result.
    pub tool: Option<&'a Parsed>,
    /// Whether that is missing although the client may hold the result to a schema: what is structured must stay as it
    /// is then.
    pub schema_is_unknown: bool,
}

impl<'a> About<'a> {
    /// A message of this method, with no tool known.
    pub const fn new(direction: Direction, method: &'a str) -> Self {
        Self {
            direction,
            method,
            tool: None,
            schema_is_unknown: false,
        }
    }

    fn schema(&self, name: &str) -> Schema<'a> {
        Schema::new(self.tool.and_then(|tool| tool.root().get(name)))
    }

    /// Who the texts of requests and notifications come from.
    const fn sender(&self) -> Context {
        let role = match self.direction {
            // A model fills in what a client calls with.
            Direction::ToServer => Role::Assistant,
            Direction::ToClient => Role::ToolResult,
        };
        Context::text(role).in_turn(true)
    }
}

/// Collects the texts of a message.
///
/// # Errors
/// More texts than the limit allows.
pub fn texts(message: &Parsed, about: &About<'_>, limits: &Limits) -> Result<Texts, LlmError> {
    let mut out = Locator::new(message.text.clone(), limits).reading_nested(NESTED);
    envelope(message.root(), about, &mut out);
    out.finish(Some(message.doc.clone()))
}

/// The message without its texts, for one that no guardrail looks at.
pub fn no_texts(message: &Parsed) -> Texts {
    Texts::none(message.text.clone(), Some(message.doc.clone()))
}

fn envelope(root: Value<'_>, about: &About<'_>, out: &mut Locator) {
    let context = about.sender();
    for (key, value) in root.members() {
        match key.as_ref() {
            // It is compared with what is known: nothing but that goes on.
            "jsonrpc" => {}
            "id" => members::id(value, context, out),
            "method" => members::method(value, context, out),
            "params" => params::params(value, about, context, out),
            "result" => result::result(value, about, context, out),
            "error" => error(value, context, out),
            _ => members::unknown(value, context, out),
        }
    }
}

/// A JSON-RPC error.
fn error(error: Value<'_>, context: Context, out: &mut Locator) {
    for (key, value) in out.members(error, context) {
        match key.as_ref() {
            "code" => members::number(value, context, out),
            "message" => members::text(value, context, out),
            _ => members::unknown(value, context, out),
        }
    }
}

/// The part of a request that services are shown: `{method, params}`; of a client's answer what it says.
pub fn shown_request(message: &Parsed) -> Shown<'_> {
    let root = message.root();
    let member = |key| root.get(key).map(|value| (key, value));
    let members = ["method", "params", "result", "error"];
    Shown::Members(members.into_iter().filter_map(member).collect())
}

/// The part of a response that services are shown: its result, or its error.
pub fn shown_response(message: &Parsed) -> Shown<'_> {
    let root = message.root();
    match root.get("result").or_else(|| root.get("error")) {
        Some(value) => Shown::Value(value),
        None => shown_request(message),
    }
}
