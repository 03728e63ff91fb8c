"""A request for a reply, the same for every door of the server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rosso.llm.engine import Sampling
from rosso.llm.messages import Message


class Fault(Exception):
    """An answer other than a reply: an HTTP status and a message for the client.

    `code` is what programs look for, `param` the field that is at fault."""

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ):
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.headers = headers or {}

    @property
    def type(self) -> str:
        if self.status == 401:
            return "authentication_error"
        if self.status == 403:
            return "permission_error"
        if self.status == 429:
            return "rate_limit_error"
        return "invalid_request_error" if self.status < 500 else "server_error"


def bad(message: str, param: str | None = None, code: str | None = None) -> Fault:
    return Fault(400, message, param, code)


# What the reply must be: text, any JSON object, or JSON of a schema.
TEXT = None
ANY_OBJECT: dict[str, Any] = {"type": "object"}


@dataclass(slots=True)
class ReplyOptions:
    sampling: Sampling
    most: int | None = None  # tokens
    stop: tuple[str, ...] = ()
    n: int = 1
    schema: Any = TEXT
    client: str = ""
    ignore_end: bool = False
    draft: int = 0


@dataclass(slots=True)
class ChatRequest:
    messages: list[Message]
    options: ReplyOptions
    tools: list[dict[str, Any]] = field(default_factory=list)  # {"type": "function", "function": }
    tool_choice: str = "auto"  # none, auto, required, or "=name"
    parallel: bool = True
    template_options: dict[str, Any] = field(default_factory=dict)
