"""Products of matrices, einsum and decompositions against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosso import Tensor, dtypes
from shapes import arrays

extent = st.integers(1, 5)


def numbers(seed: int, *shape: int, dtype: str = "float32") -> np.ndarray:
    return arrays(np.random.default_rng(seed), shape, dtype) / np.asarray(4, dtype)


def close(t: Tensor, a: np.ndarray, rtol: float = 2e-5, atol: float = 2e-5) -> None:
    found = t.numpy()
    assert found.shape == np.shape(a)
    np.testing.assert_allclose(np.asarray(found, np.float64), np.asarray(a, np.float64), rtol, atol)


@given(
    extent, extent, extent, st.lists(st.integers(1, 3), max_size=2), st.integers(0, 9), st.data()
)
def test_matmul_broadcasts(m, k, n, batch, seed, data):
    left = [data.draw(st.sampled_from((1, b))) for b in batch]
    a, b = numbers(seed, *left, m, k), numbers(seed + 1, *batch, k, n)
    close(Tensor(a) @ Tensor(b), a @ b)
    close(Tensor(a).matmul(Tensor(b[(0,) * len(batch)])), a @ b[(0,) * len(batch)])
    turned = Tensor(np.ascontiguousarray(b.swapaxes(-1, -2))).transpose(-1, -2)
    close(Tensor(a).dot(turned), a @ b)


@given(extent, extent, st.integers(0, 9))
def test_vectors(m, k, seed):
    a, v = numbers(seed, m, k), numbers(seed + 1, k)
    close(Tensor(a) @ Tensor(v), a @ v)
    close(Tensor(v) @ Tensor(a.T.copy()), v @ a.T)
    close(Tensor(v).dot(Tensor(v)), v @ v)


@pytest.mark.parametrize("shape", [(64, 64, 64), (130, 70, 33), (1, 257, 128), (128, 1, 128)])
def test_larger_matrices(shape):
    m, k, n = shape
    a, b = numbers(1, m, k), numbers(2, k, n)
    close(Tensor(a) @ Tensor(b), a.astype(np.float64) @ b, 1e-4, 1e-4)
    close(Tensor(a).linear(Tensor(b), Tensor(b[0])), a @ b + b[0], 1e-4, 1e-4)
    close(Tensor(a).linear(Tensor(b.T.copy()).T), a @ b, 1e-4, 1e-4)


def test_types():
    for name in ("int8", "uint8", "int32", "int64", "float16", "bfloat16", "float64"):
        t = Tensor([[1, 2], [3, 4]], dtype=name)
        assert (t @ t).dtype is t.dtype
        np.testing.assert_array_equal((t @ t).float().numpy(), [[7, 10], [15, 22]])
    byte = Tensor([[100, 100]], dtype="int8")
    assert byte.matmul(byte.T, dtype="int32").item() == 20000
    half = Tensor(numbers(0, 4, 4096)).half()
    exact = half.numpy().astype(np.float64)
    close(half.matmul(half.T, dtype="float32"), exact @ exact.T, 1e-4, 1e-2)
    assert (Tensor([[1.0]]) @ Tensor([[2]])).dtype is dtypes.float32
    assert (Tensor([[1]], dtype="int64") @ Tensor([[2]], dtype="uint64")).dtype is dtypes.weakfloat


def test_shapes_that_do_not_fit():
    a = Tensor(numbers(0, 2, 3))
    with pytest.raises(RuntimeError, match="cannot dot"):
        a @ Tensor(numbers(0, 2, 3))
    with pytest.raises(RuntimeError, match="at least 1D"):
        a @ Tensor(1.0)
    with pytest.raises(RuntimeError):
        a.linear(Tensor(numbers(0, 2, 3)))


def test_nothing_to_sum():
    a, b = np.zeros((2, 0), np.float32), np.zeros((0, 3), np.float32)
    close(Tensor(a) @ Tensor(b), a @ b)
    close(Tensor(b) @ Tensor(np.zeros((3, 4), np.float32)), np.zeros((0, 4)))


FORMULAS = [
    ("ij,jk->ik", (3, 4), (4, 5)),
    ("ij,jk", (3, 4), (4, 5)),
    ("ij->ji", (3, 4)),
    ("ij->", (3, 4)),
    ("ij->j", (3, 4)),
    ("ii", (4, 4)),
    ("ii->i", (4, 4)),
    ("iij->ij", (3, 3, 2)),
    ("i,j->ij", (3,), (4,)),
    ("i,i->", (3,), (3,)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bij,bjk->ki", (2, 3, 4), (2, 4, 5)),
    ("ijk,jil->kl", (3, 4, 2), (4, 3, 5)),
    ("bhtd,bhsd->bhts", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("...ij,...jk->...ik", (2, 3, 4), (4, 5)),
    ("...ij->...ji", (2, 3, 4)),
    ("i...->...", (3, 2, 2)),
    ("ab,bc,cd->ad", (2, 3), (3, 4), (4, 5)),
    ("ij,ij->ij", (3, 4), (3, 4)),
    ("abc,b,cd->ad", (2, 3, 4), (3,), (4, 2)),
    (" i j , j k -> k i ", (3, 4), (4, 5)),
]


@pytest.mark.parametrize("case", FORMULAS, ids=[case[0] for case in FORMULAS])
def test_einsum(case):
    formula, *shapes = case
    operands = [numbers(i, *shape) for i, shape in enumerate(shapes)]
    close(Tensor.einsum(formula, *map(Tensor, operands)), np.einsum(formula, *operands), 1e-4, 1e-4)
    close(
        Tensor.einsum(formula, [Tensor(a) for a in operands]),
        np.einsum(formula, *operands),
        1e-4,
        1e-4,
    )


def test_einsum_refuses():
    a, b = Tensor(numbers(0, 2, 3)), Tensor(numbers(0, 4, 5))
    with pytest.raises(ValueError, match="number of operands"):
        Tensor.einsum("ij,jk->ik", a)
    with pytest.raises(ValueError, match="one extent a letter"):
        Tensor.einsum("ij,jk->ik", a, b)
    with pytest.raises(ValueError, match="letters of operands"):
        Tensor.einsum("ij->iz", a)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 3)])
def test_qr(shape):
    a = numbers(3, *shape)
    q, r = Tensor(a).qr()
    close(q @ r, a, 1e-4, 1e-4)
    close(q.transpose(-1, -2) @ q, np.broadcast_to(np.eye(shape[-2]), q.shape), 1e-4, 1e-4)
    np.testing.assert_allclose(np.tril(r.numpy(), -1), 0, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 2), (3, 2), (2, 3)])
def test_svd(shape):
    a = numbers(5, *shape)
    u, s, vt = Tensor(a).svd(full_matrices=False)
    close(s, np.linalg.svd(a)[1], 1e-4, 1e-4)
    close((u * s) @ vt, a, 1e-4, 1e-4)


def test_newton_schulz():
    a = numbers(7, 3, 5)
    g = a / (np.linalg.norm(a) + 1e-7)
    for _ in range(3):
        g = 2 * g - 1.5 * g @ g.T @ g + 0.5 * g @ g.T @ g @ g.T @ g
    close(Tensor(a).newton_schulz(3, (2, -1.5, 0.5)), g, 1e-4, 1e-4)


def test_devices_agree():
    a, b = numbers(0, 3, 17), numbers(1, 17, 5)
    close(Tensor(a).to("emu") @ Tensor(b).to("emu"), a @ b)
