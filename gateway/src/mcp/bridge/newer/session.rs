//! What the gateway has to know of a session whose server knows none: it travels in the session's id.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::llm::json::Value;
use crate::mcp::bridge::notices::Notices;
use crate::mcp::bridge::parked::random;
use crate::mcp::envelope::Message;

/// What an id begins with that is of the gateway's making. The ids of servers are looked at so that none passes for one.
const MARK: &str = "parapet-bridged:";
/// Characters of a client's name that servers are told.
const LONGEST_NAME: usize = 128;

/// A session that only the gateway knows.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Session {
    /// Its own name.
    #[serde(rename = "n")]
    pub(crate) name: String,
    /// `clientInfo`: name, version and title.
    #[serde(rename = "i")]
    client: String,
    /// `clientCapabilities`, as far as the gateway brings questions to the client.
    #[serde(rename = "c")]
    capabilities: String,
    /// What the server tells of by itself.
    #[serde(rename = "l", default)]
    pub(crate) notices: Notices,
}

impl Session {
    /// The session that a client's `initialize` begins; none when there are no random numbers.
    pub(crate) fn begin(initialize: &Message) -> Option<Self> {
        let client = initialize.param("clientInfo");
        let text = |name: &str| {
            let text = client.and_then(|client| client.get_str(name))?;
            Some(text.chars().take(LONGEST_NAME).collect::<String>())
        };
        let mut info = json!({
            "name": text("name").unwrap_or_else(|| "unknown".to_owned()),
            "version": text("version").unwrap_or_else(|| "0".to_owned()),
        });
        if let Some(title) = text("title") {
            info["title"] = title.into();
        }
        Some(Self {
            name: random()?,
            client: info.to_string(),
            capabilities: declared(initialize.param("capabilities")).to_string(),
            notices: Notices::default(),
        })
    }

    /// The id that the client brings back. It is no secret, and it goes out sealed.
    pub(crate) fn to_id(&self) -> Option<String> {
        let json = serde_json::to_vec(self).ok()?;
        Some(format!("{MARK}{}", URL_SAFE_NO_PAD.encode(json)))
    }

    /// Whether an id is one of the gateway's making.
    pub(crate) fn is_id(id: &str) -> bool {
        id.starts_with(MARK)
    }

    /// The session of an id; none for the id of a server's own.
    pub(crate) fn of_id(id: &str) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(id.strip_prefix(MARK)?).ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// `clientInfo` as JSON.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }

    /// `clientCapabilities` as JSON.
    pub(crate) fn capabilities(&self) -> &str {
        &self.capabilities
    }

    /// Whether the client has declared a capability that the gateway relays.
    pub(crate) fn declares(&self, capability: &str) -> bool {
        let declared: Result<Map<String, Json>, _> = serde_json::from_str(&self.capabilities);
        declared.is_ok_and(|declared| declared.contains_key(capability))
    }
}

/// What of a client's capabilities a server may rely on: the questions that the gateway brings to it, and their kinds.
fn declared(given: Option<Value<'_>>) -> Json {
    let mut declared = Map::new();
    for (capability, kinds) in [
        ("elicitation", &["form", "url"][..]),
        ("sampling", &["tools", "context"]),
        ("roots", &[]),
    ] {
        let Some(given) = given.and_then(|given| given.get(capability)) else {
            continue;
        };
        let kinds = kinds.iter().filter(|kind| given.get(kind).is_some());
        let kinds: Map<String, Json> = kinds.map(|kind| ((*kind).to_owned(), json!({}))).collect();
        declared.insert(capability.to_owned(), kinds.into());
    }
    declared.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_travels_in_its_id() {
        let text = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{
            "protocolVersion":"2025-11-25","clientInfo":{"name":"ä","version":"1","icons":[1]},
            "capabilities":{"elicitation":{"form":{"x":1},"other":{}},"roots":{"listChanged":true},"tasks":{}}}}"#;
        let session = Session::begin(&Message::parse(text.to_owned()).unwrap()).unwrap();
        assert_eq!(session.client(), r#"{"name":"ä","version":"1"}"#);
        assert_eq!(
            session.capabilities(),
            r#"{"elicitation":{"form":{}},"roots":{}}"#
        );
        assert!(session.declares("roots") && !session.declares("sampling"));
        let id = session.to_id().unwrap();
        assert!(id.bytes().all(|byte| byte.is_ascii_graphic()));
        assert_eq!(Session::of_id(&id), Some(session));
        assert!(Session::is_id(&id) && !Session::is_id("session-1"));
        assert_eq!(Session::of_id("session-1"), None);
        assert_eq!(Session::of_id("parapet-bridged:AAAA"), None);
    }
}
