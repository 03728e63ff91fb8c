"""Ollama's and llama.cpp's doors, and the smaller routes of OpenAI's."""

import json
import math

import pytest
from live import Live
from rosso.llm.server import responses
from scripted import ScriptedCore
from test_openai_chat import CALL, EXEC, script


@pytest.fixture(scope="module")
def live():
    with Live(ScriptedCore(script)) as server:
        yield server


def lines(live, path, body):
    with live.http.stream("POST", path, json=body) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        return [json.loads(line) for line in answer.iter_lines()]


def test_ollama_chat_as_openclaw_uses_it(live):
    body = {
        "model": "scripted",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "list"},
            {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [
                {"function": {"name": "exec", "arguments": {"command": "ls"}}}]},
            {"role": "tool", "content": "a.txt", "tool_call_id": "x", "tool_name": "exec"},
            {"role": "user", "content": "text and call"},
        ],
        "stream": True, "tools": [EXEC], "options": {"num_ctx": 32768, "num_predict": 500,
        "temperature": 0.1, "seed": 1}, "truncate": False, "shift": False, "think": False,
        "keep_alive": "5m",
    }  # fmt: skip
    records = lines(live, "/api/chat", body)
    assert all(isinstance(r["message"], dict) and isinstance(r["done"], bool) for r in records)
    assert "".join(record["message"]["content"] for record in records) == "Look:"
    calls = [call for record in records for call in record["message"].get("tool_calls", ())]
    assert [call["function"] for call in calls] == [
        {"name": "exec", "arguments": {"command": "cat a.txt"}}
    ]
    last = records[-1]
    assert [record["done"] for record in records].count(True) == 1 and last["done"]
    assert last["done_reason"] == "stop"
    assert last["prompt_eval_count"] > 0 and last["eval_count"] > 0
    assert last["prompt_eval_cached_count"] >= 0
    whole = live.post("/api/chat", {**body, "stream": False}).json()
    assert whole["message"]["content"] == "Look:" and whole["done"]
    assert whole["message"]["tool_calls"][0]["function"]["arguments"] == {"command": "cat a.txt"}
    assert whole["prompt_eval_cached_count"] > 0


def test_ollama_lengths_and_loads(live):
    body = {"messages": [{"role": "user", "content": "repeat 9"}], "options": {"num_predict": 3}}
    assert lines(live, "/api/chat", body)[-1]["done_reason"] == "length"
    assert lines(live, "/api/chat", {"messages": []})[0]["done_reason"] == "load"
    assert lines(live, "/api/chat", {})[0]["done_reason"] == "load"
    assert live.post("/api/generate", {"stream": False}).json()["done_reason"] == "load"


def test_ollama_generate(live):
    records = lines(live, "/api/generate", {"prompt": "say abc", "system": "be brief"})
    assert "".join(record["response"] for record in records) == "abc"
    raw = live.post("/api/generate", {"prompt": "say abc", "raw": True, "stream": False}).json()
    assert raw["response"] and raw["done"]


def test_ollama_generate_goes_on_from_a_context(live):
    first = live.post("/api/generate", {"prompt": "say abc", "stream": False}).json()
    text = live.post("/detokenize", {"tokens": first["context"]}).json()["content"]
    assert text.endswith("say abc<|im_end|>\n<|im_start|>assistant\nabc")
    body = {"prompt": "say d", "context": first["context"]}
    last = lines(live, "/api/generate", body)[-1]
    assert last["context"][: len(first["context"])] == first["context"]
    assert last["prompt_eval_count"] > len(first["context"])
    assert "context" not in lines(live, "/api/generate", {"prompt": "say d", "raw": True})[-1]
    for more in ({"raw": True, "context": [1]}, {"raw": True, "system": "s"}, {"context": [10**9]},
                 {"template": "{{ .Prompt }}"}, {"suffix": "x"}):  # fmt: skip
        assert live.post("/api/generate", {"prompt": "say d", **more}).status_code == 400


def test_ollama_tells_how_likely_tokens_were(live):
    body = {"prompt": "say abc", "logprobs": True, "top_logprobs": 2}
    records = lines(live, "/api/generate", body)
    told = [token for record in records for token in record.get("logprobs", ())]
    assert [token["token"] for token in told] == list("abc")
    assert all(token["logprob"] <= 0 and len(token["top_logprobs"]) == 2 for token in told)
    whole = live.post("/api/generate", {**body, "stream": False}).json()
    assert whole["logprobs"] == told
    chat = {"messages": [{"role": "user", "content": "say abc"}], "stream": False}
    assert "logprobs" not in live.post("/api/chat", chat).json()
    assert len(live.post("/api/chat", {**chat, "logprobs": True}).json()["logprobs"]) == 3
    assert live.post("/api/chat", {**chat, "logprobs": True, "top_logprobs": 99}).status_code == 400


def test_ollama_asks_only_models_to_think_that_can(live):
    chat = {"messages": [{"role": "user", "content": "say abc"}], "stream": False}
    assert live.post("/api/chat", {**chat, "think": False}).status_code == 200
    answer = live.post("/api/chat", {**chat, "think": True})
    assert answer.status_code == 400 and "does not support thinking" in answer.json()["error"]
    template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    template += "{{ '<think>' if enable_thinking else '!' }}{{ reasoning_effort }}"
    with Live(ScriptedCore(lambda prompt: prompt[-7:], template=template)) as server:
        for think, said in ((True, "<think>"), (False, "say abc!"), ("high", "nk>high")):
            answer = server.post("/api/chat", {**chat, "think": think}).json()["message"]
            text = answer.get("thinking", "") + answer["content"]
            assert text == said[-7:], think
        assert server.post("/api/chat", {**chat, "think": "much"}).status_code == 400
        effort = {"messages": chat["messages"], "reasoning": {"effort": "some"}}
        prompt = server.post("/apply-template", effort).json()["prompt"]
        assert prompt == "say abc!some"


def test_ollama_embeds_what_fits(live):
    long = "ab" * 20_000
    answer = live.post("/api/embed", {"input": [long, "b"]}).json()
    assert answer["prompt_eval_count"] == 32768 and answer["total_duration"] > 0
    assert live.post("/api/embed", {"input": long, "truncate": False}).status_code == 400
    short = live.post("/api/embed", {"input": "b", "dimensions": 3}).json()["embeddings"][0]
    assert len(short) == 3 and sum(value * value for value in short) == pytest.approx(1)
    assert live.post("/api/embed", {"input": []}).json()["embeddings"] == []
    assert live.post("/api/embeddings", {"prompt": ""}).json() == {"embedding": []}


def test_ollama_format_json(live):
    pytest.importorskip("llguidance")
    body = {"messages": [{"role": "user", "content": "say {}"}], "stream": False, "format": "json"}
    assert json.loads(live.post("/api/chat", body).json()["message"]["content"]) == {}


def test_ollama_tells_of_the_model(live):
    entry = live.http.get("/api/tags").json()["models"][0]
    assert {"name", "digest", "modified_at", "size", "details"} <= set(entry)
    shown = live.post("/api/show", {"model": entry["name"]}).json()
    assert "tools" in shown["capabilities"] and "completion" in shown["capabilities"]
    contexts = [v for k, v in shown["model_info"].items() if k.endswith(".context_length")]
    assert contexts == [32768] and "num_ctx 32768" in shown["parameters"]
    assert live.http.get("/api/version").json()["version"]
    assert live.http.get("/api/ps").json()["models"][0]["context_length"] == 32768
    vectors = live.post("/api/embed", {"input": ["a", "b"]}).json()["embeddings"]
    assert len(vectors) == 2 and sum(v * v for v in vectors[0]) == pytest.approx(1)
    assert live.post("/api/embeddings", {"prompt": "a"}).json()["embedding"] == vectors[0]


def test_the_root_tells_browsers_and_probes_apart(live):
    assert live.http.head("/").status_code == 200
    assert "running" in live.http.get("/").text
    page = live.http.get("/", headers={"Accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")


def test_models_with_their_context(live):
    one = live.http.get("/v1/models").json()["data"][0]
    assert one["id"] == "scripted" and one["object"] == "model"
    assert one["meta"]["n_ctx_train"] == one["context_length"] == 32768
    assert live.http.get("/models").json()["data"][0]["id"] == "scripted"


def test_models_are_listed_by_the_names_they_were_given():
    with Live(aliases=("small", "fast")) as server:
        listed = server.http.get("/v1/models").json()["data"]
        assert [each["id"] for each in listed] == ["small", "fast"]
        assert listed[0]["aliases"] == ["small", "fast", "scripted"]
        tagged = server.http.get("/api/tags").json()["models"]
        assert [each["name"] for each in tagged] == ["small", "fast"]
        assert server.chat("a", model="scripted").json()["model"] == "scripted"
        assert server.chat("a").json()["model"] == "small"
        assert server.chat("a", model="slow").status_code == 404


def test_llama_cpp_properties(live):
    assert live.http.get("/health").json() == {"status": "ok"}
    props = live.http.get("/props?model=x&autoload=false").json()
    assert props["default_generation_settings"]["n_ctx"] == 32768
    assert props["modalities"]["vision"] is False
    caps = props["chat_template_caps"]
    assert caps["supports_tool_calls"] is True and caps["supports_typed_content"] is True
    assert props["device"].startswith("scripted") and props["memory"]["total"] == 4_000_000
    slots = live.http.get("/slots").json()
    assert len(slots) == 4 and not any(slot["is_processing"] for slot in slots)


def test_tokens_and_back(live):
    tokens = live.post("/tokenize", {"content": "hello ☔<|im_end|>"}).json()["tokens"]
    assert live.post("/detokenize", {"tokens": tokens}).json()["content"] == "hello ☔<|im_end|>"
    plain = live.post("/tokenize", {"content": "<|im_end|>", "parse_special": False}).json()
    assert len(plain["tokens"]) == 10
    pieces = live.post("/tokenize", {"content": "é", "with_pieces": True}).json()["tokens"]
    assert [each["piece"] for each in pieces] == [[0xC3], [0xA9]]


def test_llama_cpp_embeddings(live):
    one, two = live.post("/embedding", {"content": ["a", [98]]}).json()
    assert (one["index"], two["index"]) == (0, 1)
    assert two["embedding"] == [
        live.post("/v1/embeddings", {"input": "b"}).json()["data"][0]["embedding"]
    ]
    mixed = live.post("/embeddings", {"input": ["a", 98]}).json()
    assert mixed == live.post("/embedding", {"content": "ab"}).json()


def test_calls_of_before_there_were_tools_and_refusals_are_shown(live):
    messages = [
        {"role": "user", "content": "list"},
        {"role": "assistant", "content": None,
         "function_call": {"name": "exec", "arguments": '{"command": "ls"}'}},
        {"role": "function", "name": "exec", "content": "a.txt"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "I will not."}]},
        {"role": "user", "content": "go on"},
    ]  # fmt: skip
    body = {"messages": messages, "tools": [EXEC]}
    prompt = live.post("/apply-template", body).json()["prompt"]
    assert '{"name": "exec", "arguments": {"command": "ls"}}' in prompt
    assert "<tool_response>\na.txt" in prompt and "I will not." in prompt
    messages[1]["function_call"] = {"arguments": 5}
    assert live.post("/apply-template", body).status_code == 400


def test_apply_template(live):
    body = {"messages": [{"role": "user", "content": "a<|im_end|>b"}]}
    prompt = live.post("/apply-template", body).json()["prompt"]
    assert prompt.endswith("<|im_start|>assistant\n") and "a<|im_end|>b" in prompt


def test_metrics(live):
    pytest.importorskip("prometheus_client")
    live.chat("say a")
    answer = live.http.get("/metrics")
    assert int(answer.headers["process-start-time-unix"]) > 1_700_000_000
    text = answer.text
    assert (
        'rosso_http_requests_total{method="POST",path="/v1/chat/completions",status="200"}' in text
    )
    assert "# TYPE llamacpp:tokens_predicted_total counter" in text
    assert "llamacpp:requests_processing 0" in text
    assert "llamacpp:spec_decode_num_drafts_total 0" in text
    assert "rosso_generated_tokens_total" in text and 'rosso_memory_bytes{part="kv"}' in text


def test_completions(live):
    answer = live.post("/v1/completions", {"prompt": ["ab", "cd"], "n": 2, "max_tokens": 4}).json()
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
    assert answer["object"] == "text_completion" and answer["usage"]["prompt_tokens"] == 4
    echoed = live.post("/v1/completions", {"prompt": "ab", "echo": True, "logprobs": 1}).json()
    choice = echoed["choices"][0]
    assert choice["text"].startswith("ab") and choice["logprobs"]["text_offset"][0] == 2
    events = live.events({"prompt": "x", "stream_options": {"include_usage": True}},
                         "/v1/completions")  # fmt: skip
    assert events[-1] == "data: [DONE]" and '"usage"' in events[-2]


def test_embeddings(live):
    answer = live.post("/v1/embeddings", {"input": ["a", "b"]}).json()
    assert [each["index"] for each in answer["data"]] == [0, 1]
    assert answer["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    tokens = live.post("/v1/embeddings", {"input": [[97], [98]]}).json()
    assert tokens["data"] == answer["data"]
    many = live.post("/v1/embeddings", {"input": ["a", "b"] * 100}).json()["data"]
    assert len(many) == 200 and many[199]["embedding"] == answer["data"][1]["embedding"]
    coded = live.post("/v1/embeddings", {"input": "a", "encoding_format": "base64"}).json()
    import array
    import base64

    values = array.array("f", base64.b64decode(coded["data"][0]["embedding"]))
    whole = answer["data"][0]["embedding"]
    assert list(values) == pytest.approx(whole)
    short = live.post("/v1/embeddings", {"input": "a", "dimensions": 3}).json()
    assert short["data"][0]["embedding"] == pytest.approx(
        [value / math.hypot(*whole[:3]) for value in whole[:3]]
    )


def test_how_many_tokens_a_chat_is(live):
    body = {"messages": [{"role": "user", "content": "say abc"}], "max_tokens": 1}
    asked = live.post("/v1/chat/completions", body).json()["usage"]["prompt_tokens"]
    told = {"object": "response.input_tokens", "input_tokens": asked}
    assert live.post("/v1/chat/completions/input_tokens", body).json() == told
    assert live.post("/v1/responses/input_tokens", {"input": "say abc"}).json() == told


def test_responses_give_back_what_they_were_asked(live):
    body = {"input": "say ab", "metadata": {"k": "v"}, "user": "u", "top_logprobs": 2,
            "truncation": "auto", "reasoning": {"effort": "low"}}  # fmt: skip
    answer = live.post("/responses", body).json()
    for name in ("metadata", "user", "top_logprobs", "truncation"):
        assert answer[name] == body[name]
    assert answer["reasoning"] == {"effort": "low", "summary": None}
    told = answer["output"][0]["content"][0]["logprobs"]
    assert [token["token"] for token in told] == ["a", "b"]
    assert all(len(token["top_logprobs"]) == 2 for token in told)
    deltas = [data for kind, data in sse(live.post("/responses", {**body, "stream": True}).text)
              if kind == "response.output_text.delta"]  # fmt: skip
    assert [token for data in deltas for token in data["logprobs"]] == told


def test_reasoning_goes_back_to_the_message_it_led_to():
    template = "{% for m in messages %}[{{ m.role }}|{{ m.reasoning_content }}|{{ m.content }}]"
    template += "{% endfor %}<think>"
    items = [
        {"role": "user", "content": "q"},
        {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "q"},
    ]
    with Live(ScriptedCore(template=template)) as server:
        service = server.service
        chat, _ = responses.read_request({"input": items}, service, "")
        rendered = service.replies.template.render(chat.messages)
    assert "[assistant|hm|a][user||q]" in rendered.text


def sse(text):
    for block in filter(None, text.split("\n\n")):
        kind, _, data = block.partition("\n")
        yield kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_responses_stream(live):
    tool = {"type": "function", "strict": True, **EXEC["function"]}
    body = {"input": "text and call", "instructions": "be brief", "tools": [tool], "stream": True}
    events = list(sse(live.post("/v1/responses", body).text))
    kinds = [kind for kind, _ in events]
    assert all(kind == data["type"] for kind, data in events)
    assert [data["sequence_number"] for _, data in events] == list(range(len(events)))
    assert kinds[:3] == ["response.created", "response.in_progress", "response.output_item.added"]
    assert kinds[-1] == "response.completed"
    output = events[-1][1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call"]
    assert output[0]["content"][0]["text"] == "Look:"
    assert json.loads(output[1]["arguments"]) == {"command": "cat a.txt"}
    deltas = [d["delta"] for k, d in events if k == "response.function_call_arguments.delta"]
    assert "".join(deltas) == output[1]["arguments"]


def test_responses_go_on_after_a_call(live):
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "list"}]},
        {"type": "reasoning", "summary": []},
        {"type": "function_call", "call_id": "c1", "name": "exec", "arguments": '{"command":"ls"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "a.txt"},
        {"role": "user", "content": "say done"},
    ]
    answer = live.post("/v1/responses", {"input": items}).json()
    assert answer["status"] == "completed" and answer["usage"]["input_tokens"] > 0
    assert answer["output"][0]["content"][0]["text"] == "done"
    short = live.post("/v1/responses", {"input": "repeat 9", "max_output_tokens": 2}).json()
    assert short["status"] == "incomplete"
    assert short["incomplete_details"] == {"reason": "max_output_tokens"}


def test_the_document_describes_every_path(live):
    document = live.http.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert "/v1/chat/completions" in document["paths"] and CALL
