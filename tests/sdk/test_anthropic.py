"""The unchanged `anthropic` package."""

import anthropic
import pytest
from conftest import GATEWAY, KEY, SSN

TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}}}


def request(text, model="claude/guarded", **more):
    return {"model": model, "max_tokens": 1024, "messages": [{"role": "user", "content": text}], **more}


def test_plain(claude, fakes):
    fakes.script({"say": "Good morning."})
    answer = claude.messages.create(**request(f"my key is {KEY}", system=f"the system has {KEY}"))
    assert answer.content[0].text == "Good morning."
    assert answer.stop_reason == "end_turn"
    [call] = fakes.calls()
    assert call["path"] == "/v1/messages"
    assert call["body"]["messages"][0]["content"] == "my key is [REDACTED]"
    assert call["body"]["system"] == "the system has [REDACTED]"
    assert call["headers"]["x-api-key"] == "upstream-key"
    assert call["headers"]["anthropic-version"]


def test_redaction_in_the_answer(claude, fakes):
    fakes.script({"say": f"use {KEY} for it"})
    assert claude.messages.create(**request("hello")).content[0].text == "use [REDACTED] for it"


@pytest.mark.parametrize("piece", [1, 3, 7, 40])
def test_streamed(claude, fakes, piece):
    fakes.script({"say": f"Use {KEY} for it, not {KEY}!", "piece": piece})
    with claude.messages.stream(**request("hello")) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text == "Use [REDACTED] for it, not [REDACTED]!"
    assert message.content[0].text == text
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 0


def test_events_of_a_stream(claude, fakes):
    fakes.script({"choices": [{"reasoning": "hm", "text": "fine"}]})
    events = [event.type for event in claude.messages.create(**request("hello"), stream=True)]
    assert events[0] == "message_start" and events[-1] == "message_stop"
    assert events.count("content_block_start") == events.count("content_block_stop") == 2


def test_a_thinking_block_is_never_changed(claude, fakes):
    fakes.script({"choices": [{"reasoning": "two and two", "text": "four"}]})
    with claude.messages.stream(**request("hello")) as stream:
        thinking, text = stream.get_final_message().content
    assert (thinking.thinking, text.text) == ("two and two", "four")
    assert thinking.signature
    fakes.script({"choices": [{"reasoning": f"the key is {KEY}", "text": "four"}]})
    # It is signed, so what is found in it cannot be rewritten.
    with pytest.raises(anthropic.BadRequestError):
        claude.messages.create(**request("hello"))


@pytest.mark.parametrize("stream", [False, True])
def test_tools(claude, fakes, stream):
    calls = [
        {"id": "call_a", "name": "look", "arguments": '{"q": "Lisbon"}'},
        {"id": "call_b", "name": "look", "arguments": '{"q": "with %s"}' % KEY},
    ]
    fakes.script({"choices": [{"text": "Let me see.", "tools": calls}]})
    if stream:
        with claude.messages.stream(**request("hello", tools=[TOOL])) as events:
            message = events.get_final_message()
    else:
        message = claude.messages.create(**request("hello", tools=[TOOL]))
    assert [block.type for block in message.content] == ["text", "tool_use", "tool_use"]
    assert [block.input for block in message.content[1:]] == [{"q": "Lisbon"}, {"q": "with [REDACTED]"}]
    assert message.stop_reason == "tool_use"


def test_block_before(claude, fakes):
    for call in (
        lambda: claude.messages.create(**request(f"my number is {SSN}")),
        lambda: claude.messages.create(**request(f"my number is {SSN}"), stream=True),
    ):
        with pytest.raises(anthropic.BadRequestError) as caught:
            call()
        body = caught.value.response.json()
        assert body["type"] == "error" and body["error"]["type"] == "invalid_request_error"
        assert "sdk/ssn" in body["error"]["message"] and SSN not in str(body)
        assert body["guardrail_checks"]["input_guardrails"][0]["guardrail_integration"] == "sdk/ssn"
        assert caught.value.request_id
    assert fakes.calls() == []


def test_block_of_a_plain_answer(claude, fakes):
    fakes.script({"say": f"the number is {SSN}"})
    with pytest.raises(anthropic.BadRequestError):
        claude.messages.create(**request("hello"))
    assert len(fakes.calls()) == 1


def test_block_during_a_stream(claude, fakes):
    long = "This is a long and harmless introduction. " * 40
    fakes.script({"say": f"{long} The number is {SSN}. And this is never seen.", "piece": 8})
    seen = ""
    with pytest.raises(anthropic.APIStatusError) as caught:
        with claude.messages.stream(**request("hello")) as stream:
            for text in stream.text_stream:
                seen += text
    assert seen.startswith(long) and SSN not in seen and "never seen" not in seen
    assert "sdk/ssn" in str(caught.value)
    assert len(fakes.calls()) == 1


def test_an_outage_is_not_retried(claude, fakes):
    with pytest.raises(anthropic.InternalServerError) as caught:
        claude.messages.create(**request("hello", model="claude/outage"))
    assert caught.value.status_code == 503
    assert caught.value.response.json()["error"]["type"] == "api_error"
    assert len(fakes.calls()) <= 1


def test_who_may_call_what(fakes):
    with anthropic.Anthropic(base_url=GATEWAY, api_key="nobody") as client:
        with pytest.raises(anthropic.AuthenticationError):
            client.messages.create(**request("hello"))
    with anthropic.Anthropic(base_url=GATEWAY, auth_token="bot-token", api_key=None) as client:
        with pytest.raises(anthropic.NotFoundError):
            client.messages.create(**request("hello", model="nowhere/m"))
    assert fakes.calls() == []
