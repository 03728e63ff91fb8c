"""Arrays of JAX and tensors, one as the other by DLPack; where JAX is installed."""

from __future__ import annotations

import numpy as np
import pytest
from rosso import Tensor, dtypes

jax = pytest.importorskip("jax", reason="JAX is not installed beside these tests")
jnp = jax.numpy

NAMES = ["float32", "float16", "bfloat16", "bool"]
NAMES += ["int8", "int16", "int32", "uint8", "uint16", "uint32"]
SHAPES = [(), (5,), (3, 4), (2, 0, 3), (64, 64)]


def numbers(shape: tuple[int, ...]) -> np.ndarray:
    return (np.arange(np.prod(shape)) % 100).astype(np.float32).reshape(shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_arrays_become_tensors_and_tensors_arrays(name, shape):
    array = jnp.asarray(numbers(shape)).astype(name)
    t = Tensor.from_dlpack(array)
    assert t.shape == shape and t.dtype is getattr(dtypes, name)
    np.testing.assert_array_equal(t.float().numpy(), np.asarray(array.astype("float32")))
    back = jnp.from_dlpack(t + t if name != "bool" else t)
    expected = array + array if name != "bool" else array
    assert back.shape == shape and str(back.dtype) == name
    np.testing.assert_array_equal(np.asarray(back), np.asarray(expected))


@pytest.mark.parametrize("name", ["float64", "int64", "uint64"])
def test_numbers_of_64_bits(name):
    with jax.enable_x64(True):
        array = jnp.from_dlpack(Tensor([1, 2, 3], dtype=name))
        assert str(array.dtype) == name
        assert Tensor.from_dlpack(array + 1).tolist() == [2, 3, 4]


def test_views_and_computations():
    t = Tensor(numbers((3, 4)))
    for x in (t.permute(1, 0), t[1:], t[:, 1:3], t * 2, t.sum()):
        np.testing.assert_array_equal(np.asarray(jnp.from_dlpack(x)), x.numpy())
    array = jnp.asarray(numbers((3, 4)))
    for x in (array.T, array[:, 1:3], jax.jit(lambda x: x @ x.T)(array)):
        np.testing.assert_array_equal(Tensor.from_dlpack(x).numpy(), np.asarray(x))


def test_neither_side_sees_what_the_other_writes_later():
    t = Tensor(numbers((3, 4)))
    array = jnp.from_dlpack(t)
    t.assign(t * 0)
    assert array.sum() == 66 and t.sum().item() == 0
    ones = jnp.ones(64)
    t = Tensor.from_dlpack(ones)
    t += 1
    assert ones.sum() == 64 and t.sum().item() == 128
