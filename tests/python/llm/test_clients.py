"""The official clients of OpenAI and Ollama, where they are installed."""

import json

import pytest
from live import Live
from scripted import ScriptedCore
from test_openai_chat import EXEC, script


@pytest.fixture(scope="module")
def live():
    with Live(ScriptedCore(script, token_s=0.001), api_keys=("k",)) as server:
        yield server


@pytest.fixture()
def openai(live):
    module = pytest.importorskip("openai")
    with module.OpenAI(base_url=live.url + "/v1", api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture()
def ollama(live):
    module = pytest.importorskip("ollama")
    return module.Client(host=live.url, headers={"Authorization": "Bearer k"})


def user(text):
    return [{"role": "user", "content": text}]


def test_openai_chat(openai):
    reply = openai.chat.completions.create(model="scripted", messages=user("say hi there"))
    assert reply.choices[0].message.content == "hi there"
    assert reply.choices[0].finish_reason == "stop" and reply.usage.total_tokens > 0


def test_openai_streams(openai):
    stream = openai.chat.completions.create(
        model="scripted",
        messages=user("say hi there"),
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "hi there"
    assert chunks[-1].usage.completion_tokens > 0


def test_openai_calls_a_tool_and_reads_its_result(openai):
    messages = user("call")
    with openai.chat.completions.stream(
        model="scripted", messages=messages, tools=[EXEC]
    ) as stream:
        for _ in stream:
            pass
        reply = stream.get_final_completion().choices[0]
    assert reply.finish_reason == "tool_calls"
    call = reply.message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"command": "cat a.txt"}
    messages.append(reply.message.model_dump(exclude_none=True, exclude={"parsed"}))
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "contents"})
    messages.append({"role": "user", "content": "say thanks"})
    after = openai.chat.completions.create(model="scripted", messages=messages, tools=[EXEC])
    assert after.choices[0].message.content == "thanks"
    assert after.usage.prompt_tokens_details.cached_tokens > 0


def test_openai_schema(openai):
    pytest.importorskip("llguidance")
    schema = {
        "type": "object",
        "properties": {"a": {"enum": [1, 2]}},
        "required": ["a"],
        "additionalProperties": False,
    }
    reply = openai.chat.completions.create(
        model="scripted",
        messages=user('say {"a":2}'),
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    )
    assert json.loads(reply.choices[0].message.content) == {"a": 2}


def test_openai_errors(openai, live):
    import openai as module

    with pytest.raises(module.NotFoundError, match="model"):
        openai.chat.completions.create(model="gpt-5", messages=user("x"))
    with pytest.raises(module.BadRequestError, match="maximum context length is 32768 tokens"):
        openai.chat.completions.create(model="scripted", messages=user("x" * 40000))
    with pytest.raises(module.AuthenticationError):
        module.OpenAI(base_url=live.url + "/v1", api_key="no", max_retries=0).models.list()


def test_openai_leaves_a_stream_early(openai, live):
    stream = openai.chat.completions.create(
        model="scripted", messages=user("repeat 4000"), stream=True
    )
    for _ in zip(range(3), stream):
        pass
    stream.close()
    live.until(lambda: live.engine.stats().running == 0, 3)


def test_openai_responses(openai):
    reply = openai.responses.create(model="scripted", input="say fine")
    assert reply.output_text == "fine"
    with openai.responses.stream(model="scripted", input="say fine") as stream:
        for _ in stream:
            pass
        assert stream.get_final_response().output_text == "fine"


def test_openai_models_and_embeddings(openai):
    assert [model.id for model in openai.models.list()] == ["scripted"]
    assert openai.models.retrieve("scripted").id == "scripted"
    assert len(openai.embeddings.create(model="scripted", input="a").data[0].embedding) == 8


def test_ollama_client(ollama):
    assert ollama.list().models[0].model == "scripted"
    assert "tools" in ollama.show("scripted").capabilities
    reply = ollama.chat("scripted", messages=user("say hi"))
    assert reply.message.content == "hi" and reply.done_reason == "stop"
    parts = list(ollama.chat("scripted", messages=user("say hi there"), stream=True))
    assert "".join(part.message.content or "" for part in parts) == "hi there"
    assert parts[-1].done and parts[-1].eval_count > 0
    called = ollama.chat("scripted", messages=user("call"), tools=[EXEC])
    assert called.message.tool_calls[0].function.arguments == {"command": "cat a.txt"}
    assert ollama.generate("scripted", "say yes").response == "yes"
    assert len(ollama.embed("scripted", "a").embeddings[0]) == 8
    assert ollama.ps().models[0].model == "scripted"


def test_ollama_errors(ollama):
    import ollama as module

    with pytest.raises(module.ResponseError, match="not found"):
        ollama.chat("nope", messages=user("x"))
