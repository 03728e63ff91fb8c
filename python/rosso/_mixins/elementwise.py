"""One element at a time: arithmetic, comparisons, functions, activations.

Operands broadcast to a common shape and meet in a common type (`least_upper_dtype`); numbers are
weak and take the type of the tensor if it can hold their kind. Integers wrap to their width; true
division and functions on integers give floats. Errors: ValueError where shapes do not broadcast or
a type does not fit, IndexError for axes, as the line that makes the tensor runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from rosso._mixins.casting import CastMixin
from rosso.dtype import dtypes

if TYPE_CHECKING:
    from rosso.tensor import Tensor

    Operand = Tensor | float | int | bool


class ElementwiseMixin(CastMixin):
    """One element at a time: arithmetic, comparisons, functions, activations."""

    __slots__ = ()

    def _binary(self, name: str, x: Any, reverse: bool = False) -> Tensor:
        """The bound method `name` on both operands, exchanged if `reverse`."""
        a, b = self._t, self._operand(x)
        return self._wrap(getattr(b, name)(a) if reverse else getattr(a, name)(b))

    # --- arithmetic ---

    def neg(self) -> Tensor:
        """-x; of bools, their negation."""
        return self._wrap(self._t.neg())

    def add(self, x: Operand, reverse: bool = False) -> Tensor:
        """x + y; of bools, or. `Tensor([1, 2]).add(3)` is [4, 5]."""
        return self._binary("add", x, reverse)

    def sub(self, x: Operand, reverse: bool = False) -> Tensor:
        """x - y. With `reverse`, y - x."""
        return self._binary("sub", x, reverse)

    def mul(self, x: Operand, reverse: bool = False) -> Tensor:
        """x * y; of bools, and."""
        return self._binary("mul", x, reverse)

    def div(
        self,
        x: Operand,
        reverse: bool = False,
        rounding_mode: Literal["trunc", "floor"] | None = None,
    ) -> Tensor:
        """x / y. Integers become floats, unless the quotient is rounded: integers by 0 are then 0.

        `Tensor([7, -7]).div(2, rounding_mode="floor")` is [3, -4], with "trunc" [3, -3].
        RuntimeError for other modes.
        """
        names = {None: "div", "floor": "floor_div", "trunc": "trunc_div"}
        if rounding_mode not in names:
            raise RuntimeError(f"{rounding_mode=} is not supported")
        return self._binary(names[rounding_mode], x, reverse)

    def mod(self, x: Operand, reverse: bool = False) -> Tensor:
        """The remainder with the divisor's sign, as Python's %. `Tensor([-4]).mod(3)` is [2]."""
        return self._binary("mod", x, reverse)

    def fmod(self, x: Operand) -> Tensor:
        """The remainder with the dividend's sign, as C's. `Tensor([-4]).fmod(3)` is [-1]."""
        return self._binary("fmod", x)

    def pow(self, x: Operand, reverse: bool = False) -> Tensor:
        """x ** y; with `reverse` y ** x. Integers to integer powers are exact, modulo their width.

        A negative base has real powers only for whole exponents, else NaN. RuntimeError where
        integers meet a negative number, since the result would not be whole.
        """
        if not isinstance(x, CastMixin) and not isinstance(x, float):
            whole = not dtypes.is_float(self.dtype) and isinstance(x, int)
            if whole and (isinstance(x, bool) or x < 0):
                raise RuntimeError("base needs to be float")
        return self._binary("pow", x, reverse)

    def maximum(self, x: Operand) -> Tensor:
        """The larger of both; NaN if any is. `Tensor([-1, 2]).maximum(1)` is [1, 2]."""
        return self._binary("maximum", x)

    def minimum(self, x: Operand) -> Tensor:
        """The smaller of both; NaN if any is."""
        return self._binary("minimum", x)

    def usum(self, *tensors: Any) -> Tensor:
        """This plus all `tensors` (or those of one list); of bools, or."""
        total = self
        for t in _listed(tensors):
            total = total | t if self.dtype is dtypes.bool else total + t
        return total

    def uprod(self, *tensors: Any) -> Tensor:
        """This times all `tensors` (or those of one list); of bools, and."""
        product = self
        for t in _listed(tensors):
            product = product & t if self.dtype is dtypes.bool else product * t
        return product

    # --- bits ---

    def logical_not(self) -> Tensor:
        """True where an element is 0."""
        return self._wrap(self._t.logical_not())

    def bitwise_not(self) -> Tensor:
        """~x of integers; of bools, their negation."""
        return self._wrap(self._t.bitwise_not())

    def bitwise_and(self, x: Operand, reverse: bool = False) -> Tensor:
        """x & y of integers or bools."""
        return self._binary("bitwise_and", x, reverse)

    def bitwise_or(self, x: Operand, reverse: bool = False) -> Tensor:
        """x | y of integers or bools."""
        return self._binary("bitwise_or", x, reverse)

    def bitwise_xor(self, x: Operand, reverse: bool = False) -> Tensor:
        """x ^ y of integers or bools."""
        return self._binary("bitwise_xor", x, reverse)

    def lshift(self, x: Operand, reverse: bool = False) -> Tensor:
        """x << y of integers; what leaves the width is lost."""
        return self._binary("lshift", x, reverse)

    def rshift(self, x: Operand, reverse: bool = False) -> Tensor:
        """x >> y of integers; the sign of signed ones stays."""
        return self._binary("rshift", x, reverse)

    # --- comparisons ---

    def eq(self, x: Operand) -> Tensor:
        """True where both are equal; NaN equals nothing."""
        return self._binary("eq", x)

    def ne(self, x: Operand) -> Tensor:
        """True where both differ."""
        return self._binary("ne", x)

    def isnan(self) -> Tensor:
        """True where an element is NaN."""
        return self._wrap(self._t.isnan())

    def isinf(self, detect_positive: bool = True, detect_negative: bool = True) -> Tensor:
        """True where an element is infinite, of the signs asked for."""
        return self._wrap(self._t.isinf(bool(detect_positive), bool(detect_negative)))

    def isfinite(self) -> Tensor:
        """True where an element is neither infinite nor NaN."""
        return self._wrap(self._t.isfinite())

    def isclose(
        self, other: Operand, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
    ) -> Tensor:
        """True where |x - y| <= atol + rtol * |y|, and for equal infinities.

        NaNs are close to each other if `equal_nan`.
        """
        return self._wrap(self._t.isclose(self._operand(other), rtol, atol, equal_nan))

    def allclose(
        self, other: Operand, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
    ) -> Tensor:
        """Whether all elements are close, a bool scalar."""
        return self.isclose(other, rtol, atol, equal_nan).all()

    def where(self, x: Operand, y: Operand) -> Tensor:
        """Elements of `x` where this is true, of `y` elsewhere; all three broadcast.

        RuntimeError where this is not of bools. `Tensor([True, False]).where(1, 2)` is [1, 2].
        """
        if self.dtype is not dtypes.bool:
            raise RuntimeError(f"where chooses by bools, got {self.dtype}")
        return self._wrap(self._t.where(self._operand(x), self._operand(y)))

    def masked_fill(self, mask: Tensor, value: Operand) -> Tensor:
        """This, but `value` where the bool `mask` is true."""
        return self._wrap(self._t.masked_fill(self._operand(mask), self._operand(value)))

    def clamp(self, min_: Operand | None = None, max_: Operand | None = None) -> Tensor:
        """At least `min_`, then at most `max_`. RuntimeError without either."""
        if min_ is None and max_ is None:
            raise RuntimeError("at least one of 'min_' or 'max_' must not be None")
        low = None if min_ is None else self._operand(min_)
        return self._wrap(self._t.clip(low, None if max_ is None else self._operand(max_)))

    def clip(self, min_: Operand | None = None, max_: Operand | None = None) -> Tensor:
        """See `clamp`."""
        return self.clamp(min_, max_)

    # --- functions ---

    def abs(self) -> Tensor:
        """|x|."""
        return self._wrap(self._t.abs())

    def sign(self) -> Tensor:
        """-1, 0 or 1 by the sign; in the type of x."""
        return self._wrap(self._t.sign())

    def square(self) -> Tensor:
        """x * x."""
        return self._wrap(self._t.square())

    def sqrt(self) -> Tensor:
        """The square root; NaN of negative numbers."""
        return self._wrap(self._t.sqrt())

    def rsqrt(self) -> Tensor:
        """1 / sqrt(x)."""
        return self._wrap(self._t.rsqrt())

    def reciprocal(self) -> Tensor:
        """1 / x."""
        return self._wrap(self._t.reciprocal())

    def exp(self) -> Tensor:
        """e ** x."""
        return self._wrap(self._t.exp())

    def exp2(self) -> Tensor:
        """2 ** x."""
        return self._wrap(self._t.exp2())

    def log(self) -> Tensor:
        """The natural logarithm; -inf of 0, NaN of negative numbers."""
        return self._wrap(self._t.log())

    def log2(self) -> Tensor:
        """The logarithm of base 2."""
        return self._wrap(self._t.log2())

    def log10(self) -> Tensor:
        """The logarithm of base 10."""
        return self._wrap(self._t.log10())

    def sin(self) -> Tensor:
        """The sine of radians."""
        return self._wrap(self._t.sin())

    def cos(self) -> Tensor:
        """The cosine of radians."""
        return self._wrap(self._t.cos())

    def tan(self) -> Tensor:
        """The tangent of radians."""
        return self._wrap(self._t.tan())

    def asin(self) -> Tensor:
        """The inverse sine, in radians; NaN outside [-1, 1]."""
        return self._wrap(self._t.asin())

    def acos(self) -> Tensor:
        """The inverse cosine, in radians; NaN outside [-1, 1]."""
        return self._wrap(self._t.acos())

    def atan(self) -> Tensor:
        """The inverse tangent, in radians."""
        return self._wrap(self._t.atan())

    def sinh(self) -> Tensor:
        """The hyperbolic sine."""
        return self._wrap(self._t.sinh())

    def cosh(self) -> Tensor:
        """The hyperbolic cosine."""
        return self._wrap(self._t.cosh())

    def tanh(self) -> Tensor:
        """The hyperbolic tangent."""
        return self._wrap(self._t.tanh())

    def asinh(self) -> Tensor:
        """The inverse hyperbolic sine."""
        return self._wrap(self._t.asinh())

    def acosh(self) -> Tensor:
        """The inverse hyperbolic cosine; NaN below 1."""
        return self._wrap(self._t.acosh())

    def atanh(self) -> Tensor:
        """The inverse hyperbolic tangent; NaN outside [-1, 1]."""
        return self._wrap(self._t.atanh())

    def floor(self) -> Tensor:
        """The largest whole number not above x."""
        return self._wrap(self._t.floor())

    def ceil(self) -> Tensor:
        """The smallest whole number not below x."""
        return self._wrap(self._t.ceil())

    def trunc(self) -> Tensor:
        """x without its fraction."""
        return self._wrap(self._t.trunc())

    def round(self) -> Tensor:
        """The nearest whole number; halves to the even one."""
        return self._wrap(self._t.round())

    def erf(self) -> Tensor:
        """The error function, to 1.5e-7. Source: Abramowitz and Stegun, 7.1.26."""
        return self._wrap(self._t.erf())

    def copysign(self, other: Operand) -> Tensor:
        """|x| with the sign of `other`; -0.0 counts as negative."""
        return self._binary("copysign", other)

    def logaddexp(self, other: Operand) -> Tensor:
        """log(e ** x + e ** y) without overflow."""
        return self._binary("logaddexp", other)

    def lerp(self, end: Tensor, weight: Operand) -> Tensor:
        """x + (end - x) * weight. Bytes with a weight tensor are interpolated in fixed point."""
        return self._wrap(self._t.lerp(self._operand(end), self._operand(weight)))

    # --- activations ---

    def relu(self) -> Tensor:
        """max(x, 0)."""
        return self._wrap(self._t.relu())

    def relu6(self) -> Tensor:
        """x between 0 and 6."""
        return self._wrap(self._t.relu6())

    def sigmoid(self) -> Tensor:
        """1 / (1 + e ** -x)."""
        return self._wrap(self._t.sigmoid())

    def quick_gelu(self) -> Tensor:
        """x * sigmoid(1.702 x)."""
        return self._wrap(self._t.quick_gelu())

    def mish(self) -> Tensor:
        """x * tanh(softplus(x)). Source: Misra 2019."""
        return self._wrap(self._t.mish())

    def softsign(self) -> Tensor:
        """x / (1 + |x|)."""
        return self._wrap(self._t.softsign())

    def hardswish(self) -> Tensor:
        """x * relu6(x + 3) / 6."""
        return self._wrap(self._t.hardswish())

    def logsigmoid(self) -> Tensor:
        """log(sigmoid(x))."""
        return self._wrap(self._t.logsigmoid())

    def silu(self) -> Tensor:
        """x * sigmoid(x)."""
        return self._wrap(self._t.silu())

    def swish(self) -> Tensor:
        """See `silu`."""
        return self.silu()

    def hardsigmoid(self, alpha: float = 1 / 6, beta: float = 0.5) -> Tensor:
        """alpha * x + beta between 0 and 1."""
        return self._wrap(self._t.hardsigmoid(alpha, beta))

    def hardtanh(self, min_val: float = -1, max_val: float = 1) -> Tensor:
        """x between `min_val` and `max_val`."""
        return self.clamp(min_val, max_val)

    def leaky_relu(self, neg_slope: float = 0.01) -> Tensor:
        """x, or neg_slope * x where it is negative."""
        return self._wrap(self._t.leaky_relu(neg_slope))

    def gelu(self, approximate: str = "tanh") -> Tensor:
        """x times the normal distribution up to x: approximated with tanh, or with erf ("none").

        RuntimeError for other approximations. Source: Hendrycks and Gimpel 2016.
        """
        if approximate not in ("tanh", "none"):
            raise RuntimeError(f"{approximate=} is not supported")
        return self._wrap(self._t.gelu(approximate == "none"))

    def elu(self, alpha: float = 1.0) -> Tensor:
        """x, or alpha * (e ** x - 1) where it is negative. Source: Clevert 2015."""
        return self._wrap(self._t.elu(alpha))

    def celu(self, alpha: float = 1.0) -> Tensor:
        """max(x, 0) + min(alpha * (e ** (x / alpha) - 1), 0). Source: Barron 2017."""
        return self._wrap(self._t.celu(alpha))

    def selu(self, alpha: float = 1.67326, gamma: float = 1.0507) -> Tensor:
        """gamma * elu(x, alpha). Source: Klambauer 2017."""
        return self._wrap(self._t.selu(alpha, gamma))

    def softplus(self, beta: float = 1.0) -> Tensor:
        """log(1 + e ** (beta * x)) / beta."""
        return self._wrap(self._t.softplus(beta))

    # --- operators ---

    def __neg__(self) -> Tensor:
        return self.neg()

    def __invert__(self) -> Tensor:
        return self.bitwise_not()

    def __add__(self, x: Operand) -> Tensor:
        return self.add(x)

    def __radd__(self, x: Operand) -> Tensor:
        return self.add(x, True)

    def __sub__(self, x: Operand) -> Tensor:
        return self.sub(x)

    def __rsub__(self, x: Operand) -> Tensor:
        return self.sub(x, True)

    def __mul__(self, x: Operand) -> Tensor:
        return self.mul(x)

    def __rmul__(self, x: Operand) -> Tensor:
        return self.mul(x, True)

    def __truediv__(self, x: Operand) -> Tensor:
        return self.div(x)

    def __rtruediv__(self, x: Operand) -> Tensor:
        return self.div(x, True)

    def __mod__(self, x: Operand) -> Tensor:
        return self.mod(x)

    def __rmod__(self, x: Operand) -> Tensor:
        return self.mod(x, True)

    def __pow__(self, x: Operand) -> Tensor:
        return self.pow(x)

    def __rpow__(self, x: Operand) -> Tensor:
        return self.pow(x, True)

    def __and__(self, x: Operand) -> Tensor:
        return self.bitwise_and(x)

    def __rand__(self, x: Operand) -> Tensor:
        return self.bitwise_and(x, True)

    def __or__(self, x: Operand) -> Tensor:
        return self.bitwise_or(x)

    def __ror__(self, x: Operand) -> Tensor:
        return self.bitwise_or(x, True)

    def __xor__(self, x: Operand) -> Tensor:
        return self.bitwise_xor(x)

    def __rxor__(self, x: Operand) -> Tensor:
        return self.bitwise_xor(x, True)

    def __lshift__(self, x: Operand) -> Tensor:
        return self.lshift(x)

    def __rlshift__(self, x: Operand) -> Tensor:
        return self.lshift(x, True)

    def __rshift__(self, x: Operand) -> Tensor:
        return self.rshift(x)

    def __rrshift__(self, x: Operand) -> Tensor:
        return self.rshift(x, True)

    def __floordiv__(self, x: Operand) -> Tensor:
        return self.div(x, rounding_mode="floor")

    def __rfloordiv__(self, x: Operand) -> Tensor:
        return self.div(x, reverse=True, rounding_mode="floor")

    def __lt__(self, x: Operand) -> Tensor:
        return self._binary("lt", x)

    def __gt__(self, x: Operand) -> Tensor:
        return self._binary("gt", x)

    def __le__(self, x: Operand) -> Tensor:
        return self._binary("le", x)

    def __ge__(self, x: Operand) -> Tensor:
        return self._binary("ge", x)

    def __eq__(self, x: object) -> Tensor:  # type: ignore[override]
        return self._binary("eq", x)

    def __ne__(self, x: object) -> Tensor:  # type: ignore[override]
        return self._binary("ne", x)

    def __hash__(self) -> int:
        return id(self)

    # In place: the handle gets the new value, and so does memory that it is a view of.

    def __iadd__(self, x: Operand) -> Tensor:
        return self.assign(self + x)

    def __isub__(self, x: Operand) -> Tensor:
        return self.assign(self - x)

    def __imul__(self, x: Operand) -> Tensor:
        return self.assign(self * x)

    def __itruediv__(self, x: Operand) -> Tensor:
        return self.assign(self / x)

    def __ifloordiv__(self, x: Operand) -> Tensor:
        return self.assign(self // x)

    def __ipow__(self, x: Operand) -> Tensor:
        return self.assign(self**x)

    def __iand__(self, x: Operand) -> Tensor:
        return self.assign(self & x)

    def __ior__(self, x: Operand) -> Tensor:
        return self.assign(self | x)

    def __ixor__(self, x: Operand) -> Tensor:
        return self.assign(self ^ x)

    def __ilshift__(self, x: Operand) -> Tensor:
        return self.assign(self << x)

    def __irshift__(self, x: Operand) -> Tensor:
        return self.assign(self >> x)

    def __imatmul__(self, x: Operand) -> Tensor:
        return self.assign(self @ x)


def _listed(tensors: tuple[Any, ...]) -> tuple[Any, ...]:
    """The tensors of `f(a, b)` or of `f([a, b])`."""
    return tuple(tensors[0]) if tensors and isinstance(tensors[0], (list, tuple)) else tensors
