"""A small writer of GGUF version 3 files with 32-bit float tensors."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

ALIGNMENT = 32
TYPE_U32, TYPE_I32, TYPE_F32, TYPE_BOOL, TYPE_STRING, TYPE_ARRAY = 4, 5, 6, 7, 8, 9
TENSOR_F32 = 0

Value = bool | int | float | str | list[int] | list[str]


def _string(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def _value(value: Value) -> bytes:
    """Encode a metadata value: its type code, then its content."""
    if isinstance(value, bool):
        return struct.pack("<I?", TYPE_BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", TYPE_U32, value)
    if isinstance(value, float):
        return struct.pack("<If", TYPE_F32, value)
    if isinstance(value, str):
        return struct.pack("<I", TYPE_STRING) + _string(value)
    if value and isinstance(value[0], str):
        body = b"".join(_string(str(item)) for item in value)
        return struct.pack("<IIQ", TYPE_ARRAY, TYPE_STRING, len(value)) + body
    body = struct.pack(f"<{len(value)}i", *value)
    return struct.pack("<IIQ", TYPE_ARRAY, TYPE_I32, len(value)) + body


def write_gguf(
    path: Path, metadata: Mapping[str, Value], tensors: Mapping[str, np.ndarray]
) -> None:
    """Write a GGUF file beside its final place, then rename it there in one step."""
    header = bytearray(struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata)))
    for key, value in metadata.items():
        header += _string(key) + _value(value)
    offset = 0
    for name, array in tensors.items():
        dimensions = array.shape[::-1]  # GGUF names the innermost dimension first
        header += _string(name) + struct.pack("<I", len(dimensions))
        header += struct.pack(f"<{len(dimensions)}Q", *dimensions)
        header += struct.pack("<IQ", TENSOR_F32, offset)
        offset += -(-array.size * 4 // ALIGNMENT) * ALIGNMENT
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(header)
        for array in tensors.values():
            file.write(bytes(-file.tell() % ALIGNMENT))
            file.write(np.ascontiguousarray(array, dtype="<f4").tobytes())
        file.write(bytes(-file.tell() % ALIGNMENT))
    temporary.replace(path)
