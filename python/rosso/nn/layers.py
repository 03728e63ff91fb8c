"""Products with weights: dense layers, convolutions, tables, and the LSTM cell.

New weights are uniform in +-1/sqrt(inputs of one output), as in PyTorch.
"""

from __future__ import annotations

import math

from rosso.dtype import dtypes
from rosso.helpers import make_tuple, prod
from rosso.tensor import Tensor


class Linear:
    """x [..., in_features] -> [..., out_features]: a product with `weight` [out, in], plus `bias`.

    A weight of GGUF blocks stays packed and is read as it is.

    >>> Linear(3, 4)(Tensor.zeros(2, 3)).shape
    (2, 4)
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        bound = 1 / math.sqrt(in_features)
        self.weight = Tensor.uniform(out_features, in_features, low=-bound, high=bound)
        self.bias = Tensor.uniform(out_features, low=-bound, high=bound) if bias else None

    def __call__(self, x: Tensor) -> Tensor:
        if self.weight.is_quantized:
            return x._wrap(x._t.linear(self.weight._t, self.bias and self.bias._t))
        return x.linear(self.weight.transpose(), self.bias)


class Conv2d:
    """x [N, in, H, W] -> [N, out, H', W'] by `weight` [out, in / groups, *kernel], plus `bias`.

    `kernel_size` has as many numbers as there are spatial axes; one number stands for two axes.
    `padding` is one number, one an axis, begin and end of every axis from the last on, or "same".

    Errors: ValueError for another padding word, or "same" with a stride.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        self.kernel_size = make_tuple(kernel_size, 2)
        self.stride, self.dilation, self.groups = stride, dilation, groups
        self.padding = self._same_padding(padding) if isinstance(padding, str) else padding
        bound = 1 / math.sqrt(in_channels * prod(self.kernel_size))
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Tensor.uniform(*shape, low=-bound, high=bound)
        self.bias = Tensor.uniform(out_channels, low=-bound, high=bound) if bias else None

    def _same_padding(self, word: str) -> tuple[int, ...]:
        if word.lower() != "same":
            raise ValueError(f"padding {word!r}: expected numbers or 'same'")
        if self.stride != 1:
            raise ValueError("padding 'same' has no meaning for a stride other than 1")
        dilation = make_tuple(self.dilation, len(self.kernel_size))
        totals = [d * (k - 1) for d, k in zip(dilation, self.kernel_size)]
        return tuple(p for total in reversed(totals) for p in (total // 2, total - total // 2))

    def __call__(self, x: Tensor) -> Tensor:
        return x.conv2d(
            self.weight, self.bias, self.groups, self.stride, self.dilation, self.padding
        )


def Conv1d(  # noqa: N802
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    padding: int | str = 0,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = True,
) -> Conv2d:
    """`Conv2d` of one spatial axis: x [N, C, L] -> [N, C', L']."""
    kernel = (kernel_size,)
    return Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, groups, bias)


class ConvTranspose2d(Conv2d):
    """x [N, in, H, W] -> [N, out, H', W'] by `weight` [in, out / groups, *kernel]: every element
    of x adds the kernel, scaled, to the result.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias
        )
        bound = 1 / math.sqrt(in_channels * prod(self.kernel_size))
        shape = (in_channels, out_channels // groups, *self.kernel_size)
        self.weight = Tensor.uniform(*shape, low=-bound, high=bound)
        self.output_padding = output_padding

    def __call__(self, x: Tensor) -> Tensor:
        return x.conv_transpose2d(
            self.weight,
            self.bias,
            self.groups,
            self.stride,
            self.dilation,
            self.padding,
            self.output_padding,
        )


def ConvTranspose1d(  # noqa: N802
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = True,
) -> ConvTranspose2d:
    """`ConvTranspose2d` of one spatial axis."""
    return ConvTranspose2d(
        in_channels,
        out_channels,
        (kernel_size,),
        stride,
        padding,
        output_padding,
        dilation,
        groups,
        bias,
    )


class Embedding:
    """idx [...] of integers -> [..., embed_size]: rows of `weight` [vocab_size, embed_size].

    Errors: TypeError where the indices are not integers.
    """

    def __init__(self, vocab_size: int, embed_size: int) -> None:
        self.weight = Tensor.glorot_uniform(vocab_size, embed_size)

    def __call__(self, idx: Tensor) -> Tensor:
        if not dtypes.is_int(idx.dtype):
            raise TypeError(f"embedding: indices of {idx.dtype}; expected integers")
        return self.weight[idx]


class LSTMCell:
    """One step of a long short-term memory: x [N, input_size] and the state (h, c), each
    [N, hidden_size] and zeros if there is none, -> the next (h, c).

    Gates lie in the order input, forget, cell, output. Source: PyTorch's LSTMCell.
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        bound = 1 / math.sqrt(hidden_size)
        rows = 4 * hidden_size
        self.weight_ih = Tensor.uniform(rows, input_size, low=-bound, high=bound)
        self.weight_hh = Tensor.uniform(rows, hidden_size, low=-bound, high=bound)
        self.bias_ih = Tensor.zeros(rows) if bias else None
        self.bias_hh = Tensor.zeros(rows) if bias else None

    def __call__(self, x: Tensor, hc: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        if hc is None:
            zeros = Tensor.zeros(x.shape[0], self.weight_hh.shape[1], dtype=x.dtype)
            hc = (zeros, zeros)
        h, c = hc
        gates = x.linear(self.weight_ih.T, self.bias_ih) + h.linear(self.weight_hh.T, self.bias_hh)
        i, f, g, o = gates.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c
