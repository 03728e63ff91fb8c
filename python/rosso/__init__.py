"""Rosso: tensors that compile themselves, by the names that tinygrad gave them."""

from rosso._rosso import DeviceError
from rosso.dtype import dtypes
from rosso.tensor import Tensor

__all__ = ["DeviceError", "Tensor", "dtypes"]
