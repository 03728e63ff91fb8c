"""Where tensors are computed: this CPU, the emulated GPU, or a GPU of AMD."""

from __future__ import annotations

import os

# As other libraries name what is the host here.
_ALIASES = {"cpu": "host", "python": "host", "npy": "host"}
_NAMES = ("host", "emu", "amd")


def canonicalize_device(device: str | None) -> str:
    """The one name of a device: "host", "emu" or "amd", with ":1" and so on for further GPUs.

    `None` is the default device. "CPU" is "host"; upper and lower case are the same.
    Errors: NotImplementedError for several devices (sharding), ValueError for unknown ones.
    """
    if device is None:
        return Device.DEFAULT
    if isinstance(device, (tuple, list)):
        raise NotImplementedError("sharding: a tensor lives on one device")
    name, _, index = device.lower().partition(":")
    name = _ALIASES.get(name, name)
    if name not in _NAMES or (index and not index.isdecimal()):
        raise ValueError(f"device {device!r}: expected host, emu or amd, with an index or without")
    if int(index or 0) == 0:
        return name
    if name == "host":
        raise NotImplementedError(f"device {device!r}: there is one host")
    return f"{name}:{int(index)}"


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

    def canonicalize(self, device: str | None) -> str:
        """See `canonicalize_device`."""
        return canonicalize_device(device)

    def get_available_devices(self) -> list[str]:
        """The devices that can be opened now."""
        import glob

        found = ["host", "emu"]
        return found + ["amd"] if glob.glob("/sys/class/kfd/kfd/topology/nodes/*") else found

    def __getitem__(self, device: str) -> str:
        return canonicalize_device(device)


Device = _Device()
