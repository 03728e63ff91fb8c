"""The seam between the LLM application and what computes.

Everything above this file (templates, tool calls, the server) is written against the protocols
below and tested with a scripted core; the C++ engine is one implementation of `Core`.

    Core       one compiled model: slots that hold token sequences, and steps that extend them.
               Blocking; every call that computes gives up the GIL. Used by one thread only.
    Engine     requests over a core: a bounded queue, fair turns, kept prefixes, cancellation.
               `Scheduler` is the implementation. Used from an asyncio loop.
    Tokenizer  text <-> tokens of the model. Safe to use from any thread.

A token is an index of the vocabulary; a sequence is a list of them; a slot's sequence is what its
KV cache holds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class EngineError(RuntimeError):
    """What went wrong while a request ran; not the client's fault."""

    code = "engine_error"


class DeviceLost(EngineError):
    """The device failed or ran out of memory; the engine tries to reopen it."""

    code = "device_lost"


class ShuttingDown(EngineError):
    """The server was asked to end."""

    code = "shutting_down"


class QueueFull(EngineError):
    """As many requests wait as may wait."""

    code = "queue_full"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is chosen. The draw is a function of `seed` and the token's position alone, so
    that a reply does not depend on what else runs in the batch."""

    temperature: float = 0.8  # 0: greedy
    top_k: int = 40  # 0: all
    top_p: float = 0.95  # 1: all
    min_p: float = 0.05  # 0: all
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    penalty_window: int = 64  # tokens of the sequence that the penalties look at
    seed: int = 0  # below 2**64
    logit_bias: tuple[tuple[int, float], ...] = ()  # added to the logits of tokens
    logprobs: int | None = None  # alternatives to report beside the chosen token; None: nothing


@dataclass(frozen=True, slots=True)
class Step:
    """One row of a batch: `tokens` are appended to the slot's sequence.

    Without `sampling` nothing is chosen (a chunk of a prompt that is not its end). With it, one
    token is chosen to follow, among those whose bit is set in `mask`; the token is NOT appended.

    The last `draft` tokens are guesses: a token is chosen at each of them too, up to the first that
    differs from the guess, and guesses that were not confirmed leave the sequence again.
    """

    slot: int
    tokens: Sequence[int]
    sampling: Sampling | None = None
    mask: bytes | None = None  # bit t % 8 of byte t / 8: token t is allowed; at least size / 8 long
    draft: int = 0


@dataclass(frozen=True, slots=True)
class Chosen:
    """A chosen token. `logprob` and `top` are of the model's own distribution (before penalties,
    bias, mask and temperature), natural logarithms; filled in if `Sampling.logprobs` asks."""

    token: int
    logprob: float | None = None
    top: Sequence[tuple[int, float]] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of a prompt was read."""

    total: int  # tokens
    cached: int  # of which were there
    read: int  # of which are there now
    seconds: float  # since the reading began


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the file says of the model."""

    name: str
    path: str = ""
    architecture: str = ""
    family: str = ""
    parameters: int = 0
    quantization: str = ""
    size: int = 0  # bytes of the file
    modified: float = 0.0  # seconds since 1970
    digest: str = ""
    trained_context: int = 0
    chat_template: str | None = None
    tool_template: str | None = None  # of conversations with tools, where it is another
    embedding_length: int = 0


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bytes that the compiled program takes."""

    weights: int = 0
    kv: int = 0
    activations: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.kv + self.activations


class Tokenizer(Protocol):
    size: int  # of the vocabulary
    bos: int | None
    eos: int | None
    adds_bos: bool
    adds_eos: bool  # to texts that are embedded; a prompt goes on
    ends: frozenset[int]  # a model that samples one of these has ended its turn
    # Control and unknown tokens by their text; plain text never becomes one of these.
    special: Mapping[str, int]

    def encode(self, text: str, special: bool = False) -> list[int]:
        """The tokens of a text, without BOS and EOS. `special`: the text of a special token is
        that token; else it is plain text (user-defined tokens match in both cases)."""
        ...

    def piece(self, token: int) -> bytes:
        """The bytes that a token adds to a text that goes on; of a control token its name."""
        ...

    def decode(self, tokens: Sequence[int]) -> bytes:
        """The bytes of a whole text."""
        ...


class Core(Protocol):
    tokenizer: Tokenizer
    model: ModelFacts
    memory: MemoryPlan
    device: str  # "host, AMD EPYC 9555, 2 threads"
    defaults: Sampling  # the model's own, used where a request says nothing
    context: int  # tokens that a slot holds at most
    slots: int
    chunk: int  # tokens that one step takes at most
    embeds: bool  # whether `embed` works

    def run(self, steps: Sequence[Step]) -> list[list[Chosen]]:
        """Runs the rows as one batch -> of each row what was chosen: nothing, one token, or with
        `draft` up to 1 + draft. At most one row a slot. Gives up the GIL.

        Raises DeviceLost or MemoryError; no slot's sequence can be relied on then.
        """
        ...

    def rewind(self, slot: int, length: int) -> int:
        """Forgets what follows the first `length` tokens -> the tokens that remain, which are
        fewer where the model cannot go back to any point."""
        ...

    def copy(self, source: int, target: int, length: int) -> int:
        """The target's sequence becomes the first `length` tokens of the source's -> how many it
        holds; 0 where this device cannot copy."""
        ...

    def embed(self, slot: int, tokens: Sequence[int]) -> list[float]:
        """Appends tokens to the slot's sequence, all of which came by this way -> the vector of
        the whole text so far, of length 1. Gives up the GIL."""
        ...

    def recover(self) -> None:
        """Reopens a device that was lost; all slots are empty then. Raises DeviceLost."""
        ...

    def close(self) -> None: ...


class Constraint(Protocol):
    """Tells, token by token, what may come next. Called from the thread that drives the core."""

    def mask(self) -> bytes | None:
        """The tokens allowed now, as in `Step.mask`; None: all."""
        ...

    def commit(self, token: int) -> Sequence[int]:
        """Takes a chosen token -> tokens that must follow it, already committed."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the reply is complete and nothing may follow."""
        ...


@dataclass(slots=True)
class Request:
    prompt: Sequence[int]  # at least one token, fewer than the context
    sampling: Sampling
    most: int | None = None  # tokens to generate; None: until the context is full
    constraint: Constraint | None = None
    client: str = ""  # requests of one client wait for each other, not for those of others
    ignore_end: bool = False
    draft: int = 0  # tokens guessed by looking them up in the prompt; 0: no speculation
    id: str = ""
    embeds: bool = False  # the prompt's vector is wanted, and no token
    reuse: bool = True  # what a slot holds of the prompt already
    tells_progress: bool = False


@dataclass(slots=True)
class Timing:
    """Seconds by the monotonic clock; 0: not yet."""

    submitted: float = 0.0
    started: float = 0.0  # left the queue
    first: float = 0.0  # first token chosen
    ended: float = 0.0

    @property
    def prefill_s(self) -> float:
        return max(0.0, (self.first or self.ended) - self.started) if self.started else 0.0

    @property
    def decode_s(self) -> float:
        return max(0.0, self.ended - self.first) if self.first else 0.0


@dataclass(frozen=True, slots=True)
class SlotState:
    id: int
    busy: bool
    tokens: int  # held in the KV cache
    request: str = ""
    generated: int = 0


@dataclass(slots=True)
class Stats:
    """Sums since the start, and the state of now."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0  # of prompt_tokens: were in the KV cache already
    generated_tokens: int = 0
    prefill_s: float = 0.0
    decode_s: float = 0.0
    steps: int = 0
    rows: int = 0  # decoded; rows / steps is the average batch
    runs: int = 0  # of the device, also those that only read prompts
    longest: int = 0  # tokens that a slot has held
    drafts: int = 0  # steps with guesses
    guessed: int = 0  # tokens
    confirmed: int = 0  # of them
    waiting: int = 0
    running: int = 0
    cancelled: int = 0
    failures: int = 0
    recent: dict[str, float] = field(default_factory=dict)  # tokens/s: "prefill", "decode"


class Generation(Protocol):
    """A request that was taken: an asynchronous stream of tokens, without the one that ends the
    turn, and before them of Progress where it is asked for. Raises EngineError where the engine
    failed."""

    request: Request
    timing: Timing
    cached: int  # tokens of the prompt that were reused; known with the first token
    finish: str | None  # "stop" or "length" once the stream has ended, "cancelled" if cancelled

    def __aiter__(self) -> AsyncIterator[Chosen | Progress]: ...
    async def __anext__(self) -> Chosen | Progress: ...
    def cancel(self) -> None:
        """No more tokens; what the KV cache holds is kept. May be called at any time."""
        ...


class Engine(Protocol):
    tokenizer: Tokenizer
    model: ModelFacts
    memory: MemoryPlan
    device: str
    defaults: Sampling
    context: int
    embeds: bool

    def submit(self, request: Request) -> Generation:
        """Raises QueueFull, or EngineError where the device is lost."""
        ...

    async def embed(self, tokens: Sequence[int], client: str = "") -> list[float]:
        """The vector of a text, of length 1. Waits for its turn as a request does, and raises what
        `submit` and a generation raise."""
        ...

    def slots(self) -> list[SlotState]: ...
    def stats(self) -> Stats: ...
    def stop(self, error: EngineError) -> None:
        """Ends everything that runs or waits with `error`."""
        ...

    def close(self) -> None: ...
