//! The token endpoint of a realm: checks what a client sends, and keeps it.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Value, json};

use super::SigningKey;
use crate::fake::{Call, Reply, Step};

/// How the token endpoint answers.
#[derive(Clone, Debug, Default)]
pub enum TokenMood {
    /// Well.
    #[default]
    Good,
    /// Well, with more and other members than usual; null takes one out.
    With(Value),
    /// With a status and no token.
    Status(u16),
    /// With an error of OAuth.
    Denies(&'static str),
    /// With a page.
    Page,
    /// With an answer without end.
    Huge,
    /// After a while.
    Slow(Duration),
    /// With a redirect to here.
    Redirect(String),
}

/// One request for a token that came.
#[derive(Clone, Debug, Default)]
pub struct TokenRequest {
    /// The client, when its secret was right.
    pub client: Option<String>,
    /// Whether it said who it is in the `Authorization` header.
    pub basic: bool,
    /// The parameters, credentials left out.
    pub form: BTreeMap<String, String>,
    /// `traceparent`, when there was one.
    pub traceparent: Option<String>,
}

/// What a realm knows of clients and tokens.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) mood: TokenMood,
    pub(super) clients: BTreeMap<String, String>,
    pub(super) lifetime: Option<u64>,
    pub(super) requests: Vec<TokenRequest>,
}

/// The token of a request that was the `number`th, for somebody.
fn name(number: usize, whom: &str) -> String {
    format!("issued-{number}-for-{}", whom.replace(' ', "-"))
}

impl Desk {
    /// Answers a request for a token.
    pub(super) fn answer(&mut self, call: &Call, keys: &[SigningKey], issuer: &str) -> Reply {
        let mut form = parameters(&call.body);
        let mut given = call.header("authorization").and_then(basic);
        let basic = given.is_some();
        if let (Some(id), Some(secret)) = (form.remove("client_id"), form.remove("client_secret")) {
            // Both at once are an error (RFC 6749 2.3).
            given = if basic { None } else { Some((id, secret)) };
        }
        let known = given.filter(|(id, secret)| self.clients.get(id) == Some(secret));
        let request = TokenRequest {
            client: known.map(|(id, _)| id),
            basic,
            form,
            traceparent: call.header("traceparent").map(str::to_owned),
        };
        let whom = self.whom(&request, keys, issuer);
        self.requests.push(request);
        let number = self.requests.len();
        match &self.mood {
            TokenMood::Status(status) => Reply::new(*status, "text/plain", "SECRET-DOCUMENT"),
            TokenMood::Denies(code) => denied(400, code),
            TokenMood::Page => Reply::new(200, "text/html", "<p>SECRET-DOCUMENT</p>"),
            TokenMood::Redirect(to) => Reply::new(307, "text/plain", "").header("location", to),
            TokenMood::Huge => {
                let mut reply = Reply::new(200, "application/json", "{");
                for _ in 0..4096 {
                    reply.steps.push(Step::Send(vec![b' '; 16 * 1024].into()));
                }
                reply
            }
            TokenMood::Good | TokenMood::With(_) | TokenMood::Slow(_) => match whom {
                Ok(whom) => self.granted(number, &whom),
                Err(code) => denied(if code == "invalid_client" { 401 } else { 400 }, code),
            },
        }
    }

    fn granted(&self, number: usize, whom: &str) -> Reply {
        let mut answer = json!({"access_token": name(number, whom), "token_type": "Bearer"});
        answer["expires_in"] = self.lifetime.unwrap_or(3600).into();
        if let (TokenMood::With(changed), Some(answer)) = (&self.mood, answer.as_object_mut()) {
            for (member, value) in changed.as_object().into_iter().flatten() {
                if value.is_null() {
                    answer.remove(member);
                } else {
                    answer.insert(member.clone(), value.clone());
                }
            }
        }
        let reply = Reply::json(200, &answer);
        match self.mood {
            TokenMood::Slow(time) => reply.after(time),
            _ => reply,
        }
    }

    /// For whom a token is, or the error's code.
    fn whom(
        &self,
        request: &TokenRequest,
        keys: &[SigningKey],
        issuer: &str,
    ) -> Result<String, &'static str> {
        let client = request.client.clone().ok_or("invalid_client")?;
        let form = |name: &str| request.form.get(name).map(String::as_str);
        match form("grant_type").ok_or("invalid_request")? {
            "client_credentials" => Ok(client),
            "urn:ietf:params:oauth:grant-type:token-exchange" => {
                let kind = form("subject_token_type").ok_or("invalid_request")?;
                if !kind.starts_with("urn:ietf:params:oauth:token-type:") {
                    return Err("invalid_request");
                }
                let token = form("subject_token").ok_or("invalid_request")?;
                subject(token, keys, issuer).ok_or("invalid_grant")
            }
            _ => Err("unsupported_grant_type"),
        }
    }
}

/// Whose token it is, when this issuer has signed it and it still holds.
fn subject(token: &str, keys: &[SigningKey], issuer: &str) -> Option<String> {
    let head = jsonwebtoken::decode_header(token).ok()?;
    let key = keys.iter().find(|key| Some(&key.id) == head.kid.as_ref())?;
    let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.jwk.clone()).ok()?;
    let mut validation = Validation::new(key.algorithm);
    validation.validate_aud = false;
    validation.set_issuer(&[issuer]);
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    let read = jsonwebtoken::decode::<Value>(token, &decoding, &validation).ok()?;
    read.claims["email"].as_str().map(str::to_owned)
}

fn denied(status: u16, code: &str) -> Reply {
    let said = json!({"error": code, "error_description": "SECRET-DOCUMENT"});
    Reply::json(status, &said)
}

fn basic(header: &str) -> Option<(String, String)> {
    let pair = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((decoded(id), decoded(secret)))
}

fn parameters(body: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(body);
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}
