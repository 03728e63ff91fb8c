"""Layers without weights of their own: convolutions, pools, sizes, norms, losses, attention.

Spatial axes are the last ones, one to three of them, after samples N and channels C. Their numbers
(`stride`, `dilation`, ...) are one int for all or one each. `padding` is one int, one an axis,
or before and after of each axis, the last axis first. Shapes that do not fit are ValueErrors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from rosso._mixins.base import TensorBase
from rosso.dtype import to_dtype

if TYPE_CHECKING:
    from rosso.dtype import DTypeLike
    from rosso.tensor import Tensor

    Numbers = int | Sequence[int]
    ReductionStr = Literal["mean", "sum", "none"]


def _numbers(x: Any) -> list[int]:
    return list(x) if isinstance(x, (tuple, list)) else [x]


def _want_reduction(reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction=} must be one of ('mean', 'sum', 'none')")


def _handle(t: Tensor | None) -> Any:
    return None if t is None else t._t


class NnMixin(TensorBase):
    """Layers without weights of their own: convolutions, pools, sizes, norms, losses, attention."""

    __slots__ = ()

    def sequential(self, ll: list[Callable[[Tensor], Tensor]]) -> Tensor:
        """What the functions of a list make of this tensor, one after another."""
        return functools.reduce(lambda x, f: f(x), ll, self)  # type: ignore[arg-type]

    # --- convolutions ---

    def conv2d(
        self,
        weight: Tensor,
        bias: Tensor | None = None,
        groups: int = 1,
        stride: Numbers = 1,
        dilation: Numbers = 1,
        padding: Numbers = 0,
        dtype: DTypeLike | None = None,
    ) -> Tensor:
        """x [N, groups * C, spatial...] by weight [F, C, kernel...] -> [N, F, spatial...].

        In 1 to 3 dimensions, as the weight has. With `dtype`, sums and result are of that type.
        `Tensor.ones(1, 1, 4, 4).conv2d(Tensor.ones(1, 1, 3, 3))` is 9 everywhere, [1, 1, 2, 2].
        """
        pads, axes = _numbers(padding), weight.ndim - 2
        if not isinstance(padding, int) and len(pads) not in (axes, 2 * axes):
            raise ValueError(
                f"Padding must be an int or a sequence of length {axes} or {2 * axes}, "
                f"but got {padding=} with dims={axes}."
            )
        kind = None if dtype is None else to_dtype(dtype)
        return self._wrap(
            self._t.conv2d(
                weight._t, _handle(bias), groups, _numbers(stride), _numbers(dilation), pads, kind
            )
        )

    def conv_transpose2d(
        self,
        weight: Tensor,
        bias: Tensor | None = None,
        groups: int = 1,
        stride: Numbers = 1,
        dilation: Numbers = 1,
        padding: Numbers = 0,
        output_padding: Numbers = 0,
    ) -> Tensor:
        """x [N, C, spatial...] by weight [C, F / groups, kernel...] -> [N, F, spatial...].

        Undoes the shape of `conv2d`: extents become (extent - 1) * stride - 2 * padding + reach of
        the kernel + output_padding.
        """
        return self._wrap(
            self._t.conv_transpose2d(
                weight._t,
                _handle(bias),
                groups,
                _numbers(stride),
                _numbers(dilation),
                _numbers(padding),
                _numbers(output_padding),
            )
        )

    # --- pools ---

    def avg_pool2d(
        self,
        kernel_size: Numbers = (2, 2),
        stride: Numbers | None = None,
        dilation: Numbers = 1,
        padding: Numbers = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> Tensor:
        """Means of windows, which move by `stride`: their size if it is None.

        `ceil_mode` keeps a last window that hangs over the edge. `count_include_pad` counts the
        zeros of the padding as elements.
        """
        return self._wrap(
            self._t.avg_pool2d(
                *self._pool(kernel_size, stride, dilation, padding), ceil_mode, count_include_pad
            )
        )

    def max_pool2d(
        self,
        kernel_size: Numbers = (2, 2),
        stride: Numbers | None = None,
        dilation: Numbers = 1,
        padding: Numbers = 0,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Largest elements of windows; see `avg_pool2d`.

        With `return_indices` also where they are in the flattened spatial axes, int32.
        """
        pool = (*self._pool(kernel_size, stride, dilation, padding), ceil_mode)
        if not return_indices:
            return self._wrap(self._t.max_pool2d(*pool))
        values, places = self._t.max_pool2d_with_indices(*pool)
        return self._wrap(values), self._wrap(places)

    def max_unpool2d(
        self,
        indices: Tensor,
        kernel_size: Numbers = (2, 2),
        stride: Numbers | None = None,
        dilation: Numbers = 1,
        padding: Numbers = 0,
        output_size: Sequence[int] | None = None,
    ) -> Tensor:
        """Zeros with the elements at the places that `max_pool2d` found.

        `output_size` gives the shape where the inverse of the pool's is not wanted.
        """
        size = None if output_size is None else list(output_size)
        pool = self._pool(kernel_size, stride, dilation, padding)
        return self._wrap(self._t.max_unpool2d(indices._t, *pool, size))

    @staticmethod
    def _pool(kernel: Numbers, stride: Numbers | None, dilation: Numbers, padding: Numbers) -> Any:
        """The numbers of a pool as lists; a lone kernel size is a square."""
        size = [kernel] * 2 if isinstance(kernel, int) else list(kernel)
        pads = _numbers(padding)
        if not isinstance(padding, int) and len(pads) not in (len(size), 2 * len(size)):
            raise ValueError(
                f"Padding must be an int or a sequence of length {len(size)} or {2 * len(size)}, "
                f"but got {padding=} with dims={len(size)}."
            )
        return size, None if stride is None else _numbers(stride), _numbers(dilation), pads

    def interpolate(
        self, size: tuple[int, ...], mode: str = "linear", align_corners: bool = False
    ) -> Tensor:
        """The last axes at the extents `size`.

        `mode` is "linear" (weights of the neighbours on every axis), "nearest" or "nearest-exact".
        With `align_corners`, first and last elements stay first and last.
        """
        assert isinstance(size, (tuple, list)) and 0 < len(size) <= self.ndim, f"invalid {size=}"
        assert mode in ("linear", "nearest", "nearest-exact"), (
            "only supports linear, nearest or nearest-exact interpolate"
        )
        assert not (align_corners and mode != "linear"), (
            "align_corners option can only be set with the interpolating mode linear"
        )
        return self._wrap(self._t.interpolate(list(size), mode, align_corners))

    # --- norms ---

    def layernorm(self, axis: Numbers = -1, eps: float = 1e-5) -> Tensor:
        """(x - mean) / sqrt(variance + eps) along axes. Source: Ba 2016."""
        return self._wrap(self._t.layernorm(self._axes(axis), eps))

    def batchnorm(
        self,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        invstd: Tensor,
        axis: Numbers = 1,
    ) -> Tensor:
        """(x - mean) * invstd * weight + bias, all of the extents of `axis`. Source: Ioffe 2015."""
        return self._wrap(
            self._t.batchnorm(_handle(weight), _handle(bias), mean._t, invstd._t, self._axes(axis))
        )

    def dropout(self, p: float = 0.5) -> Tensor:
        """Random elements 0 and the others by 1 / (1 - p), while training; else this tensor.

        Training is what `Context(TRAINING=1)` says. ValueError unless 0 <= p <= 1.
        """
        if not 0 <= p <= 1:
            raise ValueError(f"{p=} is out of range [0, 1]")
        if not _is_training() or p == 0:
            return self  # type: ignore[return-value]
        return self._wrap(self._t.dropout(p))

    # --- losses ---

    def binary_crossentropy(self, Y: Tensor, reduction: ReductionStr = "mean") -> Tensor:  # noqa: N803
        """-(Y log x + (1 - Y) log(1 - x)) of probabilities x."""
        _want_reduction(reduction)
        return self._wrap(self._t.binary_crossentropy(Y._t, reduction))

    def binary_crossentropy_logits(
        self,
        Y: Tensor,  # noqa: N803
        reduction: ReductionStr = "mean",
        pos_weight: Tensor | None = None,
    ) -> Tensor:
        """`binary_crossentropy` of sigmoid(x); the losses of Y = 1 times `pos_weight`."""
        _want_reduction(reduction)
        return self._wrap(self._t.binary_crossentropy_logits(Y._t, reduction, _handle(pos_weight)))

    def sparse_categorical_crossentropy(
        self,
        Y: Tensor,  # noqa: N803
        ignore_index: int = -1,
        label_smoothing: float = 0.0,
        reduction: ReductionStr = "mean",
    ) -> Tensor:
        """The cross entropy of logits [..., classes] and the classes Y [...].

        Elements of class `ignore_index` do not count. `label_smoothing` is the share that goes to
        all classes alike.
        """
        _want_reduction(reduction)
        assert 0.0 <= label_smoothing <= 1.0, "label_smoothing must be in [0.0, 1.0]"
        return self._wrap(
            self._t.sparse_categorical_crossentropy(Y._t, ignore_index, label_smoothing, reduction)
        )

    def cross_entropy(
        self,
        Y: Tensor,  # noqa: N803
        reduction: ReductionStr = "mean",
        label_smoothing: float = 0.0,
    ) -> Tensor:
        """The cross entropy of logits [N, classes, ...] and classes Y [N, ...] or probabilities.

        RuntimeError where the shapes do not fit.
        """
        _want_reduction(reduction)
        assert 0.0 <= label_smoothing <= 1.0, "label_smoothing must be in [0.0, 1.0]"
        classes = 0 if self.ndim == 1 else 1
        if self.shape != Y.shape and self.shape[:classes] + self.shape[classes + 1 :] != Y.shape:
            raise RuntimeError(f"shape mismatch: {self.shape=}, {Y.shape=}")
        return self._wrap(self._t.cross_entropy(Y._t, reduction, label_smoothing))

    def nll_loss(
        self,
        Y: Tensor,  # noqa: N803
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        reduction: ReductionStr = "mean",
    ) -> Tensor:
        """Minus the log-probabilities [N, classes, ...] of the classes Y [N, ...], weighted."""
        _want_reduction(reduction)
        return self._wrap(self._t.nll_loss(Y._t, _handle(weight), ignore_index, reduction))

    # --- attention ---

    def scaled_dot_product_attention(
        self,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        enable_gqa: bool = False,
    ) -> Tensor:
        """softmax(q k^T / sqrt(d) + mask) v, q [..., T, d], k [..., S, d], v [..., S, e].

        A bool mask [T, S] is true where a row may see a column, a float one is added. `is_causal`
        lets row t see columns 0..t. `enable_gqa`: heads (axis -3) of q share those of k and v.
        RuntimeError for a mask and `is_causal` together. Source: Vaswani 2017.
        """
        if is_causal and attn_mask is not None:
            raise RuntimeError("cannot set attn_mask when is_causal=True")
        share = dropout_p if _is_training() else 0.0
        return self._wrap(
            self._t.scaled_dot_product_attention(
                key._t, value._t, _handle(attn_mask), is_causal, share
            )
        )


def _is_training() -> bool:
    from rosso.helpers import TRAINING

    return bool(TRAINING)
