"""Weights of models: by name out of objects and back, and from and to files.

Files are mapped, not read: a tensor of one costs nothing until its values are used.
"""

from __future__ import annotations

import io
import json
import math
import pathlib
from collections.abc import Iterable
from typing import Any, BinaryIO

from rosso import _rosso
from rosso.dtype import dtypes
from rosso.helpers import DEBUG, Timing, round_up
from rosso.tensor import Tensor

# --- objects ---


def get_state_dict(obj: Any, prefix: str = "", tensor_type: type = Tensor) -> dict[str, Tensor]:
    """The tensors of an object by their names: attributes, and keys and positions of containers.

    >>> class Net:
    ...     def __init__(self):
    ...         self.layers = [Tensor([1]), Tensor([2])]
    >>> list(get_state_dict(Net()))
    ['layers.0', 'layers.1']
    """
    if isinstance(obj, tensor_type):
        return {prefix.strip("."): obj}
    if hasattr(obj, "_asdict"):  # a named tuple
        parts = obj._asdict().items()
    elif isinstance(obj, dict):
        parts = obj.items()
    elif hasattr(obj, "__dict__") and not isinstance(obj, type):
        parts = vars(obj).items()
    elif isinstance(obj, (list, tuple)):
        parts = enumerate(obj)
    else:
        return {}
    found: dict[str, Tensor] = {}
    for name, part in parts:
        found.update(get_state_dict(part, f"{prefix}{name}.", tensor_type))
    return found


def get_parameters(obj: Any) -> list[Tensor]:
    """The tensors of an object."""
    return list(get_state_dict(obj).values())


def load_state_dict(
    model: Any,
    state_dict: dict[str, Tensor],
    strict: bool = True,
    verbose: bool = True,
    consume: bool = False,
    realize: bool = True,
) -> list[Tensor]:
    """Puts the tensors of `state_dict` in the places of the model's, and returns them.

    `strict`: every tensor of the model must be there. `verbose` prints the time. `consume` takes
    them out of `state_dict`, so that memory is free as soon as possible. `realize` computes them.
    Errors: KeyError where one is missing, ValueError where a shape differs.
    """
    loaded: list[Tensor] = []
    with Timing("loaded weights in ", lambda ns: f", {_gigabytes(loaded):.2f} GB", verbose):
        wanted = get_state_dict(model)
        unused = sorted(state_dict.keys() - wanted.keys())
        if DEBUG and unused:
            print("warning: unused weights", unused)
        for name, t in wanted.items():
            if name not in state_dict and not strict:
                if DEBUG:
                    print("warning: not loaded:", name)
                continue
            found = state_dict[name]
            if t.shape != found.shape:
                if {t.shape, found.shape} != {(), (1,)}:
                    raise ValueError(f"{name}: shape {found.shape}; the model expects {t.shape}")
                found = found.reshape(t.shape)
            t.replace(found.to(t.device))
            if realize:
                t.realize()
            if consume:
                del state_dict[name]
            loaded.append(t)
    return loaded


def _gigabytes(tensors: list[Tensor]) -> float:
    return sum(t.nbytes() for t in tensors) / 1e9


# --- bytes ---


class TensorIO(io.RawIOBase, BinaryIO):
    """The bytes of a tensor [N] of uint8 as a file to read.

    Errors: ValueError for other tensors.
    """

    def __init__(self, t: Tensor) -> None:
        if t.ndim != 1 or t.dtype is not dtypes.uint8:
            raise ValueError(f"TensorIO of {t}: expected one axis of uint8")
        self._content = memoryview(t.data())
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._content[self._position : self._position + len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def read(self, size: int = -1) -> bytes:
        return super().read(size) or b""

    def seek(self, offset: int, whence: int = 0) -> int:
        start = (0, self._position, len(self._content))[whence]
        self._position = min(len(self._content), max(0, start + offset))
        return self._position

    def __enter__(self) -> TensorIO:
        return self

    def write(self, s: Any) -> int:
        raise io.UnsupportedOperation("TensorIO: a tensor is read only")

    def writelines(self, lines: Iterable[Any]) -> None:
        raise io.UnsupportedOperation("TensorIO: a tensor is read only")


def content_of(fn: Tensor | str | pathlib.Path) -> Tensor:
    """The bytes of a file, mapped, or what the caller has of it."""
    return fn if isinstance(fn, Tensor) else Tensor(pathlib.Path(fn))


# --- safetensors ---

# Source: huggingface/safetensors, the section "Format" of its README: eight bytes with the length
# of a JSON header, the header, the data.
safe_dtypes = {
    "BOOL": dtypes.bool,
    "I8": dtypes.int8,
    "U8": dtypes.uint8,
    "I16": dtypes.int16,
    "U16": dtypes.uint16,
    "I32": dtypes.int32,
    "U32": dtypes.uint32,
    "I64": dtypes.int64,
    "U64": dtypes.uint64,
    "F8_E4M3": dtypes.fp8e4m3,
    "F8_E5M2": dtypes.fp8e5m2,
    "F16": dtypes.float16,
    "BF16": dtypes.bfloat16,
    "F32": dtypes.float32,
    "F64": dtypes.float64,
}
inverse_safe_dtypes = {dtype: name for name, dtype in safe_dtypes.items()}


def safe_load_metadata(fn: Tensor | str | pathlib.Path) -> tuple[Tensor, int, dict[str, Any]]:
    """Of a safetensors file: its bytes, where the data begins, and the header.

    Errors: ValueError where it is no safetensors file.
    """
    t = content_of(fn)
    content = t.data()
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        raise ValueError(f"{fn}: {len(content)} bytes, and no safetensors header fits in them")
    try:
        header = json.loads(bytes(content[8 : 8 + length]))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{fn}: the safetensors header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise ValueError(f"{fn}: the safetensors header is {header!r}; expected an object")
    return t, 8 + length, header


def is_entry(entry: Any) -> bool:
    """Whether a header says of a tensor what it must."""

    def is_count(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0

    def is_counts(value: Any) -> bool:
        return isinstance(value, list) and all(is_count(each) for each in value)

    return (
        isinstance(entry, dict)
        and isinstance(entry.get("dtype"), str)
        and is_counts(entry.get("shape"))
        and is_counts(entry.get("data_offsets"))
        and len(entry["data_offsets"]) == 2
    )


def safe_load(fn: Tensor | str | pathlib.Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name, on the host, over its memory.

    Errors: ValueError for a file that is not whole, NotImplementedError for element types.
    """
    t, begin, header = safe_load_metadata(fn)
    content = t.data()
    memory = Tensor._wrap(
        _rosso.Tensor.from_buffer(content, (len(content),), dtypes.uint8, "host", False)
    )
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if not is_entry(entry):
            raise ValueError(
                f"{fn}: {name}: {entry!r}; expected dtype, shape and data_offsets in the header"
            )
        dtype = safe_dtypes.get(entry["dtype"])
        if dtype is None or dtype._code < 0:
            raise NotImplementedError(f"{fn}: {name}: element type {entry['dtype']}")
        first, last = (begin + offset for offset in entry["data_offsets"])
        if last > len(content) or last - first != math.prod(entry["shape"]) * dtype.itemsize:
            raise ValueError(f"{fn}: {name}: {last - first} bytes for {entry}")
        if first % 16 == 0 or dtype is dtypes.bool or first == last:
            lent = _rosso.Tensor.from_buffer(
                content[first:last], entry["shape"], dtype, "host", False
            )
            tensors[name] = Tensor._wrap(lent)
        else:  # programs read memory at multiples of 16 bytes: copied when it is used
            tensors[name] = memory[first:last].bitcast(dtype).reshape(entry["shape"])
    return tensors


def safe_save(
    tensors: dict[str, Tensor], fn: str | pathlib.Path, metadata: dict[str, Any] | None = None
) -> None:
    """Writes tensors to a safetensors file; `metadata` are strings by name.

    Errors: ValueError for weak types, OSError from the file system.
    """
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    offset = 0
    for name, t in tensors.items():
        if t.dtype in dtypes.weaks:
            raise ValueError(f"{name}: {t.dtype} has no memory format; cast it")
        places = [offset, offset + t.nbytes()]
        header[name] = {
            "dtype": inverse_safe_dtypes[t.dtype],
            "shape": list(t.shape),
            "data_offsets": places,
        }
        offset = places[1]
    text = json.dumps(header, separators=(",", ":")).encode()
    text = text.ljust(round_up(len(text), 8))
    path = pathlib.Path(fn)
    if tensors:
        first, *others = tensors.values()
        first.realize(*others)
    unfinished = path.with_name(path.name + ".part")  # the old file may be mapped by these tensors
    with open(unfinished, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for t in tensors.values():
            if 0 not in t.shape:
                file.write(t._memory())
    unfinished.replace(path)


# Other formats, by their names here.
from rosso.nn.archives import tar_extract, torch_load, zip_extract  # noqa: E402, F401
from rosso.nn.gguf import gguf_load  # noqa: E402, F401
