"""A reply as it is written -> text, reasoning and tool calls.

The scanner sees text in pieces of any size and gives the same events for every way of cutting it.
It holds back only what may still become something else: the beginning of a mark, white space that
belongs to a mark after it, and a call that cannot be trusted yet.

    start -> reasoning -> content -> call -> between -> call -> ... -> end

Calls in reasoning are never run, and text after a call is dropped, as no client expects either.
With `trusted` (the reply is held to a grammar) arguments are passed on as they are written; without
it a call is passed on when it is complete and valid, and as text when it is not.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from rosso.llm.calls import CallFault, CallScan, make_call_scan
from rosso.llm.formats import ToolFormat
from rosso.llm.text import held_back

THINK, THINK_END = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    text: str


@dataclass(frozen=True, slots=True)
class CallBegin:
    index: int
    name: str


@dataclass(frozen=True, slots=True)
class CallPart:
    index: int
    text: str  # of the arguments


@dataclass(frozen=True, slots=True)
class CallEnd:
    index: int
    name: str
    arguments: str  # all of them: a JSON object
    cut_off: bool = False  # closed by us: not what the model would have written


Event = Text | Reasoning | CallBegin | CallPart | CallEnd


class ReplyScanner:
    def __init__(
        self,
        format: ToolFormat | None = None,  # None: no tools were offered
        tools: Collection[str] = (),
        thinking: bool = False,  # the reply begins inside of reasoning
        reasons: bool = True,  # <think> at the beginning is looked for
        trusted: bool = False,
    ):
        self._format = format
        self._tools = frozenset(tools)
        self._trusted = trusted
        self._marks: tuple[str, ...] = ()
        if format:
            self._marks = tuple(filter(None, (format.marker, *format.extra_markers)))
        self._mode = "reasoning" if thinking else "start" if reasons or format else "content"
        self._reasons = reasons
        self._strip = thinking  # white space at the beginning of a part is not shown
        self._held = ""
        self._call: CallScan | None = None
        self._opening = ""  # of the call: its marker, and white space in front of it
        self._raw = ""  # what the call consumed after it
        self._more = False  # another call may follow without a marker
        self._calls = 0
        self._arguments = ""
        self._events: list[Event] = []

    @property
    def over(self) -> bool:
        """Whether nothing that may still come would be shown."""
        return self._mode == "end"

    @property
    def in_call(self) -> bool:
        return self._mode == "call"

    @property
    def in_content(self) -> bool:
        return self._mode in ("start", "content")

    @property
    def calls(self) -> int:
        """Complete calls so far."""
        return self._calls

    def feed(self, text: str) -> list[Event]:
        self._held += text
        while self._held and self._advance():
            pass
        return self._take()

    def finish(self, cut_off: bool = False) -> list[Event]:
        """The reply is over. `cut_off`: by a limit, so that an open call is not the model's."""
        if self._mode == "start":
            self._mode = "content"
            while self._held and self._advance():
                pass
        if self._mode == "call" and self._call:
            self._end_call_early(cut_off)
        elif self._mode == "reasoning":
            self._say(Reasoning, self._held.rstrip())
        elif self._mode == "content":
            self._say(Text, self._held)
        self._held = ""
        return self._take()

    def _take(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _say(self, kind: type[Text] | type[Reasoning], text: str) -> None:
        if text:
            self._events.append(kind(text))

    def _advance(self) -> bool:
        """One move in the current mode -> whether there may be another."""
        return getattr(self, f"_in_{self._mode}")()

    def _in_start(self) -> bool:
        body = self._held.lstrip()
        if not body:
            return False
        if self._reasons and body.startswith(THINK):
            self._held, self._mode, self._strip = body[len(THINK) :], "reasoning", True
            return True
        if self._reasons and THINK.startswith(body):
            return False
        if self._format and not self._format.marker and body[0] in "{[":
            self._held = body
            return self._begin_call("")
        self._mode, self._strip = "content", bool(self._format)
        return True

    def _in_reasoning(self) -> bool:
        if self._strip:
            self._held = self._held.lstrip()
            if not self._held:
                return False
            self._strip = False
        at = self._held.find(THINK_END)
        if at >= 0:
            self._say(Reasoning, self._held[:at].rstrip())
            self._held = self._held[at + len(THINK_END) :]
            self._mode, self._reasons = "start", False
            if not self._format:
                self._mode, self._strip = "content", True
            return True
        self._let_go(Reasoning, (THINK_END,))
        return False

    def _in_content(self) -> bool:
        if self._strip:
            self._held = self._held.lstrip()
            if not self._held:
                return False
            self._strip = False
        found = [(self._held.find(mark), mark) for mark in self._marks if mark in self._held]
        if found:
            at, mark = min(found)
            before, self._held = self._held[:at], self._held[at + len(mark) :]
            self._say(Text, before.rstrip())
            return self._begin_call(before[len(before.rstrip()) :] + mark)
        self._let_go(Text, self._marks)
        return False

    def _let_go(self, kind: type[Text] | type[Reasoning], marks: tuple[str, ...]) -> None:
        """All but a tail that may begin a mark, and the white space in front of it."""
        if not marks:
            self._say(kind, self._held)
            self._held = ""
            return
        end = len(self._held) - held_back(self._held, marks)
        end = len(self._held[:end].rstrip())
        self._say(kind, self._held[:end])
        self._held = self._held[end:]

    def _begin_call(self, opening: str) -> bool:
        assert self._format
        self._mode, self._opening, self._raw, self._arguments = "call", opening, "", ""
        self._call = make_call_scan(self._format, opening.lstrip())
        return True

    def _in_call(self) -> bool:
        assert self._call and self._format
        text, self._held = self._held, ""
        try:
            used = self._call.feed(text)
        except CallFault:
            self._raw += text
            return self._no_call()
        self._raw += text[:used]
        self._held = text[used:]
        self._pass_on()
        if self._call.done:
            self._complete()
        return bool(self._held)

    def _pass_on(self) -> None:
        """What is known of the call by now, if it may be told."""
        call = self._call
        assert call and self._format
        if not self._trusted or call.name is None or not call.begun or call.wrapped:
            return
        if not self._format.marker and call.name not in self._tools:
            return
        if not call.told:
            call.told = True
            self._events.append(CallBegin(self._calls, call.name))
        self._part(call.take())

    def _part(self, text: str) -> None:
        if text:
            self._arguments += text
            self._events.append(CallPart(self._calls, text))

    def _complete(self) -> None:
        call = self._call
        assert call and self._format
        arguments = call.arguments()
        known = call.name in self._tools or self._format.marker
        if arguments is None or not call.name or not known:
            if not call.told:
                self._no_call()
                return
            arguments = None
        self._finish_call(call, arguments)

    def _finish_call(self, call: CallScan, arguments: str | None) -> None:
        assert call.name is not None
        if not call.told:
            self._events.append(CallBegin(self._calls, call.name))
            self._part(arguments or "{}")
        else:
            self._part(call.take())
            if not self._arguments:
                self._part("{}")
        self._events.append(CallEnd(self._calls, call.name, self._arguments))
        self._calls += 1
        self._mode, self._call = "between", None
        self._more = call.more

    def _no_call(self) -> bool:
        """What looked like a call is text after all, or is dropped after a call."""
        call, self._call = self._call, None
        if call and call.told:  # trusted, and yet broken: close what was told
            self._part(call.closers())
            ended = CallEnd(self._calls, call.name or "", self._arguments, cut_off=True)
            self._events.append(ended)
            self._calls += 1
            self._mode = "end"
            return True
        if self._calls:
            self._mode = "end"
            return True
        self._say(Text, self._opening)
        self._held, self._raw, self._mode = self._raw + self._held, "", "content"
        return True

    def _end_call_early(self, cut_off: bool) -> None:
        call = self._call
        assert call and self._format
        call.finish()
        if call.done or (call.complete and not cut_off):
            self._pass_on()
            self._complete()
        elif call.told or not cut_off or not (self._format.marker or call.name in self._tools):
            self._no_call()
        if self._mode == "content":
            self._say(Text, self._held)

    def _in_between(self) -> bool:
        """After a call: another one, or nothing that is shown."""
        assert self._format
        if self._more:
            body = self._held.lstrip(" \t\r\n,;")
            if not body:
                return False
            if body[0] not in "{[":
                self._more, self._held = False, body.removeprefix("]")
                return True
            self._held = body
            return self._begin_call("")
        body = self._held.lstrip()
        mark = next((mark for mark in self._marks if body.startswith(mark)), None)
        if mark:
            self._held = body[len(mark) :]
            return self._begin_call(mark)
        if not any(mark.startswith(body) for mark in self._marks):
            self._mode = "end"
            return True
        return False

    def _in_end(self) -> bool:
        self._held = ""
        return False
