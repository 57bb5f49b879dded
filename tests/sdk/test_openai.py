"""The unchanged `openai` package."""

import json

import openai
import pytest
from conftest import GATEWAY, KEY, SSN

TOOL = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}},
}


def ask(client, text, model="model/guarded", **more):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **more)


def text_of(stream):
    return "".join(c.delta.content or "" for chunk in stream for c in chunk.choices)


def test_plain(client, fakes):
    fakes.script({"say": "Good morning."})
    answer = ask(client, f"my key is {KEY}")
    assert answer.choices[0].message.content == "Good morning."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens > 0
    [call] = fakes.calls()
    assert call["body"]["messages"][0]["content"] == "my key is [REDACTED]"
    assert call["body"]["model"] == "guarded"
    assert call["headers"]["authorization"] == "Bearer upstream-key"


def test_without_v1_in_the_base_url(fakes):
    fakes.script({"say": "fine"})
    with openai.OpenAI(base_url=GATEWAY, api_key="bot-token") as client:
        assert ask(client, "hello").choices[0].message.content == "fine"


def test_redaction_in_the_answer(client, fakes):
    fakes.script({"say": f"use {KEY} for it"})
    assert ask(client, "hello").choices[0].message.content == "use [REDACTED] for it"


def test_streamed(client, fakes):
    fakes.script({"say": "Good morning to all of you.", "piece": 3})
    assert text_of(ask(client, "hello", stream=True)) == "Good morning to all of you."


@pytest.mark.parametrize("piece", [1, 3, 7, 40])
def test_redaction_in_a_stream(client, fakes, piece):
    fakes.script({"say": f"Use {KEY} for it, not {KEY}!", "piece": piece})
    assert text_of(ask(client, "hello", stream=True)) == "Use [REDACTED] for it, not [REDACTED]!"


def test_usage_of_a_stream(client, fakes):
    fakes.script({"say": "fine"})
    chunks = list(ask(client, "hello", stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].usage.total_tokens > 0 and chunks[-1].choices == []
    fakes.script({"say": "fine"})
    assert all(chunk.choices for chunk in ask(client, "hello", stream=True))


def test_stream_helper(client, fakes):
    fakes.script({"choices": [{"text": "Let me see.", "tools": [{"name": "look", "arguments": '{"q":"x"}'}]}]})
    messages = [{"role": "user", "content": "hello"}]
    with client.chat.completions.stream(model="model/guarded", messages=messages, tools=[TOOL]) as stream:
        for _ in stream:
            pass
        message = stream.get_final_completion().choices[0].message
    assert message.content == "Let me see."
    assert message.tool_calls[0].function.arguments == '{"q":"x"}'


@pytest.mark.parametrize("stream", [False, True])
def test_tools(client, fakes, stream):
    calls = [
        {"id": "call_a", "name": "look", "arguments": '{"q": "Lisbon",  "n": 1.50}'},
        {"id": "call_b", "name": "look", "arguments": json.dumps({"q": f"with {KEY}"})},
    ]
    fakes.script({"choices": [{"tools": calls}]})
    answer = ask(client, "hello", tools=[TOOL], stream=stream)
    found = {}
    if stream:
        for chunk in answer:
            for part in chunk.choices[0].delta.tool_calls or []:
                call = found.setdefault(part.index, {"name": "", "arguments": ""})
                call["name"] += part.function.name or ""
                call["arguments"] += part.function.arguments or ""
    else:
        for n, call in enumerate(answer.choices[0].message.tool_calls):
            found[n] = {"name": call.function.name, "arguments": call.function.arguments}
    # What is not changed is not touched: not even the space before "n".
    assert found[0] == {"name": "look", "arguments": '{"q": "Lisbon",  "n": 1.50}'}
    assert json.loads(found[1]["arguments"]) == {"q": "with [REDACTED]"}


@pytest.mark.parametrize("stream", [False, True])
def test_three_choices(client, fakes, stream):
    fakes.script({"choices": [{"text": "one"}, {"text": f"two {KEY}"}, {"text": "three"}]})
    answer = ask(client, "hello", n=3, stream=stream)
    texts = {0: "", 1: "", 2: ""}
    if stream:
        for chunk in answer:
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
    else:
        texts = {choice.index: choice.message.content for choice in answer.choices}
    assert texts == {0: "one", 1: "two [REDACTED]", 2: "three"}


@pytest.mark.parametrize("stream", [False, True])
def test_block_before(client, fakes, stream):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, f"my number is {SSN}", stream=stream)
    error = caught.value
    assert error.status_code == 400 and error.type == "guardrail_checks_failed" and error.code == "400"
    assert "sdk/ssn" in error.message and SSN not in str(error)
    assert error.request_id
    checks = error.response.json()["guardrail_checks"]["input_guardrails"]
    assert checks[0]["guardrail_integration"] == "sdk/ssn"
    assert checks[0]["data"]["categories"] == ["us_ssn"]
    # A local block costs no token, and nobody retries it.
    assert fakes.calls() == []


def test_block_of_a_plain_answer(client, fakes):
    fakes.script({"say": f"the number is {SSN}"})
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "hello")
    assert caught.value.response.json()["error_origin_level"] == "guardrails_output"
    assert len(fakes.calls()) == 1


def test_block_in_one_of_three_choices(client, fakes):
    fakes.script({"choices": [{"text": "one"}, {"text": f"two {SSN}"}, {"text": "three"}]})
    with pytest.raises(openai.BadRequestError):
        ask(client, "hello", n=3)
    assert len(fakes.calls()) == 1


def test_block_during_a_stream(client, fakes):
    long = "This is a long and harmless introduction. " * 40
    fakes.script({"say": f"{long} The number is {SSN}. And this is never seen.", "piece": 8})
    seen = ""
    with pytest.raises(openai.APIError) as caught:
        for chunk in ask(client, "hello", stream=True):
            seen += chunk.choices[0].delta.content or ""
    assert seen.startswith(long) and SSN not in seen and "never seen" not in seen
    assert "sdk/ssn" in caught.value.message
    assert caught.value.type == "guardrail_checks_failed"
    assert len(fakes.calls()) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_block_by_a_service_that_races_the_model(client, fakes, stream):
    fakes.script({"say": "an answer that nobody may see", "pause_ms": 5})
    fakes.service("slow", {"block": "not this", "after_ms": 50})
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "hello", model="model/raced", stream=stream)
    assert "sdk/slow" in caught.value.message
    assert len(fakes.service_calls("slow")) == 1 and len(fakes.calls()) <= 1


def test_an_outage_is_not_retried(client, fakes):
    with pytest.raises(openai.InternalServerError) as caught:
        ask(client, "hello", model="model/outage")
    error = caught.value
    assert error.status_code == 503 and error.type == "guardrail_unavailable" and error.code == "503"
    assert len(fakes.calls()) <= 1


def test_upstream_errors_are_passed_on_and_retried_as_always(client, fakes):
    busy = {"status": 429, "json": {"error": {"message": "slow down", "type": "rate_limit", "param": None, "code": None}}}
    fakes.script({**busy, "headers": {"retry-after-ms": "1"}}, {"say": "at last"})
    assert ask(client, "hello").choices[0].message.content == "at last"
    assert len(fakes.calls()) == 2


def test_who_may_call_what(fakes):
    with openai.OpenAI(base_url=GATEWAY + "/v1", api_key="nobody") as client:
        with pytest.raises(openai.AuthenticationError):
            ask(client, "hello")
    with openai.OpenAI(base_url=GATEWAY + "/v1", api_key="bot-token") as client:
        with pytest.raises(openai.NotFoundError):
            ask(client, "hello", model="nowhere/m")
        with pytest.raises(openai.PermissionDeniedError):
            ask(client, "hello", model="private/m")
    assert fakes.calls() == []


def test_models(client):
    # No account here lists its models, so there is nothing that could be listed but the demo's.
    ids = [model.id for model in client.models.list()]
    assert "demo/echo" in ids
    assert not any(name.startswith("private/") for name in ids)


def test_a_client_that_leaves_takes_the_upstream_call_with_it(client, fakes):
    fakes.script({"say": "word " * 200, "pause_ms": 20})
    stream = ask(client, "hello", stream=True)
    next(iter(stream))
    stream.close()
    assert fakes.wait_until_gone()


def test_async(fakes):
    import asyncio

    async def run():
        async with openai.AsyncOpenAI(base_url=GATEWAY + "/v1", api_key="bot-token") as client:
            messages = [{"role": "user", "content": "hello"}]
            stream = await client.chat.completions.create(model="model/guarded", messages=messages, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    fakes.script({"say": f"use {KEY} now"})
    assert asyncio.run(run()) == "use [REDACTED] now"
