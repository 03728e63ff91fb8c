"""Functions of tensors, recorded once as a program and called from then on without their code.

`TinyJit` does as tinygrad's: the first call runs as usual, the second is recorded, later ones
replay. `jit` records the first. Tensors among the arguments, also in lists, tuples and dicts, and
bound variables may change from call to call; everything else is what it was when it was recorded.
Buffers that the function reads by other ways are read where they are at each call; those that it
assigns to are written in place. A recorded function can be pickled: it keeps its program and copies
of the buffers, and forgets the code it was made from.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from rosso import _rosso
from rosso.dtype import dtypes
from rosso.helpers import JIT
from rosso.tensor import Tensor
from rosso.variable import BoundVariable

R = TypeVar("R")


class JitError(RuntimeError):
    """A function cannot be recorded, or is called with other arguments than it was recorded for."""


_capturing: list[Any] = []  # the function being recorded, if any


def check_not_capturing() -> None:
    """Raises JitError while a function is recorded: its tensors have no values yet."""
    if _capturing:
        raise JitError("a recorded function reads values of a tensor: they would be baked in")


def _tensors_in(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """Tensors that are arguments, then those in containers that are arguments, each once."""
    given = (*args, *(kwargs[name] for name in sorted(kwargs)))
    found = [x for x in given if isinstance(x, Tensor)]
    for x in given:
        if isinstance(x, (tuple, list, dict)):
            for part in x.values() if isinstance(x, dict) else x:
                if isinstance(part, Tensor) and not any(part is t for t in found):
                    found.append(part)
    return found


def _flatten(result: Any, tensors: list[Tensor]) -> Any:
    """Collects the tensors of a result, and gives its form: their numbers stand in their places.

    Errors: JitError where the result holds anything but tensors.
    """
    if result is None:
        return None
    if isinstance(result, Tensor):
        tensors.append(result)
        return len(tensors) - 1
    if isinstance(result, dict):
        return {key: _flatten(part, tensors) for key, part in result.items()}
    if isinstance(result, (tuple, list)):
        parts = [_flatten(part, tensors) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    raise JitError(f"a recorded function returns {type(result)}; expected tensors: {result!r}")


def _rebuild(form: Any, tensors: list[Tensor]) -> Any:
    """The result of a form with these tensors."""
    if type(form) is int:
        return tensors[form]
    if form is None:
        return None
    if isinstance(form, dict):
        return {key: _rebuild(part, tensors) for key, part in form.items()}
    parts = [_rebuild(part, tensors) for part in form]
    return type(form)(*parts) if hasattr(form, "_fields") else type(form)(parts)


class _OtherShapes(Exception):
    """Inputs have other shapes than those recorded, because of bound variables."""


def _signature_of(inputs: list[Tensor]) -> list[tuple[Any, ...]]:
    return [(t.shape, t.dtype, t.device) for t in inputs]


class _Recorded:
    """What one call left: the program, and how its results are put together."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        if _capturing:
            raise RuntimeError("having TinyJit inside another TinyJit is not supported")
        inputs = _tensors_in(args, kwargs)
        self.names = _names_of(args, kwargs)
        self.signature = _signature_of(inputs)
        for x in (*args, *kwargs.values()):
            if isinstance(x, BoundVariable):
                variable = x.variable
                _rosso.bind_variable(variable.name, variable.min, variable.max, int(x))
        handles = [t._t for t in inputs]
        _capturing.append(function)
        try:
            capture = _rosso.Capture()
            for t, (shape, dtype, device) in zip(inputs, self.signature):
                t._t = capture.input(shape, dtype, device)
            result = function(
                *map(_unbound, args), **{name: _unbound(x) for name, x in kwargs.items()}
            )
            outputs: list[Tensor] = []
            self.form = _flatten(result, outputs)
            if not outputs and not capture.has_writes:
                raise JitError("a recorded function returns no tensor and writes none")
            self.function = capture.finish([t._t for t in outputs])
        finally:
            _capturing.pop()
            for t, handle in zip(inputs, handles):
                t._t = handle

    def __call__(self, args: Any, kwargs: Any) -> Any:
        inputs = _tensors_in(args, kwargs)
        values = {
            x.variable.expr: int(x) for x in (*args, *kwargs.values()) if type(x) is BoundVariable
        }
        if self.names != _names_of(args, kwargs):
            raise JitError(f"arguments {_names_of(args, kwargs)}; recorded with {self.names}")
        if self.function.writes_arguments:
            inputs[0].realize(*inputs[1:])
        try:
            outputs = self.function.call([t._t for t in inputs], values)
        except ValueError as error:
            found = _signature_of(inputs)
            if found != self.signature:
                if any(getattr(t, "_varies", False) for t in inputs):
                    raise _OtherShapes from error
                raise JitError(f"arguments {found}; recorded with {self.signature}") from error
            raise
        return _rebuild(self.form, [Tensor._wrap(t) for t in outputs])

    def __getstate__(self) -> Any:
        *fields, constants, kept, written = self.function.parts()
        constants = [Tensor._wrap(t) if isinstance(t, _rosso.Tensor) else t for t in constants]
        kept = [(name, is_written, Tensor._wrap(t)) for name, is_written, t in kept]
        return self.names, self.signature, self.form, (*fields, constants, kept, written)

    def __setstate__(self, state: Any) -> None:
        self.names, self.signature, self.form, (*fields, constants, kept, written) = state
        constants = [t._t if isinstance(t, Tensor) else t for t in constants]
        kept = [(name, is_written, t._t) for name, is_written, t in kept]
        parts = (*fields, constants, kept, written)
        self.function = _rosso.CapturedFunction.of_parts(parts)


def _names_of(args: Any, kwargs: Any) -> tuple[Any, ...]:
    """Where the tensors are: positions and names of arguments."""
    names: list[Any] = [i for i, x in enumerate(args) if isinstance(x, Tensor)]
    if kwargs:
        names += [name for name in sorted(kwargs) if isinstance(kwargs[name], Tensor)]
    return tuple(names)


def _unbound(x: Any) -> Any:
    return x.variable if isinstance(x, BoundVariable) else x


class Jit(Generic[R]):
    """A function that is recorded; see the module. `warmup` calls run as usual before."""

    def __init__(self, function: Callable[..., R], warmup: int = 1, prune: bool = False) -> None:
        functools.update_wrapper(self, function)
        self.fxn = function
        self.warmup = warmup
        self.cnt = 0
        self.captured: _Recorded | None = None
        self._by_shape: dict[Any, _Recorded] = {}  # of inputs whose extents are bound variables

    def __getstate__(self) -> dict[str, Any]:
        """The recordings, without the code. Errors: JitError where there is none."""
        if self.captured is None:
            raise JitError("a function is pickled once it has been recorded; call it first")
        forgotten = {"__wrapped__": None, "fxn": _forgotten}
        return {name: forgotten.get(name, value) for name, value in vars(self).items()}

    def reset(self) -> None:
        """Forgets the recording."""
        self.cnt = 0
        self.captured = None
        self._by_shape.clear()

    def __get__(self, instance: Any, owner: Any) -> Callable[..., R]:
        return functools.partial(self.__call__, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> R:
        """Errors: JitError where arguments are not those of the recording, or cannot be inputs."""
        if self.captured is None:
            self._check(_tensors_in(args, kwargs))
            if not JIT or self.cnt < self.warmup:
                result = self.fxn(*args, **kwargs)
                made: list[Tensor] = []
                _collect(result, made)
                if made:
                    made[0].realize(*made[1:])
                self.cnt += 1
                return result
            self.captured = _Recorded(self.fxn, args, kwargs)
        self.cnt += 1
        try:
            return self.captured(args, kwargs)
        except _OtherShapes:
            shapes = tuple(_signature_of(_tensors_in(args, kwargs)))
            if shapes not in self._by_shape:
                try:
                    self._by_shape[shapes] = _Recorded(self.fxn, args, kwargs)
                except ValueError as error:
                    raise JitError(f"arguments {shapes} do not fit the function") from error
            return self._by_shape[shapes](args, kwargs)

    @staticmethod
    def _check(inputs: list[Tensor]) -> None:
        for t in inputs:
            if t.dtype in dtypes.weaks or t._t.weak:
                raise JitError("an argument is a number and no memory; use clone()")
        for i, t in enumerate(inputs):
            if any(t._t.same(other._t) for other in inputs[:i]):
                raise JitError("two arguments are one tensor")
        if inputs:
            inputs[0].realize(*inputs[1:])


def _forgotten(*args: Any, **kwargs: Any) -> Any:
    """In the place of the code of a function that was pickled."""
    raise JitError("a function that was pickled is called with arguments as it was recorded with")


def _collect(result: Any, found: list[Tensor]) -> None:
    if isinstance(result, Tensor):
        found.append(result)
    elif isinstance(result, (list, tuple)):
        for part in result:
            _collect(part, found)
    elif isinstance(result, dict):
        for part in result.values():
            _collect(part, found)


@overload
def TinyJit(fxn: Callable[..., R], *, prune: bool = False) -> Jit[R]: ...
@overload
def TinyJit(fxn: None = None, *, prune: bool = False) -> Callable[[Callable[..., R]], Jit[R]]: ...
def TinyJit(fxn: Any = None, *, prune: bool = False) -> Any:  # noqa: N802
    """A function that runs once as usual, is recorded at its second call, and replayed later.

    >>> @TinyJit
    ... def step(x):
    ...     return (x * 2).realize()
    """
    return Jit(fxn) if fxn is not None else lambda function: Jit(function)


def jit(function: Callable[..., R]) -> Jit[R]:
    """A function that is recorded at its first call and replayed from then on.

    Buffers that it assigns to must have been realised before.
    """
    return Jit(function, warmup=0)
