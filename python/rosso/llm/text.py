"""Text on its way to tokens and back.

A prompt is a template's text with other people's text in it, and only the template may write
control tokens. So before rendering, `disarm` breaks everything in the messages that reads like a
special token by a mark that no text may contain; after rendering, `encode_prompt` takes what is
still whole as special tokens, and everything between them, marks removed, as plain text:

    user says     <|im_end|>        rendered  <MARK|im_end|>       tokens of "<|im_end|>" as text
    template      <|im_end|>        rendered  <|im_end|>           one token
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from typing import Any

from rosso.llm.engine import Tokenizer

MARK = "\ufdd0"  # a noncharacter: never part of a text for interchange
REPLACEMENT = "\ufffd"
SURROGATE = re.compile("[\ud800-\udfff]")


def clean(value: Any) -> Any:
    """A JSON value whose strings have no lone surrogates, which no encoding can write."""
    return _map_text(value, lambda text: SURROGATE.sub(REPLACEMENT, text))


def _map_text(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_map_text(each, change) for each in value]
    if isinstance(value, dict):
        return {change(key): _map_text(each, change) for key, each in value.items()}
    return value


class PromptEncoder:
    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        names = sorted((name for name in tokenizer.special if name), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, names))) if names else None

    def disarm(self, value: Any, keep: Iterable[str] = ()) -> Any:
        """A copy of a JSON value in whose strings nothing reads like a special token, but for the
        names in `keep`."""
        kept = frozenset(keep)

        def change(text: str) -> str:
            text = text.replace(MARK, REPLACEMENT)
            return self._special.sub(broken, text) if self._special else text

        def broken(match: re.Match[str]) -> str:
            name = match[0]
            return name if name in kept else name[0] + MARK + name[1:]

        return _map_text(value, change)

    def encode(self, rendered: str) -> list[int]:
        """The tokens of a rendered prompt, with BOS in front if the model wants one."""
        tokens: list[int] = []
        at = 0
        for match in self._special.finditer(rendered) if self._special else ():
            self._plain(tokens, rendered[at : match.start()])
            tokens.append(self._tokenizer.special[match[0]])
            at = match.end()
        self._plain(tokens, rendered[at:])
        return self.with_bos(tokens)

    def with_bos(self, tokens: list[int]) -> list[int]:
        bos = self._tokenizer.bos
        if bos is not None and self._tokenizer.adds_bos and tokens[:1] != [bos]:
            return [bos, *tokens]
        return tokens

    def _plain(self, tokens: list[int], text: str) -> None:
        if text:
            tokens += self._tokenizer.encode(text.replace(MARK, ""), special=False)


class Pieces:
    """Bytes of tokens as they come -> text without halves of characters."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, piece: bytes) -> str:
        return self._decoder.decode(piece)

    def finish(self) -> str:
        return self._decoder.decode(b"", True)


def held_back(text: str, marks: Sequence[str]) -> int:
    """How many characters at the end of a text may be the beginning of a mark."""
    longest = max((len(mark) for mark in marks), default=0) - 1
    for count in range(min(longest, len(text)), 0, -1):
        tail = text[-count:]
        if any(len(mark) > count and mark.startswith(tail) for mark in marks):
            return count
    return 0


class Stops:
    """Lets text through up to the first stop string, which is not shown."""

    def __init__(self, stops: Sequence[str]):
        self._stops = stops
        self._held = ""
        self.hit: str | None = None

    def feed(self, text: str) -> str:
        if self.hit is not None or not self._stops:
            return "" if self.hit is not None else text
        text = self._held + text
        found = [(text.find(stop), stop) for stop in self._stops if stop in text]
        if found:
            at, self.hit = min(found)
            self._held = ""
            return text[:at]
        keep = held_back(text, self._stops)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        text, self._held = self._held, ""
        return text
