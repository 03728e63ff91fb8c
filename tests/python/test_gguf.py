"""Blocks of GGUF's formats as numbers, worked out by hand; files that lie in tensors."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from rosso import Tensor, dtypes
from rosso.llm.gguf import ggml_data_to_tensor, gguf_load

Q8_0, MXFP4, NVFP4 = 8, 39, 40  # enum ggml_type
GOLDEN = Path(__file__).parents[1] / "quant" / "golden"  # four blocks, then their weights
# Stored as indices into a grid, or of groups longer than 32: number, weights and bytes of a block.
SMALLEST = {
    "iq1_s": (19, 256, 50),
    "iq1_m": (29, 256, 56),
    "iq2_xxs": (16, 256, 66),
    "iq2_xs": (17, 256, 74),
    "iq2_s": (22, 256, 82),
    "iq3_xxs": (18, 256, 98),
    "iq3_s": (21, 256, 110),
    "q1_0": (41, 128, 18),
    "tq2_0": (35, 256, 66),
}


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


@pytest.mark.parametrize("name", SMALLEST)
def test_blocks_are_what_the_gguf_package_makes_of_them(name: str):
    kind, length, size = SMALLEST[name]
    golden = (GOLDEN / f"{name}.bin").read_bytes()
    weights = np.frombuffer(golden, "<f4", offset=4 * size)
    w = ggml_data_to_tensor(bytes_of(golden[: 4 * size]), 4 * length, kind)
    np.testing.assert_array_equal(w.numpy(), weights)
    matrix, x = w.reshape(4, length), np.linspace(-1, 1, length, dtype=np.float32)
    np.testing.assert_array_equal(matrix.materialize().numpy(), weights.reshape(4, length))
    exact = weights.reshape(4, length).astype(np.float64) @ x
    scale = np.abs(weights).reshape(4, length).max(axis=1)
    assert (np.abs((matrix @ Tensor(x)).numpy() - exact) < scale * 0.5).all()


@pytest.mark.parametrize("name", ["iq2_s", "iq3_xxs", "iq3_s", "q1_0"])
def test_blocks_are_what_tinygrad_makes_of_them(name: str):
    os.environ.setdefault("CC", "clang-22")  # what builds this project compiles tinygrad's kernels
    gguf = pytest.importorskip("tinygrad.llm.gguf")
    tinygrad = pytest.importorskip("tinygrad")
    kind, length, size = SMALLEST[name]
    content = (GOLDEN / f"{name}.bin").read_bytes()[: 4 * size]
    theirs = gguf.ggml_data_to_tensor(
        tinygrad.Tensor(list(content), dtype="uint8"), 4 * length, kind
    )
    found = ggml_data_to_tensor(bytes_of(content), 4 * length, kind).numpy()
    np.testing.assert_array_equal(found, theirs.float().numpy().reshape(-1))


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
    with pytest.raises(NotImplementedError, match="nvfp4"):
        ggml_data_to_tensor(bytes_of(bytes(50)), 64, NVFP4)
    with pytest.raises(NotImplementedError, match="type 99"):
        ggml_data_to_tensor(bytes_of(bytes(50)), 64, 99)
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
