"""What clients get wrong, and the answer each gets: over one connection that stays open, while
another client is connected and says nothing."""

import http.client
import json
import socket

import pytest
from live import Live, read_answer
from scripted import ScriptedCore

CHAT = "/v1/chat/completions"
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALLED = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{not json"}}
USER = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def live():
    with Live(ScriptedCore(context=2048), body_limit=200_000, body_s=0.5) as server:
        with server.raw():  # an idle client
            yield server


@pytest.fixture(scope="module")
def kept(live):
    """One connection for all rows."""
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=10)
    connection.connect()
    yield connection
    connection.close()


def send(kept, body, path=CHAT, method="POST", headers=None):
    """-> status, headers, JSON. Over the kept connection, which must not be closed."""
    if not isinstance(body, bytes | None):
        body = json.dumps(body).encode()
    used = kept.sock
    kept.request(method, path, body, {"content-type": "application/json", **(headers or {})})
    answer = kept.getresponse()
    data = answer.read()
    assert kept.sock is used and used is not None, "the connection was closed"
    assert answer.headers["x-request-id"]
    return answer.status, answer.headers, json.loads(data) if data else None


def chat(**more):
    return {"messages": USER, "max_tokens": 2, **more}


def said(role, content, **more):
    return {"messages": [{"role": role, "content": content, **more}]}


# input -> status, param, code (None: not of interest)
ROWS = {
    "not JSON": (b"{oops", 400, None, "invalid_json"),
    "empty": (b"", 400, None, "invalid_json"),
    "spaces": (b"  \n", 400, None, "invalid_json"),
    "a list": (b"[1]", 400, None, "invalid_json"),
    "a text": (b'"x"', 400, None, "invalid_json"),
    "null": (b"null", 400, None, "invalid_json"),
    "cut off": (b'{"messages": [', 400, None, "invalid_json"),
    "two objects": (b"{}{}", 400, None, "invalid_json"),
    "nested deeply": (b"[" * 100_000, 400, None, "invalid_json"),
    "deep object": (b'{"a":' * 9_000 + b"1" + b"}" * 9_000, 400, None, None),
    "invalid UTF-8": (b'{"messages": "\xff"}', 400, None, "invalid_json"),
    "UTF-16": (json.dumps(chat()).encode("utf-16"), 400, None, "invalid_json"),
    "a number of 5000 digits": (b'{"n": ' + b"1" * 5000 + b"}", 400, None, "invalid_json"),
    "byte-order mark": (b"\xef\xbb\xbf" + json.dumps(chat()).encode(), 200, None, None),
    "lone surrogate": (b'{"messages":[{"role":"user","content":"\\ud800"}]}', 200, None, None),
    "NUL in text": (said("user", "a\0b"), 200, None, None),
    "unknown model": (chat(model="gpt-5"), 404, "model", "model_not_found"),
    "model a number": (chat(model=5), 400, "model", None),
    "model missing": (chat(), 200, None, None),
    "model null": (chat(model=None), 200, None, None),
    "model latest": (chat(model="scripted:latest"), 200, None, None),
    "messages missing": ({}, 400, "messages", None),
    "messages null": ({"messages": None}, 400, "messages", None),
    "messages no list": ({"messages": "hi"}, 400, "messages", None),
    "messages empty": ({"messages": []}, 400, "messages", None),
    "message no object": ({"messages": ["hi"]}, 400, "messages[0]", None),
    "no role": ({"messages": [{"content": "hi"}]}, 400, "messages[0].role", None),
    "unknown role": (said("robot", "hi"), 400, "messages[0].role", None),
    "role a list": (said(["user"], "hi"), 400, "messages[0].role", None),
    "second message": ({"messages": [*USER, 5]}, 400, "messages[1]", None),
    "user without content": ({"messages": [{"role": "user"}]}, 400, "messages[0].content", None),
    "user null": (said("user", None), 400, "messages[0].content", None),
    "tool null": (said("tool", None), 400, "messages[0].content", None),
    "assistant null": ({"messages": [*USER, {"role": "assistant", "content": None}, *USER]}, 200,
                       None, None),
    "content a number": (said("user", 5), 400, "messages[0].content", None),
    "content an object": (said("user", {"text": "x"}), 400, "messages[0].content", None),
    "content empty": (said("user", ""), 200, None, None),
    "content empty parts": (said("user", []), 200, None, None),
    "part no object": (said("user", ["x"]), 400, "messages[0].content[0]", None),
    "unknown part": (said("user", [{"type": "smell"}]), 400, "messages[0].content[0].type", None),
    "part without type": (said("user", [{"text": "x"}]), 400, None, None),
    "part without text": (said("user", [{"type": "text"}]), 400, None, None),
    "image": (said("user", [{"type": "image_url", "image_url": {"url": "data:"}}]), 400,
              "messages[0].content[0]", None),
    "tool without a call": (said("tool", "x", tool_call_id="no"), 200, None, None),
    "arguments not JSON": ({"messages": [*USER, {"role": "assistant", "tool_calls": [CALLED]},
                           {"role": "tool", "tool_call_id": "a", "content": "x"}]}, 200, None,
                           None),
    "tool_calls no list": (said("assistant", "", tool_calls={}), 400, None, None),
    "tool_calls no object": (said("assistant", "", tool_calls=[1]), 400, None, None),
    "call without name": (said("assistant", "", tool_calls=[{"function": {}}]), 400, None, None),
    "tools no list": (chat(tools={}), 400, "tools", None),
    "tool no object": (chat(tools=[TOOL, 1]), 400, "tools[1]", None),
    "tool no name": (chat(tools=[{"type": "function", "function": {}}]), 400, "tools[0]", None),
    "tool no function": (chat(tools=[{"type": "function"}]), 400, "tools[0]", None),
    "tool of another type": (chat(tools=[{"type": "magic"}]), 400, "tools[0]", None),
    "tool bad schema": (chat(tools=[{"type": "function", "function": {"name": "f",
                        "parameters": {"type": "objekt"}}}]), 400, "tools[0]", None),
    "tool schema a list": (chat(tools=[{"type": "function", "function": {"name": "f",
                           "parameters": []}}]), 400, "tools[0]", None),
    "tool properties a list": (chat(tools=[{"type": "function", "function": {"name": "f",
                               "parameters": {"properties": []}}}]), 400, "tools[0]", None),
    "tool unknown keyword": (chat(tools=[{"type": "function", "function": {"name": "f",
                             "parameters": {"type": "object", "x-mine": 1, "if": {},
                             "properties": {"a": {"format": "colour"}}}}}]), 200, None, None),
    "tools empty": (chat(tools=[]), 200, None, None),
    "choice required, no tools": (chat(tool_choice="required"), 400, "tool_choice", None),
    "choice unknown": (chat(tools=[TOOL], tool_choice="maybe"), 400, "tool_choice", None),
    "choice a number": (chat(tools=[TOOL], tool_choice=1), 400, "tool_choice", None),
    "choice of no tool": (chat(tools=[TOOL], tool_choice={"type": "function", "function":
                          {"name": "g"}}), 400, "tool_choice", None),
    "choice without name": (chat(tools=[TOOL], tool_choice={"type": "function"}), 400,
                            "tool_choice", None),
    "choice none, no tools": (chat(tool_choice="none"), 200, None, None),
    "format unknown": (chat(response_format={"type": "xml"}), 400, "response_format.type", None),
    "format a text": (chat(response_format="json"), 400, "response_format", None),
    "format without schema": (chat(response_format={"type": "json_schema"}), 400, None, None),
    "format bad schema": (chat(response_format={"type": "json_schema", "json_schema": {"name": "x",
                          "schema": {"type": "objekt"}}}), 400, "response_format", None),
    "format impossible schema": (chat(response_format={"type": "json_schema", "json_schema":
                                 {"schema": {"type": "string", "pattern": "("}}}), 400, None, None),
    "temperature a text": (chat(temperature="0.5"), 400, "temperature", None),
    "temperature NaN": (b'{"messages":[{"role":"user","content":"x"}],"temperature":NaN}', 400,
                        None, "invalid_json"),
    "temperature Infinity": (b'{"temperature":Infinity}', 400, None, "invalid_json"),
    "temperature 1e999": (b'{"messages":[{"role":"user","content":"x"}],"temperature":1e999}', 400,
                          "temperature", None),
    "temperature true": (chat(temperature=True), 400, "temperature", None),
    "temperature null": (chat(temperature=None), 200, None, None),
    "temperature -0.1": (chat(temperature=-0.1), 400, "temperature", None),
    "temperature 2.1": (chat(temperature=2.1), 400, "temperature", None),
    "temperature 2": (chat(temperature=2), 200, None, None),
    "top_p 1.1": (chat(top_p=1.1), 400, "top_p", None),
    "top_p -1": (chat(top_p=-1), 400, "top_p", None),
    "presence 3": (chat(presence_penalty=3), 400, "presence_penalty", None),
    "frequency -3": (chat(frequency_penalty=-3), 400, "frequency_penalty", None),
    "repeat 0": (chat(repeat_penalty=0), 400, "repeat_penalty", None),
    "max_tokens 0": (chat(max_tokens=0), 200, None, None),
    "max_tokens -1": (chat(max_tokens=-1), 400, "max_tokens", None),
    "max_tokens 1.5": (chat(max_tokens=1.5), 400, "max_tokens", None),
    "max_tokens 2.0": (chat(max_tokens=2.0), 200, None, None),
    "max_tokens a text": (chat(max_tokens="5"), 400, "max_tokens", None),
    "max_tokens huge": (chat(max_tokens=10**12), 200, None, None),
    "max_tokens null": (chat(max_tokens=None), 200, None, None),
    "n 2": (chat(n=2), 200, None, None),
    "n 0": (chat(n=0), 400, "n", None),
    "n 1000": (chat(n=1000), 400, "n", None),
    "n true": (chat(n=True), 400, "n", None),
    "stop a number": (chat(stop=5), 400, "stop", None),
    "stop empty": (chat(stop=""), 400, "stop", None),
    "stop with empty": (chat(stop=["a", ""]), 400, "stop", None),
    "stop of 17": (chat(stop=["a"] * 17), 400, "stop", None),
    "stop of 16": (chat(stop=["a"] * 16), 200, None, None),
    "stop null": (chat(stop=None), 200, None, None),
    "bias unknown token": (chat(logit_bias={"99999": 1}), 400, "logit_bias", None),
    "bias no token": (chat(logit_bias={"x": 1}), 400, "logit_bias", None),
    "bias a text": (chat(logit_bias={"5": "1"}), 400, "logit_bias", None),
    "bias 101": (chat(logit_bias={"5": 101}), 400, "logit_bias", None),
    "bias a list": (chat(logit_bias=[]), 400, "logit_bias", None),
    "logprobs a number": (chat(logprobs=1), 400, "logprobs", None),
    "top_logprobs 21": (chat(logprobs=True, top_logprobs=21), 400, "top_logprobs", None),
    "top_logprobs alone": (chat(top_logprobs=2), 400, "top_logprobs", None),
    "seed huge": (chat(seed=2**80 + 7), 200, None, None),
    "seed negative": (chat(seed=-5), 200, None, None),
    "seed a text": (chat(seed="1"), 400, "seed", None),
    "stream a text": (chat(stream="yes"), 400, "stream", None),
    "stream null": (chat(stream=None, stream_options=None), 200, None, None),
    "stream_options a list": (chat(stream_options=[]), 400, "stream_options", None),
    "unknown fields": (chat(store=False, user="u", metadata={}, options={"num_ctx": 5},
                       prompt_cache_key="k", service_tier="x", zzz=[1]), 200, None, None),
    "kwargs a list": (chat(chat_template_kwargs=[]), 400, "chat_template_kwargs", None),
    "kwargs own": (chat(chat_template_kwargs={"messages": [], "tools": 5}), 200, None, None),
    "prompt too long": (said("user", "x" * 3000), 400, "messages", "context_length_exceeded"),
    "reasoning a number": (said("assistant", "x", reasoning_content=5), 400, None, None),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_bad_body(kept, name):
    body, status, param, code = ROWS[name]
    got, headers, answer = send(kept, body)
    assert (got, headers["content-type"]) == (status, "application/json"), answer
    if status >= 400:
        error = answer["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["message"] and error["type"] == "invalid_request_error"
        assert "Traceback" not in error["message"]
        if param:
            assert error["param"] == param
        if code:
            assert error["code"] == code
    # The connection goes on, and so does the server.
    assert send(kept, None, "/health", "GET")[0] == 200


@pytest.mark.parametrize(
    "name", [n for n, row in ROWS.items() if row[3] or isinstance(row[0], dict)]
)
def test_the_same_for_the_door_of_ollama(kept, name):
    body, status, param, code = ROWS[name]
    if isinstance(body, dict):
        known = {"temperature", "top_p", "seed", "stop"}
        options = {key: value for key, value in body.items() if key in known}
        rest = {key: value for key, value in body.items() if key not in known}
        body = {**rest, "options": options, "stream": False}
    got, headers, answer = send(kept, body, "/api/chat")
    assert headers["content-type"] == "application/json"
    assert got in (200, status)
    if got >= 400:
        assert isinstance(answer["error"], str) and set(answer) == {"error"}


@pytest.mark.parametrize("levels", [40, 150, 400, 700, 950, 5000])
@pytest.mark.parametrize(
    "body",
    [
        chat(extra="LISTS", user="\u00e9"),
        chat(messages=[{**USER[0], "extra": "LISTS"}]),
        chat(chat_template_kwargs={"extra": "LISTS"}),
        chat(tools=[{"type": "function", "function": {"name": "f", "parameters": "SCHEMA"}}]),
        chat(response_format={"type": "json_schema", "json_schema": {"schema": "SCHEMA"}}),
    ],
    ids=["field", "message", "template", "tool", "format"],
)
def test_deep_nesting_is_no_fault_of_ours(live, body, levels):
    lists = "[" * levels + "]" * levels
    opening = '{"type":"object","properties":{"a":'
    schema = opening * (levels // 2) + "{}" + "}}" * (levels // 2)
    text = json.dumps(body).replace('"LISTS"', lists).replace('"SCHEMA"', schema)
    answer = live.http.post(CHAT, content=text, headers={"content-type": "application/json"})
    if levels < 100:
        assert answer.status_code == 200, answer.text
    else:
        assert answer.status_code == 400 and answer.json()["error"]["code"] == "invalid_json"


OTHER_ROWS = {
    "GET on a POST path": ("GET", CHAT, None, 405),
    "DELETE on a GET path": ("DELETE", "/v1/models", None, 405),
    "unknown path": ("GET", "/v2/models", None, 404),
    "unknown POST path": ("POST", "/v1/chat", {}, 404),
    "unknown api path": ("POST", "/api/pull", {"model": "x"}, 404),
    "path with dots": ("GET", "/v1/../etc/passwd", None, 404),
    "slash at the end": ("POST", CHAT + "/", {}, 404),
    "preflight": ("OPTIONS", CHAT, None, 204),
    "one unknown model": ("GET", "/v1/models/nope", None, 404),
    "one known model": ("GET", "/v1/models/scripted", None, 200),
    "completion without prompt": ("POST", "/v1/completions", {}, 400),
    "completion of nothing": ("POST", "/v1/completions", {"prompt": []}, 400),
    "completion of mixed": ("POST", "/v1/completions", {"prompt": ["a", 1]}, 200),
    "completion of others": ("POST", "/v1/completions", {"prompt": ["a", True]}, 400),
    "completion of a picture": ("POST", "/v1/completions", {"prompt": {"prompt_string": "a",
                                "multimodal_data": ["x"]}}, 400),
    "completion by two forms": ("POST", "/v1/completions", {"prompt": "a", "grammar":
                                'root ::= "a"', "json_schema": {}}, 400),
    "completion of unknown tokens": ("POST", "/v1/completions", {"prompt": [10**9]}, 400),
    "completion with suffix": ("POST", "/v1/completions", {"prompt": "a", "suffix": "b"}, 400),
    "completion best_of": ("POST", "/v1/completions", {"prompt": "a", "best_of": 2}, 400),
    "completion of tokens": ("POST", "/v1/completions", {"prompt": [65, 66]}, 200),
    "completion of an empty text": ("POST", "/v1/completions", {"prompt": ""}, 200),
    "completion too long": ("POST", "/v1/completions", {"prompt": "x" * 3000}, 400),
    "embedding without input": ("POST", "/v1/embeddings", {}, 400),
    "embedding of a number": ("POST", "/v1/embeddings", {"input": 5}, 400),
    "embedding format": ("POST", "/v1/embeddings", {"input": "a", "encoding_format": "x"}, 400),
    "embedding dimensions": ("POST", "/v1/embeddings", {"input": "a", "dimensions": 9}, 400),
    "responses without input": ("POST", "/v1/responses", {}, 400),
    "responses with memory": ("POST", "/v1/responses", {"input": "a",
                              "previous_response_id": "r"}, 400),
    "responses unknown item": ("POST", "/v1/responses", {"input": [{"type": "x"}]}, 400),
    "responses item no object": ("POST", "/v1/responses", {"input": [5]}, 400),
    "responses bad message": ("POST", "/v1/responses", {"input": [{"role": "user"}]}, 400),
    "tokenize nothing": ("POST", "/tokenize", {}, 400),
    "tokenize a number": ("POST", "/tokenize", {"content": 5}, 400),
    "detokenize a text": ("POST", "/detokenize", {"tokens": "x"}, 400),
    "detokenize unknown": ("POST", "/detokenize", {"tokens": [1, 10**7]}, 400),
    "generate negative limit": ("POST", "/api/generate", {"prompt": "a", "stream": False,
                                "options": {"num_predict": -1}}, 200),
    "generate bad option": ("POST", "/api/generate", {"prompt": "a", "options": {"top_k": "x"}},
                            400),
    "generate unknown model": ("POST", "/api/generate", {"model": "x", "prompt": "a"}, 404),
    "generate think": ("POST", "/api/generate", {"prompt": "a", "think": 5}, 400),
    "generate images": ("POST", "/api/generate", {"prompt": "a", "images": ["x"]}, 400),
    "show unknown": ("POST", "/api/show", {"model": "x"}, 404),
    "chat bad format": ("POST", "/api/chat", {"messages": USER, "format": "yaml"}, 400),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER_ROWS)
def test_other_paths(kept, name):
    method, path, body, status = OTHER_ROWS[name]
    got, headers, answer = send(kept, body, path, method)
    assert got == status, answer
    if status == 405:
        assert headers["allow"]
    if status >= 400:
        assert headers["content-type"] == "application/json"
        error = answer["error"]
        assert isinstance(error, str if path.startswith("/api/") else dict)


def test_a_body_too_large_is_refused_early(live):
    with live.raw() as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
            b"content-length: 999999999\r\n\r\n"
        )
        status, _, body = read_answer(connection)
        assert status == 413 and json.loads(body)["error"]["code"] == "body_too_large"
    with live.raw() as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        try:
            for _ in range(9):
                connection.sendall(chunk)
        except OSError:
            pass
        assert read_answer(connection)[0] == 413


def test_a_chunked_body_is_read(live):
    body = json.dumps(chat()).encode()
    with live.raw() as connection:
        head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        for letter in (body[:5], body[5:]):
            connection.sendall(b"%x\r\n%s\r\n" % (len(letter), letter))
        connection.sendall(b"0\r\n\r\n")
        assert read_answer(connection)[0] == 200


@pytest.mark.parametrize(
    ("head", "statuses"),
    [
        (f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500\r\n\r\n{{}}", (408,)),
        (f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n{{}}", (400,)),
        (f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: -5\r\n\r\n{{}}", (400,)),
        (f"POST {CHAT} HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{{}}",
         (400,)),
        (f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
         (400,)),
        ("complete nonsense\r\n\r\n", (400,)),
        ("GET /health HTTP/1.1\r\nhost: localhost\r\nx: " + "y" * 200_000 + "\r\n\r\n",
         (400, 431)),
        ("GET / HTTP/1.1\r\nhost: local\x00host\r\n\r\n", (400,)),
    ],
)  # fmt: skip
def test_what_is_not_quite_http_gets_an_answer(live, head, statuses):
    with live.raw() as connection:
        try:
            connection.sendall(head.encode("latin-1"))
        except OSError:
            pass
        status, headers, body = read_answer(connection)
        assert status in statuses
        assert json.loads(body)["error"]["message"]
    assert live.http.get("/health").status_code == 200


def test_a_body_longer_than_declared_does_not_reach_the_next_request(live):
    body = json.dumps(chat()).encode()
    with live.raw() as connection:
        head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body + b"rubbish\r\n\r\n")
        assert read_answer(connection)[0] == 200
        assert read_answer(connection)[0] == 400


def test_http_1_0_is_served(live):
    with live.raw() as connection:
        connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        status, _, body = read_answer(connection)
        assert status == 200 and json.loads(body) == {"status": "ok"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:11434"}, 403),
        ({"Host": "localhost:9999"}, 200),
        ({"Host": "app.localhost"}, 200),
        ({"Host": "[::1]:1"}, 200),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": "["}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
    ],
)
def test_names_and_origins_from_elsewhere(live, headers, status):
    answer = live.http.get("/v1/models", headers=headers)
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers


def test_the_page_of_the_server_itself_may_call(live):
    assert live.http.get("/v1/models", headers={"Origin": live.url}).status_code == 200


def test_cors_where_it_was_asked_for():
    with Live(cors=("https://app.example",)) as live:
        origin = {"Origin": "https://app.example"}
        answer = live.http.get("/v1/models", headers=origin)
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        asked = {**origin, "Access-Control-Request-Headers": "x-stainless-os, authorization"}
        preflight = live.http.options(CHAT, headers=asked)
        assert preflight.status_code == 204
        assert "x-stainless-os" in preflight.headers["access-control-allow-headers"]
        assert live.http.get("/health", headers={"Origin": "https://b.example"}).status_code == 403


def test_keys():
    with Live(api_keys=("sesame", "second")) as live:
        wrong = ("Bearer wrong", "sesame", "Bearer", "Bearer s\xe9same", "Basic sesame")
        for headers in ({}, *({"Authorization": value} for value in wrong)):
            encoded = {k: v.encode("latin-1") for k, v in headers.items()}
            answer = live.http.post(CHAT, json=chat(), headers=encoded)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.json()["error"]["code"] == "invalid_api_key"
        assert live.http.get("/api/tags").json() == {
            "error": "an API key is needed: send 'Authorization: Bearer KEY'"
        }
        for headers in ({"Authorization": "Bearer sesame"}, {"authorization": "bearer second"},
                        {"X-Api-Key": "sesame"}):  # fmt: skip
            assert live.http.post(CHAT, json=chat(), headers=headers).status_code == 200
        assert live.http.get("/health").status_code == 200
        assert live.http.options(CHAT).status_code == 204


def test_while_the_model_loads():
    with Live(load=False) as live:
        health = live.http.get("/health")
        assert health.status_code == 503
        answer = live.chat()
        assert answer.status_code == 503 and answer.headers["retry-after"]
        assert answer.json()["error"]["code"] == "model_loading"
        assert live.http.get("/api/tags").status_code == 503
        live.load()
        assert live.http.get("/health").status_code == 200
        assert live.chat().status_code == 200


def test_a_full_queue():
    core = ScriptedCore(lambda prompt: "w" * 999, slots=1, token_s=0.01)
    with Live(core, queue=1) as live:
        sockets = []
        body = json.dumps(chat(stream=True, max_tokens=900)).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
        for place in ("running", "waiting"):
            connection = socket.create_connection(("127.0.0.1", live.port))
            connection.sendall(head.encode() + body)
            sockets.append(connection)
            live.until(lambda place=place: getattr(live.engine.stats(), place) == 1)
        answer = live.chat()
        assert answer.status_code == 429 and answer.headers["retry-after"]
        assert answer.json()["error"]["type"] == "rate_limit_error"
        for connection in sockets:
            connection.close()
        live.until(lambda: live.engine.stats().running == live.engine.stats().waiting == 0)
        assert live.chat(max_tokens=2).status_code == 200


def test_a_template_that_raises_is_the_clients_to_know():
    template = "{% for m in messages %}{{ m.content }}{% if m.content == 'three' %}"
    template += "{{ raise_exception('only two') }}{% endif %}{% endfor %}"
    with Live(ScriptedCore(template=template)) as live:
        answer = live.chat("three")
        assert answer.status_code == 400 and "only two" in answer.json()["error"]["message"]
        assert answer.json()["error"]["code"] == "template_error"


def test_a_fault_of_our_own_has_a_request_id(live, monkeypatch):
    def broken(*_):
        raise KeyError("oops")

    monkeypatch.setattr(type(live.service), "names", property(broken))
    answer = live.http.get("/v1/models")
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.json()["error"]["message"]
    assert "oops" not in answer.text
