"""Rosso: tensors that compile themselves, by the names that tinygrad gave them.

>>> from rosso import Tensor
>>> (Tensor([1.0, 2.0]) * 3).tolist()
[3.0, 6.0]
"""

from rosso import nn
from rosso._rosso import BadInputError, DeviceError
from rosso.device import Device
from rosso.dtype import dtypes
from rosso.helpers import Context, GlobalCounters, fetch, getenv
from rosso.jit import JitError, TinyJit, jit
from rosso.tensor import Tensor
from rosso.variable import Variable

__all__ = [
    "Context",
    "Device",
    "BadInputError",
    "DeviceError",
    "GlobalCounters",
    "JitError",
    "Tensor",
    "TinyJit",
    "Variable",
    "dtypes",
    "fetch",
    "getenv",
    "jit",
    "nn",
]
