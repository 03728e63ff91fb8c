"""What the doors share: the model being loaded or served, its names, keys, and counts."""

from __future__ import annotations

import secrets
import string
import time
from dataclasses import dataclass, field, replace
from typing import Any

from rosso.llm.engine import Engine, Sampling, ShuttingDown
from rosso.llm.reply import Replies, random_seed
from rosso.llm.request import Fault

MIB = 1 << 20
CALL_ID_LETTERS = string.ascii_letters + string.digits


@dataclass(slots=True)
class ServerOptions:
    host: str = "127.0.0.1"
    port: int = 11434
    api_keys: tuple[str, ...] = ()
    cors: tuple[str, ...] = ()  # origins that may call from a page; "*": all
    hosts: tuple[str, ...] = ()  # names this server may be called by, beside the local ones
    aliases: tuple[str, ...] = ()
    tools_off: bool = False  # refuse tools where the template has no place for them
    idle_s: float = 15.0  # between signs of life in a stream
    body_limit: int = 64 * MIB
    body_s: float = 30.0  # to wait for the next part of a body
    grace_s: float = 10.0  # for streams to end after SIGTERM
    draft: int = 0  # tokens guessed ahead


@dataclass(slots=True)
class Counts:
    requests: dict[tuple[str, str, int], int] = field(default_factory=dict)
    gone: int = 0  # clients that left before the answer


class Service:
    def __init__(self, options: ServerOptions, version: str = "0"):
        self.options, self.version = options, version
        self.started = time.time()
        self.counts = Counts()
        self.draining = False
        self._replies: Replies | None = None
        self._failure: str | None = None

    def serve(self, engine: Engine) -> None:
        """The model is there. Compiles its template."""
        self._replies = Replies(engine, self.options.idle_s)

    def failed(self, message: str) -> None:
        self._failure = message

    @property
    def loaded(self) -> bool:
        return self._replies is not None

    @property
    def replies(self) -> Replies:
        """Raises Fault 503 while the model loads, or the server ends."""
        if self.draining:
            message = "the server is shutting down"
            raise Fault(503, message, code="shutting_down", headers={"retry-after": "5"})
        if self._failure:
            raise Fault(503, self._failure, code="model_failed")
        if self._replies is None:
            message = "the model is loading"
            raise Fault(503, message, code="model_loading", headers={"retry-after": "3"})
        return self._replies

    @property
    def engine(self) -> Engine:
        return self.replies.engine

    @property
    def name(self) -> str:
        return self.options.aliases[0] if self.options.aliases else self.engine.model.name

    @property
    def fingerprint(self) -> str:
        """Of what answers: the same seed gives the same reply while it stays the same."""
        return f"build-{self.version}"

    @property
    def listed(self) -> list[str]:
        """What clients are told that there is: the names it was given, or else its file's."""
        return [*dict.fromkeys(self.options.aliases)] or [self.name]

    @property
    def names(self) -> list[str]:
        """What it may be called."""
        return [*dict.fromkeys([*self.listed, self.engine.model.name])]

    def check_model(self, asked: str | None) -> str:
        """The name to answer with. Raises Fault 404."""
        if asked is None or asked == "":
            return self.name
        if asked in self.names or asked.removesuffix(":latest") in self.names:
            return asked
        known = ", ".join(self.names)
        message = f"model '{asked[:200]}' not found; there is: {known}"
        raise Fault(404, message, "model", "model_not_found")

    def sampling(self, **given: Any) -> Sampling:
        """The model's own defaults but for what a request says."""
        values = {name: value for name, value in given.items() if value is not None}
        values["seed"] = int(values.get("seed", random_seed())) % 2**64
        return replace(self.engine.defaults, **values)

    def drain(self) -> None:
        """No new requests."""
        self.draining = True

    def stop(self) -> None:
        """Ends what still runs."""
        if self._replies:
            self._replies.engine.stop(ShuttingDown("the server is shutting down"))


def make_id(prefix: str) -> str:
    return prefix + secrets.token_hex(12)


def make_call_id() -> str:
    """Nine letters and digits: what the strictest template takes, and what no client rewrites."""
    return "".join(secrets.choice(CALL_ID_LETTERS) for _ in range(9))
