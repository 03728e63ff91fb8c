"""What tinygrad has and this package has not: gradients, several devices, custom kernels."""

from __future__ import annotations

from typing import Any, NoReturn

from rosso._mixins.base import TensorBase

_GRADIENTS = "Rosso runs models and does not train them"
_SHARDING = "a tensor lives on one device"


def _refuse(name: str, why: str) -> Any:
    def method(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(f"{name}: {why}")

    method.__name__ = name
    method.__qualname__ = f"UnsupportedMixin.{name}"
    method.__doc__ = f"Raises NotImplementedError: {why}."
    return method


class UnsupportedMixin(TensorBase):
    """Methods that raise NotImplementedError by their name."""

    __slots__ = ()

    backward = _refuse("backward", _GRADIENTS)
    gradient = _refuse("gradient", _GRADIENTS)
    shard = _refuse("shard", _SHARDING)
    shard_ = _refuse("shard_", _SHARDING)
    shard_like = _refuse("shard_like", _SHARDING)
    custom_kernel = _refuse("custom_kernel", "kernels are generated from graphs")
    decode_hevc_frame = _refuse("decode_hevc_frame", "there is no video decoder")
