"""The demo model calls tools through the server, as its trainer found it does (models/demo)."""

import json
from pathlib import Path

import pytest
from live import Live

try:
    from rosso.llm.core import LlmCore
except ImportError as problem:
    pytest.skip(f"the engine was not built: {problem}", allow_module_level=True)

DEMO = Path(__file__).resolve().parents[3] / "models" / "demo"
CASES = json.loads((DEMO / "expected.json").read_text())["tools"]
CALLED = [case for case in CASES if "result" in case]
DESCRIPTIONS = {"calculator": "evaluates arithmetic", "get_weather": "weather of today"}


def offered(signature):
    """As a client sends it, "name(argument)"."""
    name, _, argument = signature.rstrip(")").partition("(")
    parameters = {
        "type": "object",
        "properties": {argument: {"type": "string"}},
        "required": [argument],
    }
    function = {"name": name, "description": DESCRIPTIONS[name], "parameters": parameters}
    return {"type": "function", "function": function}


def written_call(text):
    """The name and the arguments in what the model wrote."""
    call = json.loads(text.removeprefix("<tool_call>").removesuffix("</tool_call>"))
    return call["name"], call["arguments"]


@pytest.fixture(scope="module")
def live():
    with Live(LlmCore(str(DEMO / "rosso-demo.gguf"), slots=2, context=1024)) as server:
        yield server


def body_of(case):
    return {
        "messages": [{"role": "user", "content": case["question"]}],
        "tools": [offered(tool) for tool in case["tools"]],
        "temperature": 0,
    }


def test_some_questions_need_a_tool_and_some_do_not():
    assert {written_call(case["reply"]["answer"])[0] for case in CALLED} == set(DESCRIPTIONS)
    assert len(CALLED) < len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["question"])
def test_the_reply_is_the_trainers(live, case):
    body = body_of(case)
    reply = live.post("/v1/chat/completions", body).json()
    message = reply["choices"][0]["message"]
    if "result" not in case:
        assert message["content"] == case["reply"]["answer"]
        assert "tool_calls" not in message
        return
    call = message["tool_calls"][0]["function"]
    found = call["name"], json.loads(call["arguments"])
    assert found == written_call(case["reply"]["answer"])
    assert reply["choices"][0]["finish_reason"] == "tool_calls"
    assert reply["usage"]["completion_tokens"] >= len(case["reply"]["answer_ids"])

    told = {
        "role": "tool",
        "tool_call_id": message["tool_calls"][0]["id"],
        "content": case["result"],
    }
    after = live.post(
        "/v1/chat/completions", {**body, "messages": [*body["messages"], message, told]}
    ).json()
    assert after["choices"][0]["message"]["content"] == case["answer"]["answer"]
    assert after["choices"][0]["finish_reason"] == "stop"
    # The turn before is in the KV cache: what was asked, and the call as the model wrote it.
    known = len(case["reply"]["prompt_ids"]) + len(case["reply"]["answer_ids"])
    assert after["usage"]["prompt_tokens_details"]["cached_tokens"] >= known - 1


def test_a_call_streams_in_pieces_of_json(live):
    case = CALLED[0]
    *events, done = live.events({**body_of(case), "stream_options": {"include_usage": True}})
    assert done == "data: [DONE]"
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert calls[0]["id"] and calls[0]["function"]["arguments"] == ""
    name, arguments = written_call(case["reply"]["answer"])
    assert calls[0]["function"]["name"] == name
    assert json.loads("".join(call["function"]["arguments"] for call in calls)) == arguments
    assert not any(delta.get("content") for delta in deltas)


def test_required_and_named_calls_are_made_where_the_model_would_talk(live):
    body = body_of(CALLED[0]) | {"messages": [{"role": "user", "content": "Hello!"}]}
    required = live.post("/v1/chat/completions", {**body, "tool_choice": "required"}).json()
    call = required["choices"][0]["message"]["tool_calls"][0]["function"]
    assert call["name"] in DESCRIPTIONS
    assert isinstance(next(iter(json.loads(call["arguments"]).values())), str)
    named = {"type": "function", "function": {"name": "get_weather"}}
    chosen = live.post("/v1/chat/completions", {**body, "tool_choice": named}).json()
    call = chosen["choices"][0]["message"]["tool_calls"][0]["function"]
    assert call["name"] == "get_weather" and "city" in json.loads(call["arguments"])


def test_tools_are_left_alone_where_none_shall_be_called(live):
    reply = live.post("/v1/chat/completions", {**body_of(CALLED[0]), "tool_choice": "none"}).json()
    assert reply["choices"][0]["message"].get("tool_calls") is None
    assert "<tool_call>" not in reply["choices"][0]["message"]["content"]


def test_ollamas_door_calls_the_same(live):
    case = CALLED[0]
    body = {**body_of(case), "model": "test", "stream": False, "options": {"temperature": 0}}
    del body["temperature"]
    model = live.http.get("/api/tags").json()["models"][0]["name"]
    reply = live.post("/api/chat", {**body, "model": model}).json()
    call = reply["message"]["tool_calls"][0]["function"]
    assert (call["name"], call["arguments"]) == written_call(case["reply"]["answer"])
