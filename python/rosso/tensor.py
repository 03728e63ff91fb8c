"""The tensor of the package: a handle of the lazy C++ tensor with the methods of the mixins.

Nothing is computed until values are asked for (`numpy`, `item`, `realize`, ...). What is computed
together becomes one program, compiled once and kept.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

from rosso import _rosso
from rosso._mixins.contraction import ContractionMixin
from rosso._mixins.creation import CreationMixin
from rosso._mixins.decoder_ops import DecoderMixin
from rosso._mixins.elementwise import ElementwiseMixin
from rosso._mixins.hashing import HashMixin
from rosso._mixins.indexing import IndexingMixin
from rosso._mixins.movement import MovementMixin
from rosso._mixins.nn_ops import NnMixin
from rosso._mixins.random import RandomMixin
from rosso._mixins.reduce import ReduceMixin
from rosso._mixins.unsupported import UnsupportedMixin
from rosso._mixins.values import ValuesMixin
from rosso.device import Device, canonicalize_device, is_file
from rosso.dtype import (
    DType,
    DTypeLike,
    _from_np_dtype,
    _to_np_dtype,  # noqa: F401 (tinygrad's tests import it from here)
    dtypes,
    pack_values,
    strong_dtype,
    to_dtype,
)
from rosso.variable import BoundVariable, mentions_variable

_OK = _rosso.Tensor.ok.fget


def _flatten(data: Any) -> tuple[list[Any], tuple[int, ...]]:
    """The elements of nested lists and arrays, row-major, and their shape.

    Errors: ValueError where lists beside each other differ in length.
    """
    shape: list[int] = []
    values = [data]
    while values and hasattr(values[0], "__len__") and not isinstance(values[0], str):
        if getattr(values[0], "shape", None) == ():
            break
        extent = len(values[0])
        for part in values:
            if not hasattr(part, "__len__") or len(part) != extent:
                raise ValueError(f"inhomogeneous shape: {part!r} beside {extent} elements")
        shape.append(extent)
        values = [x for part in values for x in part]
    for part in values:
        if hasattr(part, "__len__") and getattr(part, "shape", None) != ():
            raise ValueError(f"inhomogeneous shape: {part!r} beside a number")
    return [x.item() if getattr(x, "shape", None) == () else x for x in values], tuple(shape)


def _of_number(data: Any, dtype: DType | None, device: str | None) -> _rosso.Tensor:
    if dtype is None and device is None:
        return _weak(data)
    if dtype is None:
        dtype = dtypes.from_py(data)
    if dtype in dtypes.weaks:
        return _weak(dtype.const(data))
    return _of_values([data], (), dtype, device) if device else _weak(data).cast(dtype)


def _weak(x: bool | int | float) -> _rosso.Tensor:
    """A number that takes the type of what it meets."""
    if isinstance(x, bool):
        return _rosso.Tensor.weak_bool(x)
    if isinstance(x, float):
        return _rosso.Tensor.weak_float(float(x))
    if -(1 << 63) <= x < 1 << 63:
        return _rosso.Tensor.weak_int(int(x))
    if x < 1 << 64:
        return _of_values([x], (), dtypes.uint64, None)
    raise OverflowError(f"{x} is beyond 64 bits")


def _of_extent(extent: _rosso.Dim) -> _rosso.Tensor:
    """What an extent will be when a program runs."""
    if not dtypes.int32.min <= extent.vmin <= extent.vmax <= dtypes.int32.max:
        raise NotImplementedError(
            f"{extent}: {extent.vmin} to {extent.vmax}; programs have variables of 32 bits"
        )
    return _rosso.Tensor.variable(extent).as_weak(True)


def _of_values(
    values: list[Any], shape: tuple[int, ...], dtype: DType, device: str | None
) -> _rosso.Tensor:
    where = device or Device.DEFAULT
    if dtype._code < 0:
        raise NotImplementedError(f"{dtype}: no tensor has this element type")
    return _rosso.Tensor.from_buffer(pack_values(values, dtype), shape, dtype, where, True)


def _of_array(array: Any, dtype: DType | None, device: str | None) -> _rosso.Tensor:
    """A NumPy array in place where it is row-major and aligned, else a copy."""
    import numpy as np

    found = _from_np_dtype(array.dtype)
    if array.shape == ():
        return _of_number(array.item(), dtype or found, device)
    plain = np.ascontiguousarray(array)
    if found.fmt is None:  # bfloat16 and 8-bit floats have no buffer protocol
        plain = plain.view(np.uint16 if found.itemsize == 2 else np.uint8)
    elif plain.dtype.byteorder not in "=|":
        plain = plain.astype(plain.dtype.newbyteorder("="))
    where = device or Device.DEFAULT
    t = _rosso.Tensor.from_buffer(plain, array.shape, found, where, False)
    return t if dtype is None or dtype is found else t.cast(dtype)


class Tensor(
    CreationMixin,
    MovementMixin,
    IndexingMixin,
    RandomMixin,
    ElementwiseMixin,
    ReduceMixin,
    ContractionMixin,
    NnMixin,
    DecoderMixin,
    HashMixin,
    ValuesMixin,
    UnsupportedMixin,
):
    """A multi-dimensional array of one element type, computed when its values are asked for.

    `data` is a number, nested lists of numbers, bytes, a NumPy array (used in place where it is
    row-major, and not written), the path of a file (a tensor on its `disk:` device), a tensor, or
    None for 0.0. Numbers without a `dtype` are weak: they take the type of what they meet. Lists of
    floats become `dtypes.default_float`, of integers `dtypes.default_int`.

    Errors: ValueError where lists differ in length, RuntimeError for other objects.

    >>> Tensor([[1, 2], [3, 4]], dtype=dtypes.float32)
    <Tensor (2, 2) float host, realised>
    """

    # `_varies`: the shape came from bound variables (set only where it did; rosso.jit asks).
    __slots__ = ("_t", "_varies", "is_param", "__weakref__")

    grad = None  # there are no gradients

    def __init__(
        self,
        data: Any = None,
        device: str | None = None,
        dtype: DTypeLike | None = None,
        requires_grad: bool | None = None,
    ) -> None:
        wanted = None if dtype is None else to_dtype(dtype)
        where = None if device is None else canonicalize_device(device)
        if wanted is None and isinstance(data, BoundVariable) and data.variable.dtype is not None:
            wanted = to_dtype(data.variable.dtype)
        self.is_param = True
        if isinstance(data, Tensor):
            self._t = data._t
        elif isinstance(data, (bool, int, float)):
            self._t = _of_number(data, wanted, where)
        elif data is None:
            self._t = _of_number(0.0, wanted, where)
        elif isinstance(data, _rosso.Dim):
            self._t = _of_extent(data)
        elif isinstance(data, (bytes, bytearray, memoryview)):
            kind = wanted or dtypes.uint8
            count = len(data) // kind.itemsize
            self._t = _rosso.Tensor.from_buffer(
                data, (count,), kind, where or Device.DEFAULT, not isinstance(data, bytes)
            )
        elif isinstance(data, pathlib.Path):
            kind = wanted or dtypes.uint8
            count = data.stat().st_size // kind.itemsize
            self._t = _rosso.Tensor.of_file(f"DISK:{data.resolve()}", (count,), kind)
        elif type(data).__module__ == "numpy" or hasattr(data, "__array_interface__"):
            import numpy as np

            self._t = _of_array(np.asanyarray(data), wanted, where)
        elif isinstance(data, (list, tuple)):
            if wanted in dtypes.weaks:
                raise RuntimeError(f"a list takes memory, which {wanted} has no format for")
            values, shape = _flatten(data)
            self._t = _of_values(values, shape, wanted or dtypes.from_py(values), where)
        else:
            raise RuntimeError(f"cannot make a tensor of {data!r} of {type(data)}")
        if not _OK(self._t):
            self._t.check()
        if wanted is not None and self.dtype is not wanted:
            self._t = self._wrap(self._t.cast(wanted))._t
        if where is not None and self.device != where and not self._t.weak:
            self._t = self._t.to(where)

    @classmethod
    def _wrap(cls, t: _rosso.Tensor) -> Tensor:
        if not _OK(t):
            t.check()
        made = object.__new__(cls)
        made._t = t
        made.is_param = True
        return made

    def _operand(self, x: Any) -> _rosso.Tensor:
        if isinstance(x, Tensor):
            return x._t
        if isinstance(x, (bool, int, float)):
            return _weak(x)
        return Tensor(x)._t

    def __getitem__(self, indices: Any) -> Tensor:
        return self._varying(super().__getitem__(indices), indices)

    def shrink(self, arg: Any) -> Tensor:
        return self._varying(super().shrink(arg), arg)

    def _varying(self, made: Tensor, by: Any = ()) -> Tensor:
        """Marks what has its shape from bound variables: of its making, or of this tensor's."""
        if getattr(self, "_varies", False) or mentions_variable(by):
            made._varies = True
        return made

    # --- what it is ---

    @property
    def shape(self) -> tuple[Any, ...]:
        """The extents of the axes: integers, or extents that depend on variables."""
        return self._t.shape

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._t.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._t.ndim

    @property
    def device(self) -> str:
        """Where the values are, or will be: "host", "emu", "amd" or "DISK:" and a path."""
        return self._t.device

    @property
    def is_realized(self) -> bool:
        """Whether the values exist; a view of values that exist counts."""
        return self._t.realized

    @property
    def is_quantized(self) -> bool:
        """Whether the values are kept as blocks of a GGUF format; every op reads through them."""
        return self._t.is_quantized

    def numel(self) -> Any:
        """The number of elements."""
        total = 1
        for extent in self.shape:
            total = total * extent
        return total

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the extent of one axis."""
        return self.shape if dim is None else self.shape[self._resolve_dim(dim)]

    def element_size(self) -> int:
        """Bytes an element takes. Errors: RuntimeError for weak types, which have no memory."""
        if self.dtype in dtypes.weaks:
            raise RuntimeError(f"element_size: {self.dtype} has no memory format")
        return self.dtype.itemsize

    def nbytes(self) -> int:
        """Bytes all elements take."""
        return int(self.numel()) * self.element_size()

    def is_floating_point(self) -> bool:
        """Whether the elements are floats."""
        return dtypes.is_float(self.dtype)

    def __repr__(self) -> str:
        state = "realised" if self.is_realized else "lazy"
        kind = repr(self.dtype).removeprefix("dtypes.")
        return f"<Tensor {self.shape} {kind} {self.device}, {state}>"

    def __hash__(self) -> int:
        return id(self)

    def __len__(self) -> int:
        shape = self.shape
        if not shape:
            raise TypeError("len() of a 0-d tensor")
        return shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor")
        return (self[i] for i in range(len(self)))

    def __delitem__(self, indices: Any) -> None:
        raise TypeError("Tensor does not support deleting items")

    def _resolve_dim(self, dim: int, *, extra: bool = False) -> int:
        total = max(1, self.ndim + int(extra))
        if not -total <= dim < total:
            raise IndexError(f"axis {dim} of {self.ndim}: expected {-total} to {total - 1}")
        return dim + total if dim < 0 else dim

    def is_param_(self, is_param: bool = True) -> Tensor:
        """Marks a tensor of a model as a parameter, or not; `get_parameters` asks for it."""
        self.is_param = is_param
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Accepted for models written for training; nothing records gradients."""
        return self

    @property
    def requires_grad(self) -> bool:
        """False: nothing records gradients."""
        return False

    # --- computing ---

    def realize(self, *lst: Tensor, do_update_stats: bool = True) -> Tensor:
        """Computes this tensor and the others together, and keeps the values.

        Errors: DeviceError or MemoryError from compiling and running.
        """
        _rosso.realize([self._t, *(t._t for t in lst)])
        return self

    def schedule(self, *lst: Tensor) -> list[tuple[str, str, int, int]]:
        """The same as `kernels`."""
        return self.kernels(*lst)

    def kernels(self, *lst: Tensor) -> list[tuple[str, str, int, int]]:
        """What would run to compute these tensors: name, details, bytes moved, operations."""
        return _rosso.kernels([self._t, *(t._t for t in lst)])

    def graph(self, *lst: Tensor) -> str:
        """The graph of these tensors as text, as `rosso-dump` reads it."""
        return _rosso.graph_text([self._t, *(t._t for t in lst)])

    def contiguous(self, **kwargs: Any) -> Tensor:
        """The same values in memory of their own, row-major."""
        return self._varying(self._wrap(self._t.contiguous()))

    def contiguous_backward(self) -> Tensor:
        """The tensor itself: there are no gradients."""
        return self

    def detach(self) -> Tensor:
        """A tensor of the same values."""
        return self._wrap(self._t)

    def clone(self, device: str | None = None) -> Tensor:
        """A copy: writing to one leaves the other as it is. Weak types become strong ones."""
        t = self._t.cast(strong_dtype(self.dtype)) if self.dtype in dtypes.weaks else self._t
        copied = self._wrap(t.copy()).is_param_(self.is_param)
        return copied if device is None else copied.to(device)

    def to(self, device: str | None) -> Tensor:
        """The tensor on a device; itself where it is there already.

        "disk:path" writes a file, which is then where the tensor is: it can be looked at in one
        piece (also as other shapes and types), assigned to, and moved back, without a copy where
        it begins at a multiple of 16 bytes. Nothing is computed in a file.
        Errors: ValueError where the file cannot be opened or written, ValueError for views of a
        file that are not in one piece, NotImplementedError for what would compute there.

        >>> Tensor([1, 2, 3]).to("disk:/tmp/numbers")[1:].to("host").tolist()
        [2, 3]
        """
        where = canonicalize_device(device)
        if where == self.device or self._t.weak:
            return self
        return self._wrap(self._t.to(where)).is_param_(self.is_param)

    def to_(self, device: str | None) -> Tensor:
        """Moves this tensor to a device."""
        return self.replace(self.to(device))

    def replace(self, x: Tensor) -> Tensor:
        """Lets this tensor be another one of the same shape; types and devices may differ."""
        if self.shape != x.shape:
            raise ValueError(f"replace: shape {x.shape}; expected {self.shape}")
        self._t = x._t
        return self

    def assign(self, x: Any) -> Tensor:
        """Writes `x`, broadcast to it, over this tensor: in place where it has memory or is a view
        of a tensor that has.

        A file is written in place, from any device.
        Errors: RuntimeError where the types or devices differ, ValueError where the shapes do.
        """
        if self.dtype in dtypes.weaks:
            self._t = self.clone()._t
        in_file = is_file(self.device)
        if not isinstance(x, Tensor):
            x = Tensor(x, device=None if in_file else self.device, dtype=self.dtype)
        if self._t.same(x._t):
            return self
        if x.dtype is not self.dtype and x.dtype not in dtypes.weaks:
            raise RuntimeError(f"assign dtype mismatch {self.dtype} != {x.dtype}")
        if x.dtype in dtypes.weaks and dtypes.is_float(x.dtype) > dtypes.is_float(self.dtype):
            raise RuntimeError(f"assign dtype mismatch {self.dtype} != {x.dtype}")
        if not x._t.weak and x.device != self.device and not in_file:
            raise RuntimeError(f"assign device mismatch {self.device} != {x.device}")
        self._t.assign(x._t)
        return self

    def __iadd__(self, x: Any) -> Tensor:
        return self.assign(self.add(x))

    def __isub__(self, x: Any) -> Tensor:
        return self.assign(self.sub(x))

    def __imul__(self, x: Any) -> Tensor:
        return self.assign(self.mul(x))

    def __itruediv__(self, x: Any) -> Tensor:
        return self.assign(self.div(x))

    def __ifloordiv__(self, x: Any) -> Tensor:
        return self.assign(self // x)

    def __imod__(self, x: Any) -> Tensor:
        return self.assign(self % x)

    def __ipow__(self, x: Any) -> Tensor:
        return self.assign(self.pow(x))

    def __iand__(self, x: Any) -> Tensor:
        return self.assign(self & x)

    def __ior__(self, x: Any) -> Tensor:
        return self.assign(self | x)

    def __ixor__(self, x: Any) -> Tensor:
        return self.assign(self ^ x)

    def __ilshift__(self, x: Any) -> Tensor:
        return self.assign(self.lshift(x))

    def __irshift__(self, x: Any) -> Tensor:
        return self.assign(self.rshift(x))

    def __imatmul__(self, x: Any) -> Tensor:
        return self.assign(self.matmul(x))

    # --- numbers, and memory of others ---

    @staticmethod
    def const(value: Any, dtype: DTypeLike | None = None) -> Tensor:
        """A number as a tensor without axes; weak unless it has a type.

        >>> Tensor.const(2.5).dtype
        dtypes.weakfloat
        """
        return Tensor(value, dtype=dtype)

    @staticmethod
    def from_url(url: str, gunzip: bool = False, **kwargs: Any) -> Tensor:
        """The bytes of a file on the network, kept after the first download; see `fetch`."""
        from rosso.helpers import fetch

        return Tensor(fetch(url, gunzip=gunzip), **kwargs)

    @staticmethod
    def from_blob(
        ptr: int,
        shape: tuple[int, ...],
        dtype: DTypeLike | None = None,
        device: str | None = None,
    ) -> Tensor:
        """A tensor over memory at an address, which must stay valid as long as the tensor lives.

        The tensor does not write to it.
        """
        kind = dtypes.default_float if dtype is None else to_dtype(dtype)
        where = canonicalize_device(device)
        return Tensor._wrap(_rosso.Tensor.from_address(ptr, list(shape), kind, where))
