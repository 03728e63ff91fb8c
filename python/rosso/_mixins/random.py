"""Seeded random numbers: threefry2x32, drawn in tinygrad's order, the same on every device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rosso import _rosso
from rosso._mixins.arguments import argfix, float_or_default, random_shape
from rosso._mixins.base import TensorBase
from rosso.device import canonicalize_device
from rosso.dtype import DType, DTypeLike, dtypes, to_dtype

if TYPE_CHECKING:
    from rosso.tensor import Tensor


def _float_type(dtype: DTypeLike | None) -> DType:
    """The type of random floats. Errors: ValueError for other types."""
    kind = float_or_default(dtype)
    if not dtypes.is_float(kind) or kind._code < 0:
        raise ValueError(f"rand only supports concrete float dtypes, got {kind}")
    return kind


def _device(device: Any) -> str:
    if device is not None and not isinstance(device, str):
        raise ValueError(f"rand only supports single device, got {device=}")
    return canonicalize_device(device)


class _Counters(Mapping[str, "Tensor"]):
    """What every device has drawn: [2] uint32, low end first."""

    def __getitem__(self, device: str) -> Tensor:
        from rosso.tensor import Tensor

        return Tensor._wrap(_rosso.Tensor.random_counter(canonicalize_device(device)))

    def __iter__(self) -> Iterator[str]:
        return iter(_rosso.Tensor.random_devices())

    def __len__(self) -> int:
        return len(_rosso.Tensor.random_devices())


class RandomMixin(TensorBase):
    """Seeded random numbers.

    `Tensor.manual_seed` decides all that follow. Every device has a sequence of its own.
    """

    __slots__ = ()

    _device_rng_counters = _Counters()

    @staticmethod
    def manual_seed(seed: int = 0) -> None:
        """Begins the sequences of all devices anew.

        `Tensor.manual_seed(1); Tensor.rand(3)` gives the same numbers everywhere.
        """
        _rosso.Tensor.manual_seed(seed % (1 << 64))

    @classmethod
    def random_bits(cls, key: Tensor, counter: Tensor, num: int) -> Tensor:
        """[num] uint32 as a function of a key and a counter, both [2] uint32."""
        return cls._wrap(_rosso.Tensor.random_bits(key._t, counter._t, num))

    @classmethod
    def _threefry_random_bits(cls, key: Tensor, counts0: Tensor, counts1: Tensor) -> Tensor:
        """The generator itself, for counters of low and high words."""
        return cls._wrap(_rosso.Tensor.threefry_bits(key._t, counts0._t, counts1._t))

    @classmethod
    def _drawn(cls, name: str, device: Any, *args: Any) -> Tensor:
        """What a C++ distribution makes of its arguments, on a device."""
        where = _device(device)
        made = getattr(_rosso.Tensor, name)(*args, where)
        return cls._placed(made, None if device is None else where)

    @classmethod
    def rand(
        cls,
        *shape: Any,
        device: str | None = None,
        dtype: DTypeLike | None = None,
        contiguous: bool = True,
    ) -> Tensor:
        """Numbers in [0, 1), all multiples of the type's least step below 1.

        Errors: ValueError for negative or symbolic extents, or a type that is no float.
        """
        kind = _float_type(dtype)
        return cls._drawn("rand", device, random_shape(argfix(*shape)), kind)

    @classmethod
    def randn(
        cls, *shape: Any, dtype: DTypeLike | None = None, device: str | None = None, **_: Any
    ) -> Tensor:
        """Normally distributed numbers of mean 0 and deviation 1.

        Errors: ValueError for negative or symbolic extents, or a weak type.
        """
        kind = float_or_default(dtype)
        if kind in dtypes.weaks:
            raise ValueError(f"randn needs a type that takes memory, got {kind}")
        return cls._drawn("randn", device, random_shape(argfix(*shape)), kind)

    def rand_like(
        self, dtype: DTypeLike | None = None, device: str | None = None, **kwargs: Any
    ) -> Tensor:
        """`rand` of this tensor's shape, and of its type and device unless they are given."""
        kind = self.dtype if dtype is None else dtype
        device = self.device if device is None else device
        return type(self).rand(*self.shape, device=device, dtype=kind, **kwargs)

    def randn_like(
        self, dtype: DTypeLike | None = None, device: str | None = None, **kwargs: Any
    ) -> Tensor:
        """`randn` of this tensor's shape, and of its type and device unless they are given."""
        kind = self.dtype if dtype is None else dtype
        device = self.device if device is None else device
        return type(self).randn(*self.shape, device=device, dtype=kind, **kwargs)

    @classmethod
    def uniform(
        cls,
        *shape: Any,
        low: float = 0.0,
        high: float = 1.0,
        dtype: DTypeLike | None = None,
        device: str | None = None,
        **_: Any,
    ) -> Tensor:
        """Numbers in [low, high). Errors: ValueError unless low < high, or for a bad shape."""
        extents = random_shape(argfix(*shape))
        if low >= high:
            raise ValueError(f"Tensor.uniform requires low < high, got {low=}, {high=}")
        return cls._drawn("uniform", device, extents, low, high, float_or_default(dtype))

    @classmethod
    def randint(
        cls,
        *shape: Any,
        low: int = 0,
        high: int = 10,
        dtype: DTypeLike = dtypes.int32,
        device: str | None = None,
        **_: Any,
    ) -> Tensor:
        """Integers in [low, high).

        Errors: TypeError for other bounds or types, ValueError unless low < high.
        """
        if not (isinstance(low, int) and isinstance(high, int)):
            raise TypeError(f"{low=} and {high=} must be integers")
        kind = to_dtype(dtype)
        if not dtypes.is_int(kind):
            raise TypeError(f"dtype={kind} must be int")
        if low >= high:
            raise ValueError(f"Tensor.randint requires low < high, got {low=}, {high=}")
        return cls._drawn("randint", device, random_shape(argfix(*shape)), low, high, kind)

    @classmethod
    def normal(
        cls,
        *shape: Any,
        mean: float = 0.0,
        std: float = 1.0,
        dtype: DTypeLike | None = None,
        device: str | None = None,
        **_: Any,
    ) -> Tensor:
        """Normally distributed numbers. Errors: ValueError for a negative deviation `std`."""
        if std < 0:
            raise ValueError(f"Tensor.normal requires std >= 0, got {std=}")
        extents = random_shape(argfix(*shape))
        return cls._drawn("normal", device, extents, mean, std, float_or_default(dtype))

    @classmethod
    def scaled_uniform(
        cls, *shape: Any, dtype: DTypeLike | None = None, device: str | None = None, **_: Any
    ) -> Tensor:
        """Numbers in [-b, b), where b is 1 over the root of the number of elements."""
        extents = random_shape(argfix(*shape))
        return cls._drawn("scaled_uniform", device, extents, float_or_default(dtype))

    @classmethod
    def glorot_uniform(
        cls, *shape: Any, dtype: DTypeLike | None = None, device: str | None = None, **_: Any
    ) -> Tensor:
        """Numbers in [-b, b), b = sqrt(6 / (inputs + outputs)) of a layer with these weights.

        Source: Glorot and Bengio 2010.
        """
        extents = random_shape(argfix(*shape))
        return cls._drawn("glorot_uniform", device, extents, float_or_default(dtype))

    @classmethod
    def kaiming_uniform(
        cls,
        *shape: Any,
        a: float = 0.01,
        dtype: DTypeLike | None = None,
        device: str | None = None,
        **_: Any,
    ) -> Tensor:
        """Numbers in [-b, b), b = sqrt(6 / (1 + a^2) / inputs); `a` is a leaky relu's slope.

        Source: He et al. 2015.
        """
        extents = random_shape(argfix(*shape))
        return cls._drawn("kaiming_uniform", device, extents, a, float_or_default(dtype))

    @classmethod
    def kaiming_normal(
        cls,
        *shape: Any,
        a: float = 0.01,
        dtype: DTypeLike | None = None,
        device: str | None = None,
        **_: Any,
    ) -> Tensor:
        """Normal numbers of deviation sqrt(2 / (1 + a^2) / inputs); `a` as for `kaiming_uniform`.

        Source: He et al. 2015.
        """
        extents = random_shape(argfix(*shape))
        return cls._drawn("kaiming_normal", device, extents, a, float_or_default(dtype))

    @classmethod
    def randperm(
        cls, n: int, device: str | None = None, dtype: DTypeLike = dtypes.int32, **_: Any
    ) -> Tensor:
        """[n]: the integers from 0 to n - 1 in random order."""
        return cls._drawn("randperm", device, n, to_dtype(dtype))

    def multinomial(self, num_samples: int = 1, replacement: bool = False) -> Tensor:
        """Places drawn with the weights of this [n] or [rows, n] tensor; int32, one last axis.

        Errors: AssertionError for another rank, less than one sample or, without replacement, more
        samples than places.
        """
        assert 1 <= self.ndim <= 2 and num_samples > 0, (
            f"{self.ndim=} must be 1 or 2 dim, {num_samples=} must be positive"
        )
        assert replacement or num_samples <= self.shape[-1], (
            "no replacement samples must not exceed population size"
        )
        return self._wrap(self._t.multinomial(num_samples, replacement))
