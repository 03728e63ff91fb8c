"""Bodies in, answers out, and connections that end early."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Any, NoReturn, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from rosso.llm.request import Fault, bad
from rosso.llm.server.fields import type_name
from rosso.llm.server.service import Service
from rosso.llm.text import clean

log = logging.getLogger("rosso.server")
Json = dict[str, Any]
T = TypeVar("T")
CLIENT_GONE = 499
MOST_NESTING = 100  # of arrays and objects in a body


class Gone(Exception):
    """The client closed the connection; nobody reads the answer."""


def service_of(request: Request) -> Service:
    return request.app.state.service


def client_of(request: Request) -> str:
    """Who shares a place in the queue."""
    return request.client.host if request.client else ""


async def read_body(request: Request, service: Service) -> bytes:
    options = service.options
    limit = options.body_limit
    declared = request.headers.get("content-length")
    too_large = Fault(413, f"the body is larger than {limit} bytes", code="body_too_large")
    if declared and declared.isdigit() and int(declared) > limit:
        raise too_large
    parts: list[bytes] = []
    size = 0
    stream = request.stream()
    while True:
        try:
            part = await asyncio.wait_for(anext(stream), options.body_s)
        except StopAsyncIteration:
            return b"".join(parts)
        except TimeoutError:
            message = f"the body did not come to its end within {options.body_s:g} seconds"
            headers = {"connection": "close"}
            raise Fault(408, message, code="body_timeout", headers=headers) from None
        except ClientDisconnect:
            raise Gone from None
        parts.append(part)
        size += len(part)
        if size > limit:
            raise too_large


async def read_object(request: Request) -> Json:
    """The body as a JSON object. Raises Fault."""
    raw = await read_body(request, service_of(request))
    value = parse_json(raw)
    if not isinstance(value, dict):
        raise bad(f"the body must be a JSON object, not {type_name(value)}", code="invalid_json")
    return value


def parse_json(raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad(f"the body is not UTF-8: {error.reason}", code="invalid_json") from error
    if not text.strip():
        raise bad("the body is empty; a JSON object was expected", code="invalid_json")
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except RecursionError as error:
        raise bad("the body is nested too deeply", code="invalid_json") from error
    except ValueError as error:
        raise bad(f"the body is not JSON: {error}", code="invalid_json") from error
    if _nests_deeper_than(value, MOST_NESTING):
        message = f"the body is nested too deeply, in more than {MOST_NESTING} levels"
        raise bad(message, code="invalid_json")
    return clean(value) if "\\u" in text else value


def _nests_deeper_than(value: Any, levels: int) -> bool:
    """Level by level: what walks a value by calling itself must not run out of stack."""
    within = [value]
    for _ in range(levels + 1):
        within = [
            inner
            for each in within
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not within:
            return False
    return True


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class EventStream(StreamingResponse):
    """Server-sent events. The first one is on its way before the model has read the prompt."""

    def __init__(self, events: AsyncIterator[str], headers: dict[str, str] | None = None):
        super().__init__(
            events,
            media_type="text/event-stream",
            headers={"cache-control": "no-cache", "x-accel-buffering": "no", **(headers or {})},
        )


class LineStream(StreamingResponse):
    """One JSON object a line, as Ollama's clients read it."""

    def __init__(self, lines: AsyncIterator[str]):
        super().__init__(lines, media_type="application/x-ndjson")


def event(value: Any) -> str:
    return f"data: {to_json(value)}\n\n"


DONE = "data: [DONE]\n\n"


def error_object(fault: Fault) -> Json:
    return {
        "error": {
            "message": fault.message,
            "type": fault.type,
            "param": fault.param,
            "code": fault.code,
        }
    }


def fault_response(path: str, fault: Fault) -> Response:
    """In the shape of the door that was used."""
    if path.startswith("/api/"):
        return JSONResponse({"error": fault.message}, fault.status, fault.headers)
    content = error_object(fault)
    if fault.code == "context_length_exceeded" and not path.startswith("/v1/"):
        # In words that llama.cpp's clients know too.
        content["error"] |= {"type": "exceed_context_size_error", **fault.details}
        content["error"]["message"] += " The prompt exceeds the available context size."
    return JSONResponse(content, fault.status, fault.headers)


async def until_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of the work, unless the client leaves first: then it is cancelled. Raises
    Gone."""
    task = asyncio.create_task(work)
    watch = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Gone
    finally:
        for each in (task, watch):
            each.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
