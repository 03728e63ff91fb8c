"""The door of Ollama: /api/chat, /api/generate and what tells of the model.

Streams are lines of JSON, calls come as whole objects, and errors are {"error": "text"}.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rosso.llm.reply import End, Logprob, Logprobs, ReplyEvent, Running, collect
from rosso.llm.request import ANY_OBJECT, ChatRequest, Fault, ReplyOptions, bad
from rosso.llm.scanner import CallEnd, Reasoning, Text
from rosso.llm.server import chat_fields as cf
from rosso.llm.server.fields import Field, Json, read_fields, refuse, schema_of
from rosso.llm.server.http import (
    LineStream,
    client_of,
    read_object,
    service_of,
    to_json,
    until_gone,
)
from rosso.llm.server.openai_chat import check_tools, continues, logprobs_object, whole
from rosso.llm.server.openai_other import DIMENSIONS, embed, read_dimensions, shortened
from rosso.llm.server.prompts import MOST_TEXTS, TEXTS_SCHEMA, read_prompts, read_tokens
from rosso.llm.server.service import Service, make_call_id

LEVELS = ("low", "medium", "high", "max")  # of reasoning

OPTION_FIELDS = (
    Field("num_predict", "integer", "tokens; negative: no limit"),
    Field("temperature", "number", "", 0, 2),
    Field("top_p", "number", "", 0, 1),
    Field("top_k", "integer", "", 0, 2**31),
    Field("min_p", "number", "", 0, 1),
    Field("seed", "integer"),
    Field("stop", "any", schema=cf.STOP_SCHEMA, read=cf.read_stop),
    Field("repeat_penalty", "number", "", 0.01, 10),
    Field("repeat_last_n", "integer", "tokens that penalties look at"),
    Field("presence_penalty", "number", "", -2, 2),
    Field("frequency_penalty", "number", "", -2, 2),
    Field("num_ctx", "integer", "ignored: the context was planned when the server started"),
)
OPTIONS_SCHEMA = schema_of(OPTION_FIELDS)
COMMON_FIELDS = (
    Field("model", "text"),
    Field("stream", "boolean", "true by default"),
    Field("options", "object", schema=OPTIONS_SCHEMA),
    Field("format", "any", "json, or a JSON schema", schema={"enum": ["json", ""]}),
    Field(
        "think",
        "any",
        "whether to reason, for models that can; low, medium, high or max: how much",
        schema={"const": False},
    ),
    Field("keep_alive", "any", "ignored"),
    Field("truncate", "boolean", "ignored: a prompt that is too long is an error"),
    Field("shift", "boolean", "ignored: a full context ends the reply"),
    Field("logprobs", "boolean", "how likely each token was"),
    Field("top_logprobs", "integer", "so many alternatives of each", 0, cf.MOST_TOP_LOGPROBS),
)
CHAT_FIELDS = (
    *COMMON_FIELDS,
    Field("messages", "list", "none: asks whether the model is loaded",
          schema=cf.MESSAGES_SCHEMA),
    Field("tools", "list", schema=cf.TOOLS_SCHEMA, read=cf.read_tools),
)  # fmt: skip
REFUSED = (
    Field("suffix", "text", "nothing is inserted", schema={"const": ""}),
    Field("template", "text", "the model's own is used", schema={"const": ""}),
)
GENERATE_FIELDS = (
    *COMMON_FIELDS,
    Field("prompt", "text"),
    Field("system", "text"),
    Field("raw", "boolean", "the prompt as it is, without a template"),
    Field("context", "list", "of the reply before, which goes on",
          schema={"type": "array", "items": cf.TOKEN_SCHEMA}),
    Field("images", "list", schema={"type": "array", "maxItems": 0}),
    *REFUSED,
)  # fmt: skip
# A raw prompt is all there is.
RAW_ALONE: Json = {
    "anyOf": [
        {"properties": {"raw": {"enum": [False, None]}}},
        {"properties": {"system": {"enum": ["", None]}, "context": {"enum": [[], None]}}},
    ]
}
EMBED_FIELDS = (
    Field("model", "text"),
    Field("input", "any", "text, tokens, or a list of either", required=True,
          schema=TEXTS_SCHEMA),
    Field("truncate", "boolean", "a text that is too long loses its end; true by default"),
    DIMENSIONS,
    Field("options", "object", schema=OPTIONS_SCHEMA),
    Field("keep_alive", "any"),
)  # fmt: skip
EMBEDDING_FIELDS = (
    Field("model", "text"),
    Field("prompt", "text", required=True),
    Field("options", "object", schema=OPTIONS_SCHEMA),
    Field("keep_alive", "any"),
)


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")


def _reply_options(values: Json, service: Service, client: str) -> ReplyOptions:
    given = read_fields(values.get("options", {}), OPTION_FIELDS, "options.")
    most = given.get("num_predict")
    sampling = cf.sampling_values(given)
    if sampling.get("seed", 0) < 0:
        del sampling["seed"]
    window = given.get("repeat_last_n")
    if window is not None and window >= 0:
        sampling["penalty_window"] = min(window, service.engine.context)
    if values.get("logprobs"):
        sampling["logprobs"] = values.get("top_logprobs", 0)
    return ReplyOptions(
        service.sampling(**sampling),
        most=None if most is None or most < 0 else most,
        stop=given.get("stop", ()),
        schema=_format(values.get("format")),
        client=client,
        draft=service.options.draft,
    )


def _format(value: Any) -> Any:
    if value is None or value == "":
        return None
    if value == "json":
        return ANY_OBJECT
    if isinstance(value, dict):
        cf.check_schema(value, "format", "the format")
        return value
    raise bad("'format' must be json or a JSON schema", "format")


def _template_options(values: Json, service: Service) -> Json:
    think = values.get("think")
    if think is None or think is False:
        return {} if think is None else {"enable_thinking": False}
    if think is not True and think not in LEVELS:
        raise bad(f"'think' must be a boolean or one of {', '.join(LEVELS)}", "think")
    if not service.replies.template.thinks:
        raise bad(f"{service.name} does not support thinking", "think")
    effort = {} if think is True else {"reasoning_effort": think}
    return {"enable_thinking": True, **effort}


async def chat(request: Request) -> Response:
    service = service_of(request)
    body = await read_object(request)
    replies = service.replies
    values = read_fields(body, CHAT_FIELDS)
    model = service.check_model(values.get("model"))
    streams = values.get("stream", True)
    options = _reply_options(values, service, client_of(request))
    template_options = _template_options(values, service)
    if not values.get("messages"):
        last = {"message": {"role": "assistant", "content": ""}, "done": True}
        return _single(
            {"model": model, "created_at": now(), **last, "done_reason": "load"}, streams
        )
    tools = values.get("tools", [])
    check_tools(service, tools)
    prepared = await replies.prepare_chat(
        ChatRequest(
            cf.read_messages(values["messages"], "messages"),
            options,
            tools,
            "auto" if tools else "none",
            continues=continues(values),
            template_options=template_options,
        )
    )
    running = replies.start(prepared)
    if streams:
        return LineStream(_stream(running, model, _chat_record, {"message": _message("")}))
    reply = whole((await until_gone(request, collect(running)))[0])
    message = _message(reply.text)
    if reply.reasoning:
        message["thinking"] = reply.reasoning
    if reply.calls:
        message["tool_calls"] = [_call(call) for call in reply.calls]
    content = {"message": message, **_logprobs(reply.logprobs)}
    return JSONResponse(_record(model, content, _last(running, reply.end)))


async def generate(request: Request) -> Response:
    service = service_of(request)
    body = await read_object(request)
    replies = service.replies
    values = read_fields(body, GENERATE_FIELDS)
    model = service.check_model(values.get("model"))
    streams = values.get("stream", True)
    refuse(REFUSED, values)
    if values.get("images"):
        raise bad(f"'images': {cf.NO_IMAGES}", "images")
    options = _reply_options(values, service, client_of(request))
    template_options = _template_options(values, service)
    prompt = values.get("prompt", "")
    if not prompt:
        last = {"response": "", "done": True, "done_reason": "load"}
        return _single({"model": model, "created_at": now(), **last}, streams)
    before = read_tokens(values.get("context", []), replies.tokenizer.size, "context")
    if values.get("raw"):
        if values.get("system") or before:
            raise bad("a 'raw' prompt takes no 'system' or 'context'", "raw")
        prepared = await replies.prepare_text(prompt, options)
    else:
        messages = [{"role": "user", "content": prompt}]
        if values.get("system"):
            messages.insert(0, {"role": "system", "content": values["system"]})
        prepared = await replies.prepare_chat(
            ChatRequest(
                messages,
                options,
                tool_choice="none",
                template_options=template_options,
                before=before,
            )
        )
    running = replies.start(prepared)

    def context(said: str) -> Json:
        return {"context": [*prepared.prompt, *replies.tokenizer.encode(said)]}

    more = no_more if values.get("raw") else context
    if streams:
        return LineStream(_stream(running, model, _generate_record, {"response": ""}, more))
    reply = whole((await until_gone(request, collect(running)))[0])
    content: Json = {"response": reply.text, **_logprobs(reply.logprobs)}
    if reply.reasoning:
        content["thinking"] = reply.reasoning
    last = {**_last(running, reply.end), **more(reply.text)}
    return JSONResponse(_record(model, content, last))


def no_more(said: str) -> Json:
    return {}


def _single(record: Json, streams: bool) -> Response:
    if not streams:
        return JSONResponse(record)
    return Response(to_json(record) + "\n", media_type="application/x-ndjson")


def _message(content: str, **more: Any) -> Json:
    return {"role": "assistant", "content": content, **more}


def _logprobs(tokens: Sequence[Logprob]) -> Json:
    return {"logprobs": logprobs_object(tokens)["content"]} if tokens else {}


def _call(call: CallEnd) -> Json:
    function = {"name": call.name, "arguments": json.loads(call.arguments)}
    return {"id": make_call_id(), "function": function}


def _chat_record(part: ReplyEvent) -> Json | None:
    match part:
        case Text():
            return {"message": _message(part.text)}
        case Reasoning():
            return {"message": _message("", thinking=part.text)}
        case CallEnd(cut_off=False):
            return {"message": _message("", tool_calls=[_call(part)])}
    return None


def _generate_record(part: ReplyEvent) -> Json | None:
    match part:
        case Text():
            return {"response": part.text}
        case Reasoning():
            return {"response": "", "thinking": part.text}
    return None


def _record(model: str, content: Json, last: Json | None = None) -> Json:
    record = {"model": model, "created_at": now(), **content, "done": last is not None}
    return {**record, **last} if last else record


def _last(running: Running, end: End) -> Json:
    usage = running.usage()
    nanoseconds = 1_000_000_000
    times = {
        "load_duration": 0,
        "prompt_eval_duration": int(usage.prefill_s * nanoseconds),
        "eval_duration": int(usage.decode_s * nanoseconds),
    }
    return {
        "done_reason": "length" if end.reason == "length" else "stop",
        "total_duration": sum(times.values()) + int(usage.queued_s * nanoseconds),
        **times,
        "prompt_eval_count": usage.prompt,
        "prompt_eval_cached_count": usage.cached,
        "eval_count": usage.completion,
    }


async def _stream(
    running: Running,
    model: str,
    record_of: Callable[[ReplyEvent], Json | None],
    empty: Json,
    more: Callable[[str], Json] = no_more,
) -> AsyncIterator[str]:
    """`more`: of all the text, what the last record has beside counts."""
    said = ""
    logprobs: Sequence[Logprob] = ()
    try:
        yield to_json(_record(model, empty)) + "\n"
        async with aclosing(running.events()) as events:
            async for item in events:
                if item is None:
                    yield to_json(_record(model, empty)) + "\n"  # alive
                    continue
                match item[1]:
                    case Logprobs() as part:
                        logprobs = part.tokens
                    case End() as end:
                        last = {**_last(running, end), **more(said)}
                        yield to_json(_record(model, empty, last)) + "\n"
                    case part if (content := record_of(part)) is not None:
                        if isinstance(part, Text):
                            said += part.text
                            content |= _logprobs(logprobs)
                            logprobs = ()
                        yield to_json(_record(model, content)) + "\n"
    except Fault as fault:
        yield to_json({"error": fault.message}) + "\n"
    finally:
        running.cancel()


async def embed_many(request: Request) -> Response:
    service = service_of(request)
    values = read_fields(await read_object(request), EMBED_FIELDS)
    read_fields(values.get("options", {}), OPTION_FIELDS, "options.")
    name = service.check_model(values.get("model"))
    dimensions = read_dimensions(values, service)
    given = values["input"]
    prompts = read_prompts(given, service, "input", MOST_TEXTS) if given != [] else []
    began = time.monotonic_ns()
    cuts = values.get("truncate", True)
    vectors, tokens = await until_gone(
        request, embed(service, prompts, client_of(request), cuts=cuts)
    )
    return JSONResponse(
        {
            "model": name,
            "embeddings": shortened(vectors, dimensions),
            "total_duration": time.monotonic_ns() - began,
            "load_duration": 0,
            "prompt_eval_count": tokens,
        }
    )


async def embed_one(request: Request) -> Response:
    service = service_of(request)
    values = read_fields(await read_object(request), EMBEDDING_FIELDS)
    read_fields(values.get("options", {}), OPTION_FIELDS, "options.")
    service.check_model(values.get("model"))
    if not values["prompt"]:
        return JSONResponse({"embedding": []})  # as Ollama answers, which loads the model for it
    vectors, _ = await until_gone(request, embed(service, [values["prompt"]], client_of(request)))
    return JSONResponse({"embedding": vectors[0]})
