"""Where tensors are: on this CPU, the emulated GPU, a GPU of AMD, or in a file."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rosso.dtype import DType

# As other libraries name what is the host here.
_ALIASES = {"cpu": "host", "python": "host", "npy": "host"}
_NAMES = ("host", "emu", "amd")
_FILE = "DISK:"


def is_file(device: str) -> bool:
    """Whether a device is a file, by its canonical name: nothing is computed there."""
    return device.startswith(_FILE)


def canonicalize_device(device: str | Sequence[str] | None) -> str:
    """The one name of a device: "host", "emu" or "amd", with ":1" and so on for further GPUs.

    "disk:path" is a file, by its canonical name "DISK:path"; "disk:shm:name" is shared memory.
    `None` is the default device. "CPU" is "host"; upper and lower case are the same.
    A sequence of one device is that device.
    Errors: NotImplementedError for several devices (sharding) and for "NULL", ValueError for
    unknown ones.
    """
    if device is None:
        return Device.DEFAULT
    if isinstance(device, (tuple, list)):
        if len(device) == 1:
            return canonicalize_device(device[0])
        raise NotImplementedError("sharding: a tensor lives on one device")
    if device[: len(_FILE)].upper() == _FILE:
        return _FILE + device[len(_FILE) :]
    name, _, index = device.lower().partition(":")
    name = _ALIASES.get(name, name)
    if name == "null":
        raise NotImplementedError(f"device {device!r}: every device here computes")
    if name not in _NAMES or (index and not index.isdecimal()):
        raise ValueError(
            f"device {device!r}: expected host, emu or amd, also with an index, or disk:<path>"
        )
    if int(index or 0) == 0:
        return name
    if name == "host":
        raise NotImplementedError(f"device {device!r}: there is one host")
    return f"{name}:{int(index)}"


@dataclass(frozen=True, slots=True)
class Target:
    """What kernels are made for: "host", "emu" or "amd", and the instruction set."""

    device: str
    arch: str


@dataclass(frozen=True, slots=True)
class Renderer:
    """What the kernels of a device can use."""

    target: Target
    has_local: bool  # groups of work items
    has_shared: bool  # memory of a group
    supports_float4: bool

    def supported_dtypes(self) -> set[DType]:
        """The element types that tensors can have."""
        from rosso.dtype import dtypes

        return {dtype for dtype in dtypes.all if dtype._code >= 0}


@dataclass(frozen=True, slots=True)
class DeviceProperties:
    """What `Device["host"]` says of a device."""

    device: str
    description: str  # "host, AMD EPYC, 2 threads"
    renderer: Renderer

    def __str__(self) -> str:
        return self.device

    def synchronize(self) -> None:
        """Wait for what the device was given: nothing, since realising a tensor waits for it."""


class _Device:
    """The namespace of devices, `rosso.Device`; `Device.DEFAULT` can be set."""

    def __init__(self) -> None:
        self._default: str | None = None

    @property
    def DEFAULT(self) -> str:  # noqa: N802
        """Where tensors go that name no device: $ROSSO_DEVICE, or the host."""
        if self._default is None:
            self._default = canonicalize_device(os.environ.get("ROSSO_DEVICE") or "host")
        return self._default

    @DEFAULT.setter
    def DEFAULT(self, device: str) -> None:  # noqa: N802
        self._default = canonicalize_device(device)

    def canonicalize(self, device: str | Sequence[str] | None) -> str:
        """See `canonicalize_device`."""
        return canonicalize_device(device)

    def get_available_devices(self) -> list[str]:
        """The devices that can be opened now."""
        import glob

        found = ["host", "emu"]
        return found + ["amd"] if glob.glob("/sys/class/kfd/kfd/topology/nodes/*") else found

    def __getitem__(self, device: str) -> DeviceProperties:
        """What a device is. Errors: rosso.DeviceError if it is not there."""
        from rosso import _rosso

        device = canonicalize_device(device)
        description, target = _rosso.describe_device(device)
        is_gpu = device != "host"
        arch = target.partition(":")[2] or platform.machine()
        renderer = Renderer(Target(device.partition(":")[0], arch), is_gpu, is_gpu, True)
        return DeviceProperties(device, description, renderer)


Device = _Device()
