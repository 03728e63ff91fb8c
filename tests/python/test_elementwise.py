"""Elementwise maths against NumPy: random shapes, types and layouts, edge values, promotion."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosso import Tensor, dtypes
from shapes import arrays, laid_out, same

FLOATS = ("float16", "float32", "float64")
INTS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
# A few units in the last place of the type; functions compute in float32 at least.
RTOL = {"float16": 2e-3, "float32": 4e-6, "float64": 4e-6}

UNARY = {
    "exp": np.exp,
    "exp2": np.exp2,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "square": np.square,
    "abs": np.abs,
    "neg": np.negative,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "round": np.round,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "logsigmoid": lambda x: -np.log1p(np.exp(-x)),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hardsigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "leaky_relu": lambda x: np.where(x < 0, 0.01 * x, x),
    "elu": lambda x: np.where(x < 0, np.expm1(x), x),
    "celu": lambda x: np.where(x < 0, np.expm1(x), x),
    "selu": lambda x: 1.0507 * np.where(x < 0, 1.67326 * np.expm1(x), x),
    "quick_gelu": lambda x: x / (1 + np.exp(-1.702 * x)),
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "erf": np.vectorize(math.erf, otypes=[np.float64]),
}
POSITIVE = {
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "acosh": lambda x: np.arccosh(x + 1),
}
UNIT = {"asin": np.arcsin, "acos": np.arccos, "atanh": lambda x: np.arctanh(x * 0.9)}


def close(t: Tensor, a: np.ndarray, rtol: float = 4e-6, atol: float = 2e-6) -> None:
    """Equal shapes; values as near as given."""
    found = t.numpy()
    assert found.shape == a.shape
    np.testing.assert_allclose(np.asarray(found, np.float64), np.asarray(a, np.float64), rtol, atol)


def check_all(functions: dict, made: dict, x: np.ndarray, dtype: str) -> None:
    Tensor.realize(*made.values())
    loose = 4e-3 if dtype == "float16" else 4e-6
    for name, t in made.items():
        assert t.dtype is getattr(dtypes, dtype), name
        wanted = functions[name](x.astype(np.float64))
        found = t.numpy().astype(np.float64)
        np.testing.assert_allclose(found, wanted, max(RTOL[dtype], loose), loose, err_msg=name)


@given(laid_out(dtypes=FLOATS, max_rank=3))
def test_functions(pair):
    t, a = pair
    t, a = t / 4, a / 4
    check_all(UNARY, {name: getattr(t, name)() for name in UNARY}, a, a.dtype.name)


@given(laid_out(dtypes=FLOATS, max_rank=2))
def test_functions_of_positive_numbers(pair):
    t, a = pair
    t, a = t.abs() + 1, np.abs(a) + 1
    made = {name: getattr(t, name)() for name in POSITIVE}
    made["acosh"] = (t + 1).acosh()
    check_all(POSITIVE, made, a, a.dtype.name)


@given(st.integers(0, 99), st.sampled_from(("float32", "float64")))
def test_functions_of_the_unit_interval(seed, dtype):
    a = np.random.default_rng(seed).uniform(-1, 1, (3, 5)).astype(dtype)
    t = Tensor(a)
    made = {"asin": t.asin(), "acos": t.acos(), "atanh": (t * 0.9).atanh()}
    check_all(UNIT, made, a, dtype)
    close(Tensor([-1.0, 0.0, 1.0]).asin(), np.arcsin([-1.0, 0.0, 1.0]))
    assert np.isnan(Tensor([1.5, -1.5]).asin().numpy()).all()


@given(laid_out(dtypes=FLOATS), st.data())
def test_arithmetic_broadcasts(pair, data):
    t, a = pair
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    shape = tuple(data.draw(st.sampled_from((1, n))) for n in a.shape)
    b = arrays(random, shape, a.dtype.name)
    b[b == 0] = 3
    u = Tensor(b)
    made = [t + u, t - u, t * u, t / u, t.maximum(u), t.minimum(u), u - t, t.copysign(u)]
    Tensor.realize(*made)
    wanted = [a + b, a - b, a * b, a / b, np.maximum(a, b), np.minimum(a, b), b - a]
    for x, y in zip(made, [*wanted, np.copysign(a, b)]):
        assert x.numpy().dtype == a.dtype
        close(x, y, rtol=1e-3 if a.dtype == np.float16 else 1e-6)
    same(t < u, a < b)
    same(t >= u, a >= b)
    same(t == u, a == b)
    same(t != u, a != b)


@given(st.sampled_from(INTS), st.integers(0, 99))
def test_integers_wrap_and_divide(dtype, seed):
    random, kind = np.random.default_rng(seed), np.iinfo(dtype)
    a = random.integers(kind.min, kind.max, 24, dtype, endpoint=True)
    b = random.integers(max(kind.min, -9), 9, 24, dtype)
    b[b == 0] = 5
    t, u = Tensor(a), Tensor(b)
    same(t + u, a + b)
    same(t - u, a - b)
    same(t * u, a * b)
    same(t // u, a // b)
    same(t % u, a % b)
    same(t.fmod(u), np.fmod(a, b))
    same(t & u, a & b)
    same(t | u, a | b)
    same(t ^ u, a ^ b)
    same(~t, ~a)
    same(t << 3, a << 3)
    same(t >> 2, a >> 2)
    same(t < u, a < b)
    same(t.maximum(u), np.maximum(a, b))
    same(t**3, a**3)
    same(t ** Tensor(np.abs(b)), a ** np.abs(b))


def test_integers_by_zero():
    t, zero = Tensor([7, -7, 0]), Tensor([0, 0, 0])
    same(t // zero, np.zeros(3, np.int32))
    same(t % zero, np.zeros(3, np.int32))
    np.testing.assert_array_equal((t / zero).numpy(), [math.inf, -math.inf, math.nan])


def test_rounding_modes():
    a, b = np.array([7, -7, 7, -7], np.int32), np.array([2, 2, -2, -2], np.int32)
    t, u = Tensor(a), Tensor(b)
    same(t.div(u, rounding_mode="floor"), a // b)
    same(t.div(u, rounding_mode="trunc"), np.trunc(a / b).astype(np.int32))
    same(9 // t, 9 // a)
    same(9 % t, 9 % a)
    close(9 / t, 9 / a)
    with pytest.raises(RuntimeError, match="rounding_mode"):
        t.div(u, rounding_mode="up")


@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=8), st.integers(0, 20))
def test_powers(bases, seed):
    base = np.asarray(bases, np.float32)
    e = np.random.default_rng(seed).integers(-3, 4, base.shape).astype(np.float32)
    with np.errstate(all="ignore"):
        close(Tensor(base) ** Tensor(e), base**e, rtol=1e-5)
        for n in (0, 1, 2, 3, -1, -2, 0.5, 2.5, -0.5):
            close(Tensor(base) ** n, base**n, rtol=1e-5)
        close(2.0 ** Tensor(e), 2.0**e, rtol=1e-5)


def test_powers_of_edge_values():
    inf, nan = math.inf, math.nan
    base = np.array([0.0, 0.0, 1.0, inf, inf, -inf, -8.0, nan, -2.0, -2.0], np.float32)
    e = np.array([0.0, -1.0, nan, 0.0, -1.0, 3.0, 1 / 3, 0.0, 3.0, -3.0], np.float32)
    with np.errstate(all="ignore"):
        close(Tensor(base) ** Tensor(e), base**e)
    with pytest.raises(RuntimeError):
        Tensor([2]) ** -1
    with pytest.raises(RuntimeError):
        (-1) ** Tensor([2])


def test_infinities_and_nan():
    a = np.array([0.0, -0.0, 1.0, math.inf, -math.inf, math.nan], np.float32)
    t = Tensor(a)
    with np.errstate(all="ignore"):
        for name, f in {"exp": np.exp, "log": np.log, "sqrt": np.sqrt, "atan": np.arctan}.items():
            np.testing.assert_allclose(getattr(t, name)().numpy(), f(a), rtol=1e-6, err_msg=name)
        np.testing.assert_array_equal((1 / t).numpy(), 1 / a)
        np.testing.assert_array_equal(t.maximum(0.5).numpy(), np.maximum(a, np.float32(0.5)))
    same(t.isnan(), np.isnan(a))
    same(t.isinf(), np.isinf(a))
    same(t.isinf(detect_negative=False), np.isposinf(a))
    same(t.isfinite(), np.isfinite(a))
    same(t == t, a == a)
    same(t.isclose(t), np.isclose(a, a))
    same(t.isclose(t, equal_nan=True), np.isclose(a, a, equal_nan=True))


def test_bools_are_numbers_and_bits():
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    t, u = Tensor(a), Tensor(b)
    same(t + u, a + b)
    same(t * u, a * b)
    same(t & u, a & b)
    same(t ^ u, a ^ b)
    same(~t, ~a)
    same(-t, ~a)
    same(t < u, a < b)
    same(t.maximum(u), a | b)
    assert (t + 1).dtype is dtypes.weakint
    np.testing.assert_array_equal((t + 1).numpy(), a + 1)


def test_numbers_take_the_type_of_the_tensor():
    for name in (*INTS, *FLOATS):
        t = Tensor([1, 2], dtype=name)
        assert (t + 1).dtype is t.dtype
        assert (1 - t).dtype is t.dtype
        expected = t.dtype if dtypes.is_float(t.dtype) else dtypes.weakfloat
        assert (t * 0.5).dtype is expected
    half = Tensor([1.0], dtype="float16")
    assert ((Tensor([1], dtype="int8") + 0.5) + half).dtype is dtypes.float16
    assert (Tensor([1], dtype="int64") + Tensor([1], dtype="uint64")).dtype is dtypes.weakfloat
    assert (Tensor([1]) / 2).dtype is dtypes.float32
    assert Tensor([1]).exp().dtype is dtypes.float32


def test_where_and_clip():
    a = np.linspace(-2, 2, 9, dtype=np.float32)
    t = Tensor(a)
    same((t > 0).where(t, -1), np.where(a > 0, a, np.float32(-1)))
    same(t.clip(-1, 1), np.clip(a, -1, 1))
    same(t.clamp(min_=0), np.maximum(a, 0))
    same(t.masked_fill(t < 0, 7), np.where(a < 0, np.float32(7), a))
    with pytest.raises(RuntimeError):
        t.clamp()
    with pytest.raises(RuntimeError, match="where chooses by bools, got dtypes.float"):
        t.where(1, 0)


@given(st.sampled_from(FLOATS), st.sampled_from((*INTS, "bool", *FLOATS)), st.integers(0, 9))
def test_casts(source, target, seed):
    a = (np.random.default_rng(seed).uniform(0, 100, 20)).astype(source)
    same(Tensor(a).cast(target), a.astype(target))


def test_float_to_integer_is_towards_zero():
    same(Tensor([1.9, -1.9, 0.5, -0.5]).int(), np.array([1, -1, 0, 0], np.int32))
    same(Tensor([3.0, 0.0, math.nan]).bool(), np.array([True, False, True]))


@given(
    st.sampled_from(("int8", "uint16", "int32", "float32", "float64")),
    st.sampled_from(("uint8", "int16", "uint32", "float32", "int64")),
    st.integers(0, 9),
)
def test_bit_casts(source, target, seed):
    a = np.random.default_rng(seed).integers(0, 100, (3, 8)).astype(source)
    same(Tensor(a).bitcast(target), a.view(target))


def test_bit_casts_want_whole_elements():
    with pytest.raises(RuntimeError):
        Tensor([1, 2, 3], dtype="uint8").bitcast("int32")


def test_half_types_round_to_nearest_even():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    a = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    found = Tensor(a).bfloat16().float().numpy()
    np.testing.assert_array_equal(found, a.astype(ml_dtypes.bfloat16).astype(np.float32))
    same(Tensor(a).half(), a.astype(np.float16))
    x, y = a[:500].astype(np.float16), a[500:].astype(np.float16)
    same(Tensor(x) + Tensor(y), x + y)
    same(Tensor(x) * Tensor(y), x * y)


def test_in_place_operators():
    t = Tensor([1.0, 2.0])
    alias = t
    t += 1
    t *= 3
    t -= 1
    t /= 2
    np.testing.assert_array_equal(alias.numpy(), [2.5, 4.0])
    n = Tensor([5, 6])
    n //= 2
    n <<= 2
    n |= 1
    np.testing.assert_array_equal(n.numpy(), [9, 13])


def test_shapes_that_do_not_broadcast():
    with pytest.raises(ValueError, match=r"\[2\] and \[3\] do not broadcast"):
        Tensor([1, 2]) + Tensor([1, 2, 3])
    with pytest.raises(ValueError):
        Tensor([1.5]) & Tensor([1])


@pytest.mark.parametrize("device", ["host", "emu"])
def test_the_sine_of_a_large_angle_is_that_of_what_is_left_of_it(device):
    rng = np.random.default_rng(0)
    a = (rng.uniform(1, 2, 400) * 2.0 ** rng.integers(20, 128, 400)).astype(np.float32)
    # The last two are the floats nearest to multiples of pi.
    a = np.concatenate([a, [2.0**30, 3.4028235e38, 10741887 * 2.0**12, 16367173 * 2.0**73]])
    a = np.concatenate([a, -a]).astype(np.float32)
    found = Tensor(a, device=device).sin().numpy()
    np.testing.assert_allclose(found, np.sin(a.astype(np.float64)), 4e-6)
    assert np.isnan(Tensor([np.inf, -np.inf, np.nan], device=device).sin().numpy()).all()


def test_nothing_at_all():
    t = Tensor(np.zeros((0, 3), np.float32))
    assert (t.exp() + 1).numpy().shape == (0, 3)
    assert (t < t).numpy().shape == (0, 3)


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "float16"])
def test_devices_agree(dtype):
    a = arrays(np.random.default_rng(3), (4, 5), dtype)
    host = Tensor(a)
    emu = host.to("emu")
    for f in (lambda t: t * t + 1, lambda t: (t > 1).where(t, 2), lambda t: (t / 3).tanh()):
        found, wanted = f(emu).numpy(), f(host).numpy()
        np.testing.assert_allclose(found.astype(np.float64), wanted.astype(np.float64), 2e-3, 1e-6)
