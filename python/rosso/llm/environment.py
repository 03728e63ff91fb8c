"""Jinja as chat templates expect it: the conventions of Hugging Face, in a sandbox with limits.

A template comes with a model file and is as trustworthy as that. It cannot reach Python's
attributes (the immutable sandbox), cannot build huge strings by arithmetic, and is interrupted
when it takes too long or writes too much.
"""

from __future__ import annotations

import ctypes
import datetime
import json
import re
import threading
from collections.abc import Iterable
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

MOST_CHARACTERS = 32 << 20
MOST_SECONDS = 10.0
WIDE_FORMAT = re.compile(r"%[^a-zA-Z%]*(\*|[0-9]{4})")
WIDENING = ("center", "ljust", "rjust", "zfill", "expandtabs")


class TemplateFault(ValueError):
    """The template refused its input, or went wrong; the message is for the client."""


class TooLong(BaseException):
    """Thrown into a thread whose template takes too long. Not an Exception, so that nothing on the
    way catches it."""


class GenerationTag(Extension):
    """`{% generation %}...{% endgeneration %}` marks what the assistant wrote; it changes
    nothing."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


class ChatEnvironment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(["*", "**", "%"])

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, GenerationTag]
        )
        self.filters["tojson"] = to_json
        self.globals["raise_exception"] = raise_exception
        self.globals["strftime_now"] = strftime_now

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        for value, other in ((left, right), (right, left)):
            if operator == "*" and isinstance(value, str | list | tuple):
                if isinstance(other, int) and len(value) * other > 1 << 20:
                    raise SecurityError("a text or list repeated too often")
        if operator == "**" and not (abs(left) < 1 << 32 and abs(right) <= 64):
            raise SecurityError("a power too large")
        if operator == "%" and isinstance(left, str) and WIDE_FORMAT.search(left):
            raise SecurityError("a text formatted too wide")
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        if getattr(__obj, "__name__", "") in WIDENING:
            if any(isinstance(each, int) and each > 10_000 for each in args):
                raise SecurityError("a text made too wide")
        return super().call(__context, __obj, *args, **kwargs)


def to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def raise_exception(message: object) -> NoReturn:
    raise TemplateError(str(message))


def strftime_now(pattern: str) -> str:
    return datetime.datetime.now().strftime(pattern)


class CompiledTemplate:
    def __init__(self, source: str):
        try:
            self._template = ChatEnvironment().from_string(source)
        except (TemplateError, RecursionError) as error:
            raise TemplateFault(f"chat template: {error}") from error

    def render(self, variables: dict[str, Any], seconds: float = MOST_SECONDS) -> str:
        """Raises TemplateFault. Blocks; takes a time limit with it."""
        with _Deadline(seconds) as deadline:
            try:
                text = _joined(self._template.generate(variables))
            except TooLong:
                text = None
            except TemplateFault:
                raise
            except RecursionError as error:
                raise TemplateFault("chat template: nested too deeply") from error
            except Exception as error:  # whatever a template can do to its input
                message = getattr(error, "message", None) or str(error) or type(error).__name__
                raise TemplateFault(f"chat template: {message}") from error
        if text is None or deadline.hit:
            raise TemplateFault(f"chat template: took longer than {seconds:g} seconds")
        return text


def _joined(parts: Iterable[str]) -> str:
    kept, size = [], 0
    for part in parts:
        kept.append(part)
        size += len(part)
        if size > MOST_CHARACTERS:
            raise TemplateFault(f"chat template: wrote more than {MOST_CHARACTERS} characters")
    return "".join(kept)


class _Deadline:
    """Interrupts the thread that entered it."""

    def __init__(self, seconds: float):
        self.hit = False
        self._over = False
        self._lock = threading.Lock()
        self._thread = threading.get_ident()
        self._timer = threading.Timer(seconds, self._interrupt)
        self._timer.daemon = True

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        with self._lock:
            self._over = True
        self._timer.cancel()
        if self.hit:  # thrown but not arrived yet: take it back
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), None)

    def _interrupt(self) -> None:
        with self._lock:
            if not self._over:
                self.hit = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread), ctypes.py_object(TooLong)
                )
