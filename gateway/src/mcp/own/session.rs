//! A session with a server of our own making: it travels in the client's session id, which is sealed.

use std::collections::BTreeMap;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Random bytes of a session's id.
const ID_BYTES: usize = 16;

/// What a server knows of a session: all that it is is in here.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct OwnSession {
    /// Random; no two sessions are the same.
    #[serde(rename = "i")]
    pub(crate) id: String,
    /// The revision that was agreed on.
    #[serde(rename = "v")]
    pub(crate) version: String,
    /// Sessions at servers behind this one, by the server's name.
    #[serde(rename = "m", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) members: BTreeMap<String, MemberSession>,
    /// The message that begins a session with a server behind this one, where one of them could not be reached.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub(crate) absent: Option<String>,
}

/// A session at a server behind this one.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct MemberSession {
    /// The server's session id; none when it gave none.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// The revision that was agreed on with it, where it is another.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
}

impl OwnSession {
    /// A new session.
    pub(crate) fn new(version: &str) -> Self {
        Self {
            id: random_id(),
            version: version.to_owned(),
            members: BTreeMap::new(),
            absent: None,
        }
    }

    /// As a header can carry it: names and ids are ASCII.
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Self::to_text`] wrote.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// A new id that nobody can guess.
fn random_id() -> String {
    let mut bytes = [0; ID_BYTES];
    // Without random bytes ids repeat and still open nothing: what protects a session is its seal.
    let _ = rand::fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}
