"""Hashes against Python's hashlib."""

import hashlib

import numpy as np
import pytest
from rosso import Tensor, TinyJit, dtypes

RATES = {"sha3_224": 144, "sha3_256": 136, "shake_128": 168}


def digest(name: str, message: bytes) -> bytes:
    found = getattr(hashlib, name)(message)
    return found.digest(16) if name == "shake_128" else found.digest()


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("length", [0, 1, -2, -1, 0.5, 2, 3.25])
def test_keccak_of_messages(name, length):
    rate = RATES[name]
    count = length if length in (0, 1) else int(length * rate) if length > 0 else rate + length + 1
    messages = np.random.default_rng(count).integers(0, 256, (3, count), np.uint8)
    found = Tensor(messages).keccak(name)
    assert found.dtype is dtypes.uint8
    assert [bytes(row) for row in found.numpy()] == [digest(name, bytes(m)) for m in messages]


def test_keccak_keeps_the_axes_before():
    values = np.arange(2 * 3 * 5, dtype=np.int32).reshape(2, 3, 5)
    found = Tensor(values).keccak()
    assert found.shape == (2, 3, 32)
    assert bytes(found.numpy()[1, 2]) == digest("sha3_256", values[1, 2].tobytes())
    assert bytes(Tensor(b"abc").keccak((136, 6)).data()) == digest("sha3_256", b"abc")


def test_keccak_in_a_recorded_function():
    step = TinyJit(lambda x: x.keccak().realize())
    for message in (b"first", b"again", b"third"):
        assert bytes(step(Tensor(message)).data()) == digest("sha3_256", message)


def test_keccak_says_what_is_wrong():
    with pytest.raises(ValueError, match="md5"):
        Tensor(b"abc").keccak("md5")
    with pytest.raises(ValueError, match="a rate of 100 bytes"):
        Tensor(b"abc").keccak((100, 6))
    with pytest.raises(ValueError, match="expected a last axis"):
        Tensor(1.5).cast("float32").keccak()


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def hashed(data: bytes) -> bytes:
    while True:
        chunks = pieces(data.ljust(max(1, -(-len(data) >> 20)) << 20, b"\0"), 1 << 20)
        found = []
        for chunk in chunks:
            inner = [digest("shake_128", piece) for piece in pieces(chunk, 4096)]
            found.append(digest("shake_128", b"".join(inner)))
        data = b"".join(found)
        if len(found) == 1:
            return data


@pytest.mark.parametrize("count", [3, 300_000])
def test_hash_of_a_tensor(count):
    values = np.random.default_rng(count).standard_normal(count).astype(np.float32)
    assert bytes(Tensor(values).hash().data()) == hashed(values.tobytes())
