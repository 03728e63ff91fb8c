"""Follows one JSON value through text that comes in pieces, and knows where it ends.

Nothing is built and nothing is looked at twice: the scanner is a stack of open brackets and a state
of a few letters, so that arguments can be passed on to the client as they are written, byte for
byte, and cut off at exactly their last bracket.
"""

from __future__ import annotations

import re

WHITESPACE = " \t\n\r"
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
NUMBER_LETTERS = frozenset("+-0123456789.eE")
WORDS = {"t": "true", "f": "false", "n": "null"}
STRING_PART = re.compile(r'[^"\\\x00-\x1f]+')
LENIENT_PART = re.compile(r'[^"\\]+')
HEX = frozenset("0123456789abcdefABCDEF")


class JsonFault(ValueError):
    pass


class JsonScan:
    """`lenient`: control characters may stand in strings, as models write them."""

    def __init__(self, lenient: bool = False) -> None:
        self._part = LENIENT_PART if lenient else STRING_PART
        self._stack: list[str] = []  # of "{" and "["
        # value, first (value or ]), open (key or }), key, colon, next, string, escape, hex,
        # number, word, done
        self._state = "value"
        self._is_key = False
        self._rest = ""  # of a word; digits of \u that are to come
        self._number = ""

    @property
    def done(self) -> bool:
        return self._state == "done"

    @property
    def depth(self) -> int:
        return len(self._stack)

    def feed(self, text: str, at: int = 0) -> int:
        """Reads from `at` -> where it stopped: the end, what follows the value, or a fault. Raises
        JsonFault if the fault is where it starts, so that what precedes one is never lost."""
        start = at
        while at < len(text) and self._state != "done":
            if self._state == "string":
                match = self._part.match(text, at)
                if match:
                    at = match.end()
                    continue
            try:
                at += self._letter(text[at])
            except JsonFault:
                if at == start:
                    raise
                break
        return at

    def end_number(self) -> None:
        """There is no more text: a number at the top ends here."""
        if self._state == "number" and not self._stack:
            self._close_number()

    def _letter(self, letter: str) -> int:
        """-> how many characters were used: 1, or 0 for the one after a number."""
        state = self._state
        if state == "string":
            self._in_string(letter)
        elif state == "escape":
            if letter == "u":
                self._state, self._rest = "hex", "0000"
            elif letter in '"\\/bfnrt':
                self._state = "string"
            else:
                raise JsonFault(f"\\{letter} in a string")
        elif state == "hex":
            if letter not in HEX:
                raise JsonFault("\\u without four hexadecimal digits")
            self._rest = self._rest[1:]
            if not self._rest:
                self._state = "string"
        elif state == "number":
            if letter in NUMBER_LETTERS:
                self._number += letter
                return 1
            self._close_number()
            return 0
        elif state == "word":
            if letter != self._rest[0]:
                raise JsonFault(f"{letter!r} in a word")
            self._rest = self._rest[1:]
            if not self._rest:
                self._value_ended()
        elif letter not in WHITESPACE:
            self._structure(letter)
        return 1

    def _in_string(self, letter: str) -> None:
        if letter == "\\":
            self._state = "escape"
        elif letter == '"':
            if self._is_key:
                self._is_key, self._state = False, "colon"
            else:
                self._value_ended()
        else:
            raise JsonFault("a control character in a string")

    def _structure(self, letter: str) -> None:
        state = self._state
        if state == "colon" and letter == ":":
            self._state = "value"
        elif state in ("open", "key") and letter == '"':
            self._state, self._is_key = "string", True
        elif state == "open" and letter == "}" or state == "first" and letter == "]":
            self._pop()
        elif state == "next" and letter == ",":
            self._state = "key" if self._stack[-1] == "{" else "value"
        elif state == "next" and letter == ("}" if self._stack[-1] == "{" else "]"):
            self._pop()
        elif state in ("value", "first"):
            self._begin_value(letter)
        else:
            raise JsonFault(f"{letter!r} where JSON has none")

    def _begin_value(self, letter: str) -> None:
        if letter == '"':
            self._state = "string"
        elif letter in "{[":
            self._stack.append(letter)
            self._state = "open" if letter == "{" else "first"
        elif letter in WORDS:
            self._state, self._rest = "word", WORDS[letter][1:]
        elif letter in "-0123456789":
            self._state, self._number = "number", letter
        else:
            raise JsonFault(f"{letter!r} where a value should begin")

    def _close_number(self) -> None:
        if not NUMBER.fullmatch(self._number):
            raise JsonFault(f"{self._number!r} is no number")
        self._value_ended()

    def _value_ended(self) -> None:
        self._state = "next" if self._stack else "done"

    def _pop(self) -> None:
        self._stack.pop()
        self._value_ended()

    def closers(self) -> str:
        """The shortest text found to make what was read a whole value, `null` for what is missing;
        for replies that were cut off."""
        state, text = self._state, ""
        if state == "done":
            return ""
        if state == "escape":
            text = "\\"
        elif state == "hex":
            text = self._rest
        if state in ("string", "escape", "hex"):
            text += '": null' if self._is_key else '"'
        elif state == "colon":
            text = ": null"
        elif state == "key":
            text = '"": null'
        elif state == "value":
            text = "null"
        elif state == "word":
            text = self._rest
        elif state == "number" and not NUMBER.fullmatch(self._number):
            text = "0"
        return text + "".join("}" if each == "{" else "]" for each in reversed(self._stack))
