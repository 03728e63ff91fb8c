"""Products of matrices, Einstein's notation, decompositions.

Matrices are the last two axes; leading axes broadcast. Halves are multiplied and summed in float32
and rounded once. With `dtype`, sums and result are of that type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rosso import _rosso
from rosso._mixins.base import TensorBase
from rosso.dtype import to_dtype

if TYPE_CHECKING:
    from rosso.dtype import DTypeLike
    from rosso.tensor import Tensor


class ContractionMixin(TensorBase):
    """Products of matrices, Einstein's notation, decompositions."""

    __slots__ = ()

    def dot(self, w: Tensor, dtype: DTypeLike | None = None) -> Tensor:
        """[..., M, K] by [..., K, N] -> [..., M, N]; a vector is a row left and a column right.

        RuntimeError for scalars, and where K differs.
        """
        a, b = self.shape, w.shape
        if not a or not b:
            raise RuntimeError(
                f"both tensors need to be at least 1D, got {self.ndim}D and {w.ndim}D"
            )
        if a[-1] != b[-min(len(b), 2)]:
            raise RuntimeError(f"cannot dot {a} and {b}")
        return self._wrap(self._t.matmul(w._t, None if dtype is None else to_dtype(dtype)))

    def matmul(self, x: Tensor, reverse: bool = False, dtype: DTypeLike | None = None) -> Tensor:
        """See `dot`; with `reverse`, x by this."""
        return x.dot(self, dtype=dtype) if reverse else self.dot(x, dtype=dtype)

    def __matmul__(self, x: Tensor) -> Tensor:
        return self.matmul(x)

    def __rmatmul__(self, x: Tensor) -> Tensor:
        return self.matmul(x, True)

    def linear(
        self, weight: Tensor, bias: Tensor | None = None, dtype: DTypeLike | None = None
    ) -> Tensor:
        """[..., K] by weight [K, N], or times weight [K]; plus bias. With `dtype`, of that type.

        A weight that is stored as [N, K] and transposed is read as it is stored.
        """
        if dtype is not None:
            kind = to_dtype(dtype)
            cast_bias = None if bias is None else bias.cast(kind)
            return self.cast(kind).linear(weight.cast(kind), cast_bias)
        if weight.ndim != 1 and (not self.shape or self.shape[-1] != weight.shape[-2]):
            raise RuntimeError(f"cannot dot {self.shape} and {weight.shape}")
        return self._wrap(self._t.affine(weight._t, None if bias is None else bias._t))

    @classmethod
    def einsum(
        cls,
        formula: str,
        *operands: Tensor | Sequence[Tensor],
        dtype: DTypeLike | None = None,
    ) -> Tensor:
        """The sum of products that Einstein's notation names, as NumPy's `einsum`.

        `Tensor.einsum("ij,jk->ik", a, b)` is a @ b, "ii->i" a diagonal, "..." leading axes. Without
        "->" the result has the letters that stand once, in order. ValueError where operands do not
        fit the formula.
        """
        first = operands[0] if operands else ()
        listed = first if isinstance(first, (list, tuple)) else operands
        kind = None if dtype is None else to_dtype(dtype)
        return cls._wrap(_rosso.Tensor.einsum(formula, [t._t for t in listed], kind))

    def qr(self) -> tuple[Tensor, Tensor]:
        """[..., M, N] -> Q [..., M, M] with Q^T Q = 1, and R [..., M, N] upper triangular, Q R = x.

        By Householder's reflections.
        """
        _want_matrix(self)
        q, r = self._t.qr()
        return self._wrap(q), self._wrap(r)

    def svd(self, full_matrices: bool = True) -> tuple[Tensor, Tensor, Tensor]:
        """[..., M, N] -> U, S, V^T with U diag(S) V^T = x; S falls. By Jacobi's rotations."""
        _want_matrix(self)
        u, s, v = self._t.svd(full_matrices)
        return self._wrap(u), self._wrap(s), self._wrap(v)

    def newton_schulz(self, steps: int, params: tuple[float, ...], eps: float = 1.0e-7) -> Tensor:
        """`steps` times the odd polynomial p0 x + p1 x x^T x + ... of the normalised matrix."""
        _want_matrix(self)
        return self._wrap(self._t.newton_schulz(steps, list(params), eps))


def _want_matrix(t: TensorBase) -> None:
    assert t.ndim > 1, f"expected two or more dimensions, got {t.ndim}"
