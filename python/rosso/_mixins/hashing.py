"""Hashes of the bytes of tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rosso._mixins.base import TensorBase

if TYPE_CHECKING:
    from rosso.tensor import Tensor

# Bytes that a block has, and what follows a message. Source: FIPS 202.
_SPONGES = {"sha3_224": (144, 0x06), "sha3_256": (136, 0x06), "shake_128": (168, 0x1F)}


class HashMixin(TensorBase):
    """Hashes of the bytes of tensors."""

    __slots__ = ()

    def keccak(self, cfg: str | tuple[int, int] = "sha3_256") -> Tensor:
        """[..., n] uint8: the hash of the bytes of the last axis, for all others at once.

        `cfg` is "sha3_224" (n is 28), "sha3_256" (32), "shake_128" (16), or the bytes of a block
        and the byte that follows a message; then n is half of what a block leaves of 200 bytes.
        It is computed at once, round by round. Source: FIPS 202.
        Errors: ValueError for other names, blocks that are not 8 to 200 bytes in steps of 8, and
        tensors without axes.

        >>> bytes(Tensor(b"abc").keccak().data()).hex()[:16]
        '3a985da74fe225b2'
        """
        if isinstance(cfg, str):
            if cfg not in _SPONGES:
                raise ValueError(f"keccak: {cfg!r}; expected one of {', '.join(_SPONGES)}")
            cfg = _SPONGES[cfg]
        return self._wrap(self._t.keccak(*cfg))

    def hash(self) -> Tensor:
        """[16] uint8: a hash of the tensor's bytes, which equal tensors have in common.

        It is the shake_128 of those of pieces of 4 KiB, for every MiB (the last padded with zeros),
        and over these again until one is left. Errors: ValueError where the shape is variable.

        >>> Tensor(b"abc").hash().shape
        (16,)
        """
        return self._wrap(self._t.hash())
