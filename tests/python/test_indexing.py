"""Brackets, gather, scatter and order, against NumPy: random shapes, types and layouts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosso import Tensor, TinyJit, Variable, dtypes
from shapes import arrays, laid_out, same


@st.composite
def basic(draw, shape: tuple[int, ...]) -> tuple:
    """Positions, slices, None and an Ellipsis for some axes of a shape."""
    index: list = []
    for extent in shape[: draw(st.integers(0, len(shape)))]:
        if draw(st.integers(0, 4)) == 0:
            index.append(None)
        kind = draw(st.sampled_from(["at", "slice", "all"]))
        if kind == "at":
            index.append(draw(st.integers(-extent, extent - 1)))
        elif kind == "slice":
            bound = st.one_of(st.none(), st.integers(-extent - 2, extent + 2))
            step = draw(st.sampled_from([None, 1, 2, 3, -1, -2]))
            index.append(slice(draw(bound), draw(bound), step))
        else:
            index.append(slice(None))
    if draw(st.booleans()):
        index.append(Ellipsis)
    return tuple(index)


@st.composite
def advanced(draw, shape: tuple[int, ...]) -> tuple:
    """For every axis a slice, or an array of positions; all arrays broadcast."""
    common = draw(st.sampled_from([(2,), (3,), (2, 3)]))
    index: list = []
    for extent in shape:
        if draw(st.booleans()):
            own = draw(st.sampled_from([common, common[-1:], (1,)]))
            count = int(np.prod(own))
            places = draw(
                st.lists(st.integers(-extent, extent - 1), min_size=count, max_size=count)
            )
            index.append(np.array(places, np.int32).reshape(own))
        else:
            index.append(slice(None, None, draw(st.sampled_from([None, 2, -1]))))
    return tuple(index)


def ours(index: tuple) -> tuple:
    return tuple(Tensor(i) if isinstance(i, np.ndarray) else i for i in index)


@given(laid_out(), st.data())
def test_basic_reading(pair, data):
    t, a = pair
    index = data.draw(basic(a.shape))
    same(t[index], a[index])


@given(laid_out(min_rank=1), st.data())
def test_reading_by_tensors(pair, data):
    t, a = pair
    index = data.draw(advanced(a.shape))
    same(t[ours(index)], a[index])


@given(laid_out(min_rank=1), st.data())
def test_reading_by_masks(pair, data):
    t, a = pair
    mask = np.random.default_rng(data.draw(st.integers(0, 9))).random(a.shape) < 0.4
    same(t[Tensor(mask)], a[mask])
    same(t.masked_select(Tensor(mask)), a[mask])
    same(Tensor(mask).nonzero(), np.argwhere(mask))
    rows = mask.reshape(a.shape[0], -1)[:, 0]
    same(t[Tensor(rows)], a[rows])
    size = data.draw(st.integers(0, a.size + 2))
    padded = np.concatenate([a[mask], np.full(a.size + 2, a.dtype.type(1))])[:size]
    same(t.masked_select(Tensor(mask), size=size, fill_value=1), padded)
    places = np.concatenate([np.argwhere(mask), np.full((a.size + 2, a.ndim), -1)])[:size]
    same(Tensor(mask).nonzero(size=size, fill_value=-1), places)


@given(laid_out(), st.data(), st.booleans())
def test_basic_writing(pair, data, realized):
    t, a = pair
    index = data.draw(basic(a.shape))
    written = np.array(a)
    value = arrays(np.random.default_rng(1), written[index].shape, a.dtype.name)
    written[index] = value
    t = (t.contiguous().realize() if realized else t).clone()
    t[index] = Tensor(value)
    same(t, written)
    written[index] = 1
    t[index] = 1
    same(t, written)


@given(laid_out(min_rank=1), st.data())
def test_writing_by_tensors(pair, data):
    t, a = pair
    index = data.draw(advanced(a.shape))
    written = np.array(a)
    value = arrays(np.random.default_rng(1), written[index].shape, a.dtype.name)
    written[index] = value  # NumPy, too, keeps the last of several
    t = t.clone()
    t[ours(index)] = Tensor(value)
    same(t, written)


def test_views_of_memory_are_written_in_place():
    t = Tensor(np.arange(24, dtype=np.float32).reshape(4, 6)).realize()
    a = np.arange(24, dtype=np.float32).reshape(4, 6)
    row, ours_row = a[1], t[1]
    a[1:3, ::-2] = -1
    t[1:3, ::-2] = -1
    same(t, a)
    same(ours_row, row)
    ours_row[2] = 9
    row[2] = 9
    same(t, a)


def test_recorded_functions_write_their_arguments():
    @TinyJit
    def step(t, value, at):
        t[at : at + 1, ::2] = value
        t[:, 3] += 1
        return t

    a = np.zeros((5, 4), np.float32)
    t = Tensor(a.copy()).clone().realize()
    for i in range(5):
        a[i : i + 1, ::2] = i
        a[:, 3] += 1
        back = step(t, Tensor([float(i)] * 2).realize(), Variable("at", 0, 4).bind(i))
        same(t, a)
        same(back, a)


def test_what_was_computed_before_keeps_the_old_values():
    t = Tensor([1.0, 2.0, 3.0]).realize()
    doubled = t * 2
    t[0] = 100
    assert doubled.tolist() == [2, 4, 6]
    assert t.tolist() == [100, 2, 3]


@pytest.mark.parametrize(
    "index, error",
    [
        (3, IndexError),
        (-4, IndexError),
        ((0, 0, 0), IndexError),
        ((..., ...), IndexError),
        (0.0, IndexError),
        (slice(0.0, 1.0), TypeError),
        (slice(None, None, 0), ValueError),
        ([], IndexError),
        ([0.5], IndexError),
        ("a", IndexError),
    ],
)
def test_wrong_indices(index, error):
    with pytest.raises(error):
        Tensor.zeros(3, 4)[index]


def test_places_outside_are_zero():
    t = Tensor([1, 2, 3])
    assert t[Tensor([0, 3, -4, -1])].tolist() == [1, 0, 0, 3]
    assert t.gather(0, Tensor([2, 5, -1])).tolist() == [3, 0, 0]
    grid = Tensor.arange(6).reshape(2, 3)
    assert grid[Tensor([0, 1]), Tensor([7, -1])].tolist() == [0, 5]
    assert t.scatter(0, Tensor([9, 1]), Tensor([7, 8])).tolist() == [1, 8, 3]


@given(laid_out(min_rank=1), st.data())
def test_gather(pair, data):
    t, a = pair
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    shape = [data.draw(st.integers(1, extent)) for extent in a.shape]
    shape[axis] = data.draw(st.integers(1, 5))
    index = np.random.default_rng(3).integers(0, a.shape[axis], shape)
    part = a[tuple(slice(0, n) if i != axis % a.ndim else slice(None) for i, n in enumerate(shape))]
    same(t.gather(axis, Tensor(index)), np.take_along_axis(part, index, axis))


def scattered(a, axis, index, source, combine):
    """One element after another."""
    out = a.copy()
    for place in np.ndindex(index.shape):
        to = list(place)
        to[axis] = index[place]
        out[tuple(to)] = combine(out[tuple(to)], source[place])
    return out


COMBINE = {
    None: lambda old, new: new,
    "sum": lambda old, new: old + new,
    "prod": lambda old, new: old * new,
    "amax": max,
    "amin": min,
}


@given(laid_out(min_rank=1, dtypes=("int32", "int64", "float64")), st.data())
@pytest.mark.parametrize("reduce", [None, "sum", "prod", "amax", "amin"])
def test_scatter(reduce, pair, data):
    t, a = pair
    axis = data.draw(st.integers(0, a.ndim - 1))
    shape = [data.draw(st.integers(1, extent)) for extent in a.shape]
    shape[axis] = data.draw(st.integers(1, 5))
    index = np.random.default_rng(3).integers(0, a.shape[axis], shape)
    source = arrays(np.random.default_rng(4), tuple(shape), a.dtype.name)
    wanted = scattered(a, axis, index, source, COMBINE[reduce])
    if reduce is None:
        same(t.scatter(axis, Tensor(index), Tensor(source)), wanted)
    else:
        found = t.scatter_reduce(axis, Tensor(index), Tensor(source), reduce)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-12)


def test_scatter_means():
    base, index = Tensor([1.0, 2.0, 3.0]), Tensor([0, 2, 0])
    source = Tensor([4.0, 5.0, 7.0])
    assert base.scatter_reduce(0, index, source, "mean").tolist() == [4, 2, 4]
    alone = base.scatter_reduce(0, index, source, "mean", include_self=False)
    assert alone.tolist() == [5.5, 2, 5]
    assert base.scatter(0, index, 2.0, reduce="add").tolist() == [5, 2, 5]
    assert base.scatter(0, index, 2.0, reduce="multiply").tolist() == [4, 2, 6]


@given(laid_out(min_rank=1), st.data(), st.booleans())
def test_sort_and_topk(pair, data, descending):
    t, a = pair
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    key = -a.astype(np.float64) if descending else a
    order = np.argsort(key, axis, kind="stable")
    values, places = t.sort(axis, descending)
    same(values, np.take_along_axis(a, order, axis))
    same(places, order)
    same(t.argsort(axis, descending), order)
    k = data.draw(st.integers(0, a.shape[axis]))
    first = order.take(range(k), axis)
    values, places = t.topk(k, axis, largest=descending)
    same(values, np.take_along_axis(a, first, axis))
    same(places, first)


def test_sort_puts_nan_above_numbers():
    a = np.array([1, np.nan, -np.inf, 0.0, -0.0, np.inf, -np.nan], np.float32)
    same(Tensor(a).sort()[0][:5], np.sort(a)[:5])
    assert Tensor(a).sort(descending=True)[1].tolist() == [1, 6, 5, 0, 3, 4, 2]
    assert Tensor(a).argsort().tolist() == [2, 3, 4, 0, 5, 1, 6]


@pytest.mark.parametrize("n", [16384, 16385, 70001])
@pytest.mark.parametrize("descending", [False, True])
def test_sort_of_long_rows(n, descending):
    a = np.random.default_rng(n).integers(-1000, 1000, n).astype(np.int32)
    order = np.argsort(-a if descending else a, kind="stable")
    values, places = Tensor(a).sort(descending=descending)
    same(values, a[order])
    same(places, order)


def test_no_elements():
    t = Tensor.zeros(0, 3)
    assert t[:, Tensor([0, 2])].shape == (0, 2)
    assert t.sort(0)[0].shape == (0, 3)
    assert t.nonzero().shape == (0, 2)
    assert t[Tensor.zeros(0, dtype=dtypes.bool)].shape == (0, 3)
    assert Tensor.zeros(3)[Tensor.zeros(0, dtype=dtypes.int32)].shape == (0,)
    assert Tensor.zeros(3).scatter(0, Tensor.zeros(0, dtype=dtypes.int32), 1.0).tolist() == [0] * 3


@pytest.mark.parametrize("make", ["zeros", "ones", "empty"])
def test_views_of_constants_are_written_through(make):
    whole = getattr(Tensor, make)(2, 3)
    before = whole + 1
    expected = whole.numpy().copy()
    whole[1, 1:].assign(Tensor([7.0, 8.0]))
    np.testing.assert_array_equal(before.numpy(), expected + 1)
    expected[1, 1:] = [7, 8]
    np.testing.assert_array_equal(whole.numpy(), expected)
    column = whole[:, 2]
    whole[0] = 5
    expected[0] = 5
    np.testing.assert_array_equal(whole.numpy(), expected)
    np.testing.assert_array_equal(column.numpy(), expected[:, 2])


def test_views_of_lazy_likes_and_reshapes_are_written_through():
    for whole in (Tensor([1.0, 2.0, 3.0]).zeros_like(), Tensor.full((3, 1), 0.0).reshape(3)):
        part = whole[1:]
        whole[2] = 4
        part[0] = 3
        assert whole.tolist() == [0, 3, 4] and part.tolist() == [3, 4]


def test_bits_are_written_through():
    x = Tensor([1.0, 2.0, 3.0, 4.0]).realize()
    bits = x[1:3].bitcast("uint32")
    bits.assign(Tensor([0x40800000, 0x3F800000], dtype="uint32"))
    assert x.tolist() == [1, 4, 1, 4] and bits.tolist() == [0x40800000, 0x3F800000]
