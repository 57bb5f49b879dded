//! Which pieces of a stream belong to a call or a result.

use super::find::side;
use super::one_or_more;
use crate::llm::Dialect;
use crate::llm::json::{Doc, Kind, Value};
use crate::llm::stream::{ChannelKind, Event, LEGACY_CALL};

/// A piece of a call or of a result: its answer (the choice, or Anthropic's block), and which one it is there.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Piece {
    pub(crate) answer: u32,
    pub(crate) call: u32,
}

/// The pieces that an event has; rather one too many, which only waits.
pub(crate) fn pieces(dialect: Dialect, event: &Event) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = event
        .deltas
        .iter()
        .filter(|delta| {
            matches!(
                delta.channel.kind,
                ChannelKind::ToolName | ChannelKind::Arguments | ChannelKind::CustomInput
            )
        })
        .map(|delta| Piece {
            answer: delta.channel.answer,
            call: delta.channel.call,
        })
        .collect();
    // What comes whole: blocks of Anthropic's, and calls of a form that is not known.
    if (event.begins.is_some() || event.whole().is_some())
        && let Ok(doc) = Doc::parse(event.data())
    {
        let root = doc.root(event.data());
        match dialect {
            Dialect::OpenAi => of_chunk(root, &mut pieces),
            Dialect::Anthropic => of_event(root, &mut pieces),
        }
    }
    pieces.sort_unstable();
    pieces.dedup();
    pieces
}

fn of_chunk(chunk: Value<'_>, pieces: &mut Vec<Piece>) {
    let choices = chunk.get("choices").into_iter().flat_map(one_or_more);
    for (position, choice) in choices.enumerate() {
        let answer = index(choice, position);
        for message in ["delta", "message"]
            .into_iter()
            .filter_map(|one| choice.get(one))
        {
            let calls = message.get("tool_calls").into_iter().flat_map(one_or_more);
            pieces.extend(calls.enumerate().map(|(position, call)| Piece {
                answer,
                call: index(call, position),
            }));
            let function = message.get("function_call");
            if function.is_some_and(|call| call.kind() == Kind::Object) {
                pieces.push(Piece {
                    answer,
                    call: LEGACY_CALL,
                });
            }
        }
    }
}

fn of_event(event: Value<'_>, pieces: &mut Vec<Piece>) {
    if event.get("content_block").and_then(side).is_some() {
        pieces.push(Piece {
            answer: index(event, 0),
            call: 0,
        });
    }
    // An answer whose beginning is its whole.
    let content = event
        .get("message")
        .and_then(|message| message.get("content"));
    if content
        .into_iter()
        .flat_map(one_or_more)
        .any(|block| side(block).is_some())
    {
        pieces.push(Piece {
            answer: u32::MAX,
            call: 0,
        });
    }
}

fn index(value: Value<'_>, position: usize) -> u32 {
    let index = value.get("index").and_then(Value::as_u64);
    u32::try_from(index.unwrap_or(position as u64)).unwrap_or(u32::MAX)
}
