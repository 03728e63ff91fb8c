"""Tensors from nothing, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosso import Tensor, dtypes
from shapes import KINDS, same

number = st.integers(-20, 20)


@given(number, number, st.integers(-6, 6).filter(bool))
def test_arange_of_integers(start, stop, step):
    same(Tensor.arange(start, stop, step), np.arange(start, stop, step, np.int32))


@given(number, number, st.sampled_from([0.5, 0.25, -1.5, 2.0]))
def test_arange_of_floats(start, stop, step):
    same(Tensor.arange(start, stop, step), np.arange(start, stop, step).astype(np.float32))


def test_arange_takes_the_type_that_holds_it():
    assert Tensor.arange(3).dtype is dtypes.int32
    assert Tensor.arange(3.0).dtype is dtypes.float32
    assert Tensor.arange(2**40, 2**40 + 2).tolist() == [2**40, 2**40 + 1]
    with pytest.raises(OverflowError):
        Tensor.arange(300, dtype=dtypes.uint8)


@given(number, number, st.integers(0, 9))
def test_linspace(start, stop, steps):
    found = Tensor.linspace(start, stop, steps).numpy()
    np.testing.assert_allclose(found, np.linspace(start, stop, steps), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", KINDS)
def test_constants_of_every_type(dtype):
    kind = np.dtype(dtype)
    same(Tensor.full((2, 3), 1, dtype=dtype), np.full((2, 3), 1, kind))
    same(Tensor.zeros(2, 0, 3, dtype=dtype), np.zeros((2, 0, 3), kind))
    same(Tensor.ones((), dtype=dtype), np.ones((), kind))
    t = Tensor.ones(2, dtype=dtype)
    assert t.zeros_like().dtype is t.dtype is t.empty_like().dtype is t.full_like(1).dtype


def test_numbers_wrap_in_integers():
    assert Tensor.full((1,), -1, dtype=dtypes.uint8).item() == 255
    assert Tensor.full((1,), 2**64 - 1, dtype=dtypes.uint64).item() == 2**64 - 1


@pytest.mark.parametrize("make", [Tensor.empty, Tensor.zeros, Tensor.ones, Tensor.rand])
def test_negative_extents(make):
    for shape in [(-3, 2), ((2, -3),), ((2, -3, 0),)]:
        with pytest.raises(ValueError):
            make(*shape)


@pytest.mark.parametrize("n, m", [(3, None), (2, 4), (4, 2), (0, 3)])
def test_eye(n, m):
    same(Tensor.eye(n, m), np.eye(n, m, dtype=np.float32))


def test_one_hot():
    t = Tensor([[2, 0], [1, -1]])
    wanted = [[[0, 0, 1], [1, 0, 0]], [[0, 1, 0], [0, 0, 0]]]
    assert t.one_hot(3).tolist() == wanted
    with pytest.raises(RuntimeError):
        Tensor([0.5]).one_hot(3)
