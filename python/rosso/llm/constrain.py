"""Constraints on a reply, token by token; see `Constraint` in engine.py.

    GrammarConstraint   a grammar from the first token on, or from when a trigger was written
    BanConstraint       anything but a marker: tool_choice "none"

The library, llguidance, is optional: without it `available()` is false, plain chat works, and what
cannot be promised is refused with a sentence that says what to install.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Sequence
from typing import Any

from rosso.llm.engine import Tokenizer

try:
    import llguidance
except ImportError:  # optional; see above
    llguidance = None

log = logging.getLogger("rosso.llm")

INSTALL = "constrained decoding needs the llguidance package: pip install llguidance"


def available() -> bool:
    return llguidance is not None


class GrammarFault(ValueError):
    """A schema or grammar that cannot be compiled; the message is for the client."""


def lark_of(grammar: str) -> str:
    """A grammar in llama.cpp's notation, GBNF, or in Lark already -> Lark. Raises GrammarFault."""
    from llguidance import gbnf_to_lark

    try:
        return gbnf_to_lark.any_to_lark(grammar)
    except RecursionError as error:
        raise GrammarFault("the grammar is nested too deeply") from error
    except Exception as error:  # the library's own, and what its parser runs into
        raise GrammarFault(_first_line(str(error))) from error


class _Vocabulary:
    """The tokenizer as llguidance asks for it."""

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        special = frozenset(tokenizer.special.values()) | tokenizer.ends
        self.tokens = [tokenizer.piece(token) for token in range(tokenizer.size)]
        self.special_token_ids = sorted(special)
        self.eos_token_id = tokenizer.eos if tokenizer.eos is not None else min(tokenizer.ends)
        self.bos_token_id = tokenizer.bos

        self._byte_of = {piece: token for token, piece in enumerate(self.tokens) if len(piece) == 1}

    def __call__(self, text: str | bytes) -> list[int]:
        """Tokens whose pieces are the text, byte by byte.

        SentencePiece puts a space in front of a text, but not of what goes on after a line break.
        """
        data = text.encode() if isinstance(text, str) else text
        known = data.decode("utf-8", "replace")
        after = self._tokenizer.encode("\n")
        for tokens in (
            self._tokenizer.encode(known),
            self._tokenizer.encode("\n" + known)[len(after) :],
        ):
            if b"".join(self.tokens[token] for token in tokens) == data:
                return tokens
        return [self._byte_of[data[at : at + 1]] for at in range(len(data))]  # half a character


class Grammars:
    """Compiles grammars for one vocabulary, and keeps the last ones."""

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        self._lock = threading.Lock()
        self._made: Any = None
        self._compiled = functools.lru_cache(maxsize=64)(self._compile)

    @property
    def _library(self) -> Any:
        """About a second for a large vocabulary; made when first needed."""
        with self._lock:
            if self._made is None:
                vocabulary = llguidance.TokenizerWrapper(_Vocabulary(self.tokenizer))
                ends = sorted(self.tokenizer.ends) or [vocabulary.eos_token_id]
                self._made = llguidance.LLTokenizer(vocabulary, eos_token=ends)
            return self._made

    def warm(self) -> None:
        """Makes the vocabulary ready, so that the first request need not wait for it."""
        if available():
            self._library  # noqa: B018

    def matcher(self, grammar: str) -> Any:
        """A fresh matcher. Raises GrammarFault. Blocks: large schemas take a while."""
        return self._compiled(grammar).deep_copy()

    def _compile(self, grammar: str) -> Any:
        matcher = llguidance.LLMatcher(self._library, grammar, log_level=0)
        if matcher.is_error():
            raise GrammarFault(_first_line(matcher.get_error()))
        for warning in matcher.get_grammar_warnings():
            log.warning("schema: %s", warning)
        return matcher


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "the grammar cannot be compiled"


class GrammarConstraint:
    """`trigger`: tells of the text so far where the grammar begins (the index after the marker), or
    None; without it the grammar holds from the first token on, or after `</think>` if `thinking`.
    """

    def __init__(
        self,
        grammars: Grammars,
        grammar: str,
        trigger: Trigger | None = None,
        thinking: bool = False,
        fast_forward: bool = True,
    ):
        self._tokenizer = grammars.tokenizer
        self._matcher = grammars.matcher(grammar)
        self._trigger = Trigger("</think>") if thinking and not trigger else trigger
        self._reasoning = Trigger("</think>") if thinking and trigger else None
        self._library = grammars._library
        self._free = self._trigger is not None
        self._fast_forward = fast_forward
        self._text = b""
        self._broken = False

    def mask(self) -> bytes | None:
        if self._free or self._broken:
            return None
        mask = self._matcher.compute_bitmask()
        if self._matcher.is_error():
            # Limits of the library: better a free reply than none.
            log.warning("constraint given up: %s", _first_line(self._matcher.get_error()))
            self._broken = True
            return None
        return mask

    def commit(self, token: int) -> Sequence[int]:
        if self._broken:
            return ()
        if self._free:
            self._look(token)
            return ()
        if not self._matcher.consume_token(token):
            self._broken = True
            return ()
        if not self._fast_forward:
            return ()
        forced = self._matcher.compute_ff_tokens()
        if forced and not self._matcher.consume_tokens(forced):
            self._broken = True
        return forced

    @property
    def finished(self) -> bool:
        return not self._free and not self._broken and self._matcher.is_stopped()

    def _look(self, token: int) -> None:
        assert self._trigger
        self._text += self._tokenizer.piece(token)
        if self._reasoning:
            at = self._reasoning.find(self._text)
            if at is None:
                return
            self._text, self._reasoning = self._text[at:].lstrip(), None
        at = self._trigger.find(self._text)
        if at is None:
            return
        self._free = False
        rest = self._text[at:]
        if rest and not self._matcher.consume_tokens(self._library.tokenize_bytes(rest)):
            self._broken = True


class Trigger:
    """Where a marker ends in a text."""

    def __init__(self, *markers: str):
        self._markers = [marker.encode() for marker in markers]

    def find(self, text: bytes) -> int | None:
        ends = [text.find(each) + len(each) for each in self._markers if each in text]
        return min(ends) if ends else None


class CallTrigger(Trigger):
    """The beginning of a call that is the whole reply: a name of a tool in an object."""

    def __init__(self, names: Sequence[str], *markers: str):
        super().__init__(*markers)
        self._openings = [f'{{"name":"{name}"'.encode() for name in names]

    def find(self, text: bytes) -> int | None:
        found = super().find(text)
        if found is not None:
            return found
        if not text.lstrip().startswith(b"{"):
            return None
        bare = b"".join(text.split())
        return 0 if any(bare.startswith(each) for each in self._openings) else None


class BanConstraint:
    """The markers are never completed."""

    def __init__(self, tokenizer: Tokenizer, markers: Sequence[str]):
        self._tokenizer = tokenizer
        self._markers = [marker.encode() for marker in markers if marker]
        self._longest = max(map(len, self._markers), default=1)
        self._tail = b""

    def mask(self) -> bytes | None:
        mask = bytearray(_everything(self._tokenizer.size))
        banned = False
        for marker in self._markers:
            for count in range(len(marker)):
                if self._tail.endswith(marker[:count]):
                    for token in _beginning_with(self._tokenizer, marker[count:], count == 0):
                        mask[token // 8] &= ~(1 << token % 8)
                        banned = True
        return bytes(mask) if banned else None

    def commit(self, token: int) -> Sequence[int]:
        self._tail = (self._tail + self._tokenizer.piece(token))[-self._longest :]
        return ()

    @property
    def finished(self) -> bool:
        return False


@functools.lru_cache(maxsize=4)
def _everything(size: int) -> bytes:
    return b"\xff" * (-(-size // 32) * 4)


@functools.lru_cache(maxsize=256)
def _beginning_with(tokenizer: Tokenizer, rest: bytes, anywhere: bool) -> tuple[int, ...]:
    """Tokens that complete a marker of which `rest` is missing."""
    pieces = ((token, tokenizer.piece(token)) for token in range(tokenizer.size))
    return tuple(
        token for token, piece in pieces if (rest in piece if anywhere else piece.startswith(rest))
    )
