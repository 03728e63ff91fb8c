"""Random tensors beside the arrays that they must equal."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from rosso import Tensor, dtypes

# Every example compiles a program of its own: few of them, and no time limit for one.
settings.register_profile("rosso", max_examples=15, deadline=None, derandomize=True)
settings.load_profile("rosso")

KINDS = ("bool", "int8", "uint8", "int32", "int64", "float16", "float32", "float64")


def arrays(random: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Numbers of a type, many of them equal."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return random.random(shape) < 0.5
    if kind.kind == "f":
        return np.asarray(np.round(random.normal(size=shape) * 4, 1), dtype)
    return random.integers(0 if kind.kind == "u" else -50, 50, shape).astype(dtype)


@st.composite
def laid_out(
    draw, min_rank: int = 0, max_rank: int = 4, dtypes: tuple[str, ...] = KINDS, min_extent: int = 1
) -> tuple[Tensor, np.ndarray]:
    """A tensor and its array; some are views of others: permuted, flipped, with steps."""
    rank = draw(st.integers(min_rank, max_rank))
    shape = tuple(draw(st.integers(min_extent, min_extent + 3)) for _ in range(rank))
    dtype = draw(st.sampled_from(dtypes))
    layout = draw(st.sampled_from(["plain", "permuted", "stepped", "computed"]))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    if layout == "permuted":
        order = draw(st.permutations(range(rank)))
        back = tuple(int(i) for i in np.argsort(order))
        a = arrays(random, tuple(shape[i] for i in order), dtype)
        return Tensor(a).permute(back) if rank else Tensor(a), a.transpose(back)
    if layout == "stepped":
        a = arrays(random, tuple(2 * n for n in shape), dtype)
        index = (slice(None, None, -2),) * rank
        return Tensor(a)[index], np.asarray(a[index])
    a = arrays(random, shape, dtype)
    if layout == "computed":
        return Tensor(a) ^ Tensor(np.zeros(shape, dtype)) if a.dtype.kind in "biu" else (
            Tensor(a) + Tensor(np.zeros(shape, dtype))
        ), a
    return Tensor(a), a


def same(t: Tensor, a: np.ndarray) -> None:
    """Equal shapes, types and values."""
    found = t.numpy()
    assert found.shape == a.shape
    assert found.dtype == a.dtype or dtypes.is_int(t.dtype)
    np.testing.assert_array_equal(found, a)
