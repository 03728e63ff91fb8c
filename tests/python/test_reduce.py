"""Reductions and scans against NumPy: random shapes, types, layouts and axes; nothing; NaN."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosso import Tensor, dtypes
from shapes import arrays, laid_out, same

FLOATS = ("float32", "float64")


def close(t: Tensor, a: np.ndarray, rtol: float = 1e-5, atol: float = 1e-5) -> None:
    found = t.numpy()
    assert found.shape == np.shape(a)
    np.testing.assert_allclose(np.asarray(found, np.float64), np.asarray(a, np.float64), rtol, atol)


def some_axes(data: st.DataObject, rank: int) -> tuple[int, ...] | None:
    """Some axes from the front or the end, or all of them."""
    axes = data.draw(st.lists(st.integers(0, rank - 1), unique=True, min_size=1))
    return data.draw(st.sampled_from([tuple(axes), tuple(i - rank for i in axes), None]))


@given(laid_out(dtypes=FLOATS, min_rank=1), st.data(), st.booleans())
def test_reductions_of_floats(pair, data, keepdim):
    t, a = pair
    axes = some_axes(data, a.ndim)
    made = {n: getattr(t, n)(axes, keepdim) for n in ("sum", "prod", "max", "min", "mean")}
    Tensor.realize(*made.values())
    for name, x in made.items():
        wanted = getattr(np, name)(a, axes, keepdims=keepdim)
        assert x.numpy().dtype == a.dtype, name
        close(x, wanted, 2e-5, 1e-4)
    same(t.max(axes, keepdim), np.max(a, axes, keepdims=keepdim))
    close(t.var(axes, keepdim, 0), np.var(a, axes, keepdims=keepdim), 1e-4)
    close(t.std(axes, keepdim, 0), np.std(a, axes, keepdims=keepdim), 1e-4)


@given(laid_out(dtypes=("bool", "int8", "uint8", "int32", "int64"), min_rank=1), st.data())
def test_reductions_of_integers(pair, data):
    t, a = pair
    axes = some_axes(data, a.ndim)
    wide = {"b": np.int32, "i": np.int32, "u": np.uint32}[a.dtype.kind]
    if a.dtype.itemsize == 8:
        wide = a.dtype
    same(t.sum(axes), a.sum(axes, dtype=wide))
    same(t.max(axes), a.max(axes))
    same(t.min(axes), a.min(axes))
    same(t.any(axes), a.any(axes))
    same(t.all(axes), a.all(axes))
    same(t.prod(axes), a.all(axes) if a.dtype == bool else a.prod(axes, dtype=a.dtype))
    close(t.mean(axes), a.mean(axes))


@given(laid_out(min_rank=1), st.data())
def test_places_of_extremes(pair, data):
    t, a = pair
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    same(t.argmax(axis), a.argmax(axis).astype(np.int32))
    same(t.argmin(axis), a.argmin(axis).astype(np.int32))
    same(t.argmax(), np.int32(a.argmax()))
    assert t.argmax(axis, keepdim=True).shape == tuple(
        1 if i == axis % a.ndim else n for i, n in enumerate(a.shape)
    )


@given(laid_out(min_rank=1, dtypes=FLOATS), st.data())
def test_softmax_and_its_kind(pair, data):
    t, a = pair
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    powers = np.exp(a - a.max(axis, keepdims=True))
    shares = powers / powers.sum(axis, keepdims=True)
    close(t.softmax(axis), shares)
    close(t.log_softmax(axis), np.log(shares), 1e-4)
    close(t.logsumexp(axis), np.log(np.exp(a).sum(axis)), 1e-4)
    smallest = np.exp(-a) / np.exp(-a).sum(axis, keepdims=True)
    close(t.softmin(axis), smallest)


@given(laid_out(min_rank=1, dtypes=("float32", "float64", "int32", "int64")), st.data())
def test_scans(pair, data):
    t, a = pair
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    close(t.cumsum(axis), a.cumsum(axis))
    close(t.cumprod(axis), a.cumprod(axis, dtype=a.dtype), 1e-4, 1e-3)
    for values, places, ufunc in (
        (*t.cummax(axis), np.maximum),
        (*t.cummin(axis), np.minimum),
    ):
        wanted = ufunc.accumulate(a, axis)
        same(values, wanted)
        first = np.moveaxis(a, axis, -1)[..., None, :] == np.moveaxis(wanted, axis, -1)[..., None]
        same(places, np.moveaxis(first.argmax(-1), -1, axis).astype(np.int32))


@pytest.mark.parametrize("length", [1, 31, 32, 33, 700, 2049])
def test_long_scans(length):
    a = np.random.default_rng(length).normal(size=length).astype(np.float32) * 5
    t = Tensor(a)
    close(t.cumsum(0), a.astype(np.float64).cumsum(), 1e-4, 1e-3)
    same(t.cummax(0)[0], np.maximum.accumulate(a))
    close(t.logcumsumexp(0), np.logaddexp.accumulate(a.astype(np.float64)), 1e-5)


@given(laid_out(min_rank=1, dtypes=FLOATS), st.data())
def test_logcumsumexp(pair, data):
    t, a = pair
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    close(t.logcumsumexp(axis), np.logaddexp.accumulate(a, axis), 1e-4)


@given(st.sampled_from((1.0, 2.0, 3.0, 0.0)), st.integers(0, 1), st.integers(0, 9))
def test_normalize(p, dim, seed):
    a = np.random.default_rng(seed).normal(size=(3, 4, 2)).astype(np.float32)
    norm = np.linalg.norm(a.swapaxes(dim, -1), p, axis=-1, keepdims=True).swapaxes(dim, -1)
    close(Tensor(a).normalize(p, dim), a / norm)


def test_correction():
    a = arrays(np.random.default_rng(0), (5, 4), "float32")
    t = Tensor(a)
    close(t.var(0), a.var(0, ddof=1))
    close(t.std(1, correction=2), a.std(1, ddof=2))
    var, mean = t.var_mean(0)
    close(var, a.var(0, ddof=1))
    close(mean, a.mean(0))
    assert np.isnan(Tensor([3.0]).var().numpy())


def test_reductions_of_nothing():
    t = Tensor(np.zeros((0, 3), np.float32))
    np.testing.assert_array_equal(t.sum(0).numpy(), np.zeros(3))
    np.testing.assert_array_equal(t.prod(0).numpy(), np.ones(3))
    np.testing.assert_array_equal(t.max(0).numpy(), np.full(3, -math.inf))
    np.testing.assert_array_equal(t.min(0).numpy(), np.full(3, math.inf))
    np.testing.assert_array_equal(t.any(0).numpy(), np.zeros(3, bool))
    np.testing.assert_array_equal(t.all(0).numpy(), np.ones(3, bool))
    assert np.isnan(t.mean(0).numpy()).all()
    assert t.sum(1).shape == (0,)
    assert t.cumsum(0).numpy().shape == (0, 3)


def test_reductions_of_nan():
    t = Tensor([[1.0, math.nan], [3.0, 2.0]])
    np.testing.assert_array_equal(t.max(1).numpy(), [math.nan, 3])
    np.testing.assert_array_equal(t.min(0).numpy(), [1, math.nan])
    np.testing.assert_array_equal(t.sum(1).numpy(), [math.nan, 5])


def test_types_of_sums():
    for name, wanted in {
        "bool": "int32",
        "int8": "int32",
        "uint8": "uint32",
        "int16": "int32",
        "int64": "int64",
        "uint64": "uint64",
        "float16": "float16",
        "bfloat16": "bfloat16",
        "float64": "float64",
    }.items():
        assert Tensor([1, 0], dtype=name).sum().dtype is getattr(dtypes, wanted), name
    t = Tensor([200, 100], dtype="uint8")
    assert t.sum(dtype="uint8").item() == 44
    assert t.sum(dtype="float64").dtype is dtypes.float64
    assert Tensor([100, 100], dtype="int8").prod(dtype="int32").item() == 10000
    # Halves are summed in float32: 4096 ones and more than f16 could count one by one.
    assert Tensor.ones(4097, dtype="float16").sum(dtype="float32").item() == 4097
    assert Tensor.ones(3000, dtype="float16").sum().item() == 3000


def test_axes_that_are_not_there():
    t = Tensor([[1.0, 2.0]])
    for call in (t.sum, t.max, t.softmax, t.cumsum, t.argmax):
        with pytest.raises(IndexError):
            call(2)
    assert Tensor(3.0).sum(0).item() == 3.0


@pytest.mark.parametrize("name", ["sum", "max", "mean", "softmax", "cumsum", "argmax"])
def test_devices_agree(name):
    a = arrays(np.random.default_rng(1), (3, 40), "float32")
    t = Tensor(a)
    close(getattr(t.to("emu"), name)(1), getattr(t, name)(1).numpy())
