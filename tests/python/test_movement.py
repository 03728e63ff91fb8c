"""Movement of elements, against NumPy: random shapes, types and layouts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosso import Tensor
from shapes import arrays, laid_out, same

small = st.integers(1, 4)


@given(laid_out(), st.randoms(use_true_random=False))
def test_reshape_and_permute(pair, random):
    t, a = pair
    order = list(range(a.ndim))
    random.shuffle(order)
    same(t.permute(order), a.transpose(order))
    same(t.permute(tuple(order)).reshape(-1), a.transpose(order).reshape(-1))
    same(t.reshape(a.size, 1), a.reshape(a.size, 1))
    same(t.flatten(), a.reshape(-1))


@given(laid_out(min_rank=2), st.data())
def test_transpose_and_flip(pair, data):
    t, a = pair
    axis = st.integers(-a.ndim, a.ndim - 1)
    i, j = data.draw(axis), data.draw(axis)
    same(t.transpose(i, j), a.swapaxes(i, j))
    same(t.T, a.swapaxes(0, 1))
    axes = data.draw(st.lists(st.integers(0, a.ndim - 1), unique=True, min_size=1))
    same(t.flip(axes), np.flip(a, axes))


@given(laid_out(), st.data())
def test_squeeze_and_unsqueeze(pair, data):
    t, a = pair
    axis = data.draw(st.integers(-a.ndim - 1, a.ndim))
    grown = np.expand_dims(a, axis)
    same(t.unsqueeze(axis), grown)
    same(t.unsqueeze(axis).squeeze(axis), a)
    same(t.unsqueeze(axis).squeeze(), a.squeeze())


@given(laid_out(max_rank=3), st.lists(small, min_size=1, max_size=2))
def test_expand(pair, front):
    t, a = pair
    wanted = (*front, *a.shape)
    same(t.expand(wanted), np.broadcast_to(a, wanted))
    same(t.expand(*front, *[-1] * a.ndim), np.broadcast_to(a, wanted))
    column = a.reshape(-1, 1)
    same(t.reshape(-1, 1).expand(-1, 3), np.broadcast_to(column, (a.size, 3)))


@given(laid_out(), st.data())
def test_pad_constant_and_cut(pair, data):
    t, a = pair
    pairs = [(data.draw(st.integers(-1, 2)), data.draw(st.integers(0, 2))) for _ in a.shape]
    cut = a[tuple(slice(max(-b, 0), None) for b, _ in pairs)]
    positive = [(max(b, 0), e) for b, e in pairs]
    value = a.dtype.type(3).item()  # another kind of number would widen the type
    expected = np.pad(cut, positive, constant_values=value) if a.ndim else a
    same(t.pad(pairs, value=value), expected)


@given(laid_out(min_rank=1, dtypes=("float32", "int32"), min_extent=3), st.data())
@pytest.mark.parametrize(
    "mode, theirs", [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")]
)
def test_pad_from_inside(mode, theirs, pair, data):
    t, a = pair
    pairs = [(data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))) for _ in a.shape]
    same(t.pad(pairs, mode=mode), np.pad(a, pairs, mode=theirs))
    flat = [x for p in reversed(pairs) for x in p]
    same(t.pad(flat, mode=mode), np.pad(a, pairs, mode=theirs))


@given(laid_out(), st.data())
def test_shrink_and_pad_to(pair, data):
    t, a = pair
    ranges = []
    for extent in a.shape:
        begin = data.draw(st.integers(0, extent))
        ranges.append((begin, data.draw(st.integers(begin, extent))))
    cut = a[tuple(slice(b, e) for b, e in ranges)]
    same(t.shrink(ranges), cut)
    more = [extent + data.draw(st.integers(0, 2)) for extent in cut.shape]
    wanted = np.zeros(more, a.dtype)
    wanted[tuple(slice(0, extent) for extent in cut.shape)] = cut
    same(t.shrink(ranges).pad_to(more), wanted)


@given(laid_out(min_rank=1), st.data())
def test_split_chunk_cat_stack(pair, data):
    t, a = pair
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    size = data.draw(st.integers(1, 5))
    parts = t.split(size, axis)
    expected = np.split(a, range(size, a.shape[axis], size), axis)
    assert len(parts) == len(expected)
    for part, wanted in zip(parts, expected):
        same(part, wanted)
    same(parts[0].cat(*parts[1:], dim=axis), a)
    same(Tensor.cat(t, t, t, dim=axis), np.concatenate([a, a, a], axis))
    same(t.stack(t, dim=axis), np.stack([a, a], axis))
    chunks = t.chunk(size, axis)
    wide = -(-a.shape[axis] // size)
    assert [c.shape[axis] for c in chunks][:-1] == [wide] * (len(chunks) - 1)
    same(Tensor.cat(*chunks, dim=axis), a)
    for part, i in zip(t.unbind(axis), range(a.shape[axis])):
        same(part, a.take(i, axis))


@given(laid_out(max_rank=3), st.data())
def test_repeat_and_roll(pair, data):
    t, a = pair
    counts = [data.draw(small) for _ in range(a.ndim + data.draw(st.integers(0, 1)))]
    same(t.repeat(counts or [1]), np.tile(a, counts or [1]))
    same(t.repeat_interleave(2), np.repeat(a, 2))
    if a.ndim:
        axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
        same(t.repeat_interleave(3, axis), np.repeat(a, 3, axis))
        shift = data.draw(st.integers(-7, 7))
        same(t.roll(shift, axis), np.roll(a, shift, axis))
        same(t.roll(shift), np.roll(a, shift))


@given(laid_out(min_rank=1), st.data())
def test_unfold(pair, data):
    t, a = pair
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    size = data.draw(st.integers(1, a.shape[axis]))
    step = data.draw(st.integers(1, 3))
    windows = np.lib.stride_tricks.sliding_window_view(a, size, axis)
    keep = [slice(None)] * windows.ndim
    keep[axis if axis >= 0 else axis + a.ndim] = slice(None, None, step)
    same(t.unfold(axis, size, step), windows[tuple(keep)])


@given(laid_out(min_rank=2), st.data())
def test_diagonals_and_triangles(pair, data):
    t, a = pair
    offset = data.draw(st.integers(-3, 3))
    i, j = data.draw(st.permutations(range(a.ndim)))[:2]
    same(t.diagonal(offset, i, j), a.diagonal(offset, i, j))
    same(t.tril(offset), np.tril(a, offset))
    same(t.triu(offset), np.triu(a, offset))
    same(t.flatten().diag(), np.diag(a.reshape(-1)))


@given(st.lists(st.integers(1, 4), min_size=2, max_size=3), st.sampled_from(["ij", "xy"]))
def test_meshgrid(extents, indexing):
    vectors = [np.arange(n, dtype=np.int32) + 10 * i for i, n in enumerate(extents)]
    ours = Tensor(vectors[0]).meshgrid(*map(Tensor, vectors[1:]), indexing=indexing)
    for t, a in zip(ours, np.meshgrid(*vectors, indexing=indexing)):
        same(t, a)


# What einops' documentation says that each formula means.
@pytest.mark.parametrize(
    "formula, sizes, meaning",
    [
        ("a b c -> c b a", {}, lambda x: x.transpose(2, 1, 0)),
        ("a b c -> (a b) c", {}, lambda x: x.reshape(6, 4)),
        ("a b (c d) -> d a b c", {"c": 2}, lambda x: x.reshape(2, 3, 2, 2).transpose(3, 0, 1, 2)),
        ("... c -> c ...", {}, lambda x: x.transpose(2, 0, 1)),
        ("a ... -> (a ...)", {}, lambda x: x.reshape(-1)),
        ("a b c -> a 1 b () c", {}, lambda x: x.reshape(2, 1, 3, 1, 4)),
        ("… -> …", {}, lambda x: x),
    ],
)
def test_rearrange(formula, sizes, meaning):
    a = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    same(Tensor(a).rearrange(formula, **sizes), meaning(a))


@pytest.mark.parametrize("formula", ["a b", "a b c -> a b", "a a c -> a a c", "(a b c -> a b c"])
def test_rearrange_refuses(formula):
    with pytest.raises(AssertionError, match="rearrange"):
        Tensor.zeros(2, 3, 4).rearrange(formula)


def test_chain_of_movements_is_one_kernel():
    a = arrays(np.random.default_rng(0), (4, 6, 5), "float32")
    t = Tensor(a).realize()
    moved = t.permute(2, 0, 1).flip(1).pad(((1, 0), (0, 0), (0, 2)))[:, ::2].reshape(-1, 8)
    assert len(moved.kernels()) == 1
    wanted = np.pad(np.flip(a.transpose(2, 0, 1), 1), ((1, 0), (0, 0), (0, 2)))[:, ::2]
    same(moved, wanted.reshape(-1, 8))
