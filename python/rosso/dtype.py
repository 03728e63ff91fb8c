"""The element types of a tensor, their names, how two of them meet, and how numbers fit in them.

Types meet in a lattice (`least_upper_dtype`): bool, then the integers by width, then the floats by
precision. A number written in Python is weak: `weakint` and `weakfloat` give way to any type that
can hold its kind of number, and become `default_int` and `default_float` where they get memory.
Source of the lattice: JAX's type promotion (JEP 9407), as tinygrad applies it.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import math
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rosso import _rosso

if TYPE_CHECKING:
    import numpy
    import torch


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class DType:
    """An element type. There is one object a type, so `is` and `==` agree.

    `name` is C's, `fmt` the letter of `struct` or None where it has none.
    """

    priority: int  # rank in the lattice
    bitsize: int
    name: str
    fmt: str | None
    # Where tensors of this type are computed: the number of the C++ type, -1 if there is none.
    _code: int = -1

    @property
    def itemsize(self) -> int:
        """Bytes an element takes."""
        return (self.bitsize + 7) // 8

    @property
    def min(self) -> int | float | bool:
        """The least value; -inf for floats."""
        if dtypes.is_int(self):
            return 0 if dtypes.is_unsigned(self) else -(1 << (self.bitsize - 1))
        return -math.inf if dtypes.is_float(self) else False

    @property
    def max(self) -> int | float | bool:
        """The greatest value; inf for floats."""
        if dtypes.is_int(self):
            return self.min + (1 << self.bitsize) - 1
        return math.inf if dtypes.is_float(self) else True

    def const(self, value: Any) -> int | float | bool:
        """A Python number as a constant of this type: floats rounded, the rest converted."""
        if dtypes.is_float(self):
            return truncate.get(self, float)(float(value))
        return bool(value) if self is dtypes.bool else int(value)

    def __lt__(self, other: DType) -> bool:
        return (self.priority, self.bitsize, self.name) < (
            other.priority,
            other.bitsize,
            other.name,
        )

    def __repr__(self) -> str:
        return f"dtypes.{_SHORT_NAMES[self.name]}"

    def __reduce__(self) -> Any:
        return to_dtype, (_SHORT_NAMES[self.name],)


_CODES = {name: code for code, name in enumerate(_rosso.dtype_names())}


def _row(priority: int, bitsize: int, name: str, fmt: str | None, code: str = "") -> DType:
    return DType(priority, bitsize, name, fmt, _CODES.get(code, -1))


class DTypes:
    """The namespace of the types, `rosso.dtypes`: `dtypes.float32`, `dtypes.is_int(t)`.

    `default_float` and `default_int` are what lists of Python numbers become; both can be set.
    """

    void = _row(-1, 0, "void", None)
    weakint = _row(0, 800, "weakint", None)
    bool = _row(0, 1, "bool", "?", "bool")
    int8 = char = _row(1, 8, "signed char", "b", "i8")
    uint8 = uchar = _row(2, 8, "unsigned char", "B", "u8")
    int16 = short = _row(3, 16, "short", "h", "i16")
    uint16 = ushort = _row(4, 16, "unsigned short", "H", "u16")
    int32 = int = _row(5, 32, "int", "i", "i32")
    uint32 = uint = _row(6, 32, "unsigned int", "I", "u32")
    int64 = long = _row(7, 64, "long", "q", "i64")
    uint64 = ulong = _row(8, 64, "unsigned long", "Q", "u64")
    weakfloat = _row(9, 800, "weakfloat", None)
    fp8e4m3 = _row(10, 8, "float8_e4m3", None, "f8e4m3")
    fp8e5m2 = _row(11, 8, "float8_e5m2", None, "f8e5m2")
    fp8e4m3fnuz = _row(10, 8, "float8_e4m3fnuz", None, "f8e4m3fnuz")
    fp8e5m2fnuz = _row(11, 8, "float8_e5m2fnuz", None, "f8e5m2fnuz")
    float16 = half = _row(12, 16, "half", "e", "f16")
    bfloat16 = _row(13, 16, "__bf16", None, "bf16")
    float32 = float = _row(14, 32, "float", "f", "f32")
    float64 = double = _row(15, 64, "double", "d", "f64")

    fp8_ocp = (fp8e4m3, fp8e5m2)
    fp8_fnuz = (fp8e4m3fnuz, fp8e5m2fnuz)
    fp8s = fp8_ocp + fp8_fnuz
    floats = (*fp8s, float16, bfloat16, float32, float64)
    uints = (uint8, uint16, uint32, uint64)
    sints = (int8, int16, int32, int64)
    ints = uints + sints
    int8s = (uint8, int8)
    int16s = (uint16, int16)
    int32s = (uint32, int32)
    int64s = (uint64, int64)
    weaks = (weakint, weakfloat)
    all = (*floats, *ints, bool)

    _default_float = float32
    _default_int = int32

    @property
    def default_float(self) -> DType:
        """The type of Python floats that get memory."""
        return self._default_float

    @default_float.setter
    def default_float(self, dtype: DTypeLike) -> None:
        wanted = to_dtype(dtype)
        if wanted not in self.floats:
            raise ValueError(f"{wanted} is not a float type")
        DTypes._default_float = wanted
        _rosso.set_default_dtypes(self._default_float, self._default_int)

    @property
    def default_int(self) -> DType:
        """The type of Python integers that get memory."""
        return self._default_int

    @default_int.setter
    def default_int(self, dtype: DTypeLike) -> None:
        wanted = to_dtype(dtype)
        if wanted not in self.ints:
            raise ValueError(f"{wanted} is not an integer type")
        DTypes._default_int = wanted
        _rosso.set_default_dtypes(self._default_float, self._default_int)

    @staticmethod
    def is_float(dtype: DType) -> bool:
        """Whether the type holds floats, weak ones included."""
        return dtype.priority >= 9

    @staticmethod
    def is_int(dtype: DType) -> bool:
        """Whether the type holds integers, weak ones included; bool does not."""
        return 1 <= dtype.priority <= 8 or dtype is dtypes.weakint

    @staticmethod
    def is_unsigned(dtype: DType) -> bool:
        """Whether the type holds integers without a sign."""
        return dtype in dtypes.uints

    @staticmethod
    def is_bool(dtype: DType) -> bool:
        """Whether the type is bool."""
        return dtype is dtypes.bool

    @staticmethod
    def from_py(x: Any) -> DType:
        """The type of a Python number, weak, or of a list of them, strong.

        Errors: RuntimeError for anything else.
        """
        for kind, dtype in ((bool, "bool"), (float, "weakfloat"), (int, "weakint")):
            if isinstance(x, kind):  # bool before int, whose subclass it is
                return getattr(dtypes, dtype)
        if isinstance(x, (list, tuple)):
            return strong_dtype(max(map(dtypes.from_py, x))) if x else dtypes.default_float
        raise RuntimeError(f"{x!r} of {type(x)} has no element type")

    @staticmethod
    def min(dtype: DType) -> int | float | bool:
        """The least value of a type."""
        return dtype.min

    @staticmethod
    def max(dtype: DType) -> int | float | bool:
        """The greatest value of a type."""
        return dtype.max

    @staticmethod
    def as_const(value: Any, dtype: DType) -> int | float | bool:
        """A Python number as a constant of a type."""
        return dtype.const(value)

    @staticmethod
    def finfo(dtype: DType) -> tuple[int, int]:
        """Bits of the exponent and of the mantissa. Errors: ValueError if it is not a float."""
        if dtype not in _FLOAT_BITS:
            raise ValueError(f"{dtype} is not a float type")
        return _FLOAT_BITS[dtype]

    @staticmethod
    def fields() -> dict[str, DType]:
        """Every concrete type by each of its names."""
        return dict(DTYPES_DICT)


dtypes = DTypes()

DTypeLike = str | DType
DTYPES_DICT = {
    name: dtype
    for name, dtype in vars(DTypes).items()
    if isinstance(dtype, DType) and not name.startswith(("_", "weak", "void"))
}
# The last alias of each C name: "int" of "int", "half" of "half".
_SHORT_NAMES = {dtype.name: name for name, dtype in DTYPES_DICT.items()} | {
    name: name for name in ("void", "weakint", "weakfloat")
}
_FLOAT_BITS = {
    dtypes.float16: (5, 10),
    dtypes.bfloat16: (8, 7),
    dtypes.float32: (8, 23),
    dtypes.float64: (11, 52),
    dtypes.fp8e4m3: (4, 3),
    dtypes.fp8e5m2: (5, 2),
    dtypes.fp8e4m3fnuz: (4, 3),
    dtypes.fp8e5m2fnuz: (5, 2),
}
_rosso.set_dtypes(
    {dtype._code: dtype for dtype in DTYPES_DICT.values() if dtype._code >= 0},
    dtypes.weakint,
    dtypes.weakfloat,
)


def to_dtype(dtype: DTypeLike) -> DType:
    """The type itself, or the one of that name."""
    return dtype if isinstance(dtype, DType) else getattr(dtypes, dtype.lower())


def strong_dtype(dtype: DType) -> DType:
    """What a weak type becomes where it gets memory; other types are themselves."""
    if dtype is dtypes.weakint:
        return dtypes.default_int
    return dtypes.default_float if dtype is dtypes.weakfloat else dtype


def weak_dtype(dtype: DType) -> DType:
    """The weak type of the same kind of number; bool is itself."""
    if dtypes.is_float(dtype):
        return dtypes.weakfloat
    return dtypes.weakint if dtypes.is_int(dtype) else dtype


# --- how types meet ---

# From each type the next greater ones.
promo_lattice: dict[DType, list[DType]] = {
    dtypes.bool: [dtypes.weakint],
    dtypes.weakint: [dtypes.int8, dtypes.uint8],
    dtypes.int8: [dtypes.int16],
    dtypes.int16: [dtypes.int32],
    dtypes.int32: [dtypes.int64],
    dtypes.uint8: [dtypes.int16, dtypes.uint16],
    dtypes.uint16: [dtypes.int32, dtypes.uint32],
    dtypes.uint32: [dtypes.int64, dtypes.uint64],
    dtypes.int64: [dtypes.weakfloat],
    dtypes.uint64: [dtypes.weakfloat],
    dtypes.weakfloat: list(dtypes.fp8s),
    **{fp8: [dtypes.float16, dtypes.bfloat16] for fp8 in dtypes.fp8s},
    dtypes.float16: [dtypes.float32],
    dtypes.bfloat16: [dtypes.float32],
    dtypes.float32: [dtypes.float64],
    dtypes.float64: [],
}


@functools.cache
def _above(dtype: DType) -> frozenset[DType]:
    """The type and all that are greater."""
    return frozenset({dtype}).union(*map(_above, promo_lattice[dtype]))


@functools.cache
def least_upper_dtype(*types: DType) -> DType:
    """The least type that holds all of these."""
    return min(frozenset.intersection(*map(_above, types)))


def least_upper_float(dtype: DType) -> DType:
    """The float type that a function such as sqrt gives for this one."""
    if dtypes.is_float(dtype):
        return dtype
    if dtype is dtypes.weakint:
        return dtypes.weakfloat
    return least_upper_dtype(dtype, dtypes.default_float)


def sum_acc_dtype(dtype: DType) -> DType:
    """The type a sum accumulates in: at least 32 bits."""
    if dtypes.is_unsigned(dtype):
        return least_upper_dtype(dtype, dtypes.uint32)
    if dtypes.is_int(dtype) or dtype is dtypes.bool:
        return least_upper_dtype(dtype, dtypes.int32)
    return least_upper_dtype(dtype, dtypes.float32)


def _significant_bits(dtype: DType) -> int:
    """How long an integer may be that the type holds exactly."""
    if dtype in _FLOAT_BITS:
        return _FLOAT_BITS[dtype][1] + 1
    return dtype.bitsize - (not dtypes.is_unsigned(dtype))


@functools.cache
def can_lossless_cast(source: DType, to: DType) -> bool:
    """Whether every value of `source` is one of `to`. As in tinygrad nothing but bool fits in the
    8-bit floats and in bfloat16, and any integer fits in `weakint`.
    """
    if source is to or source is dtypes.bool:
        return True
    if to is dtypes.weakint:
        return source in dtypes.ints
    if to in (dtypes.float16, dtypes.float32, dtypes.float64):
        if source in (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64):
            pairs = zip(_FLOAT_BITS[to], _FLOAT_BITS[source])
            return all(wanted >= found for wanted, found in pairs)
        return source not in dtypes.weaks and _significant_bits(to) >= _significant_bits(source)
    if source not in dtypes.ints or to not in dtypes.ints:
        return False
    signed = not dtypes.is_unsigned(source)
    if signed and dtypes.is_unsigned(to):
        return False
    return _significant_bits(to) >= _significant_bits(source)


# --- how numbers fit ---


def float_to_fp16(x: float) -> float:
    """The nearest half, as a float; infinite beyond the greatest."""
    try:
        return struct.unpack("e", struct.pack("e", float(x)))[0]
    except OverflowError:
        return math.copysign(math.inf, x)


def float_to_bf16(x: float) -> float:
    """The nearest bfloat16 (half to even), as a float."""
    if not math.isfinite(x):
        return x
    bits = struct.unpack("I", struct.pack("f", ctypes.c_float(x).value))[0]
    bits += 0x7FFF + ((bits >> 16) & 1)
    return struct.unpack("f", struct.pack("I", bits & 0xFFFF0000))[0]


# Exponent bias and greatest finite value. Source: OCP 8-bit floating point specification 1.0; the
# "fnuz" variants (one NaN, no -0) as in LLVM's APFloat.
_FP8 = {
    dtypes.fp8e4m3: (7, 448.0),
    dtypes.fp8e5m2: (15, 57344.0),
    dtypes.fp8e4m3fnuz: (8, 240.0),
    dtypes.fp8e5m2fnuz: (16, 57344.0),
}


def float_to_fp8(x: float, dtype: DType) -> int:
    """The byte of the nearest value, half to even; finite numbers saturate.

    Where the format has no infinity it gives NaN.
    """
    bias, greatest = _FP8[dtype]
    mantissa_bits = _FLOAT_BITS[dtype][1]
    fnuz = dtype in dtypes.fp8_fnuz
    sign = 0x80 if math.copysign(1, x) < 0 else 0
    if not math.isfinite(x):
        if fnuz:
            return 0x80
        return sign | (0x7C if dtype is dtypes.fp8e5m2 and math.isinf(x) else 0x7F)
    if x == 0:
        return 0 if fnuz else sign
    nearest = min(abs(x), greatest)
    exponent = max(math.frexp(nearest)[1] - 1, 1 - bias)
    steps = round(math.ldexp(nearest, mantissa_bits - exponent))
    # A step count of one more bit carries into the exponent, as it should.
    code = ((exponent + bias - 1) << mantissa_bits) + steps
    if fnuz and code == 0:
        return 0
    return sign | code


def fp8_to_float(x: int, dtype: DType) -> float:
    """The value of a byte."""
    bias, _ = _FP8[dtype]
    mantissa_bits = _FLOAT_BITS[dtype][1]
    magnitude = x & 0x7F
    sign = -1.0 if x & 0x80 else 1.0
    if dtype in dtypes.fp8_fnuz:
        if x == 0x80:
            return math.nan
    elif dtype is dtypes.fp8e4m3 and magnitude == 0x7F:
        return math.copysign(math.nan, sign)
    elif dtype is dtypes.fp8e5m2 and magnitude >= 0x7C:
        return math.copysign(math.inf if magnitude == 0x7C else math.nan, sign)
    exponent, mantissa = magnitude >> mantissa_bits, magnitude & ((1 << mantissa_bits) - 1)
    if exponent:
        mantissa += 1 << mantissa_bits
    return sign * math.ldexp(mantissa, max(exponent, 1) - bias - mantissa_bits)


# A Python number as the nearest value of a type.
truncate: dict[DType, Callable[[Any], Any]] = {
    dtypes.bool: bool,
    dtypes.float16: float_to_fp16,
    dtypes.bfloat16: lambda x: float_to_bf16(float(x)),
    dtypes.float32: lambda x: ctypes.c_float(x).value,
    dtypes.float64: lambda x: ctypes.c_double(x).value,
    **{t: lambda x, t=t: fp8_to_float(float_to_fp8(x, t), t) for t in dtypes.fp8s},
    **{t: lambda x, t=t: (int(x) - t.min) % (1 << t.bitsize) + t.min for t in dtypes.ints},
}


def pack_values(values: list[Any], dtype: DType) -> bytes:
    """Python numbers as the memory of a tensor: rounded, integers wrapped to their width."""
    if dtype in dtypes.fp8s:
        return bytes(float_to_fp8(float(x), dtype) for x in values)
    if dtype is dtypes.bfloat16:
        floats = struct.pack(f"={len(values)}f", *(float_to_bf16(float(x)) for x in values))
        return b"".join(floats[i + 2 : i + 4] for i in range(0, len(floats), 4))
    kind = bool if dtype is dtypes.bool else float if dtypes.is_float(dtype) else int
    try:
        return struct.pack(f"={len(values)}{dtype.fmt}", *map(kind, values))
    except (struct.error, OverflowError):  # some number is out of range
        fit = truncate[dtype]
        return struct.pack(f"={len(values)}{dtype.fmt}", *(fit(kind(x)) for x in values))


# --- NumPy and PyTorch ---


def _to_np_dtype(dtype: DType) -> type | None:
    """NumPy's type of the same values; float32 where it has none as small."""
    import numpy as np

    if dtype is dtypes.bfloat16 or dtype in dtypes.fp8s:
        return np.float32
    return None if dtype.fmt is None else np.dtype(dtype.fmt).type


def _from_np_dtype(npdtype: numpy.dtype) -> DType:
    """The type of a NumPy type; ml_dtypes' bfloat16 and fp8 included."""
    import numpy as np

    name = np.dtype(npdtype).name
    name = {"float8_e4m3fn": "fp8e4m3"}.get(name, name.replace("float8_", "fp8"))
    if name not in DTYPES_DICT:
        raise NotImplementedError(f"no element type for NumPy's {name}")
    return DTYPES_DICT[name]


_TORCH_NAMES = {"fp8e4m3": "float8_e4m3fn", "fp8e5m2": "float8_e5m2"}


def _to_torch_dtype(dtype: DType) -> torch.dtype | None:
    """PyTorch's type of the same values; uint8 for fp8."""
    import torch

    dtype = strong_dtype(dtype)
    if dtype in dtypes.fp8s:
        return torch.uint8
    name = next(name for name, known in DTYPES_DICT.items() if known is dtype)
    return getattr(torch, name, None)


def _from_torch_dtype(torchdtype: torch.dtype) -> DType:
    """The type of a PyTorch type."""
    return to_dtype(str(torchdtype).removeprefix("torch."))
