//! The events of an Anthropic stream.

use super::*;

const ANTHROPIC: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"x\",\"stop_reason\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"sig\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"He\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"llo\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"citations_delta\",\"citation\":{\"type\":\"x\",\"cited_text\":\"quoted\"}}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"type\":\"web_search_result\",\"title\":\"found\",\"url\":\"u\",\"encrypted_content\":\"e\"}]}}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":7}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

#[test]
fn anthropic_events_tell_which_text_they_add() {
    use EventKind::{Chunk, Done, Ping};
    let events = events(Anthropic, ANTHROPIC);
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event.kind,
                event.is_bare(),
                deltas(event),
                event.ended.clone(),
            )
        })
        .collect();
    let nothing = Vec::<String>::new;
    let adds = |text: &str| vec![text.to_owned()];
    assert_eq!(
        told,
        [
            (Chunk, false, nothing(), vec![]),
            (Chunk, false, nothing(), vec![]),
            (Ping, false, nothing(), vec![]),
            (Chunk, true, adds("0/SignedReasoning/0=hm"), vec![]),
            (Chunk, false, nothing(), vec![]),
            (Chunk, false, nothing(), vec![0]),
            (Chunk, false, adds("1/Text/0=He"), vec![]),
            (Chunk, true, adds("1/Text/0=llo"), vec![]),
            (Chunk, false, nothing(), vec![]),
            (Chunk, false, nothing(), vec![1]),
            (Chunk, false, adds("2/ToolName/0=f"), vec![]),
            (Chunk, true, adds("2/Arguments/0={\"a\":"), vec![]),
            (Chunk, false, nothing(), vec![]),
            (Chunk, false, nothing(), vec![]),
            (Done, false, nothing(), vec![]),
        ]
    );
    let whole: Vec<usize> = (0..events.len())
        .filter(|at| events[*at].whole().is_some())
        .collect();
    assert_eq!(whole, [8, 12], "the citation and the search result");
    assert_eq!(holding(events[8].whole().unwrap(), "quoted").len(), 1);
    assert_eq!(holding(events[12].whole().unwrap(), "found").len(), 1);
    let usage = events
        .iter()
        .filter_map(|event| event.usage)
        .reduce(Usage::and);
    assert_eq!(
        usage,
        Some(Usage {
            input: 9,
            output: 7,
            ..Usage::default()
        })
    );
    let error = one(
        Anthropic,
        r#"{"type":"error","error":{"type":"t","message":"busy"}}"#,
    );
    assert_eq!(error.kind, EventKind::Error);
    assert_eq!(holding(error.whole().unwrap(), "busy").len(), 1);
}
