"""Views: reshape, permute, expand, pad, shrink, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rosso import _rosso
from rosso._mixins.arguments import argfix, is_constant, make_tuple, product
from rosso._mixins.base import TensorBase

if TYPE_CHECKING:
    from rosso.tensor import Tensor


class MovementMixin(TensorBase):
    """Views: reshape, permute, expand, pad, shrink, and what is made of them."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements."""
        return product(self.shape)

    def size(self, dim: int | None = None) -> Any:
        """The extent of axis `dim`, or all of them as `shape` does. Errors: IndexError."""
        return self.shape if dim is None else self.shape[dim]

    @property
    def max_shape(self) -> tuple[int, ...]:
        """The shape with the greatest value of every symbolic extent."""
        return tuple(s if isinstance(s, int) else s.vmax for s in self.shape)

    def max_numel(self) -> int:
        """The number of elements of `max_shape`."""
        return product(self.max_shape)

    def _moved(self, t: _rosso.Tensor) -> Tensor:
        """What a movement makes of this tensor: itself if nothing moves."""
        return self if t.same(self._t) else self._wrap(t)

    def reshape(self, shape: Any, *args: Any) -> Tensor:
        """The same elements, in row-major order, in another shape.

        One extent may be -1: what the others leave. None keeps the extent at its place.
        Errors: RuntimeError for a second -1, ValueError where the number of elements differs.

        `Tensor.arange(6).reshape(2, -1).shape == (2, 3)`
        """
        wanted = argfix(shape, *args)
        extents = [self.shape[i] if s is None else s for i, s in enumerate(wanted)]
        if sum(s == -1 for s in extents) > 1:
            raise RuntimeError(
                f"only one dimension can be inferred using -1, getting {tuple(extents)}"
            )
        return self._moved(self._t.reshape(extents))

    def view(self, shape: Any, *args: Any) -> Tensor:
        """Another name of `reshape`."""
        return self.reshape(shape, *args)

    def expand(self, shape: Any, *args: Any) -> Tensor:
        """Broadcasts to `shape`: extents of 1 grow, new axes come in front. -1 and None keep one.

        Errors: ValueError where an extent is neither 1 nor the wanted one.

        `Tensor([1, 2]).expand(3, -1).tolist() == [[1, 2], [1, 2], [1, 2]]`
        """
        return self._moved(self._t.expand([-1 if s is None else s for s in argfix(shape, *args)]))

    def _broadcast_to(self, new_shape: Sequence[Any]) -> Tensor:
        return self._moved(self._t.expand(list(new_shape)))

    def permute(self, order: Any, *args: Any) -> Tensor:
        """The axes in another order. Errors: IndexError for no axis, RuntimeError for one twice.

        `Tensor.empty(2, 3, 5).permute(2, 0, 1).shape == (5, 2, 3)`
        """
        axes = [self._resolve_dim(axis) for axis in argfix(order, *args)]
        if sorted(axes) != list(range(self.ndim)):
            raise RuntimeError(f"order is not a valid permutation, getting {tuple(axes)}")
        return self._moved(self._t.permute(axes))

    def transpose(self, dim0: int = 1, dim1: int = 0) -> Tensor:
        """Two axes in each other's place. Errors: IndexError where there is no such axis."""
        order = list(range(self.ndim))
        order[dim0], order[dim1] = order[dim1], order[dim0]
        return self._moved(self._t.permute(order))

    @property
    def T(self) -> Tensor:  # noqa: N802
        """`transpose()`: the first two axes in each other's place."""
        return self.transpose()

    def flip(self, axis: Any, *args: Any) -> Tensor:
        """The elements along some axes in reverse order.

        Errors: IndexError for no axis, RuntimeError for one twice.

        `Tensor([1, 2, 3]).flip(0).tolist() == [3, 2, 1]`
        """
        axes = [self._resolve_dim(x) for x in argfix(axis, *args)]
        if any(not 0 <= x < self.ndim for x in axes):
            raise IndexError(f"flip: axes {axes} of a tensor of shape {self.shape}")
        if len(axes) != len(set(axes)):
            raise RuntimeError(f"dim can appear at most once, getting {tuple(axes)}")
        return self._moved(self._t.flip(axes)) if axes else self

    def shrink(self, arg: Sequence[tuple[Any, Any] | None]) -> Tensor:
        """The elements from `start` to before `end` of every axis; None keeps an axis whole.

        Errors: ValueError unless there is one entry for each axis, inside of it.

        `Tensor.arange(9).reshape(3, 3).shrink((None, (1, 3))).shape == (3, 2)`
        """
        if self.ndim != len(arg):
            raise ValueError(f"{self.ndim=} != {len(arg)=}")
        ranges = [(0, s) if x is None else (x[0], x[1]) for x, s in zip(arg, self.shape)]
        return self._moved(self._t.shrink(ranges))

    def shrink_to(self, shape: Any, *args: Any) -> Tensor:
        """The first elements of every axis: as many as `shape` says; None keeps an axis whole."""
        extents = argfix(shape, *args)
        return self.shrink([None if s is None else (0, s) for s in extents])

    def pad(
        self,
        padding: Sequence[Any],
        mode: str = "constant",
        value: float | int | bool = 0.0,
    ) -> Tensor:
        """Elements around this tensor; negative numbers cut some off.

        `padding` is flat, `(left, right, top, bottom, ...)` beginning with the last axis, or in
        groups, `(..., (top, bottom), (left, right))` with one for each axis, or None.
        `mode` is "constant" (`value`), "reflect" (the mirror image at the edge), "replicate" (the
        edge) or "circular" (the other end).
        Errors: ValueError where the form or a number does not fit, NotImplementedError for other
        modes.

        `Tensor([1, 2, 3]).pad((1, 2)).tolist() == [0, 1, 2, 3, 0, 0]`
        """
        pairs = self._paddings(padding)
        if mode not in _rosso.PadMode.__members__:
            raise NotImplementedError(f"{mode=} is not supported")
        if mode != "constant":
            assert is_constant(self.shape), f"does not support symbolic shape {self.shape}"
        kind = _rosso.PadMode.__members__[mode]
        around = (
            _rosso.Tensor.weak_float(value)  # other than 0 around integers, it makes floats of them
            if isinstance(value, float)
            else type(self)._scalar(value, self.dtype)
        )
        return self._moved(self._t.pad(pairs, kind, around))

    def _paddings(self, padding: Sequence[Any]) -> list[tuple[Any, Any]]:
        """One pair for each axis."""
        if any(p is None or isinstance(p, (tuple, list)) for p in padding):
            pairs = [(0, 0) if p is None else tuple(p) for p in padding]
        else:
            if len(padding) % 2 != 0:
                raise ValueError("Flat padding must have even number of pads")
            pairs = list(zip(padding[-2::-2], padding[::-2]))
            pairs = [(0, 0)] * (self.ndim - len(pairs)) + pairs
        if len(pairs) != self.ndim:
            raise ValueError(f"padding length is improper, {padding=} {self.ndim=}")
        return pairs

    def pad_to(self, shape: Any, *args: Any, value: float | int | bool = 0) -> Tensor:
        """`value` after the end of every axis until it has the extent; None keeps one.

        Errors: ValueError where an axis is longer already.
        """
        extents = list(argfix(shape, *args))
        if len(extents) != self.ndim:
            raise ValueError(f"pad_to: {len(extents)} extents for {self.ndim} axes")
        return self._moved(self._t.pad_to(extents, type(self)._scalar(value, self.dtype)))

    def squeeze(self, dim: int | None = None) -> Tensor:
        """Without axis `dim` if its extent is 1, or without all axes of extent 1.

        Errors: IndexError where there is no such axis.
        """
        if dim is None:
            return self._moved(self._t.squeeze())
        at = self._resolve_dim(dim)
        return self._moved(self._t.squeeze(at) if self.ndim else self._t)

    def unsqueeze(self, dim: int) -> Tensor:
        """With a new axis of extent 1 at `dim`. Errors: IndexError.

        `Tensor([1, 2]).unsqueeze(-1).shape == (2, 1)`
        """
        return self._wrap(self._t.unsqueeze(self._resolve_dim(dim, extra=True)))

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """The axes from `start_dim` to `end_dim`, both included, as one. Errors: IndexError."""
        start, end = self._resolve_dim(start_dim), self._resolve_dim(end_dim)
        return self._moved(self._t.flatten(start, end))

    def unflatten(self, dim: int, sizes: Sequence[Any]) -> Tensor:
        """Axis `dim` as several of these extents, of which one may be -1."""
        return self._moved(self._t.unflatten(self._resolve_dim(dim), list(sizes)))

    def rearrange(self, formula: str, **sizes: int) -> Tensor:
        """The axes taken apart, put in order and joined as a formula of einops says.

        Errors: AssertionError for a formula that means nothing, RuntimeError where the number of
        axes differs or sizes are missing, ValueError where they do not divide. Source: https://einops.rocks/api/rearrange/

        `Tensor.empty(4, 6).rearrange("b (h d) -> h b d", h=2).shape == (2, 4, 3)`
        """
        try:
            return self._wrap(self._t.rearrange(formula, list(sizes.items())))
        except ValueError as error:
            message = str(error)
            if message.startswith("rearrange:"):
                kind = RuntimeError if "expected one for each" in message else AssertionError
                raise kind(message) from None
            if "more than one -1" in message:
                raise RuntimeError(message) from None
            raise

    def split(self, sizes: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
        """Parts of axis `dim`: of one size (the last may be smaller), or of these sizes.

        Errors: AssertionError unless the sizes sum to the extent.

        `[t.shape[0] for t in Tensor.arange(10).split(4)] == [4, 4, 2]`
        """
        at = self._resolve_dim(dim)
        extent = self.shape[at]
        assert isinstance(extent, int), f"symbolic extent {extent} of axis {at} cannot be split"
        if isinstance(sizes, int):
            step = max(1, sizes)
            sizes = [min(sizes, extent - i) for i in range(0, max(1, extent), step)]
        sizes = list(sizes)
        total = sum(sizes)
        assert total == extent, f"expect sizes to sum exactly to {extent}, but got {total}"
        return tuple(self._wrap(part) for part in self._t.split(sizes, at))

    def chunk(self, chunks: int, dim: int = 0) -> list[Tensor]:
        """At most `chunks` parts of axis `dim`, all of one size but perhaps the last.

        Errors: AssertionError for less than one part.
        """
        at = self._resolve_dim(dim)
        extent = self.shape[at]
        assert isinstance(extent, int), f"symbolic extent {extent} of axis {at} cannot be split"
        assert chunks > 0, f"expect chunks to be greater than 0, got: {chunks}"
        return list(self.split(-(-extent // chunks) if extent else [0] * chunks, dim=at))

    def unbind(self, dim: int = 0) -> tuple[Tensor, ...]:
        """The tensors along axis `dim`, which they lack."""
        at = self._resolve_dim(dim)
        return tuple(part.squeeze(at) for part in self.split(1, at)) if self.shape[at] else ()

    def cat(self, *args: Tensor, dim: int = 0) -> Tensor:
        """This tensor and others one after another along axis `dim`.

        Errors: AssertionError unless their other extents are equal.

        `Tensor([1]).cat(Tensor([2, 3])).tolist() == [1, 2, 3]`
        """
        tensors = argfix(self, *args)
        at = tensors[0]._resolve_dim(dim)
        first = tensors[0].shape
        for t in tensors[1:]:
            assert t.ndim == len(first) and all(
                a == b for i, (a, b) in enumerate(zip(first, t.shape)) if i != at
            ), f"cat: shapes {first} and {t.shape} differ outside of axis {at}"
        return tensors[0]._wrap(_rosso.Tensor.cat([t._t for t in tensors], at))

    def stack(self, *args: Tensor, dim: int = 0) -> Tensor:
        """This tensor and others of its shape along a new axis at `dim`.

        Errors: AssertionError unless all shapes are equal.

        `Tensor([1, 2]).stack(Tensor([3, 4]), dim=1).tolist() == [[1, 3], [2, 4]]`
        """
        tensors = argfix(self, *args)
        at = tensors[0]._resolve_dim(dim, extra=True)
        assert all(t.shape == tensors[0].shape for t in tensors), (
            f"all shapes must match for stack, got {[t.shape for t in tensors]}"
        )
        return tensors[0]._wrap(_rosso.Tensor.stack([t._t for t in tensors], at))

    def repeat(self, repeats: Any, *args: Any) -> Tensor:
        """The whole tensor several times along every axis; more numbers than axes add axes.

        `Tensor([1, 2]).repeat(2).tolist() == [1, 2, 1, 2]`
        """
        return self._moved(self._t.repeat(list(argfix(repeats, *args))))

    def repeat_interleave(self, repeats: int, dim: int | None = None) -> Tensor:
        """Every element several times in a row along axis `dim`; of the flat tensor without one.

        `Tensor([1, 2]).repeat_interleave(2).tolist() == [1, 1, 2, 2]`
        """
        if dim is None:
            return self._wrap(self._t.flatten(0, -1).repeat_interleave(repeats, 0))
        return self._wrap(self._t.repeat_interleave(repeats, self._resolve_dim(dim)))

    def roll(
        self, shifts: int | tuple[int, ...], dims: int | tuple[int, ...] | None = None
    ) -> Tensor:
        """The elements moved on by `shifts`; what leaves at the end comes in at the beginning.

        Without `dims` the flat tensor is rolled. Errors: RuntimeError unless there are as many
        shifts as axes.

        `Tensor.arange(4).roll(1).tolist() == [3, 0, 1, 2]`
        """
        if dims is None:
            return self.flatten().roll(shifts, 0).reshape(self.shape)
        axes = [self._resolve_dim(d) for d in make_tuple(dims, 1)]
        moves = list(make_tuple(shifts, 1))
        if len(axes) != len(moves):
            raise RuntimeError(f"len(dims)={len(axes)} != len(shifts)={len(moves)}")
        return self._moved(self._t.roll(moves, axes))

    def meshgrid(self, *args: Tensor, indexing: str = "ij") -> tuple[Tensor, ...]:
        """The coordinates of a grid over vectors (or scalars): one tensor each, of its shape.

        `indexing` is "ij" (rows first, as in matrices) or "xy" (the first two axes exchanged).
        Errors: RuntimeError for anything else.
        """
        if indexing not in ("ij", "xy"):
            raise RuntimeError(f'indexing must be in ("ij", "xy"), got {indexing}')
        if not args:
            return (self._wrap(self._t),)
        order = _rosso.Grid.__members__[indexing]
        axes = [t._t for t in (self, *args)]
        return tuple(self._wrap(t) for t in _rosso.Tensor.meshgrid(axes, order))

    def diag(self) -> Tensor:
        """[n] -> [n, n] with these elements on the diagonal and zeros elsewhere.

        Errors: ValueError unless there is one axis.
        """
        if self.ndim != 1:
            raise ValueError(f"expect input to be 1-D, getting {self.ndim}-D")
        return self._wrap(self._t.diag())

    def diagonal(self, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
        """The elements at `[i, i + offset]` of two axes, as a new last axis in their stead.

        Errors: RuntimeError where the axes are one.

        `Tensor.arange(9).reshape(3, 3).diagonal().tolist() == [0, 4, 8]`
        """
        a, b = self._resolve_dim(dim1), self._resolve_dim(dim2)
        if a == b:
            raise RuntimeError("dim1 and dim2 cannot be the same dimension")
        return self._wrap(self._t.diagonal(offset, a, b))

    def unfold(self, dim: int, size: int, step: int) -> Tensor:
        """Overlapping windows of axis `dim`, in a new last axis: `size` elements every `step`.

        Axis `dim` becomes the number of windows, `(extent - size) // step + 1`.
        Errors: RuntimeError for a step below 1 or windows that do not fit.

        `Tensor.arange(4).unfold(0, 2, 1).tolist() == [[0, 1], [1, 2], [2, 3]]`
        """
        if size < 0:
            raise RuntimeError(f"size must be >= 0 but got {size=}")
        if step <= 0:
            raise RuntimeError(f"step must be > 0 but got {step=}")
        at = self._resolve_dim(dim)
        if size > self.shape[at]:
            raise RuntimeError(
                f"maximum size for tensor at dimension {dim} is {self.shape[at]} but size is {size}"
            )
        return self._wrap(self._t.unfold(at, size, step))
