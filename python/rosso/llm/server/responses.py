"""POST /v1/responses, stateless: items in, items out, and events with a number each.

The request is brought into the form of a chat, so that everything else is shared; what is left here
are names. Stored conversations (`previous_response_id`) are refused rather than forgotten.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rosso.llm.engine import Progress
from rosso.llm.reply import End, Logprobs, ReplyEvent, Running, Usage, collect
from rosso.llm.request import ChatRequest, Fault, ReplyOptions, bad
from rosso.llm.scanner import CallBegin, CallEnd, CallPart, Reasoning, Text
from rosso.llm.server import chat_fields as cf
from rosso.llm.server.fields import Field, Json, read_fields, refuse, type_name
from rosso.llm.server.http import (
    EventStream,
    client_of,
    read_object,
    service_of,
    to_json,
    until_gone,
)
from rosso.llm.server.openai_chat import (
    check_tools,
    input_tokens,
    logprobs_object,
    progress_object,
    timings,
)
from rosso.llm.server.service import Service, make_call_id, make_id

KEEPS_NOTHING = "this server keeps no conversations"
ITEM_SCHEMA: Json = {
    **cf.MESSAGE_SCHEMA,
    "properties": {"type": {"const": "message"}},
}
INPUT_SCHEMA: Json = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "minItems": 1, "items": ITEM_SCHEMA},
    ]
}
TOOLS_SCHEMA: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"type": {"const": "function"}, **cf.FUNCTION_SCHEMA["properties"]},
        "required": ["name"],
    },
}
REFUSED = (
    Field("previous_response_id", "text", KEEPS_NOTHING, schema={"type": "null"}),
    Field("conversation", "any", KEEPS_NOTHING, schema={"type": "null"}),
    Field("background", "boolean", KEEPS_NOTHING, schema={"const": False}),
    Field("prompt", "object", KEEPS_NOTHING, schema={"type": "object", "maxProperties": 0}),
)
FIELDS = (
    Field("model", "text"),
    Field("input", "any", required=True, schema=INPUT_SCHEMA),
    Field("instructions", "text"),
    Field("stream", "boolean"),
    Field("temperature", "number", "", 0, 2),
    Field("top_p", "number", "", 0, 1),
    Field("max_output_tokens", "integer", "", 0),
    Field("tools", "list", schema=TOOLS_SCHEMA),
    Field("tool_choice", "any", schema=cf.CHOICE_SCHEMA),
    Field("parallel_tool_calls", "boolean"),
    Field("text", "object", "format: text, json_object or json_schema",
          schema={"type": "object", "properties": {"format": {"anyOf": [cf.FORMAT_SCHEMA,
                  {"type": "null"}]}}}),
    Field("reasoning", "object", schema={"type": "object", "properties": {"effort":
          cf.OPTIONAL_TEXT}}),
    Field("top_logprobs", "integer", "alternatives of each token", 0, cf.MOST_TOP_LOGPROBS),
    Field("include", "list", "message.output_text.logprobs: how likely each token was",
          schema={"type": "array", "items": {"type": "string"}}),
    Field("return_progress", "boolean", "events tell how much of the prompt was read"),
    Field("timings_per_token", "boolean", "timings with every piece of text"),
    Field("metadata", "object", "given back as it is"),
    Field("truncation", "text", "a prompt that is too long is an error either way",
          choices=("auto", "disabled")),
    *REFUSED,
)  # fmt: skip
# Told of in the answer as they were asked for, or as they are without asking.
ECHOED: Json = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
LOGPROBS = "message.output_text.logprobs"


def read_request(body: Json, service: Service, client: str) -> tuple[ChatRequest, Json]:
    """-> the chat, and the fields as they were read. Raises Fault."""
    values = read_fields(body, FIELDS)
    service.replies  # noqa: B018 - raises while there is no model
    values["model"] = service.check_model(values.get("model"))
    refuse(REFUSED, values)
    messages = _messages(values["input"])
    if values.get("instructions"):
        messages.insert(0, {"role": "system", "content": values["instructions"]})
    tools = [_tool(each, f"tools[{at}]") for at, each in enumerate(values.get("tools", []))]
    check_tools(service, tools)
    format = values.get("text", {}).get("format")
    if format is not None and not isinstance(format, dict):
        raise bad("'text.format' must be an object", "text.format")
    effort = values.get("reasoning", {}).get("effort")
    if effort is not None and not isinstance(effort, str):
        raise bad("'reasoning.effort' must be a text", "reasoning.effort")
    choice = values.get("tool_choice")
    choice, tools = cf.allowed_tools(
        choice if choice is not None else "auto" if tools else "none", tools
    )
    logprobs = values.get("top_logprobs", 0)
    if not logprobs and LOGPROBS not in values.get("include", ()):
        logprobs = None
    sampling = {name: values[name] for name in ("temperature", "top_p") if name in values}
    chat = ChatRequest(
        cf.read_messages(messages, "input"),
        ReplyOptions(
            service.sampling(**sampling, logprobs=logprobs),
            most=values.get("max_output_tokens"),
            schema=cf.read_response_format(format, "text.format") if format else None,
            client=client,
            draft=service.options.draft,
            tells_progress=values.get("return_progress", False),
        ),
        tools,
        cf.read_tool_choice(choice, tools),
        values.get("parallel_tool_calls", True),
        template_options={"reasoning_effort": effort} if effort else {},
    )
    return chat, {**{name: body[name] for name in ECHOED if body.get(name) is not None}, **values}


def _messages(value: Any) -> list[Json]:
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if not isinstance(value, list) or not value:
        raise bad("'input' must be a text or a list of items", "input")
    messages: list[Json] = []
    thought = ""  # before the message it led to
    for at, item in enumerate(value):
        if isinstance(item, dict) and item.get("type") == "reasoning":
            thought = _thought(item, f"input[{at}]")
            continue
        count = len(messages)
        _add_item(messages, item, f"input[{at}]")
        if thought and len(messages) > count and messages[-1]["role"] == "assistant":
            messages[-1]["reasoning_content"] = thought
        thought = ""
    return messages


def _thought(item: Json, where: str) -> str:
    parts = item.get("content") or []
    if not isinstance(parts, list):
        raise bad(f"'{where}.content' must be a list", f"{where}.content")
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def _add_item(messages: list[Json], item: Any, where: str) -> None:
    if not isinstance(item, dict):
        raise bad(f"'{where}' must be an object, not {type_name(item)}", where)
    kind = item.get("type", "message")
    if kind == "message":
        messages.append({"role": item.get("role"), "content": item.get("content")})
    elif kind == "function_call":
        function = {"name": item.get("name"), "arguments": item.get("arguments")}
        call = {"id": item.get("call_id"), "type": "function", "function": function}
        last = messages[-1] if messages else None
        if last and last["role"] == "assistant" and last.get("tool_calls"):
            last["tool_calls"].append(call)
        else:
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
    elif kind == "function_call_output":
        output = item.get("output")
        result = {"role": "tool", "tool_call_id": item.get("call_id"), "content": output}
        messages.append(result)
    else:
        raise bad(f"'{where}.type' is of no kind this server knows", f"{where}.type")


def _tool(value: Any, where: str) -> Json:
    if not isinstance(value, dict) or value.get("type", "function") != "function":
        raise bad(f"'{where}' must be an object of type function", where)
    holder = value.get("function") if isinstance(value.get("function"), dict) else value
    return {"type": "function", "function": cf.read_function(holder, where)}


async def count_tokens(request: Request) -> Response:
    service = service_of(request)
    chat, _ = read_request(await read_object(request), service, client_of(request))
    return JSONResponse(input_tokens(len((await service.replies.prepare_chat(chat)).prompt)))


async def responses(request: Request) -> Response:
    service = service_of(request)
    body = await read_object(request)
    chat, values = read_request(body, service, client_of(request))
    prepared = await service.replies.prepare_chat(chat)
    reply = _Reply(values)
    running = service.replies.start(prepared, reply.id)
    if values.get("stream"):
        return EventStream(_stream(running, reply))
    for part in (await until_gone(request, collect(running)))[0]:
        reply.take(part)
    return JSONResponse(reply.object(running.usage()))


async def _stream(running: Running, reply: _Reply) -> AsyncIterator[str]:
    try:
        yield reply.event("response.created", response=reply.object())
        yield reply.event("response.in_progress", response=reply.object())
        async with aclosing(running.events()) as events:
            async for item in events:
                if item is None:
                    yield reply.event("response.in_progress", response=reply.object())
                    continue
                if reply.tells_timings:
                    reply.timings = {"timings": timings(running.usage())}
                for line in reply.take(item[1]):
                    yield line
        usage = running.usage()
        whole = reply.object(usage)
        yield reply.event(f"response.{whole['status']}", response=whole, timings=timings(usage))
    except Fault as fault:
        yield reply.event(
            "error", message=fault.message, code=fault.code or fault.type, param=fault.param
        )
    finally:
        running.cancel()


class _Reply:
    """The items of the answer as they grow, and the events that tell of it."""

    def __init__(self, values: Json):
        self.id = make_id("resp_")
        self._values = values
        self._created = int(time.time())
        self._number = -1
        self._output: list[Json] = []
        self._open: Json | None = None  # the last item, while it grows
        self._status = "in_progress"
        self._reason: str | None = None
        self._logprobs: list[Json] = []  # of the text that comes next
        self.tells_timings = values.get("timings_per_token", False)
        self.timings: Json = {}  # told with the next text

    def event(self, kind: str, **content: Any) -> str:
        self._number += 1
        data = {"type": kind, "sequence_number": self._number, **content}
        return f"event: {kind}\ndata: {to_json(data)}\n\n"

    def take(self, part: ReplyEvent) -> list[str]:
        match part:
            case Progress():
                told = {"prompt_progress": progress_object(part)}
                return [self.event("response.in_progress", response=self.object(), **told)]
            case Logprobs():
                self._logprobs = logprobs_object(part.tokens)["content"]
            case Text():
                return [*self._begin("message"), self._text(part.text)]
            case Reasoning():
                return [*self._begin("reasoning"), self._thought(part.text)]
            case CallBegin():
                return [*self._close(), *self._begin("function_call", part.name)]
            case CallPart():
                assert self._open
                self._open["arguments"] += part.text
                return [self._delta("response.function_call_arguments.delta", part.text)]
            case CallEnd():
                return self._close()
            case End():
                lines = self._close()
                self._status = "incomplete" if part.reason == "length" else "completed"
                self._reason = "max_output_tokens" if part.reason == "length" else None
                return lines
        return []

    def _begin(self, kind: str, name: str = "") -> list[str]:
        if self._open and self._open["type"] == kind:
            return []
        lines = self._close()
        item: Json = {"type": kind, "status": "in_progress"}
        if kind == "message":
            item |= {"id": make_id("msg_"), "role": "assistant", "content": []}
        elif kind == "reasoning":
            item |= {"id": make_id("rs_"), "summary": [], "content": []}
        else:
            item |= {"id": make_id("fc_"), "call_id": make_call_id(), "name": name, "arguments": ""}
        self._open = item
        self._output.append(item)
        lines.append(self._item_event("response.output_item.added"))
        if kind == "message":
            part: Json = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
            item["content"].append(part)
            lines.append(self._part_event("response.content_part.added", part))
        elif kind == "reasoning":
            item["content"].append({"type": "reasoning_text", "text": ""})
        return lines

    def _close(self) -> list[str]:
        item = self._open
        if not item:
            return []
        lines = []
        item["status"] = "completed"
        if item["type"] == "message":
            part = item["content"][0]
            done = {"text": part["text"], "logprobs": part["logprobs"]}
            lines.append(self._part("response.output_text.done", **done))
            lines.append(self._part_event("response.content_part.done", part))
        elif item["type"] == "reasoning":
            text = item["content"][0]["text"]
            lines.append(self._part("response.reasoning_text.done", text=text))
        else:
            lines.append(
                self.event(
                    "response.function_call_arguments.done",
                    item_id=item["id"],
                    output_index=len(self._output) - 1,
                    name=item["name"],
                    arguments=item["arguments"],
                )
            )
        lines.append(self._item_event("response.output_item.done"))
        self._open = None
        return lines

    def _text(self, text: str) -> str:
        assert self._open
        part = self._open["content"][0]
        logprobs, self._logprobs = self._logprobs, []
        part["text"] += text
        part["logprobs"] = part["logprobs"] + logprobs
        told = {"delta": text, "logprobs": logprobs, **self.timings}
        return self._part("response.output_text.delta", **told)

    def _thought(self, text: str) -> str:
        assert self._open
        self._open["content"][0]["text"] += text
        return self._part("response.reasoning_text.delta", delta=text)

    def _delta(self, kind: str, text: str) -> str:
        assert self._open
        at = len(self._output) - 1
        return self.event(kind, item_id=self._open["id"], output_index=at, delta=text)

    def _part(self, kind: str, **content: Any) -> str:
        assert self._open
        at = len(self._output) - 1
        where = {"item_id": self._open["id"], "output_index": at, "content_index": 0}
        return self.event(kind, **where, **content)

    def _part_event(self, kind: str, part: Json) -> str:
        return self._part(kind, part=dict(part))

    def _item_event(self, kind: str) -> str:
        assert self._open
        item = {**self._open}
        if "content" in item:
            item["content"] = [dict(part) for part in item["content"]]
        return self.event(kind, output_index=len(self._output) - 1, item=item)

    def object(self, usage: Usage | None = None) -> Json:
        values = self._values
        effort = values.get("reasoning", {}).get("effort")
        return {
            "id": self.id,
            "object": "response",
            "created_at": self._created,
            "status": self._status,
            "error": None,
            "incomplete_details": {"reason": self._reason} if self._reason else None,
            "model": values["model"],
            "output": _copies(self._output),
            "previous_response_id": None,
            "reasoning": {"effort": effort, "summary": None},
            "store": False,
            "usage": _usage(usage) if usage else None,
            **{name: values.get(name, usual) for name, usual in ECHOED.items()},
        }


def _copies(items: Sequence[Json]) -> list[Json]:
    return [dict(item) for item in items]


def _usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt + usage.completion,
    }
