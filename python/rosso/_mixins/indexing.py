"""Elements by slices, integers, tensors and masks; gather, scatter, sort."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rosso import _rosso
from rosso._mixins.arguments import is_constant
from rosso._mixins.base import TensorBase
from rosso.device import is_file
from rosso.dtype import dtypes

if TYPE_CHECKING:
    from rosso.tensor import Tensor


def _as_list(indices: Any) -> list[Any]:
    """What stands between the brackets, one entry an axis."""
    if isinstance(indices, tuple):
        return list(indices)
    if isinstance(indices, list) and not is_constant(indices):
        return list(indices)
    return [indices]


def _numbers(nested: Any) -> list[Any]:
    """The innermost elements of nested lists."""
    if not isinstance(nested, (list, tuple)):
        return [nested]
    return [x for part in nested for x in _numbers(part)]


def _is_position(index: Any) -> bool:
    return isinstance(index, (int, _rosso.Dim)) or (
        hasattr(index, "__index__") and not isinstance(index, TensorBase) and _rank(index) == 0
    )


def _rank(index: Any) -> int:
    return len(getattr(index, "shape", ()))


def _check_countable() -> None:
    """Raises JitError while a function is recorded: its tensors have no values to count."""
    from rosso.jit import check_not_capturing

    check_not_capturing()


class IndexingMixin(TensorBase):
    """Elements by slices, integers, tensors and masks; gather, scatter, sort."""

    __slots__ = ()

    # --- brackets ---

    def __getitem__(self, indices: Any) -> Tensor:
        """Elements by positions, slices, None, Ellipsis, and tensors or lists of positions.

        A position drops its axis, a slice of any step cuts it, None adds one of extent 1. Integer
        tensors, lists and arrays are broadcast together and read one element for each of their
        places; their axes stand where the indexed ones stood, or in front if a slice divides
        them. Elements that they name outside of the axis are 0. A bool tensor selects where it is
        true; how many those are is computed at once.
        Errors: IndexError for positions outside, too many indices or other types, TypeError for
        slices of anything but integers, ValueError for a step of 0.

        `Tensor.arange(12).reshape(3, 4)[1:, -1].tolist() == [7, 11]`
        """
        return self._moved(self._t.get_item(self._indices(indices)))

    def __setitem__(self, indices: Any, value: Any) -> None:
        """Writes `value`, broadcast, to the elements that these indices read.

        Memory that exists is written in place, so that all views of it see the new values; what
        has not been computed becomes a computation with them. Of several values for one element
        the last stays.
        Errors: as `__getitem__`; ValueError where the value does not broadcast.
        """
        if self.dtype in dtypes.weaks:
            raise RuntimeError("cannot setitem into a weak tensor; it has no storage")
        if isinstance(value, (bool, int, float)):
            written = type(self)._scalar(value, self.dtype)
            self._t.assign_item(self._indices(indices), written)
            return
        if isinstance(value, TensorBase):
            if value.dtype in dtypes.weaks:
                value = value.cast(self.dtype)
            if value.dtype != self.dtype:
                raise RuntimeError(
                    f"setitem dtype mismatch: self.dtype={self.dtype} != v.dtype={value.dtype}"
                )
        else:
            where = None if is_file(self.device) else self.device
            value = type(self)(value, device=where, dtype=self.dtype)
        self._t.assign_item(self._indices(indices), value._t)

    def __delitem__(self, indices: Any) -> None:
        raise TypeError("Tensor does not support deleting items")

    def _indices(self, indices: Any) -> list[Any]:
        """One index an axis as C++ takes them."""
        listed = _as_list(indices)
        if sum(index is Ellipsis for index in listed) > 1:
            raise IndexError("indices can only have a single ellipsis")
        real = sum(self._axes_of(index) for index in listed)
        if real > self.ndim:
            raise IndexError(f"too many indices ({real}) for {self.ndim}D")
        parsed, axis = [], 0
        for index in listed:
            parsed.append(self._index(index, axis))
            axis += self.ndim - real if index is Ellipsis else self._axes_of(index)
        return parsed

    def _axes_of(self, index: Any) -> int:
        if index is None or index is Ellipsis:
            return 0
        if isinstance(index, TensorBase) and index.dtype is dtypes.bool:
            return max(index.ndim, 1)
        return 1

    def _index(self, index: Any, axis: int) -> Any:
        """One index as C++ takes it: None, Ellipsis, a slice, an extent, a C++ tensor."""
        if index is None or index is Ellipsis:
            return index
        if isinstance(index, slice):
            return self._slice(index)
        if isinstance(index, TensorBase):
            return self._places(index, axis)
        if _is_position(index):
            return self._position(index, self.shape[axis])
        if isinstance(index, (list, tuple)):
            flat = _numbers(index)
            if not flat or any(isinstance(x, float) for x in flat):
                raise IndexError(f"{index=} contains non-int element")
            if all(isinstance(x, bool) for x in flat):
                return self._places(type(self)(index, device=self.device), axis)
            if not all(hasattr(x, "__index__") for x in flat):
                raise IndexError(f"{index=} contains non-int element")
            return type(self)(index, device=self.device, dtype=dtypes.default_int)._t
        if hasattr(index, "__array_interface__"):
            return self._places(type(self)(index, device=self.device), axis)
        raise IndexError(f"{type(index).__name__} indexing is not supported")

    @staticmethod
    def _slice(index: slice) -> slice:
        for part in (index.start, index.stop, index.step):
            if part is not None and not _is_position(part):
                raise TypeError(f"slice {index=} is not supported")
        if isinstance(index.step, int) and index.step == 0:
            raise ValueError(f"{index=} cannot have 0 as step")
        least, most = -(1 << 62), (1 << 62) - 1
        bounds = [
            max(least, min(most, int(part))) if isinstance(part, int) else part
            for part in (index.start, index.stop)
        ]
        return slice(*bounds, index.step)

    def _position(self, index: Any, size: Any) -> Any:
        if isinstance(index, _rosso.Dim):
            return index
        at = index.__index__()
        if isinstance(size, int) and not -size <= at < size:
            raise IndexError(f"{index=} is out of bounds with {size=}")
        return at

    def _places(self, index: Tensor, axis: int) -> _rosso.Tensor:
        if index.dtype is dtypes.bool and index.ndim:
            masked = self.shape[axis : axis + index.ndim]
            if index.shape != masked:
                raise IndexError(f"a mask of shape {index.shape} for axes of extents {masked}")
            return index._t
        if not dtypes.is_int(index.dtype):
            raise IndexError(f"index dtype {index.dtype} is not supported")
        if index.device != self.device and index.device is not None and self.device is not None:
            raise RuntimeError(
                f"expected index and self on the same device, {index.device=}, {self.device=}"
            )
        return index._t

    # --- places that tensors name ---

    def gather(self, dim: int, index: Tensor) -> Tensor:
        """`out[i][j] = self[index[i][j]][j]` for `dim=0`, and so on; 0 outside of the axis.

        Errors: RuntimeError unless ranks are equal, AssertionError where the index is larger on
        another axis, IndexError for no axis.

        `Tensor([[1, 2], [3, 4]]).gather(1, Tensor([[0, 0], [1, 0]])).tolist() == [[1, 1], [4, 3]]`
        """
        self._same_device("index", index)
        if index.ndim != self.ndim:
            raise RuntimeError(
                f"self.ndim must equal index.ndim, self.ndim={self.ndim}, index.ndim={index.ndim}"
            )
        if not dtypes.is_int(index.dtype):
            raise RuntimeError(f"gather expects int index tensor, getting {index.dtype}")
        at = self._resolve_dim(dim)
        assert all(s >= i for d, (s, i) in enumerate(zip(self.shape, index.shape)) if d != at), (
            "requires self.shape[d] >= index.shape[d] for all d != dim"
        )
        return self._wrap(self._t.gather(at, index._t))

    def _same_device(self, name: str, other: Tensor) -> None:
        if other.device is not None and self.device is not None and other.device != self.device:
            raise RuntimeError(
                f"expected {name} and self on the same device, {other.device=}, {self.device=}"
            )

    def _check_scatter(self, dim: int, index: Tensor, src: Tensor) -> int:
        self._same_device("index", index)
        self._same_device("src", src)
        at = self._resolve_dim(dim)
        ranks = (self.ndim, index.ndim, src.ndim)
        assert len(set(ranks)) == 1, f"self, index and src must have one rank, got {ranks}"
        sizes = enumerate(zip(self.shape, index.shape, src.shape))
        assert all((d == at or s >= i) and x >= i for d, (s, i, x) in sizes), (
            f"All dimensions of {index.shape=} should be <= to all dimensions of {src.shape=} "
            f"and all dimensions except dimension {at} of {self.shape=}"
        )
        if self.dtype != src.dtype:
            raise RuntimeError(f"expect {self.dtype=} to be equal to {src.dtype=}")
        if not dtypes.is_int(index.dtype):
            raise RuntimeError(f"scatter expects int index tensor, getting {index.dtype}")
        return at

    def scatter(self, dim: int, index: Tensor, src: Any, reduce: str | None = None) -> Tensor:
        """This tensor with `out[index[i][j]][j] = src[i][j]` for `dim=0`, and so on.

        `src` is a tensor or a number. With a number, `reduce` may be "add" or "multiply". Of
        several values for one place the last stays; places outside of the axis are left out.
        Errors: TypeError for another reduce or one with a tensor, AssertionError where shapes do
        not fit, RuntimeError where types differ.
        """
        if reduce not in (None, "add", "multiply"):
            raise TypeError(f"{reduce=} must be one of None, 'multiply', or 'add'")
        if isinstance(src, (int, float, bool)):
            src = type(self).full(index.shape, src, dtype=self.dtype)
        elif reduce:
            raise TypeError("non-scalar src is not supported with reduce arg. use scatter_reduce")
        if reduce:
            return self.scatter_reduce(dim, index, src, "sum" if reduce == "add" else "prod")
        at = self._check_scatter(dim, index, src)
        return self._wrap(self._t.scatter(at, index._t, src._t))

    def scatter_reduce(
        self, dim: int, index: Tensor, src: Tensor, reduce: str, include_self: bool = True
    ) -> Tensor:
        """As `scatter`, where values for one place meet: "sum", "prod", "mean", "amax" or "amin".

        With `include_self=False` the elements that are written to do not take part.
        Errors: as `scatter`; RuntimeError for another reduce.
        """
        at = self._check_scatter(dim, index, src)
        if reduce not in _rosso.Scatter.__members__:
            raise RuntimeError(f"{reduce=} must be one of 'sum', 'prod', 'mean', 'amax', 'amin'")
        kind = _rosso.Scatter.__members__[reduce]
        return self._wrap(self._t.scatter_reduce(at, index._t, src._t, kind, include_self))

    def masked_select(
        self, mask: Tensor, size: int | None = None, fill_value: float | int | bool = 0
    ) -> Tensor:
        """[n]: the elements where a bool mask, broadcast, is true; in row-major order.

        Without `size` their number is computed at once. With one there are that many: the first,
        followed by `fill_value`. Errors: RuntimeError unless the mask is bools.

        `Tensor([1, 2, 3]).masked_select(Tensor([True, False, True])).tolist() == [1, 3]`
        """
        if mask.dtype is not dtypes.bool:
            raise RuntimeError(f"masked_select expects bool mask tensor, got {mask.dtype}")
        if size is None:
            _check_countable()
            return self._wrap(self._t.masked_select(mask._t))
        fill = type(self)._scalar(fill_value, self.dtype)
        return self._wrap(self._t.masked_select(mask._t, size, fill))

    def nonzero(self, size: int | None = None, fill_value: int = 0) -> Tensor:
        """[n, ndim] int32: where the elements are that are not 0, in row-major order.

        `size` and `fill_value` as for `masked_select`.

        `Tensor([[1, 0], [0, 2]]).nonzero().tolist() == [[0, 0], [1, 1]]`
        """
        if size is None:
            _check_countable()
            return self._wrap(self._t.nonzero())
        return self._wrap(self._t.nonzero(size, type(self)._scalar(fill_value, dtypes.int32)))

    # --- order ---

    def sort(self, dim: int = -1, descending: bool = False) -> tuple[Tensor, Tensor]:
        """The elements of axis `dim` in order, and where they were (int32); equals stay in order.

        A NaN counts as larger than any number. Errors: IndexError for no axis.

        `Tensor([3, 1, 2]).sort()[0].tolist() == [1, 2, 3]`
        """
        at = self._resolve_dim(dim) if self.ndim else self._no_axis(dim)
        values, places = self._t.sort(at, descending)
        return self._wrap(values), self._wrap(places)

    def _no_axis(self, dim: int) -> int:
        raise IndexError(f"{dim=} of a scalar")

    def argsort(self, dim: int = -1, descending: bool = False) -> Tensor:
        """Where the elements of axis `dim` would come from if they were sorted; int32."""
        return self.sort(dim, descending)[1]

    def topk(
        self, k: int, dim: int = -1, largest: bool = True, sorted_: bool = True
    ) -> tuple[Tensor, Tensor]:
        """The k largest (or smallest) elements of axis `dim` in order, and where they were.

        Errors: ValueError for a k beyond the extent, NotImplementedError for `sorted_=False`.
        """
        if not sorted_:
            raise NotImplementedError("topk with sorted_=False is not supported")
        at = self._resolve_dim(dim)
        if k > self.shape[at]:
            raise ValueError(f"selected index {k=} is out of range")
        values, places = self._t.topk(k, at, largest)
        return self._wrap(values), self._wrap(places)
