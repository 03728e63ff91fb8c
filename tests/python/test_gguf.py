"""Blocks of GGUF's formats as numbers, worked out by hand; files that lie in tensors."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from rosso import Tensor, dtypes
from rosso.llm.gguf import ggml_data_to_tensor, gguf_load

Q8_0, IQ1_S, MXFP4 = 8, 19, 39  # enum ggml_type


def bytes_of(content: bytes) -> Tensor:
    return Tensor(np.frombuffer(content, np.uint8))


def test_q8_0_is_a_scale_and_signed_bytes():
    codes = np.arange(-16, 16, dtype=np.int8)
    block = np.float16(0.5).tobytes() + codes.tobytes()
    np.testing.assert_array_equal(
        ggml_data_to_tensor(bytes_of(block * 2), 64, Q8_0).numpy(), np.tile(codes * 0.5, 2)
    )


def test_mxfp4_is_an_exponent_and_floats_of_four_bits():
    """Exponent 128 is 2: floats of 4 bits are 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives."""
    block = bytes([128, *range(16)])
    values = [0, 1, 2, 3, 4, 6, 8, 12]
    expected = values + [-x for x in values] + [0] * 16
    assert ggml_data_to_tensor(bytes_of(block), 32, MXFP4).tolist() == expected


def test_products_read_blocks_and_other_ops_ask_for_numbers():
    block = np.float16(0.5).tobytes() + np.arange(-16, 16, dtype=np.int8).tobytes()
    w = ggml_data_to_tensor(bytes_of(block * 6), 192, Q8_0).reshape(3, 64)
    a = np.tile(np.arange(-16, 16) * 0.5, 6).reshape(3, 64).astype(np.float32)
    x = np.arange(128, dtype=np.float32).reshape(64, 2) % 7
    np.testing.assert_allclose((w @ Tensor(x)).numpy(), a @ x, rtol=0.02, atol=1)
    np.testing.assert_allclose((w @ Tensor(x[:, 0])).numpy(), a @ x[:, 0], rtol=0.02, atol=1)
    np.testing.assert_allclose((Tensor(x.T) @ w.T).numpy(), x.T @ a.T, rtol=0.02, atol=1)
    with pytest.raises(NotImplementedError, match="materialize"):
        (w + 1).realize()
    np.testing.assert_array_equal((w.materialize() + 1).numpy(), a + 1)
    assert w.materialize("float16").dtype is dtypes.float16


def test_what_is_not_whole_or_not_known_is_refused():
    with pytest.raises(ValueError):
        ggml_data_to_tensor(bytes_of(b"123"), 32, Q8_0)
    with pytest.raises(NotImplementedError, match="iq1_s"):
        ggml_data_to_tensor(bytes_of(bytes(50)), 256, IQ1_S)
    with pytest.raises(ValueError):
        gguf_load(bytes_of(b"GGUF and nothing"))


def test_a_file_in_a_tensor():
    """Version 3, one tensor [2, 3] of f32 (extents are written innermost first), one key."""
    key = struct.pack("<Q1sII", 1, b"k", 4, 7)  # u32 7
    tensor = struct.pack("<Q1sIQQIQ", 1, b"w", 2, 3, 2, 0, 0)
    head = struct.pack("<4sIQQ", b"GGUF", 3, 1, 1) + key + tensor
    head += bytes(-len(head) % 32)
    numbers = np.arange(6, dtype=np.float32).reshape(2, 3)
    metadata, tensors = gguf_load(bytes_of(head + numbers.tobytes()))
    assert metadata == {"k": 7}
    np.testing.assert_array_equal(tensors["w"].numpy(), numbers)
