"""Small things that programs around tensors share: settings, counters, downloads."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pathlib
import tempfile
import time
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from rosso import _rosso
from rosso.dtype import dtypes

T = TypeVar("T")


@functools.cache
def getenv(key: str, default: Any = 0) -> Any:
    """A variable of the environment in the type of its default; read once."""
    return type(default)(os.environ.get(key, default))


class ContextVar(Generic[T]):
    """A setting with a name, from the environment or its default; `Context` changes it.

    Errors: RuntimeError where a setting of that name exists.
    """

    _known: ClassVar[dict[str, ContextVar]] = {}

    def __init__(self, key: str, default: T) -> None:
        if key in ContextVar._known:
            raise RuntimeError(f"the setting {key} exists already")
        self.key = key
        self.value: T = getenv(key, default)
        ContextVar._known[key] = self

    def __bool__(self) -> bool:
        return bool(self.value)

    def __eq__(self, other: object) -> bool:
        return self.value == other

    def __hash__(self) -> int:
        return hash(self.key)

    def __ge__(self, other: Any) -> bool:
        return self.value >= other

    def __gt__(self, other: Any) -> bool:
        return self.value > other

    def __lt__(self, other: Any) -> bool:
        return self.value < other


class _DefaultType(ContextVar):
    """DEFAULT_FLOAT and DEFAULT_INT: a look at `dtypes.default_float` and `default_int`."""

    def __init__(self, key: str, field: str) -> None:
        self.key, self.field = key, field
        ContextVar._known[key] = self
        if key in os.environ:
            self.value = os.environ[key]

    @property
    def value(self) -> Any:
        return getattr(dtypes, self.field)

    @value.setter
    def value(self, dtype: Any) -> None:
        setattr(dtypes, self.field, dtype)


DEBUG = ContextVar("DEBUG", 0)
JIT = ContextVar("JIT", 1)  # 0: functions under TinyJit run as usual
TRAINING = ContextVar("TRAINING", 0)
DEFAULT_FLOAT = _DefaultType("DEFAULT_FLOAT", "default_float")
DEFAULT_INT = _DefaultType("DEFAULT_INT", "default_int")


class Context(contextlib.ContextDecorator):
    """Settings for the length of a block: `with Context(DEFAULT_FLOAT="float16"): ...`.

    Settings of tinygrad that tune its own compiler are accepted and change nothing.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self._before: list[dict[str, Any]] = []

    def __enter__(self) -> Context:
        known = ContextVar._known
        for key, value in self.settings.items():
            if key not in known:
                ContextVar(key, type(value)() if isinstance(value, (int, str)) else value)
        self._before.append({key: known[key].value for key in self.settings})
        for key, value in self.settings.items():
            known[key].value = value
        return self

    def __exit__(self, *exception: Any) -> None:
        for key, value in self._before.pop().items():
            ContextVar._known[key].value = value


class _Counters(type):
    """What has run, less what had when `reset` was called."""

    _before = (0, 0, 0, 0)

    def _count(cls, index: int) -> int:
        return _rosso.run_counters()[index] - cls._before[index]

    @property
    def kernel_count(cls) -> int:
        return cls._count(0)

    @property
    def global_mem(cls) -> int:
        return cls._count(1)

    @property
    def global_ops(cls) -> int:
        return cls._count(2)

    @property
    def time_sum_s(cls) -> float:
        return cls._count(3) / 1e9

    @property
    def mem_used(cls) -> int:
        return _rosso.host_memory_used()


class GlobalCounters(metaclass=_Counters):
    """What has run since `reset`: `kernel_count`, `global_ops` (multiply-adds count two),
    `global_mem` (bytes moved) and `time_sum_s`, of tensors and recorded functions; `mem_used`, the
    bytes that tensors hold on the host now.
    """

    @staticmethod
    def reset() -> None:
        """All counters become zero."""
        GlobalCounters._before = _rosso.run_counters()


class Timing(contextlib.ContextDecorator):
    """Prints how long a block took."""

    def __init__(self, prefix: str = "", on_exit: Any = None, enabled: bool = True) -> None:
        self.prefix, self.on_exit, self.enabled = prefix, on_exit, enabled

    def __enter__(self) -> Timing:
        self.st = time.perf_counter_ns()
        return self

    def __exit__(self, *exception: Any) -> None:
        self.et = time.perf_counter_ns() - self.st
        if self.enabled:
            more = self.on_exit(self.et) if self.on_exit else ""
            print(f"{self.prefix}{self.et * 1e-6:6.2f} ms{more}")


def prod(x: Iterable[Any]) -> Any:
    """The product; 1 of nothing. Takes extents that depend on variables."""
    return functools.reduce(lambda a, b: a * b, x, 1)


def argfix(*x: Any) -> tuple[Any, ...]:
    """Arguments given one by one or as one tuple or list."""
    if x and type(x[0]) in (tuple, list):
        if len(x) != 1:
            raise ValueError(f"expected one sequence or single values: {x}")
        return tuple(x[0])
    return x


def all_int(t: Sequence[Any]) -> bool:
    """Whether all are integers, none depends on variables."""
    return all(isinstance(x, int) for x in t)


def all_same(items: Sequence[Any]) -> bool:
    """Whether all are equal; so is nothing."""
    return all(x == items[0] for x in items)


def flatten(lists: Iterable[Iterable[T]]) -> list[T]:
    """The elements of lists, one level down."""
    return [item for part in lists for item in part]


def dedup(x: Iterable[T]) -> list[T]:
    """Each value once, in order."""
    return list(dict.fromkeys(x))


def ceildiv(num: Any, amt: int) -> Any:
    """The quotient rounded up."""
    return -(num // -amt)


def round_up(num: int, amt: int) -> int:
    """The next multiple."""
    return ceildiv(num, amt) * amt


def make_tuple(x: int | Sequence[int], count: int) -> tuple[int, ...]:
    """One value for each of `count`, or those given."""
    return (x,) * count if isinstance(x, int) else tuple(x)


def temp(name: str) -> str:
    """The path of a temporary file."""
    return (pathlib.Path(tempfile.gettempdir()) / name).as_posix()


def fetch(url: str, name: str | None = None, gunzip: bool = False) -> pathlib.Path:
    """The path of a file downloaded once, in $XDG_CACHE_HOME/rosso or ~/.cache/rosso.

    Errors: OSError where it cannot be downloaded.
    """
    if url.startswith(("/", ".")):
        return pathlib.Path(url)
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    key = name or hashlib.sha256(url.encode()).hexdigest() + (".gunzip" if gunzip else "")
    path = cache / "rosso" / "downloads" / key
    if path.is_file():
        return path
    import gzip
    import shutil
    import urllib.request

    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        urllib.request.urlopen(url, timeout=30) as response,
        tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file,
    ):
        shutil.copyfileobj(gzip.GzipFile(fileobj=response) if gunzip else response, file)
    os.replace(file.name, path)
    return path


def colored(text: Any, color: str | None, background: bool = False) -> str:
    """Text in a colour of the terminal."""
    colors = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"]
    if color is None or os.environ.get("NO_COLOR"):
        return str(text)
    bright = 60 if color.isupper() else 0
    code = (40 if background else 30) + bright + colors.index(color.lower())
    return f"\x1b[{code}m{text}\x1b[0m"
