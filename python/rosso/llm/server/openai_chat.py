"""POST /v1/chat/completions."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rosso.llm.engine import Progress
from rosso.llm.reply import End, Logprob, Logprobs, ReplyEvent, Running, Usage, collect
from rosso.llm.request import ChatRequest, Fault, ReplyOptions, bad
from rosso.llm.scanner import CallBegin, CallEnd, CallPart, Reasoning, Text
from rosso.llm.server import chat_fields as cf
from rosso.llm.server.fields import Field, Json, read_fields, refuse
from rosso.llm.server.http import (
    DONE,
    EventStream,
    client_of,
    error_object,
    event,
    read_object,
    service_of,
    until_gone,
)
from rosso.llm.server.service import Service, make_call_id, make_id

# How the prompt is made of the messages.
TEMPLATE_FIELDS = (
    Field("reasoning_effort", "text", "none turns reasoning off where the template can"),
    Field("reasoning", "object", "effort: as reasoning_effort, which wins",
          schema={"type": "object", "properties": {"effort": cf.OPTIONAL_TEXT}}),
    Field("enable_thinking", "boolean", "for the template"),
    Field("chat_template_kwargs", "object", "further variables of the template"),
    Field("add_generation_prompt", "boolean", "whether the assistant's turn is opened; true by "
          "default"),
    Field("continue_final_message", "boolean", "whether the last message, the assistant's, is the "
          "beginning of the reply; true by default"),
)  # fmt: skip
# What would change the reply, and is not here to do so.
REFUSED = (
    Field("functions", "list", "see 'tools'", schema={"type": "array", "maxItems": 0}),
    Field("function_call", "any", "see 'tool_choice'", schema={"const": ""}),
    Field("audio", "object", "this model writes text", schema={"type": "object",
          "maxProperties": 0}),
    Field("web_search_options", "object", "this server reaches no web", schema={"type": "object",
          "maxProperties": 0}),
)  # fmt: skip
FIELDS = (
    Field("model", "text", "one of /v1/models; may be left out"),
    Field(
        "messages", "any", required=True, schema=cf.MESSAGES_SCHEMA, read=cf.read_messages
    ),
    *cf.SAMPLING_FIELDS,
    Field("stream", "boolean"),
    Field("stream_options", "object", "include_usage: a last chunk with the usage"),
    Field("max_completion_tokens", "integer", "more than there is room for is no fault", 0),
    Field("max_tokens", "integer", "as max_completion_tokens, which wins", 0),
    Field("stop", "any", schema=cf.STOP_SCHEMA, read=cf.read_stop),
    Field("n", "integer", "", 1, cf.MOST_CHOICES),
    Field("logprobs", "boolean"),
    Field("top_logprobs", "integer", "", 0, cf.MOST_TOP_LOGPROBS),
    Field("logit_bias", "object", "token id -> what is added to its logit",
          schema={"type": "object", "additionalProperties": False}),
    Field("tools", "list", schema=cf.TOOLS_SCHEMA, read=cf.read_tools),
    Field("tool_choice", "any", "none, auto, required, or a function",
          schema=cf.CHOICE_SCHEMA),
    Field("parallel_tool_calls", "boolean", "whether there may be several calls"),
    Field("response_format", "object", "text, json_object or json_schema",
          schema=cf.FORMAT_SCHEMA,
          read=cf.read_response_format),
    *TEMPLATE_FIELDS,
    Field("ignore_eos", "boolean", "generates on where the model would end"),
    *cf.FORM_FIELDS,
    Field("timings_per_token", "boolean", "timings in every chunk of a stream"),
    Field("return_progress", "boolean", "chunks tell how much of the prompt was read"),
    Field("cache_prompt", "boolean", "whether what is kept of the prompt is used; true by default"),
    Field("modalities", "list", "text", schema={"type": "array", "items": {"const": "text"}}),
    *REFUSED,
)  # fmt: skip

# Alternatives are of logprobs that were asked for.
TOP_NEEDS_LOGPROBS: Json = {
    "anyOf": [
        {"properties": {"top_logprobs": {"type": "null"}}},
        {"properties": {"logprobs": {"const": True}}, "required": ["logprobs"]},
    ]
}

# Variables of a template that a request must not set.
OWN_VARIABLES = ("messages", "tools", "add_generation_prompt", "bos_token", "eos_token")


@dataclass(slots=True)
class Wants:
    """What the answer should look like."""

    id: str
    created: int
    model: str
    fingerprint: str
    stream: bool
    usage: bool  # as a last chunk
    timings: bool  # in every chunk


def read_chat(body: Json, service: Service, client: str) -> tuple[ChatRequest, Wants]:
    """Raises Fault."""
    replies = service.replies
    values = read_fields(body, FIELDS)
    refuse(REFUSED, values)
    if any(each != "text" for each in values.get("modalities", ())):
        raise bad("'modalities' may hold text", "modalities", "not_supported")
    model = service.check_model(values.get("model"))
    tools = values.get("tools", [])
    choice, offered = cf.allowed_tools(_choice(body, tools), tools)
    # An empty response_format was read as None: text.
    options = ReplyOptions(
        sampling=service.sampling(
            **cf.sampling_values(values),
            logprobs=_logprobs(values),
            logit_bias=cf.read_logit_bias(values.get("logit_bias", {}), replies.tokenizer.size),
        ),
        most=values.get("max_completion_tokens", values.get("max_tokens")),
        stop=values.get("stop", ()),
        n=values.get("n", 1),
        **cf.form(values),
        client=client,
        ignore_end=values.get("ignore_eos", False),
        draft=service.options.draft,
        reuse=values.get("cache_prompt", True),
        tells_progress=values.get("return_progress", False),
    )
    chat = ChatRequest(
        values["messages"],
        options,
        offered,
        cf.read_tool_choice(choice, offered),
        values.get("parallel_tool_calls", True),
        continues(values),
        values.get("add_generation_prompt", True),
        template_options(values),
    )
    check_tools(service, tools)
    stream_options = values.get("stream_options", {})
    wants = Wants(
        make_id("chatcmpl-"),
        int(time.time()),
        model,
        service.fingerprint,
        values.get("stream", False),
        stream_options.get("include_usage") is True,
        values.get("timings_per_token", False),
    )
    return chat, wants


def continues(values: Json) -> bool:
    """Whether the reply begins with the last message."""
    asked, prompted = values.get("continue_final_message"), values.get("add_generation_prompt")
    if asked and prompted:
        message = "'continue_final_message' and 'add_generation_prompt' exclude each other"
        raise bad(message, "continue_final_message")
    if asked is False or prompted:
        return False
    messages = values["messages"]
    last = messages[-1]
    if len(messages) == 1 or last["role"] != "assistant" or last.get("tool_calls"):
        return False
    return bool(last.get("content"))


def _choice(body: Json, tools: Sequence[Json]) -> Any:
    value = body.get("tool_choice")
    return value if value is not None else "auto" if tools else "none"


def check_tools(service: Service, tools: Sequence[Json]) -> None:
    if tools and service.options.tools_off and not service.replies.template.native_tools:
        raise bad("this model's template has no place for tools", "tools", "tools_not_supported")


def _logprobs(values: Json) -> int | None:
    if "top_logprobs" in values and not values.get("logprobs"):
        raise bad("'top_logprobs' needs 'logprobs': true", "top_logprobs")
    return values.get("top_logprobs", 0) if values.get("logprobs") else None


def template_options(values: Json) -> Json:
    options = {
        name: value
        for name, value in values.get("chat_template_kwargs", {}).items()
        if name not in OWN_VARIABLES
    }
    effort = values.get("reasoning_effort", values.get("reasoning", {}).get("effort"))
    if effort is not None and not isinstance(effort, str):
        raise bad("'reasoning.effort' must be a text", "reasoning.effort")
    if effort is not None:
        options.setdefault("reasoning_effort", effort)
        if effort == "none":
            options.setdefault("enable_thinking", False)
    if "enable_thinking" in values:
        options["enable_thinking"] = values["enable_thinking"]
    return options


async def count_tokens(request: Request) -> Response:
    """Of a chat's prompt, without reading it."""
    service = service_of(request)
    chat, _ = read_chat(await read_object(request), service, client_of(request))
    prepared = await service.replies.prepare_chat(chat)
    return JSONResponse(input_tokens(len(prepared.prompt)))


def input_tokens(count: int) -> Json:
    return {"object": "response.input_tokens", "input_tokens": count}


async def chat_completions(request: Request) -> Response:
    service = service_of(request)
    body = await read_object(request)
    chat, wants = read_chat(body, service, client_of(request))
    replies = service.replies
    prepared = await replies.prepare_chat(chat)
    running = replies.start(prepared, wants.id)
    if wants.stream:
        return EventStream(_stream(running, wants))
    choices = await until_gone(request, collect(running))
    return JSONResponse(_answer(running, wants, choices))


async def _stream(running: Running, wants: Wants) -> AsyncIterator[str]:
    chunks = _Chunks(running, wants)
    try:
        for index in range(running.prepared.options.n):
            yield chunks.choice(index, {"role": "assistant", "content": ""})
        async with aclosing(running.events()) as events:
            async for item in events:
                if item is None:
                    yield chunks.choice(0, {})  # alive
                    continue
                for chunk in chunks.of(*item):
                    yield chunk
        if wants.usage:
            yield chunks.usage()
    except Fault as fault:
        yield event(error_object(fault))
    finally:
        running.cancel()
    yield DONE


class _Chunks:
    def __init__(self, running: Running, wants: Wants):
        self._running, self._wants = running, wants
        self._logprobs: dict[int, Sequence[Logprob]] = {}

    def choice(self, index: int, delta: Json, reason: str | None = None, **more: Json) -> str:
        choice: Json = {"index": index, "delta": delta, "finish_reason": reason}
        logprobs = self._logprobs.pop(index, None)
        if logprobs:
            choice["logprobs"] = logprobs_object(logprobs)
        if self._wants.timings and "role" not in delta:
            more = {"timings": timings(self._running.usage()), **more}
        return event({**self._chunk([choice]), **more})

    def usage(self) -> str:
        usage = self._running.usage()
        return event({**self._chunk([]), "usage": usage_object(usage), "timings": timings(usage)})

    def of(self, index: int, part: ReplyEvent) -> list[str]:
        match part:
            case Logprobs():
                self._logprobs[index] = part.tokens
                return []
            case Text():
                return [self.choice(index, {"content": part.text})]
            case Reasoning():
                return [self.choice(index, {"reasoning_content": part.text})]
            case CallBegin():
                function = {"name": part.name, "arguments": ""}
                call = {"index": part.index, "id": make_call_id(), "type": "function"}
                return [self.choice(index, {"tool_calls": [{**call, "function": function}]})]
            case CallPart():
                call = {"index": part.index, "function": {"arguments": part.text}}
                return [self.choice(index, {"tool_calls": [call]})]
            case Progress():
                more = {"prompt_progress": progress_object(part)}
                if self._wants.timings:
                    more["timings"] = timings(so_far(part))
                return [self.choice(index, {}, **more)]
            case End():
                return [self.choice(index, {}, part.reason)]
        return []

    def _chunk(self, choices: list[Json]) -> Json:
        wants = self._wants
        return {
            "id": wants.id,
            "object": "chat.completion.chunk",
            "created": wants.created,
            "model": wants.model,
            "system_fingerprint": wants.fingerprint,
            "choices": choices,
        }


def _answer(running: Running, wants: Wants, choices: list[list[ReplyEvent]]) -> Json:
    usage = running.usage()
    return {
        "id": wants.id,
        "object": "chat.completion",
        "created": wants.created,
        "model": wants.model,
        "system_fingerprint": wants.fingerprint,
        "choices": [_choice_object(index, events) for index, events in enumerate(choices)],
        "usage": usage_object(usage),
        "timings": timings(usage),
    }


@dataclass(slots=True)
class Whole:
    """The events of one choice, put together; without a call that was cut off."""

    text: str
    reasoning: str
    calls: list[CallEnd]
    logprobs: list[Logprob]
    end: End


def whole(events: Sequence[ReplyEvent]) -> Whole:
    ends = [each for each in events if isinstance(each, End)]
    return Whole(
        "".join(each.text for each in events if isinstance(each, Text)),
        "".join(each.text for each in events if isinstance(each, Reasoning)),
        [each for each in events if isinstance(each, CallEnd) and not each.cut_off],
        [token for each in events if isinstance(each, Logprobs) for token in each.tokens],
        ends[-1] if ends else End("stop"),
    )


def _choice_object(index: int, events: Sequence[ReplyEvent]) -> Json:
    reply = whole(events)
    message: Json = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if reply.calls:
        message["content"] = reply.text or None
        message["tool_calls"] = [
            {
                "id": make_call_id(),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in reply.calls
        ]
    choice: Json = {"index": index, "message": message, "finish_reason": reply.end.reason}
    choice["logprobs"] = logprobs_object(reply.logprobs) if reply.logprobs else None
    return choice


def usage_object(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    }


def progress_object(progress: Progress) -> Json:
    """As llama.cpp names it."""
    return {
        "total": progress.total,
        "cache": progress.cached,
        "processed": progress.read,
        "time_ms": round(progress.seconds * 1000),
    }


def so_far(progress: Progress) -> Usage:
    read = progress.read - progress.cached
    return Usage(progress.read, progress.cached, 0, prefill_s=progress.seconds if read else 0)


def timings(usage: Usage) -> Json:
    """As llama.cpp names them."""
    read = usage.prompt - usage.cached
    return {
        "cache_n": usage.cached,
        "prompt_n": read,
        **_speed("prompt", read, usage.prefill_s),
        "predicted_n": usage.completion,
        # The first token comes with the prompt.
        **_speed("predicted", max(usage.completion - 1, 0), usage.decode_s),
    }


def _speed(phase: str, tokens: int, seconds: float) -> Json:
    return {
        f"{phase}_ms": seconds * 1000,
        f"{phase}_per_token_ms": seconds * 1000 / tokens if tokens else 0,
        f"{phase}_per_second": tokens / seconds if seconds else 0,
    }


def logprobs_object(tokens: Sequence[Logprob]) -> Json:
    return {
        "content": [
            {
                **_logprob(each.piece, each.logprob),
                "top_logprobs": [_logprob(piece, value) for _, piece, value in each.top],
            }
            for each in tokens
        ],
        "refusal": None,
    }


def _logprob(piece: bytes, value: float) -> Json:
    return {
        "token": piece.decode("utf-8", "replace"),
        "logprob": max(value, -9999.0),
        "bytes": list(piece),
    }
