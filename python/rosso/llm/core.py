"""The compiled model behind the seam of `engine.py`: one GGUF file on one device."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence

from rosso import _rosso
from rosso.llm.engine import Chosen, DeviceLost, MemoryPlan, ModelFacts, Sampling, Step

DEFAULT_CONTEXT = 32768


class LlmTokenizer:
    """The model's own tokeniser. See `engine.Tokenizer`."""

    def __init__(self, tokenizer: _rosso.Tokenizer):
        self._tokenizer = tokenizer
        self.size: int = tokenizer.size
        self.bos: int | None = tokenizer.bos
        self.eos: int | None = tokenizer.eos
        self.adds_bos: bool = tokenizer.adds_bos
        self.adds_eos: bool = tokenizer.adds_eos
        self.ends: frozenset[int] = frozenset(tokenizer.ends)
        self.special: Mapping[str, int] = tokenizer.special

    @classmethod
    def open(cls, path: str) -> LlmTokenizer:
        """Of a GGUF file; no weights are needed."""
        return cls(_rosso.Tokenizer(path))

    def encode(self, text: str, special: bool = False) -> list[int]:
        return self._tokenizer.encode(text.encode("utf-8", "surrogatepass"), special)

    def piece(self, token: int) -> bytes:
        return self._tokenizer.piece(token)

    def decode(self, tokens: Sequence[int]) -> bytes:
        return self._tokenizer.decode(list(tokens))


class LlmCore:
    """A model in memory. See `engine.Core`.

    `context` is that of each slot; 0 takes what the model was trained on, at most 32,768. The plan
    of all memory is made before anything is loaded: MemoryError says what does not fit.
    `embeddings` compiles a way to embed texts, which files that name a pooling have without.
    """

    def __init__(
        self,
        path: str,
        *,
        context: int = 0,
        slots: int = 4,
        chunk: int = 512,
        kv: str = "f16",
        device: str | None = None,
        threads: int = 0,
        exact: bool = False,
        no_cache: bool = False,
        embeddings: bool = False,
        name: str = "",
        progress: Callable[[str, int, int], None] | None = None,
    ):
        self._options = {
            "context": context,
            "slots": slots,
            "chunk": chunk,
            "kv": kv,
            "threads": threads,
            "exact": exact,
            "no_cache": no_cache,
            "embeddings": embeddings,
            "progress": progress,
        }
        if device is not None:
            self._options["device"] = device
        self._path = path
        self._llm = _rosso.Llm(path, **self._options)
        self.tokenizer = LlmTokenizer(self._llm.tokenizer)
        self.model = _facts(path, self._llm, name)
        self.memory = MemoryPlan(*self._llm.memory)
        self.device: str = self._llm.device
        self.context: int = self._llm.context
        self.slots: int = self._llm.slots
        self.chunk: int = self._llm.chunk
        self.embeds: bool = self._llm.embeds
        self.defaults = _defaults(self._llm.metadata())

    def run(self, steps: Sequence[Step]) -> list[list[Chosen]]:
        try:
            chosen = self._llm.run(steps)
        except _rosso.DeviceError as error:
            raise DeviceLost(str(error)) from error
        return [[Chosen(*token) for token in row] for row in chosen]

    def rewind(self, slot: int, length: int) -> int:
        return self._llm.rewind(slot, length)

    def copy(self, source: int, target: int, length: int) -> int:
        return self._llm.copy(source, target, length)

    def embed(self, slot: int, tokens: Sequence[int]) -> list[float]:
        try:
            return self._llm.embed(slot, list(tokens))
        except _rosso.DeviceError as error:
            raise DeviceLost(str(error)) from error

    @property
    def bytes_read(self) -> int:
        """Of results that the host has read from the device's memory."""
        return self._llm.bytes_read

    def recover(self) -> None:
        try:
            self._llm = None  # its memory first
            self._llm = _rosso.Llm(self._path, **self._options)
        except (_rosso.DeviceError, MemoryError) as error:
            raise DeviceLost(str(error)) from error

    def close(self) -> None:
        self._llm = None


def _facts(path: str, llm: _rosso.Llm, name: str) -> ModelFacts:
    metadata = llm.metadata()
    stat = os.stat(path)
    formats = llm.formats
    quantization = max(formats, key=formats.get).upper() if formats else ""
    # Names the file, not its content: reading gigabytes for a digest would take seconds.
    digest = hashlib.sha256(
        f"{os.path.realpath(path)}:{stat.st_size}:{stat.st_mtime_ns}".encode()
    ).hexdigest()
    return ModelFacts(
        name=name or os.path.basename(path).removesuffix(".gguf"),
        path=path,
        architecture=llm.architecture,
        family=llm.architecture,
        parameters=llm.parameters,
        quantization=quantization,
        size=stat.st_size,
        modified=stat.st_mtime,
        digest=digest,
        trained_context=llm.trained_context,
        chat_template=metadata.get("tokenizer.chat_template"),
        tool_template=metadata.get("tokenizer.chat_template.tool_use"),
        embedding_length=llm.width,
    )


def _defaults(metadata: Mapping[str, object]) -> Sampling:
    """What the file recommends (general.sampling.*), where it does."""
    found = {}
    for key, field in (
        ("temp", "temperature"),
        ("top_k", "top_k"),
        ("top_p", "top_p"),
        ("min_p", "min_p"),
        ("penalty_repeat", "repeat_penalty"),
    ):
        value = metadata.get(f"general.sampling.{key}")
        if isinstance(value, int | float):
            found[field] = int(value) if field == "top_k" else float(value)
    return Sampling(**found)
