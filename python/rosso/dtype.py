"""The element types of a tensor, their names, and how two of them meet."""

from __future__ import annotations

import dataclasses

from rosso import _rosso


@dataclasses.dataclass(frozen=True, eq=False)
class DType:
    """An element type. There is one object a type, so `is` and `==` agree."""

    priority: int
    bitsize: int
    name: str
    fmt: str | None
    _code: int = -1  # of the C++ type; -1 where there is none

    @property
    def itemsize(self) -> int:
        """Bytes an element takes."""
        return (self.bitsize + 7) // 8


# Priority, bits, C name, format of `struct`, number of the C++ type (support/DType.h).
_ROWS = {
    "bool": (0, 1, "bool", "?", 0),
    "int8": (1, 8, "signed char", "b", 1),
    "uint8": (2, 8, "unsigned char", "B", 5),
    "int16": (3, 16, "short", "h", 2),
    "uint16": (4, 16, "unsigned short", "H", 6),
    "int32": (5, 32, "int", "i", 3),
    "uint32": (6, 32, "unsigned int", "I", 7),
    "int64": (7, 64, "long", "q", 4),
    "uint64": (8, 64, "unsigned long", "Q", 8),
    "float16": (12, 16, "half", "e", 9),
    "bfloat16": (13, 16, "__bf16", None, 10),
    "float32": (14, 32, "float", "f", 11),
    "float64": (15, 64, "double", "d", 12),
}


class dtypes:  # noqa: N801
    """The namespace of the types: `dtypes.float32`, `dtypes.int`, `dtypes.default_float`."""

    bool = DType(*_ROWS["bool"])
    int8 = char = DType(*_ROWS["int8"])
    uint8 = uchar = DType(*_ROWS["uint8"])
    int16 = short = DType(*_ROWS["int16"])
    uint16 = ushort = DType(*_ROWS["uint16"])
    int32 = int = DType(*_ROWS["int32"])
    uint32 = uint = DType(*_ROWS["uint32"])
    int64 = long = DType(*_ROWS["int64"])
    uint64 = ulong = DType(*_ROWS["uint64"])
    float16 = half = DType(*_ROWS["float16"])
    bfloat16 = DType(*_ROWS["bfloat16"])
    float32 = float = DType(*_ROWS["float32"])
    float64 = double = DType(*_ROWS["float64"])
    default_float = float32
    default_int = int32


DTypeLike = str | DType


def to_dtype(dtype: DTypeLike) -> DType:
    """The type itself, or the one of that name."""
    return dtype if isinstance(dtype, DType) else getattr(dtypes, dtype.lower())


_rosso.set_dtypes(
    sorted(
        (v for k, v in vars(dtypes).items() if isinstance(v, DType) and k in _ROWS),
        key=lambda dtype: dtype._code,
    )
)
