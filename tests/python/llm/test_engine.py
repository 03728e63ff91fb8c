"""The server around the C++ engine and our own demo model, where they are built."""

import json
from pathlib import Path

import pytest
from live import Live

try:
    from rosso._rosso import Llm  # noqa: F401
    from rosso.llm.core import LlmCore, LlmTokenizer
except ImportError:
    pytest.skip("the C++ engine is not built", allow_module_level=True)

DEMO = Path(__file__).resolve().parents[3] / "models" / "demo" / "rosso-demo.gguf"
SUM = {"messages": [{"role": "user", "content": "What is 3 + 4?"}], "temperature": 0}


@pytest.fixture(scope="module")
def live():
    with Live(LlmCore(str(DEMO), slots=2)) as server:
        yield server


def test_it_answers_the_same_in_every_way(live):
    whole = live.post("/v1/chat/completions", SUM).json()["choices"][0]
    assert whole["message"]["content"] == "3 + 4 = 7." and whole["finish_reason"] == "stop"
    chunks = [json.loads(event[6:]) for event in live.events(SUM)[:-1]]
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks) == "3 + 4 = 7."
    ollama = live.post("/api/chat", {**SUM, "stream": False, "options": {"temperature": 0}}).json()
    assert ollama["message"]["content"] == "3 + 4 = 7."


def test_the_second_time_the_prompt_is_there(live):
    live.post("/v1/chat/completions", SUM)
    usage = live.post("/v1/chat/completions", SUM).json()["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_tokens"] - 1


def test_a_seed_gives_the_same_reply_alone_and_in_company(live):
    body = {**SUM, "temperature": 1.5, "seed": 7, "max_tokens": 20, "n": 2}
    both = live.post("/v1/chat/completions", body).json()["choices"]
    alone = live.post("/v1/chat/completions", {**body, "n": 1}).json()["choices"]
    assert both[0]["message"] == alone[0]["message"]


def test_logits_stay_on_the_device_unless_a_request_needs_them(live):
    def read(**more):
        before = live.core.bytes_read
        usage = live.post("/v1/chat/completions", {**SUM, **more}).json()["usage"]
        return (live.core.bytes_read - before) / usage["completion_tokens"]

    logits = 4 * live.core.tokenizer.size
    for plain in ({}, {"temperature": 0.8, "seed": 3}, {"stop": ["7"]}):
        # The likeliest 64 and their numbers, also of the token that ends the reply.
        assert read(**plain, max_tokens=20) <= 64 * 8 * 2
    for needy in ({"logprobs": True}, {"logit_bias": {"5": 1}}, {"frequency_penalty": 0.5}):
        assert read(**needy) >= logits


def test_replies_are_held_to_schemas(live):
    pytest.importorskip("llguidance")
    schema = {
        "type": "object",
        "properties": {"animal": {"enum": ["fox", "owl"]}, "legs": {"enum": [2, 4]}},
        "required": ["animal", "legs"],
        "additionalProperties": False,
    }
    format = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    reply = live.post("/v1/chat/completions", {**SUM, "response_format": format}).json()
    answer = json.loads(reply["choices"][0]["message"]["content"])
    assert answer["animal"] in ("fox", "owl") and answer["legs"] in (2, 4)


def test_a_tool_that_must_be_called_is(live):
    pytest.importorskip("llguidance")
    parameters = {
        "type": "object",
        "properties": {"city": {"enum": ["Oslo", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": parameters}}
    body = {**SUM, "tools": [tool], "tool_choice": "required", "parallel_tool_calls": False}
    choice = live.post("/v1/chat/completions", body).json()["choices"][0]
    call = choice["message"]["tool_calls"][0]["function"]
    assert call["name"] == "get_weather"
    assert json.loads(call["arguments"])["city"] in ("Oslo", "Rome")
    assert choice["finish_reason"] == "tool_calls"


def test_logprobs_are_of_the_model(live):
    body = {**SUM, "logprobs": True, "top_logprobs": 3}
    tokens = live.post("/v1/chat/completions", body).json()["choices"][0]["logprobs"]["content"]
    for token in tokens:
        values = [each["logprob"] for each in token["top_logprobs"]]
        assert values == sorted(values, reverse=True) and token["logprob"] == values[0] <= 0


def test_a_story_is_the_same_with_guesses_and_without(live):
    tell = {"messages": [{"role": "user", "content": "Tell me a story about a fox."}],
            "temperature": 0, "max_tokens": 80}  # fmt: skip
    plain = live.post("/v1/chat/completions", tell).json()["choices"][0]["message"]
    live.service.options.draft = 4
    guessed = live.post("/v1/chat/completions", tell).json()["choices"][0]["message"]
    live.service.options.draft = 0
    assert guessed == plain


def test_special_tokens_and_plain_text():
    tokenizer = LlmTokenizer.open(str(DEMO))
    for name, token in tokenizer.special.items():
        assert tokenizer.encode(name, special=True) == [token]
        assert token not in tokenizer.encode(name) and tokenizer.piece(token) == name.encode()
    text = "naïve ☔ 漢字\n\tx  y"
    assert tokenizer.decode(tokenizer.encode(text)).decode() == text
