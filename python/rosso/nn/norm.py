"""Normalisations: over batches, channels, groups of them, or rows."""

from __future__ import annotations

from rosso.helpers import TRAINING, make_tuple
from rosso.tensor import Tensor


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """x [N, C, ...] times and plus a number for each channel."""
    if weight is None or bias is None:
        return x
    by_channel = (1, -1, *[1] * (x.ndim - 2))
    return x * weight.reshape(by_channel) + bias.reshape(by_channel)


class BatchNorm:
    """x [N, C, ...] normalised by the mean and variance of each channel: the running ones, or those
    of the batch where none are tracked, and under `Context(TRAINING=1)`, which moves the running
    ones a share `momentum` of the way to them (the variance as of a sample).
    """

    def __init__(
        self,
        sz: int,
        eps: float = 1e-5,
        affine: bool = True,
        track_running_stats: bool = True,
        momentum: float = 0.1,
    ) -> None:
        self.eps, self.track_running_stats, self.momentum = eps, track_running_stats, momentum
        self.weight = Tensor.ones(sz) if affine else None
        self.bias = Tensor.zeros(sz) if affine else None
        self.num_batches_tracked = Tensor.zeros(dtype="long").is_param_(False)
        if track_running_stats:
            self.running_mean = Tensor.zeros(sz).is_param_(False)
            self.running_var = Tensor.ones(sz).is_param_(False)

    def __call__(self, x: Tensor) -> Tensor:
        mean, variance = self.calc_stats(x)
        if TRAINING and self.track_running_stats:
            count = x.numel() // x.shape[1]
            self._track(mean, variance * (count / max(1, count - 1)))
        return x.batchnorm(self.weight, self.bias, mean, (variance + self.eps).rsqrt())

    def calc_stats(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean and the variance, [C] each, that x is normalised by."""
        if self.track_running_stats and not TRAINING:
            return self.running_mean, self.running_var
        axes = tuple(axis for axis in range(x.ndim) if axis != 1)
        return x.mean(axis=axes), x.var(axis=axes, correction=0)

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        for running, found in ((self.running_mean, mean), (self.running_var, variance)):
            running.assign(running + self.momentum * (found - running))
        self.num_batches_tracked += 1


BatchNorm2d = BatchNorm3d = BatchNorm


class GroupNorm:
    """x [N, C, ...] normalised over groups of channels beside each other."""

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True
    ) -> None:
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = Tensor.ones(num_channels) if affine else None
        self.bias = Tensor.zeros(num_channels) if affine else None

    def __call__(self, x: Tensor) -> Tensor:
        groups = x.reshape(x.shape[0], self.num_groups, -1)
        return _scaled(groups.layernorm(eps=self.eps).reshape(x.shape), self.weight, self.bias)


class InstanceNorm:
    """x [N, C, ...] normalised over each channel of each sample."""

    def __init__(self, num_features: int, eps: float = 1e-5, affine: bool = True) -> None:
        self.num_features, self.eps = num_features, eps
        self.weight = Tensor.ones(num_features) if affine else None
        self.bias = Tensor.zeros(num_features) if affine else None

    def __call__(self, x: Tensor) -> Tensor:
        channels = x.reshape(x.shape[0], self.num_features, -1)
        return _scaled(channels.layernorm(eps=self.eps).reshape(x.shape), self.weight, self.bias)


class LayerNorm:
    """x [..., *normalized_shape] normalised over its last axes.

    Errors: ValueError where they have another shape.
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
    ) -> None:
        self.normalized_shape = make_tuple(normalized_shape, 1)
        self.axis = tuple(-1 - i for i in range(len(self.normalized_shape)))
        self.eps = eps
        self.weight = Tensor.ones(*self.normalized_shape) if elementwise_affine else None
        self.bias = Tensor.zeros(*self.normalized_shape) if elementwise_affine else None

    def __call__(self, x: Tensor) -> Tensor:
        last = x.shape[-len(self.normalized_shape) :]
        if last != self.normalized_shape:
            raise ValueError(f"layer norm of {self.normalized_shape}: found {x.shape}")
        x = x.layernorm(eps=self.eps, axis=self.axis)
        return x if self.weight is None or self.bias is None else x * self.weight + self.bias


class LayerNorm2d(LayerNorm):
    """x [N, C, H, W] normalised over the channels of each place."""

    def __call__(self, x: Tensor) -> Tensor:
        return super().__call__(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class RMSNorm:
    """x [..., dim] by the root of the mean of its squares, which is computed in float32."""

    def __init__(self, dim: int, eps: float = 1e-6, elementwise_affine: bool = True) -> None:
        self.eps = eps
        self.weight = Tensor.ones(dim) if elementwise_affine else None

    def _norm(self, x: Tensor) -> Tensor:
        return x * (x.square().mean(-1, keepdim=True) + self.eps).rsqrt()

    def __call__(self, x: Tensor) -> Tensor:
        x = self._norm(x.float()).cast(x.dtype)
        return x if self.weight is None else x * self.weight
