//! From a case's request to the bytes that the client sends.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::schema::{Mode, Request};
use crate::http_client::Outgoing;
use crate::world::TOKEN;

impl Request {
    /// The request in one mode.
    ///
    /// # Errors
    /// When the case says nothing or too much about the body.
    pub fn outgoing(&self, mode: Mode) -> Result<Outgoing> {
        let default_path = if mode.is_messages() {
            "/v1/messages"
        } else {
            "/v1/chat/completions"
        };
        let path = self.path.as_deref().unwrap_or(default_path);
        let method = self.method.as_deref().unwrap_or("POST");
        let mut outgoing = if method == "GET" {
            Outgoing::get(path)
        } else {
            Outgoing::post(path, self.body_in(mode)?)
        };
        outgoing.method = method
            .parse()
            .with_context(|| format!("the method {method:?}"))?;
        for (name, value) in &self.headers {
            // A header that the case gives replaces the default one.
            outgoing
                .headers
                .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
            outgoing = outgoing.header(name, value);
        }
        let token = self.token.as_deref().unwrap_or(TOKEN);
        let has_own = self
            .headers
            .keys()
            .any(|name| name.eq_ignore_ascii_case("authorization"));
        if !token.is_empty() && !has_own {
            outgoing = outgoing.bearer(token);
        }
        Ok(outgoing)
    }

    fn body_in(&self, mode: Mode) -> Result<String> {
        let given = [self.ask.is_some(), self.body.is_some(), self.raw.is_some()];
        ensure!(
            given.iter().filter(|given| **given).count() <= 1,
            "a request has one of `ask`, `body` and `raw`"
        );
        if let Some(raw) = &self.raw {
            return Ok(raw.clone());
        }
        let mut body = match &self.body {
            Some(body) => body.clone(),
            None => {
                json!({"messages": [{"role": "user", "content": self.ask.as_deref().unwrap_or("hello")}]})
            }
        };
        if let Value::Object(members) = &mut body {
            let model = self.model.as_deref().unwrap_or(if mode.is_messages() {
                "claude/m"
            } else {
                "model/m"
            });
            members.entry("model").or_insert_with(|| model.into());
            if mode.is_stream() {
                members.entry("stream").or_insert(Value::Bool(true));
            }
            if mode.is_messages() {
                members.entry("max_tokens").or_insert_with(|| 1024.into());
            }
        }
        Ok(body.to_string())
    }
}
