//! What a client declared that a server may ask of it, and what a server asks.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::envelope::Message;
use super::error::RpcError;
use crate::llm::json::{Kind, Value};

/// The kinds that a client declared.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Declared(u8);

/// A kind of request that a server may have for a client, if the client declared it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Capability {
    Sampling,
    /// Sampling with tools.
    SamplingTools,
    /// Elicitation by a form.
    Form,
    /// Elicitation by a page that is opened.
    Url,
    Roots,
}

impl Capability {
    const fn bit(self) -> u8 {
        match self {
            Self::Sampling => 1,
            Self::SamplingTools => 2,
            Self::Form => 4,
            Self::Url => 8,
            Self::Roots => 16,
        }
    }

    /// What a request needs; none for one that needs nothing, or that no revision has.
    pub(crate) fn needed(method: &str, params: Option<Value<'_>>) -> Option<Self> {
        let param = |name: &str| params.and_then(|params| params.get(name));
        match method {
            "sampling/createMessage" => {
                let tools = param("tools").or_else(|| param("toolChoice"));
                Some(match tools.filter(|tools| !tools.is_null()) {
                    Some(_) => Self::SamplingTools,
                    None => Self::Sampling,
                })
            }
            "elicitation/create" => {
                let by_url = param("mode").is_some_and(|mode| mode.is("url"));
                Some(if by_url { Self::Url } else { Self::Form })
            }
            "roots/list" => Some(Self::Roots),
            _ => None,
        }
    }

    /// As a client would declare it.
    fn shape(self) -> serde_json::Value {
        match self {
            Self::Sampling => json!({"sampling": {}}),
            Self::SamplingTools => json!({"sampling": {"tools": {}}}),
            Self::Form => json!({"elicitation": {"form": {}}}),
            Self::Url => json!({"elicitation": {"url": {}}}),
            Self::Roots => json!({"roots": {}}),
        }
    }
}

impl Declared {
    /// Reads a client's capabilities.
    pub(crate) fn of(capabilities: Option<Value<'_>>) -> Self {
        let sampling = object(capabilities, "sampling");
        let elicitation = object(capabilities, "elicitation");
        let by_url = object(elicitation, "url").is_some();
        // Before there were two ways, an empty object was the form's, and it still is.
        let by_form = elicitation.is_some() && (!by_url || object(elicitation, "form").is_some());
        let kinds = [
            (sampling.is_some(), Capability::Sampling),
            (
                object(sampling, "tools").is_some(),
                Capability::SamplingTools,
            ),
            (by_form, Capability::Form),
            (by_url, Capability::Url),
            (object(capabilities, "roots").is_some(), Capability::Roots),
        ];
        let kinds = kinds.into_iter().filter(|(has, _)| *has);
        Self(kinds.fold(0, |bits, (_, kind)| bits | kind.bit()))
    }

    /// What the client that sends a message declares in it: with each request, or when a session begins.
    pub(crate) fn in_message(message: &Message) -> Self {
        let capabilities = match &*message.method() {
            "initialize" => message.param("capabilities"),
            _ => message.meta("io.modelcontextprotocol/clientCapabilities"),
        };
        Self::of(capabilities)
    }

    /// Whether a client that declared this is to be asked for that.
    pub(crate) const fn admits(self, kind: Capability) -> bool {
        self.0 & kind.bit() != 0
    }

    /// The first thing that a result asks of the client although it was not declared.
    pub(crate) fn exceeded_by(self, result: Value<'_>) -> Option<Capability> {
        let asked = result.get("inputRequests")?;
        let mut needed = asked.members().filter_map(|(_, request)| {
            Capability::needed(&request.get_str("method")?, request.get("params"))
        });
        needed.find(|kind| !self.admits(*kind))
    }
}

/// A member that is an object.
fn object<'a>(of: Option<Value<'a>>, name: &str) -> Option<Value<'a>> {
    of?.get(name).filter(|member| member.kind() == Kind::Object)
}

impl From<Capability> for RpcError {
    /// What a server ought to have said itself instead of asking.
    fn from(kind: Capability) -> Self {
        Self::missing_capability(kind.shape())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Capability::{Form, Roots, Sampling, SamplingTools, Url};

    const ALL: [Capability; 5] = [Sampling, SamplingTools, Form, Url, Roots];

    fn message(method: &str, params: &serde_json::Value) -> Message {
        let text = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        Message::parse(text.to_string()).unwrap()
    }

    #[test]
    fn what_is_declared_is_admitted_in_both_eras() {
        let rows: [(serde_json::Value, &[Capability]); 9] = [
            (json!({}), &[]),
            (json!({"sampling": {}}), &[Sampling]),
            (
                json!({"sampling": {"tools": {}}}),
                &[Sampling, SamplingTools],
            ),
            (json!({"elicitation": {}}), &[Form]),
            (json!({"elicitation": {"form": {}}}), &[Form]),
            (json!({"elicitation": {"url": {}}}), &[Url]),
            (
                json!({"elicitation": {"form": {}, "url": {}}, "roots": {}}),
                &[Form, Url, Roots],
            ),
            (json!({"sampling": true, "roots": null}), &[]),
            (json!(["sampling"]), &[]),
        ];
        for (capabilities, admitted) in rows {
            let meta =
                json!({"_meta": {"io.modelcontextprotocol/clientCapabilities": capabilities}});
            let messages = [
                message("initialize", &json!({"capabilities": capabilities})),
                message("tools/call", &meta),
            ];
            for message in messages {
                let declared = Declared::in_message(&message);
                for kind in ALL {
                    let expected = admitted.contains(&kind);
                    assert_eq!(declared.admits(kind), expected, "{capabilities} {kind:?}");
                }
            }
        }
    }

    #[test]
    fn what_a_result_asks_for_is_found() {
        let rows = [
            (json!({"a": {"method": "elicitation/create"}}), Some(Form)),
            (
                json!({"a": {"method": "elicitation/create", "params": {"mode": "url"}}}),
                Some(Url),
            ),
            (
                json!({"a": {"method": "sampling/createMessage", "params": {"tools": []}}}),
                Some(SamplingTools),
            ),
            (json!({"a": {"method": "sampling/createMessage"}}), None),
            (
                json!({"a": {"method": "sampling/createMessage"}, "b": {"method": "roots/list"}}),
                Some(Roots),
            ),
            // What no revision has is for client and server to understand.
            (json!({"a": {"method": "com.example/ask"}, "b": 7}), None),
        ];
        for (asked, expected) in rows {
            let text = json!({"jsonrpc": "2.0", "id": 1, "result": {"inputRequests": asked}});
            let answer = Message::parse(text.to_string()).unwrap();
            let declared = Declared(Sampling.bit());
            let result = answer.root().get("result").unwrap();
            assert_eq!(declared.exceeded_by(result), expected, "{asked}");
        }
    }

    #[test]
    fn the_client_learns_what_it_would_have_to_declare() {
        let error = RpcError::from(Url);
        assert_eq!((error.code, error.status.as_u16()), (-32021, 400));
        let data = error.data.unwrap();
        assert_eq!(
            data["requiredCapabilities"],
            json!({"elicitation": {"url": {}}})
        );
    }
}
