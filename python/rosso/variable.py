"""Extents that get their value when a program runs: positions, numbers of tokens.

`Variable("n", 1, 64).bind(3)` is an integer 3 that knows its variable. Code that runs at once sees
the integer; inside a function under `TinyJit` it is an extent, and one program serves all values.
"""

from __future__ import annotations

from typing import Any

from rosso import _rosso

_was_bound = False  # whether any variable has been: programs without pay nothing


class Variable(_rosso.Dim):
    """A named integer between two bounds, both included. Usable in shapes and slices.

    A tensor of a bound one is of the variable's `dtype`, and weak unless it has one.
    Errors: ValueError where `min` is greater than `max`.
    """

    def __init__(self, name: str, min_val: int, max_val: int, dtype: Any = None) -> None:
        if min_val > max_val:
            raise ValueError(f"variable {name!r}: the bounds {min_val} to {max_val} are empty")
        super().__init__(name, int(min_val), int(max_val))
        self.expr = name
        self.min, self.max = int(min_val), int(max_val)
        self.dtype = dtype

    @property
    def name(self) -> str:
        """The variable's name."""
        return self.expr

    def bind(self, value: int) -> BoundVariable:
        """The variable with a value. Errors: ValueError outside of its bounds."""
        return BoundVariable(self, value)

    def __reduce__(self) -> Any:
        return Variable, (self.expr, self.min, self.max, self.dtype)


class BoundVariable(int):
    """An integer that came from `Variable.bind`."""

    variable: Variable

    def __new__(cls, variable: Variable, value: int) -> BoundVariable:
        value = int(value)
        if not variable.min <= value <= variable.max:
            raise ValueError(
                f"variable {variable.name!r}: {value} is not in [{variable.min}, {variable.max}]"
            )
        global _was_bound
        _was_bound = True
        bound = super().__new__(cls, value)
        bound.variable = variable
        return bound

    @property
    def val(self) -> int:
        """The value."""
        return int(self)

    @property
    def expr(self) -> str:
        """The variable's name."""
        return self.variable.expr

    @property
    def vmin(self) -> int:
        """The least value it may have."""
        return self.variable.min

    @property
    def vmax(self) -> int:
        """The greatest value it may have."""
        return self.variable.max

    def unbind(self) -> tuple[Variable, int]:
        """The variable and the value."""
        return self.variable, int(self)

    def __reduce__(self) -> Any:
        return BoundVariable, (self.variable, int(self))


def mentions_variable(x: Any) -> bool:
    """Whether an index or a shape has a bound variable in it."""
    if not _was_bound:
        return False
    if isinstance(x, slice):
        return isinstance(x.start, BoundVariable) or isinstance(x.stop, BoundVariable)
    if isinstance(x, (tuple, list)):
        return any(map(mentions_variable, x))
    return isinstance(x, BoundVariable)
