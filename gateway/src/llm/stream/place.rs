//! Where a channel's text would stand in the same answer without a stream.

use super::{ChannelKey, ChannelKind, LEGACY_CALL};
use crate::llm::Dialect;
use crate::llm::defined::is_defined;

/// The place of a channel, such as `choices[0].message.content`. Only names that the wire format defines are in it.
pub fn place_of(dialect: Dialect, channel: &ChannelKey) -> String {
    let answer = channel.answer;
    match dialect {
        Dialect::OpenAi => format!("choices[{answer}].message.{}", member(channel)),
        Dialect::Anthropic => format!("content[{answer}].{}", block_member(&channel.kind)),
    }
}

fn member(channel: &ChannelKey) -> String {
    let call = channel.call;
    let called = |member: &str| match call {
        LEGACY_CALL => format!("function_call.{member}"),
        call => format!("tool_calls[{call}].function.{member}"),
    };
    match &channel.kind {
        ChannelKind::Text => "content".to_owned(),
        ChannelKind::Refusal => "refusal".to_owned(),
        ChannelKind::Reasoning | ChannelKind::SignedReasoning => match call {
            0 => "reasoning_content".to_owned(),
            _ => "reasoning".to_owned(),
        },
        ChannelKind::ReasoningDetail => format!("reasoning_details[{call}].text"),
        ChannelKind::ReasoningSummary => format!("reasoning_details[{call}].summary"),
        ChannelKind::ToolName => called("name"),
        ChannelKind::Arguments => called("arguments"),
        ChannelKind::CustomInput => format!("tool_calls[{call}].custom.input"),
        ChannelKind::Transcript => "audio.transcript".to_owned(),
        ChannelKind::Other(name) => known(name).to_owned(),
    }
}

fn block_member(kind: &ChannelKind) -> &str {
    match kind {
        ChannelKind::Text | ChannelKind::ReasoningDetail => "text",
        ChannelKind::Reasoning | ChannelKind::SignedReasoning => "thinking",
        ChannelKind::ReasoningSummary => "summary",
        ChannelKind::Refusal => "refusal",
        ChannelKind::ToolName => "name",
        ChannelKind::Arguments | ChannelKind::CustomInput => "input",
        ChannelKind::Transcript => "transcript",
        ChannelKind::Other(name) => known(name),
    }
}

fn known(name: &str) -> &str {
    if is_defined(name) { name } else { "*" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_have_the_places_of_their_answers() {
        let place = |dialect, kind, call| {
            let answer = 2;
            place_of(dialect, &ChannelKey { answer, kind, call })
        };
        let other = |name: &str| ChannelKind::Other(name.into());
        for (kind, call, openai, anthropic) in [
            (ChannelKind::Text, 0, "content", "text"),
            (ChannelKind::Reasoning, 0, "reasoning_content", "thinking"),
            (
                ChannelKind::Arguments,
                1,
                "tool_calls[1].function.arguments",
                "input",
            ),
            (
                ChannelKind::Arguments,
                LEGACY_CALL,
                "function_call.arguments",
                "input",
            ),
            (other("<b>alice</b>"), 0, "*", "*"),
            (other("title"), 0, "title", "title"),
        ] {
            let places = [Dialect::OpenAi, Dialect::Anthropic]
                .map(|dialect| place(dialect, kind.clone(), call));
            let expected = [
                format!("choices[2].message.{openai}"),
                format!("content[2].{anthropic}"),
            ];
            assert_eq!(places, expected, "{kind:?}");
        }
    }
}
