"""Values out of tensors: numbers, lists, NumPy, buffers, DLPack, pickle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rosso import _rosso
from rosso._mixins.base import TensorBase
from rosso.device import is_file
from rosso.dtype import DType, _to_np_dtype, dtypes, strong_dtype, to_dtype

if TYPE_CHECKING:
    import numpy

    from rosso.tensor import Tensor


class ValuesMixin(TensorBase):
    """Values out of tensors: numbers, lists, NumPy, buffers, DLPack, pickle."""

    __slots__ = ()

    def _constant_shape(self, what: str) -> tuple[int, ...]:
        if not all(isinstance(extent, int) for extent in self.shape):
            raise ValueError(f"{what}: the shape {self.shape} depends on variables")
        return self.shape

    def _memory(self) -> Any:
        """The values, row-major, as an object with the buffer protocol; computes them."""
        from rosso.jit import check_not_capturing

        check_not_capturing()
        return self._t.memory()

    def _storable(self, wide: tuple[DType, ...] = ()) -> TensorBase:
        """This tensor in a type that has a memory format: weak types and `wide` ones are cast."""
        held = strong_dtype(self.dtype)
        kind = dtypes.float32 if held in wide else held
        if kind is self.dtype:
            return self
        source = self.to("host") if is_file(self.device) else self
        return self._wrap(source._t.cast(kind))

    def numpy(self) -> numpy.ndarray:
        """The values as a NumPy array; bfloat16 and 8-bit floats as float32.

        The array shares the tensor's memory: no copy is made, and writing to the array writes to
        the tensor. A tensor that is written later takes other memory, so the array keeps what it
        has. Computes the tensor if it was not. Bytes of a file, and other memory that was lent for
        reading only, are shown in place and cannot be written.

        Errors: ValueError where the shape depends on variables, or a view of a file is not in one
        piece; JitError during a capture.

        >>> Tensor([1, 2, 3]).numpy()
        array([1, 2, 3], dtype=int32)
        """
        import numpy as np

        shape = self._constant_shape("numpy")
        t = self._storable((dtypes.bfloat16, *dtypes.fp8s))
        kind = _to_np_dtype(t.dtype)
        if 0 in shape:
            return np.empty(shape, dtype=kind)
        return np.frombuffer(t._memory(), dtype=kind).reshape(shape)

    def data(self) -> memoryview:
        """The values as a memoryview with shape and format, without a copy.

        Errors: ValueError where the shape depends on variables or the type has no format
        (bfloat16, 8-bit floats, and float16 before Python 3.12).

        >>> Tensor([1, 2, 3, 4]).data().tolist()
        [1, 2, 3, 4]
        """
        import sys

        shape = self._constant_shape("data")
        t = self._storable()
        letter = t.dtype.fmt
        if letter is None or (letter == "e" and sys.version_info < (3, 12)):
            raise ValueError(f"data: memoryview has no format for {t.dtype}; cast to float32")
        if 0 in shape:
            return memoryview(bytearray(0)).cast(letter)
        return memoryview(t._memory()).cast(letter, list(shape))

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers; of a tensor without axes one number.

        >>> Tensor([[1, 2], [3, 4]]).tolist()
        [[1, 2], [3, 4]]
        """
        if 0 in self.shape:
            shape = self._constant_shape("tolist")

            def empty(extents: tuple[int, ...]) -> list[Any]:
                return [empty(extents[1:]) for _ in range(extents[0])]

            return empty(shape)
        t = self._storable((dtypes.float16, dtypes.bfloat16, *dtypes.fp8s))
        return t.data().tolist()

    def item(self) -> int | float | bool:
        """The one element as a Python number. Errors: ValueError where there are more or none.

        >>> Tensor(42).item()
        42
        """
        if self.numel() != 1:
            raise ValueError(f"item: {self.numel()} elements; expected one")
        value = self.tolist()
        while isinstance(value, list):
            value = value[0]
        return value

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __bool__(self) -> bool:
        raise TypeError("__bool__ on Tensor is not defined: use any(), all() or item()")

    # --- other libraries ---

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> numpy.ndarray:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """The values for `from_dlpack` of PyTorch, NumPy, JAX and others, without a copy."""
        if dl_device not in (None, self.__dlpack_device__()):
            raise BufferError(f"dlpack: {dl_device} is not this tensor's memory, the CPU's")
        t = self._storable(dtypes.fp8s)
        t._constant_shape("dlpack")
        return _rosso.to_dlpack(self._wrap(t._t.copy())._t if copy else t._t)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0  # kDLCPU: what is on a GPU is copied to the host

    @classmethod
    def from_dlpack(cls, source: Any) -> Tensor:
        """A tensor over the memory of another library's array, without a copy where it is
        row-major and 16-byte aligned. The tensor does not write to it.

        Errors: NotImplementedError where the memory is not the CPU's or the type is not known.
        """
        if not hasattr(source, "__dlpack__"):
            return cls._wrap(_rosso.from_dlpack(source))
        return cls._wrap(_rosso.from_dlpack(source.__dlpack__()))

    # --- copies ---

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Values are pickled, not how they come about; from protocol 5 out of band if asked.

        What was in a file comes back on the host.
        """
        import pickle

        t = self._storable()
        shape = t._constant_shape("pickle")
        memory: Any = memoryview(t._memory()) if math.prod(shape) else bytearray()
        kept = pickle.PickleBuffer(memory) if protocol >= 5 else bytes(memory)
        name = repr(self.dtype).removeprefix("dtypes.")
        where = "host" if is_file(self.device) else self.device
        return _from_pickle, (type(self), shape, name, where), kept

    def __setstate__(self, memory: Any) -> None:
        # Not among the arguments, which the unpickler keeps until its end.
        t = self._t
        held = strong_dtype(t.dtype)
        made = _rosso.Tensor.from_buffer(memory, list(t.shape), held, t.device, True)
        self._t = made.as_weak(True) if t.dtype in dtypes.weaks else made

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        copied = self.clone()
        memo[id(self)] = copied
        return copied


def _from_pickle(cls: type[Tensor], shape: tuple[int, ...], dtype: str, device: str) -> Tensor:
    """A tensor that is to get its values."""
    wanted = to_dtype(dtype)
    empty = cls.full(shape, 0, dtype=strong_dtype(wanted))
    made = empty if empty.device == device else empty.to(device)
    return cls._wrap(made._t.as_weak(True)) if wanted in dtypes.weaks else made
