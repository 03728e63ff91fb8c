"""One tool call, in the envelope of its family, through text that comes in pieces.

    object  {"name": "f", "arguments": {...}} </tool_call>     keys in any order
    args    f[CALL_ID]id[ARGS]{...}
    xml     <function=f> <parameter=k> value </parameter> </function> </tool_call>

A scan takes text, tells the name as soon as it is known, and gives out the arguments as they are
written. Text that cannot be a call raises CallFault, once all before it was taken.
"""

from __future__ import annotations

import json
import re

from rosso.llm.formats import ToolFormat
from rosso.llm.json_scan import WHITESPACE, JsonFault, JsonScan

NAME_KEYS = ("name",)
ARGUMENT_KEYS = ("arguments", "parameters", "args")


class CallFault(ValueError):
    pass


class CallScan:
    """What the scanner of replies asks of every envelope."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.done = False  # with its end mark
        self.complete = False  # but for its end mark
        self.begun = False  # the arguments have
        self.told = False  # the scanner's note: the client knows of it
        self.more = False  # another call may follow without a marker
        self.wrapped = False  # arguments that have to be read as a whole
        self._new = ""  # arguments not given out yet
        self._all = ""

    def feed(self, text: str) -> int:
        raise NotImplementedError

    def finish(self) -> None:
        """No more text."""

    def take(self) -> str:
        text, self._new = self._new, ""
        return text

    def arguments(self) -> str | None:
        """The arguments of a complete call: as written if they are an object, repaired if they
        can be; else None."""
        if not self._all:
            return "{}"
        try:
            value = json.loads(self._all, strict=False)
            if isinstance(value, str):  # an object in a string
                value = json.loads(value, strict=False)
        except ValueError:
            return None
        if value is None:
            return "{}"
        if not isinstance(value, dict):
            return None
        try:
            json.loads(self._all)
        except ValueError:
            return json.dumps(value, ensure_ascii=False)
        return json.dumps(value, ensure_ascii=False) if self.wrapped else self._all

    def closers(self) -> str:
        return ""

    def _give(self, text: str) -> None:
        self._new += text
        self._all += text


def make_call_scan(format: ToolFormat, opening: str) -> CallScan:
    """`opening`: the mark that was read before, if any."""
    if format.envelope == "args":
        return ArgsScan()
    if format.envelope == "xml":
        return XmlScan(format.end)
    several = format.envelope == "array" or not format.marker
    return ObjectScan(format.end if opening == format.marker else "", several)


class ObjectScan(CallScan):
    def __init__(self, end: str, array: bool = False):
        super().__init__()
        self._end = end
        # before ([ or {), open, key, colon, value, next, end
        self._state = "before"
        self._array = array
        self._scan = JsonScan()
        self._key = ""
        self._text = ""  # of a key, or of a value that is not the arguments
        self._tail = ""

    def feed(self, text: str) -> int:
        at = 0
        try:
            while at < len(text) and not self.done:
                at = self._move(text, at)
        except (JsonFault, CallFault) as fault:
            if at == 0:
                raise CallFault(str(fault)) from fault
        return at

    def _move(self, text: str, at: int) -> int:
        letter = text[at]
        if self._state == "value":
            return self._value(text, at)
        if self._state == "key":
            end = self._scan.feed(text, at)
            self._text += text[at:end]
            if self._scan.done:
                self._key, self._state = json.loads(self._text), "colon"
            return end
        if self._state == "end":
            return self._ending(text, at)
        if letter in WHITESPACE:
            return at + 1
        if self._state == "before" and letter in "[{":
            if letter == "[":
                self._array = True
                return at + 1
            self._state = "open"
        elif self._state in ("open", "comma") and letter == '"':
            self._state, self._scan, self._text = "key", JsonScan(), ""
            return at
        elif self._state == "colon" and letter == ":":
            self._state, self._text = "value", ""
            self._scan = JsonScan(lenient=True)
        elif self._state == "next" and letter == ",":
            self._state = "comma"
        elif self._state in ("open", "next") and letter == "}":
            if self.name is None:  # before anything changes: the letter may be read again
                raise CallFault("a call without a name")
            self._state = "end"
            self.complete = True
            self.more = self._array
            self.done = not self._end
        else:
            raise CallFault(f"{letter!r} in a call")
        return at + 1

    def _value(self, text: str, at: int) -> int:
        if not self._text and text[at] in WHITESPACE:
            return at + 1
        if not self._text and self._key in ARGUMENT_KEYS:
            self.begun, self.wrapped = True, text[at] != "{"
        end = self._scan.feed(text, at)
        part = text[at:end]
        self._text += part
        if self._key in ARGUMENT_KEYS:
            self._give(part)
        if self._scan.done:
            if self._key in NAME_KEYS:
                name = json.loads(self._text)
                if not isinstance(name, str) or not name:
                    raise CallFault("a name that is no text")
                self.name = name
            self._state = "next"
        return end

    def _ending(self, text: str, at: int) -> int:
        """Up to the end mark; what else stands before it is not of interest."""
        before = len(self._tail)
        self._tail += text[at:]
        found = self._tail.find(self._end)
        if found < 0:
            return len(text)
        self.done = True
        return at + found + len(self._end) - before

    def closers(self) -> str:
        if self._state == "value" and self._key in ARGUMENT_KEYS:
            return self._scan.closers()
        return ""


class ArgsScan(CallScan):
    """A name, marks in brackets, and an object."""

    def __init__(self) -> None:
        super().__init__()
        self._head = ""
        self._array: ObjectScan | None = None
        self._scan: JsonScan | None = None

    def feed(self, text: str) -> int:
        at = 0
        while self._scan is None:
            if at == len(text):
                return at
            letter = text[at]
            if letter == "{":
                self._begin()
                break
            self._head += letter
            at += 1
            if len(self._head) > 1024:
                raise CallFault("no arguments")
        assert self._scan
        try:
            end = self._scan.feed(text, at)
        except JsonFault as fault:
            if at:
                return at
            raise CallFault(str(fault)) from fault
        self._give(text[at:end])
        self.done = self.complete = self._scan.done
        return end

    def _begin(self) -> None:
        name = self._head.split("[", 1)[0].strip()
        if not name:
            raise CallFault("a call without a name")
        self.name, self.begun = name, True
        self._scan = JsonScan(lenient=True)

    def closers(self) -> str:
        return self._scan.closers() if self._scan else "{}"


FUNCTION = re.compile(r"\s*<function=([^>\n]+)>")
PARAMETER = re.compile(r"<parameter=([^>\n]+)>\n?(.*?)\n?</parameter>", re.DOTALL)


class XmlScan(CallScan):
    """Read as a whole: values are texts, or JSON where they read like it."""

    def __init__(self, end: str):
        super().__init__()
        self._end = end
        self._text = ""

    def feed(self, text: str) -> int:
        before = len(self._text)
        self._text += text
        found = self._text.find(self._end)
        if found < 0:
            return len(text)
        self._read(self._text[:found])
        self.done = self.complete = True
        return found + len(self._end) - before

    def finish(self) -> None:
        if "</function>" in self._text and not self.done:
            try:
                self._read(self._text)
            except CallFault:
                return
            self.complete = True

    def _read(self, body: str) -> None:
        function = FUNCTION.match(body)
        if not function:
            raise CallFault("no function")
        self.name = function[1].strip()
        values = {key.strip(): _value_of(text) for key, text in PARAMETER.findall(body)}
        self._give(json.dumps(values, ensure_ascii=False))


def _value_of(text: str) -> object:
    if text[:1] in "{[-0123456789" or text in ("true", "false", "null"):
        try:
            return json.loads(text)
        except ValueError:
            pass
    return text
