"""Convolutions, pools, sizes, norms, losses and attention against plain loops in NumPy.

Where PyTorch is installed, it is a second opinion over more arguments.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import rosso
from hypothesis import given
from hypothesis import strategies as st
from rosso import Tensor
from shapes import arrays


def numbers(seed: int, *shape: int) -> np.ndarray:
    return arrays(np.random.default_rng(seed), shape, "float32") / 4


def close(t: Tensor, a, rtol: float = 2e-5, atol: float = 2e-5) -> None:
    found, wanted = t.numpy(), np.asarray(a)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found.astype(np.float64), wanted.astype(np.float64), rtol, atol)


def windows(x: np.ndarray, kernel, stride, dilation) -> np.ndarray:
    """[..., spatial...] -> [..., places..., kernel...], by NumPy's sliding windows."""
    axes = tuple(range(x.ndim - len(kernel), x.ndim))
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation))
    slid = np.lib.stride_tricks.sliding_window_view(x, reach, axes)
    steps = tuple(slice(None, None, s) for s in stride)
    taken = tuple(slice(None, None, d) for d in dilation)
    return slid[(..., *steps, *taken)]


def convolved(x, weight, groups, stride, dilation, padding) -> np.ndarray:
    """One output channel after another."""
    axes = weight.ndim - 2
    edges = [(0, 0), (0, 0), *((p, p) for p in padding)]
    slid = windows(np.pad(x.astype(np.float64), edges), weight.shape[2:], stride, dilation)
    per = weight.shape[1]
    outputs = []
    for f in range(weight.shape[0]):
        first = f // (weight.shape[0] // groups) * per
        patch = np.moveaxis(slid[:, first : first + per], 1, 1 + axes)
        outputs.append((patch * weight[f]).sum(tuple(range(-1 - axes, 0))))
    return np.stack(outputs, 1)


@given(st.data(), st.integers(1, 3), st.integers(0, 20))
def test_conv(data, axes, seed):
    groups = data.draw(st.sampled_from((1, 1, 2, 3)))
    channels, filters = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2)) * groups
    kernel, stride, dilation, padding, extra = (
        tuple(data.draw(st.integers(low, high)) for _ in range(axes))
        for low, high in ((1, 3), (1, 2), (1, 2), (0, 2), (0, 3))
    )
    size = tuple((k - 1) * d + 1 + e for k, d, e in zip(kernel, dilation, extra))
    x = numbers(seed, 2, groups * channels, *size)
    weight, bias = numbers(seed + 1, filters, channels, *kernel), numbers(seed + 2, filters)
    wanted = convolved(x, weight, groups, stride, dilation, padding)
    wanted = wanted + bias.reshape(-1, *[1] * axes)
    close(
        Tensor(x).conv2d(Tensor(weight), Tensor(bias), groups, stride, dilation, padding),
        wanted,
        1e-4,
        1e-4,
    )


def test_padding_is_one_number_or_pairs_from_the_last_axis():
    x, weight = numbers(0, 1, 2, 5, 4), numbers(1, 3, 2, 3, 3)
    edged = np.pad(x, [(0, 0), (0, 0), (3, 0), (1, 2)])
    wanted = convolved(edged, weight, 1, (1, 1), (1, 1), (0, 0))
    close(Tensor(x).conv2d(Tensor(weight), padding=(1, 2, 3, 0)), wanted, 1e-4, 1e-4)
    wanted = convolved(x, weight, 1, (2, 2), (1, 1), (1, 1))
    close(Tensor(x).conv2d(Tensor(weight), stride=2, padding=1), wanted, 1e-4, 1e-4)
    with pytest.raises(ValueError, match="Padding"):
        Tensor(x).conv2d(Tensor(weight), padding=(1, 2, 3))
    with pytest.raises(ValueError, match="channels"):
        Tensor(x).conv2d(Tensor(numbers(1, 3, 3, 3, 3)))


def test_types_of_convolutions():
    x, weight = Tensor.ones(1, 2, 3, 3, dtype="int8"), Tensor.ones(1, 2, 3, 3, dtype="int8")
    assert x.conv2d(weight).dtype is rosso.dtypes.int32
    assert x.half().conv2d(weight.half()).dtype is rosso.dtypes.float16
    assert x.half().conv2d(weight.half(), dtype="float32").dtype is rosso.dtypes.float32
    assert (x * 100).conv2d(weight * 100).item() == 180000


@given(st.data(), st.integers(1, 3), st.integers(0, 20))
def test_conv_transpose_spreads_every_element(data, axes, seed):
    groups = data.draw(st.sampled_from((1, 2)))
    kernel, stride, dilation, padding = (
        tuple(data.draw(st.integers(low, high)) for _ in range(axes))
        for low, high in ((1, 3), (1, 3), (1, 2), (0, 1))
    )
    more = tuple(data.draw(st.integers(0, s - 1)) for s in stride)
    size = tuple(data.draw(st.integers(2, 3)) for _ in range(axes))
    x, weight = numbers(seed, 1, 2 * groups, *size), numbers(seed + 1, 2 * groups, 2, *kernel)
    whole = [
        (n - 1) * s + (k - 1) * d + 1 + m
        for n, s, k, d, m in zip(size, stride, kernel, dilation, more)
    ]
    wanted = np.zeros((1, 2 * groups, *whole))
    for c, f in itertools.product(range(2 * groups), range(2)):
        for at in np.ndindex(*size):
            for k in np.ndindex(*kernel):
                to = tuple(i * s + j * d for i, s, j, d in zip(at, stride, k, dilation))
                wanted[(0, c // 2 * 2 + f, *to)] += x[(0, c, *at)] * weight[(c, f, *k)]
    cut = tuple(slice(p, n - p) for p, n in zip(padding, whole))
    wanted = wanted[(slice(None), slice(None), *cut)]
    if 0 in wanted.shape:
        return
    t = Tensor(x).conv_transpose2d(Tensor(weight), None, groups, stride, dilation, padding, more)
    close(t, wanted, 1e-4, 1e-4)


@given(st.data(), st.integers(1, 3), st.integers(0, 20))
def test_pools(data, axes, seed):
    kernel, stride, dilation, extra = (
        tuple(data.draw(st.integers(low, high)) for _ in range(axes))
        for low, high in ((1, 3), (1, 3), (1, 2), (0, 3))
    )
    size = tuple((k - 1) * d + 1 + e for k, d, e in zip(kernel, dilation, extra))
    x = numbers(seed, 2, 2, *size)
    slid = windows(x, kernel, stride, dilation)
    inner = tuple(range(-axes, 0))
    close(Tensor(x).avg_pool2d(kernel, stride, dilation), slid.mean(inner))
    close(Tensor(x).max_pool2d(kernel, stride, dilation), slid.max(inner))
    values, places = Tensor(x).max_pool2d(kernel, stride, dilation, return_indices=True)
    flat = x.reshape(2, 2, -1)
    at = places.numpy().reshape(2, 2, -1)
    close(values, np.take_along_axis(flat, at, -1).reshape(values.shape))


@given(st.data(), st.integers(0, 20))
def test_windows_over_padded_rows_as_wide_as_vectors(data, seed):
    """The edges of a row and what lies between them are code of their own."""
    kernel, stride, dilation = (
        tuple(data.draw(st.integers(low, high)) for _ in range(2))
        for low, high in ((1, 5), (1, 3), (1, 2))
    )
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    top, bottom, left, right = (data.draw(st.integers(0, n)) for n in (*reach, *reach))
    size = reach[0], data.draw(st.integers(max(16, reach[1]), 70))
    x, weight = numbers(seed, 2, 3, *size), numbers(seed + 1, 3, 1, *kernel)
    edges = [(0, 0), (0, 0), (top, bottom), (left, right)]
    wanted = convolved(np.pad(x, edges), weight, 3, stride, dilation, (0, 0))
    t = Tensor(x).conv2d(Tensor(weight), None, 3, stride, dilation, (left, right, top, bottom))
    close(t, wanted, 1e-4, 1e-4)

    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    around = [(0, 0), (0, 0), *((p, p) for p in padding)]
    lowest = np.pad(x, around, constant_values=-np.inf)
    slid = windows(lowest, kernel, stride, dilation)
    close(Tensor(x).max_pool2d(kernel, stride, dilation, padding), slid.max((-1, -2)))


def test_a_padded_tensor_read_along_and_across_windows():
    x = numbers(4, 2, 3, 20, 24)
    padded = np.pad(x, [(0, 0), (0, 0), (0, 0), (2, 2)])
    t = Tensor(x).pad((2, 2, 0, 0))
    wanted = windows(padded, (5,), (1,), (1,)).sum(-1) + padded[..., ::-1][..., 4:]
    close((t.unfold(-1, 5, 1).sum(-1) + t.flip(-1)[..., 4:]), wanted)
    wanted = (windows(padded, (5,), (1,), (1,)) * padded[..., 3:8][..., None, :]).max(-1)
    close((t.unfold(-1, 5, 1) * t[..., 3:8].unsqueeze(-2)).max(-1), wanted)
    one, other = (windows(a, (3,), (2,), (1,))[..., :12, :] for a in (padded, padded[..., 2:]))
    both = t.unfold(-1, 3, 2)[..., :12, :] - t[..., 2:].unfold(-1, 3, 2)
    close((both * both).sum(-1), ((one - other) ** 2).sum(-1))


def test_ceil_mode_and_edges():
    x = np.arange(25, dtype=np.float32).reshape(1, 1, 5, 5)
    t = Tensor(x)
    close(t.max_pool2d(2, ceil_mode=True), [[[[6, 8, 9], [16, 18, 19], [21, 23, 24]]]])
    close(t.avg_pool2d(2, ceil_mode=True)[0, 0, 2], [20.5, 22.5, 24])
    edge = t.avg_pool2d(3, 2, padding=1, count_include_pad=False)
    close(edge[0, 0, 0], [3, 4.5, 6])
    close(t.avg_pool2d(3, 2, padding=1)[0, 0, 0, 0].reshape(1), [12 / 9])
    ints = Tensor(x.astype(np.int32)).max_pool2d(2, padding=1)
    np.testing.assert_array_equal(ints.numpy()[0, 0, 0], [0, 2, 4])
    for kind in ("int8", "uint8", "int64", "bool"):
        low = Tensor([[[[-100, 100], [-7, 100]]]], dtype=kind)
        assert low.max_pool2d(2, padding=1).dtype is low.dtype
        assert low.max_pool2d(2, padding=1).tolist() == low.tolist()  # a corner in each window


def test_unpool_puts_values_back():
    x = numbers(3, 2, 3, 6, 6)
    values, places = Tensor(x).max_pool2d(2, return_indices=True)
    back = values.max_unpool2d(places, 2)
    wanted = np.zeros_like(x).reshape(2, 3, -1)
    np.put_along_axis(
        wanted, places.numpy().reshape(2, 3, -1), values.numpy().reshape(2, 3, -1), -1
    )
    close(back, wanted.reshape(x.shape))
    assert values.max_unpool2d(places, 2, output_size=(7, 6)).shape == (2, 3, 7, 6)


def test_interpolate():
    t = Tensor([[[0.0, 10.0, 20.0, 30.0]]])
    close(t.interpolate((8,), "nearest")[0, 0], np.repeat([0, 10, 20, 30], 2))
    close(t.interpolate((2,), "nearest")[0, 0], [0, 20])
    close(t.interpolate((3,), "nearest-exact")[0, 0], [0, 20, 30])
    close(t.interpolate((7,), align_corners=True)[0, 0], [0, 5, 10, 15, 20, 25, 30])
    close(t.interpolate((8,))[0, 0], [0, 2.5, 7.5, 12.5, 17.5, 22.5, 27.5, 30])
    close(t.interpolate((2,))[0, 0], [5, 25])
    with pytest.raises(AssertionError):
        t.interpolate((2,), "cubic")


def test_norms():
    x = numbers(1, 4, 3, 5)
    centred = x - x.mean(-1, keepdims=True)
    close(Tensor(x).layernorm(), centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5))
    both = x - x.mean((1, 2), keepdims=True)
    close(Tensor(x).layernorm((1, 2)), both / np.sqrt((both**2).mean((1, 2), keepdims=True) + 1e-5))
    w, b, mean, invstd = (numbers(i, 3) for i in range(4))
    wanted = (x - mean[:, None]) * invstd[:, None] * w[:, None] + b[:, None]
    close(Tensor(x).batchnorm(*(Tensor(v) for v in (w, b, mean, invstd))), wanted)


def test_dropout_is_for_training():
    t = Tensor.ones(1000)
    assert t.dropout(0.5) is t
    with rosso.Context(TRAINING=1):
        found = t.dropout(0.25).numpy()
    np.testing.assert_allclose(np.unique(found), [0, 4 / 3], rtol=1e-6)
    assert 600 < np.count_nonzero(found) < 900
    with pytest.raises(ValueError):
        t.dropout(1.5)


def log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_losses(reduction):
    reduce = {"none": lambda x: x, "sum": np.sum, "mean": np.mean}[reduction]
    x, y = numbers(1, 6, 4), np.array([0, 3, 1, 1, 2, 0], np.int32)
    logs = log_softmax(x.astype(np.float64), -1)
    picked = -logs[np.arange(6), y]
    t, target = Tensor(x), Tensor(y)
    close(t.sparse_categorical_crossentropy(target, reduction=reduction), reduce(picked))
    close(t.cross_entropy(target, reduction), reduce(picked))
    smooth = 0.9 * picked - 0.1 * logs.mean(-1)
    close(t.cross_entropy(target, reduction, 0.1), reduce(smooth))
    close(t.log_softmax().nll_loss(target, reduction=reduction), reduce(picked))
    p, q = 1 / (1 + np.exp(-x.astype(np.float64))), (numbers(2, 6, 4) > 0).astype(np.float32)
    binary = -(q * np.log(p) + (1 - q) * np.log(1 - p))
    close(t.sigmoid().binary_crossentropy(Tensor(q), reduction), reduce(binary), 1e-4)
    close(t.binary_crossentropy_logits(Tensor(q), reduction), reduce(binary), 1e-4)


def test_losses_of_some_elements():
    x, y = numbers(1, 6, 4), np.array([0, 3, 1, 1, 2, 0], np.int32)
    picked = -log_softmax(x, -1)[np.arange(6), y]
    t, target = Tensor(x), Tensor(y)
    close(t.sparse_categorical_crossentropy(target, ignore_index=1), picked[y != 1].mean())
    close(t.log_softmax().nll_loss(target, ignore_index=1), picked[y != 1].mean())
    weight = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
    weighted = (picked * weight[y]).sum() / weight[y].sum()
    close(t.log_softmax().nll_loss(target, Tensor(weight)), weighted)
    with pytest.raises(ValueError, match="reduction"):
        t.cross_entropy(target, "most")
    with pytest.raises(RuntimeError, match="shape mismatch"):
        t.cross_entropy(Tensor([0, 1]))


def attended(q, k, v, added=0.0) -> np.ndarray:
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]) + added
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True) @ v


def test_attention():
    q, k, v = numbers(0, 2, 4, 5, 8), numbers(1, 2, 4, 7, 8), numbers(2, 2, 4, 7, 8)
    t = [Tensor(x) for x in (q, k, v)]
    close(t[0].scaled_dot_product_attention(*t[1:]), attended(q, k, v))
    mask = numbers(3, 5, 7) > -1
    added = np.where(mask, 0, -np.inf)
    close(
        t[0].scaled_dot_product_attention(*t[1:], attn_mask=Tensor(mask)), attended(q, k, v, added)
    )
    bias = numbers(4, 5, 7)
    close(
        t[0].scaled_dot_product_attention(*t[1:], attn_mask=Tensor(bias)), attended(q, k, v, bias)
    )
    causal = np.where(np.tril(np.ones((5, 7), bool)), 0, -np.inf)
    close(t[0].scaled_dot_product_attention(*t[1:], is_causal=True), attended(q, k, v, causal))
    few = t[0].scaled_dot_product_attention(t[1][:, :2], t[2][:, :2], enable_gqa=True)
    close(few, attended(q, k[:, [0, 0, 1, 1]], v[:, [0, 0, 1, 1]]))
    with pytest.raises(RuntimeError, match="is_causal"):
        t[0].scaled_dot_product_attention(*t[1:], attn_mask=Tensor(mask), is_causal=True)


def test_attention_by_hand_is_one_kernel_too():
    q, k, v = (Tensor(numbers(i, 1, 2, 16, 8)) for i in range(3))
    by_hand = (q @ k.transpose(-2, -1) * (1 / np.sqrt(8).item())).softmax(-1) @ v
    built_in = q.scaled_dot_product_attention(k, v)
    assert len(Tensor.kernels(by_hand)) == len(Tensor.kernels(built_in)) == 1
    close(by_hand, built_in.numpy())


def test_sequential():
    close(Tensor([1.0, 2.0]).sequential([lambda x: x + 1, Tensor.square]), [4, 9])


@given(st.data(), st.integers(0, 9))
def test_against_torch(data, seed):
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    x = numbers(seed, 2, 3, 9, 8)
    kernel, stride = data.draw(st.integers(2, 3)), data.draw(st.integers(1, 3))
    padding, ceil = data.draw(st.integers(0, 1)), data.draw(st.booleans())
    count = data.draw(st.booleans())
    t, u = Tensor(x), torch.tensor(x)
    close(
        t.avg_pool2d(kernel, stride, 1, padding, ceil, count),
        f.avg_pool2d(u, kernel, stride, padding, ceil, count).numpy(),
    )
    values, places = t.max_pool2d(kernel, stride, 1, padding, ceil, return_indices=True)
    wanted = f.max_pool2d(u, kernel, stride, padding, 1, ceil, return_indices=True)
    close(values, wanted[0].numpy())
    close(places, wanted[1].numpy())
    size = (data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12)))
    corners = data.draw(st.booleans()) and min(size) > 1
    close(
        t.interpolate(size, align_corners=corners),
        f.interpolate(u, size, mode="bilinear", align_corners=corners).numpy(),
    )
    exact = f.interpolate(u, size, mode="nearest-exact").numpy()
    close(t.interpolate(size, "nearest-exact"), exact)


def test_devices_agree():
    x, weight = Tensor(numbers(0, 1, 2, 6, 6)), Tensor(numbers(1, 3, 2, 3, 3))
    host = x.conv2d(weight, padding=1).relu().max_pool2d()
    emu = x.to("emu").conv2d(weight.to("emu"), padding=1).relu().max_pool2d()
    close(emu, host.numpy())
