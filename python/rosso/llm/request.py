"""A request for a reply, the same for every door of the server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rosso.llm.engine import Sampling
from rosso.llm.messages import Message


class Fault(Exception):
    """An answer other than a reply: an HTTP status and a message for the client.

    `code` is what programs look for, `param` the field that is at fault, `details` what a program
    may want to read beside the message."""

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
        details: dict[str, Any] | None = None,
    ):
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.headers = headers or {}
        self.details = details or {}

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
    grammar: str | None = None  # llguidance's Lark, where it is not JSON that is wanted
    client: str = ""
    ignore_end: bool = False
    draft: int = 0
    cuts: bool = False  # a prompt that is too long loses its end
    reuse: bool = True  # of what the KV cache holds of the prompt
    tells_progress: bool = False  # of reading the prompt
    shows_tokens: bool = False  # `Logprobs` come also where no probabilities were asked for


@dataclass(slots=True)
class ChatRequest:
    messages: list[Message]
    options: ReplyOptions
    tools: list[dict[str, Any]] = field(default_factory=list)  # {"type": "function", "function": }
    tool_choice: str = "auto"  # none, auto, required, or "=name"
    parallel: bool = True
    continues: bool = False  # the last message, the assistant's, is the beginning of the reply
    opens: bool = True  # the prompt ends with the beginning of the assistant's turn
    template_options: dict[str, Any] = field(default_factory=dict)
    before: list[int] = field(default_factory=list)  # tokens in front of the prompt
