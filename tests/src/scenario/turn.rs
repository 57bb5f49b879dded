//! From what a scenario says about the model and the services to scripts for the fakes.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use serde_json::Value;

use super::schema::{Judgement, Then, Turn};
use crate::answer::Choice;
use crate::fake::{Reply, Step};
use crate::fake_guardrail::Judgement as Scripted;
use crate::fake_llm::{Speech, Turn as ScriptedTurn};

impl Turn {
    /// The turn for the fake model.
    ///
    /// # Errors
    /// When it says nothing, or two things.
    pub(crate) fn scripted(&self) -> Result<ScriptedTurn> {
        let given = [
            self.say.is_some(),
            self.choices.is_some(),
            self.json.is_some(),
            self.text.is_some(),
            self.events.is_some(),
            self.silence,
        ];
        ensure!(
            given.iter().filter(|given| **given).count() == 1,
            "a turn has exactly one of `say`, `choices`, `json`, `text`, `events` and `silence`"
        );
        let after = Duration::from_millis(self.after_ms);
        let choices = match (&self.say, &self.choices) {
            (Some(text), _) => Some(vec![Choice::saying(text)]),
            (None, choices) => choices.clone(),
        };
        if let Some(choices) = choices {
            let pause = Duration::from_millis(self.pause_ms);
            let speech = Speech {
                choices,
                piece: self.piece.unwrap_or(5),
                after,
                pause,
            };
            // What becomes of the bytes of an answer in words is decided when the call's dialect is known.
            let transform = self.clone();
            return Ok(ScriptedTurn::Say(speech).then(move |reply| transform.finish(reply)));
        }
        let status = self.status.unwrap_or(200);
        let reply = if self.silence {
            Reply::silence()
        } else if let Some(events) = &self.events {
            let pause =
                (self.pause_ms > 0).then(|| Step::Pause(Duration::from_millis(self.pause_ms)));
            let mut reply = Reply::event_stream([]);
            reply.status = status;
            reply.steps = events
                .iter()
                .flat_map(|event| {
                    [
                        Some(Step::Send(Bytes::from(format!("{event}\n\n")))),
                        pause.clone(),
                    ]
                })
                .flatten()
                .collect();
            reply
        } else {
            body_reply(
                status,
                self.json.as_ref(),
                self.text.as_deref(),
                self.content_type.as_deref(),
            )
        };
        let after = reply.after + after;
        Ok(ScriptedTurn::Raw(self.finish(reply.after(after))))
    }

    fn finish(&self, mut reply: Reply) -> Reply {
        if let Some(status) = self.status {
            reply.status = status;
        }
        reply.headers = with_headers(reply.headers, &self.headers);
        if self.gzip {
            reply = reply.gzip();
        }
        if let Some(size) = self.cut_every {
            reply = reply.cut_every(size);
        }
        match self.then {
            Then::End => {}
            Then::Hang => reply.steps.push(Step::Hang),
            Then::Cut => reply.steps.push(Step::Cut),
        }
        reply
    }
}

impl Judgement {
    /// The entry for the fake service: how long it thinks, and what it does then.
    ///
    /// # Errors
    /// When it says nothing, or two things.
    pub(crate) fn scripted(&self) -> Result<(Duration, Scripted)> {
        let given = [
            self.pass,
            self.block.is_some(),
            self.replace.is_some(),
            self.replace_bare.is_some(),
            self.json.is_some(),
            self.text.is_some(),
            self.silence,
        ];
        ensure!(
            given.iter().filter(|given| **given).count() == 1,
            "a judgement has exactly one of `pass`, `block`, `replace`, `replace_bare`, `json`, `text` and `silence`"
        );
        let judgement = if self.pass {
            Scripted::Pass
        } else if let Some(message) = &self.block {
            Scripted::Block(message.clone())
        } else if let Some(replace) = &self.replace {
            Scripted::Replace(replace.from.clone(), replace.to.clone())
        } else if let Some(replace) = &self.replace_bare {
            Scripted::ReplaceBare(replace.from.clone(), replace.to.clone())
        } else if self.silence {
            Scripted::Raw(Reply::silence())
        } else {
            let status = self.status.unwrap_or(200);
            let mut reply = body_reply(
                status,
                self.json.as_ref(),
                self.text.as_deref(),
                self.content_type.as_deref(),
            );
            reply.headers = with_headers(reply.headers, &self.headers);
            Scripted::Raw(reply)
        };
        Ok((Duration::from_millis(self.after_ms), judgement))
    }
}

fn body_reply(
    status: u16,
    json: Option<&Value>,
    text: Option<&str>,
    content_type: Option<&str>,
) -> Reply {
    match json {
        Some(json) => Reply::json(status, json),
        None => Reply::new(
            status,
            content_type.unwrap_or("text/plain"),
            text.unwrap_or_default().to_owned(),
        ),
    }
}

/// A header that the scenario gives replaces the default one.
fn with_headers(
    mut headers: Vec<(String, String)>,
    more: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    headers.retain(|(name, _)| !more.keys().any(|other| other.eq_ignore_ascii_case(name)));
    headers.extend(
        more.iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    headers
}
