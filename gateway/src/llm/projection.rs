//! Bodies in the OpenAI chat shape, for services that know no other, and the way back from what a service
//! returns to edits of texts.
//!
//! A projection is a plan over the body as it came: which of its values stand where. What a text reads
//! like at the moment comes from [`Texts`]. So the same plan writes the body for the service and, when
//! another body comes back, finds the text behind every string that changed.

mod diff;
mod messages;
mod now;
#[cfg(test)]
mod tests;
mod tools;
mod twins;

use bytes::Bytes;
use parapet_guardrails::finding::Edit;

use self::now::Now;
use super::json::{Doc, Kind, Value, escape_into};
use super::locate::may_hold_json;
use super::texts::NO_HOST;
use super::{Dialect, Request, Response, Texts};

/// A service returned a body with a change that is not a changed text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unmappable change at {path}")]
pub struct Unmappable {
    /// Where the first such change is. Member names that are not ordinary words read `*`.
    pub path: String,
}

/// One value of the projection.
enum Projected<'a> {
    /// As in the body.
    Same(Value<'a>),
    /// A JSON value of the body, in a string.
    InString(Value<'a>),
    /// JSON that stands in a string of the body, as itself. What is no JSON stays a string.
    OutOfString(Value<'a>),
    /// Strings of the body, as one string.
    Joined(Vec<Value<'a>>),
    /// Nothing of the body's.
    Fixed(serde_json::Value),
    Array(Vec<Self>),
    Object(Vec<(&'static str, Self)>),
}

/// A part of a body that a service is shown as it is, whatever the format.
pub enum Shown<'a> {
    /// One value.
    Value(Value<'a>),
    /// An object of some members.
    Members(Vec<(&'static str, Value<'a>)>),
}

impl<'a> Shown<'a> {
    fn projected(self) -> Projected<'a> {
        match self {
            Self::Value(value) => Projected::Same(value),
            Self::Members(members) => {
                let same = |(key, value)| (key, Projected::Same(value));
                Projected::Object(members.into_iter().map(same).collect())
            }
        }
    }

    /// The part as it stands in the body.
    pub fn unchanged(&self) -> Bytes {
        match self {
            Self::Value(value) => Bytes::copy_from_slice(value.raw().as_bytes()),
            Self::Members(members) => {
                let mut out = b"{".to_vec();
                for (key, value) in members {
                    if out.len() > 1 {
                        out.push(b',');
                    }
                    for part in ["\"", key, "\":", value.raw()] {
                        out.extend_from_slice(part.as_bytes());
                    }
                }
                out.push(b'}');
                out.into()
            }
        }
    }
}

impl Texts {
    /// A part of the body, with the texts as they stand.
    pub fn shown(&self, part: Shown<'_>) -> Bytes {
        Now::new(self).write(&part.projected()).into()
    }

    /// The edits that lead from [`Texts::shown`] to what a service returned.
    pub fn shown_diff(
        &self,
        part: Shown<'_>,
        returned: &serde_json::Value,
    ) -> Result<Vec<Edit>, Unmappable> {
        Now::new(self).diff(&part.projected(), returned)
    }
}

impl Request {
    /// The request as an OpenAI chat body, with the texts as they stand.
    pub fn chat_body(&self, texts: &Texts) -> Bytes {
        match self.dialect() {
            Dialect::OpenAi => texts.edited_texts(),
            Dialect::Anthropic => {
                let now = Now::new(texts);
                now.write(&messages::request(self.root(), &now)).into()
            }
        }
    }

    /// The edits that lead from [`Request::chat_body`] to a body that a service returned.
    pub fn chat_diff(
        &self,
        texts: &Texts,
        returned: &serde_json::Value,
    ) -> Result<Vec<Edit>, Unmappable> {
        let now = Now::new(texts);
        let projected = match self.dialect() {
            Dialect::OpenAi => Projected::Same(self.root()),
            Dialect::Anthropic => messages::request(self.root(), &now),
        };
        now.diff(&projected, returned)
    }
}

impl Response {
    /// The response as an OpenAI chat completion, with the texts as they stand.
    pub fn chat_body(&self, texts: &Texts) -> Bytes {
        match self.dialect() {
            Dialect::OpenAi => texts.edited_texts(),
            Dialect::Anthropic => {
                let now = Now::new(texts);
                now.write(&messages::response(self.root(), &now)).into()
            }
        }
    }

    /// The edits that lead from [`Response::chat_body`] to a body that a service returned.
    pub fn chat_diff(
        &self,
        texts: &Texts,
        returned: &serde_json::Value,
    ) -> Result<Vec<Edit>, Unmappable> {
        let now = Now::new(texts);
        let projected = match self.dialect() {
            Dialect::OpenAi => Projected::Same(self.root()),
            Dialect::Anthropic => messages::response(self.root(), &now),
        };
        now.diff(&projected, returned)
    }
}

impl Now<'_> {
    fn write(&self, projected: &Projected<'_>) -> String {
        let mut out = String::new();
        self.write_into(projected, &mut out);
        out
    }

    fn write_into(&self, projected: &Projected<'_>, out: &mut String) {
        match projected {
            Projected::Same(value) => self.write_same(*value, out),
            Projected::InString(value) => push_string(&self.whole(*value), out),
            Projected::OutOfString(value) => match value.as_str() {
                // One without texts, such as `{}`, has no host.
                Some(text) if may_hold_json(&text) && Doc::parse(&text).is_ok() => {
                    out.push_str(&self.string(NO_HOST, *value));
                }
                Some(_) | None => self.write_same(*value, out),
            },
            Projected::Joined(strings) => {
                let joined: String = self
                    .joined(strings)
                    .into_iter()
                    .map(|(text, _)| text)
                    .collect();
                push_string(&joined, out);
            }
            Projected::Fixed(value) => out.push_str(&value.to_string()),
            Projected::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    self.write_into(item, out);
                }
                out.push(']');
            }
            Projected::Object(members) => {
                out.push('{');
                for (index, (key, member)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    push_string(key, out);
                    out.push(':');
                    self.write_into(member, out);
                }
                out.push('}');
            }
        }
    }

    fn write_same(&self, value: Value<'_>, out: &mut String) {
        match value.kind() {
            Kind::String => push_string(&self.string(NO_HOST, value), out),
            Kind::Number => match self.number(NO_HOST, value) {
                Some(text) => push_string(text, out),
                None => out.push_str(value.raw()),
            },
            Kind::Null | Kind::Bool => out.push_str(value.raw()),
            Kind::Array => {
                out.push('[');
                for (index, item) in value.items().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    self.write_same(item, out);
                }
                out.push(']');
            }
            Kind::Object => {
                out.push('{');
                for (index, (key, member)) in value.members().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    push_string(&key, out);
                    out.push(':');
                    self.write_same(member, out);
                }
                out.push('}');
            }
        }
    }
}

fn push_string(text: &str, out: &mut String) {
    out.push('"');
    escape_into(text, out);
    out.push('"');
}
