"""8-bit floats against ml_dtypes, which rounds as the formats' specifications say."""

from __future__ import annotations

import copy
import operator
import pickle
from fractions import Fraction

import numpy as np
import pytest
from rosso import Tensor, TinyJit, dtypes

ml_dtypes = pytest.importorskip("ml_dtypes")

FORMATS = {
    dtypes.fp8e4m3: ml_dtypes.float8_e4m3fn,
    dtypes.fp8e5m2: ml_dtypes.float8_e5m2,
    dtypes.fp8e4m3fnuz: ml_dtypes.float8_e4m3fnuz,
    dtypes.fp8e5m2fnuz: ml_dtypes.float8_e5m2fnuz,
}
BYTES = np.arange(256, dtype=np.uint8)

each_format = pytest.mark.parametrize("dtype", FORMATS, ids=str)
each_device = pytest.mark.parametrize("device", ["host", "emu"])


def rounded(values, dtype):
    """The nearest values of a format as f32; finite numbers beyond the greatest become it."""
    values, kind = np.asarray(values), FORMATS[dtype]
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    greatest = float(ml_dtypes.finfo(kind).max)
    inside = np.where(np.isfinite(values), np.clip(values, -greatest, greatest), values)
    with np.errstate(all="ignore"):
        return inside.astype(kind).astype(np.float32)


def same(found, expected):
    """Bit for bit, but any NaN is the NaN."""
    np.testing.assert_array_equal(found, expected)
    signs = np.signbit(found) == np.signbit(expected)
    assert (signs | np.isnan(expected)).all()


def every(dtype, device="host"):
    """All 256 values of a format."""
    return Tensor(BYTES, device=device).bitcast(dtype)


@each_device
@each_format
def test_every_byte_is_the_number_of_its_format(dtype, device):
    same(every(dtype, device).numpy(), BYTES.view(FORMATS[dtype]).astype(np.float32))


@each_device
@each_format
def test_halves_are_rounded_to_the_nearest(dtype, device):
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    if device == "emu":
        halves = halves[::37]
    t = Tensor(halves, device=device).cast(dtype)
    assert t.dtype is dtype
    same(t.numpy(), rounded(halves, dtype))


@each_device
@each_format
def test_doubles_are_rounded_once(dtype, device):
    # Casts of NumPy round to f32 first, so the nearest value is looked for among all of them.
    codes = BYTES[:128][np.isfinite(BYTES[:128].view(FORMATS[dtype]).astype(np.float32))]
    known = [Fraction(float(value)) for value in codes.view(FORMATS[dtype])]

    def nearest(x):
        return float(min(zip(known, codes), key=lambda v: (abs(v[0] - Fraction(x)), v[1] % 2))[0])

    middles = [float(a + b) / 2 for a, b in zip(known, known[1:])][::3]
    values = [x * (1 + step) for x in middles for step in (0, 2.0**-45, -(2.0**-45))]
    values = np.array([*values, 0.0, 1e300, 5e-324])
    expected = np.array([nearest(x) for x in values], np.float32)
    t = Tensor(np.concatenate([values, -values]), device=device).cast(dtype)
    np.testing.assert_array_equal(t.numpy(), np.concatenate([expected, -expected]))
    ends = np.array([np.inf, -np.inf, np.nan])
    same(Tensor(ends, device=device).cast(dtype).numpy(), rounded(ends, dtype))


@each_format
@pytest.mark.parametrize("kind", ["bool", "int8", "uint8", "int16", "uint32", "int64", "bfloat16"])
def test_every_other_type_casts_both_ways(dtype, kind):
    numbers = [0, 1, 3, 17, 100, 127] + ([] if kind == "bool" else [19, 33, 90])
    t = Tensor(numbers, dtype=getattr(dtypes, kind))
    expected = rounded(t.cast("float32").numpy(), dtype)
    same(t.cast(dtype).numpy(), expected)
    back = t.cast(dtype).cast(kind)
    assert back.dtype is getattr(dtypes, kind)
    same(back.numpy(), Tensor(expected).cast(kind).numpy())


@each_format
def test_lists_arrays_and_constants(dtype):
    numbers = [-30000.0, 1.5, 3.1, 0.0, 30000.0]
    assert Tensor(numbers, dtype=dtype).tolist() == rounded(numbers, dtype).tolist()
    array = np.array([1.5, -0.25, 20.0], FORMATS[dtype])
    t = Tensor(array)
    assert t.dtype is dtype
    same(t.numpy(), array.astype(np.float32))
    assert Tensor.full((2, 2), 3.1, dtype=dtype).tolist() == [[rounded(3.1, dtype)] * 2] * 2
    assert (
        Tensor.ones(3, dtype=dtype).bitcast("uint8").tolist()
        == [int(np.ones((), FORMATS[dtype]).view(np.uint8))] * 3
    )


@each_format
@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv])
def test_arithmetic_rounds_its_result(dtype, op):
    a, b = every(dtype).reshape(256, 1), every(dtype)[::7]
    x = BYTES.view(FORMATS[dtype]).astype(np.float32).reshape(256, 1)
    with np.errstate(all="ignore"):
        expected = rounded(op(x, x[::7, 0]), dtype)
    result = op(a, b)
    assert result.dtype is dtype
    same(result.numpy(), expected)


@each_format
def test_functions_reductions_and_products(dtype):
    x = rounded(np.linspace(-3, 4, 24, dtype=np.float32).reshape(4, 6), dtype)
    t = Tensor(x).cast(dtype)
    same((-t).numpy(), -x if "fnuz" not in repr(dtype) else rounded(-x, dtype))
    same(t.abs().sqrt().numpy(), rounded(np.sqrt(np.abs(x)), dtype))
    same(t.relu().numpy(), np.maximum(x, 0))
    same(t.sum(1).numpy(), rounded(x.sum(1), dtype))
    same(t.max(0).numpy(), x.max(0))
    np.testing.assert_array_equal(t.argmax(1).numpy(), x.argmax(1))
    np.testing.assert_array_equal((t < t.flip(0)).numpy(), x < x[::-1])
    same((t @ t.T).numpy(), rounded(x @ x.T, dtype))
    same(t.sort(1)[0].numpy(), np.sort(x, 1))
    same(t.reshape(1, 1, 4, 6).max_pool2d(2, padding=1).numpy()[0, 0, 0], x[0, [0, 2, 4, 5]])


def test_types_meet_as_tinygrad_says():
    one = {kind: Tensor([1], dtype=kind) for kind in (*FORMATS, dtypes.int64, dtypes.half)}
    e4m3 = one[dtypes.fp8e4m3]
    assert (e4m3 + one[dtypes.fp8e5m2]).dtype is dtypes.float16
    assert (e4m3 + one[dtypes.int64]).dtype is dtypes.fp8e4m3
    assert (e4m3 + one[dtypes.half]).dtype is dtypes.float16
    assert (e4m3 * 2.5).dtype is dtypes.fp8e4m3
    assert (e4m3 + Tensor([1], dtype="bfloat16")).dtype is dtypes.bfloat16
    assert e4m3.sum().dtype is e4m3.mean().dtype is e4m3.cumsum(0).dtype is dtypes.fp8e4m3


@each_format
def test_moving_keeps_every_bit(dtype):
    t, x = every(dtype).reshape(8, 32), BYTES.reshape(8, 32)

    def bits(moved):
        assert moved.dtype is dtype
        return moved.bitcast("uint8").numpy()

    np.testing.assert_array_equal(bits(t.permute(1, 0).flip(0)), x.T[::-1])
    np.testing.assert_array_equal(bits(t.pad((1, 2, 0, 1))), np.pad(x, ((0, 1), (1, 2))))
    np.testing.assert_array_equal(bits(t[1:7:2, ::-3]), x[1:7:2, ::-3])
    np.testing.assert_array_equal(bits(Tensor.cat(t, t[:2])), np.concatenate([x, x[:2]]))
    places = np.array([3, 0, 7], np.int32)
    np.testing.assert_array_equal(bits(t[Tensor(places)]), x[places])
    np.testing.assert_array_equal(
        bits((Tensor(x) % 3 == 0).where(t, t.flip(1))), np.where(x % 3 == 0, x, x[:, ::-1])
    )
    t, x = t.clone().realize(), x.copy()
    t[2:4] = t[5:7]
    x[2:4] = x[5:7]
    t[:, Tensor(places)] = t[:, 8:11]
    x[:, places] = x[:, 8:11]
    np.testing.assert_array_equal(bits(t), x)


@each_format
def test_copies_are_of_the_same_type(dtype):
    t = every(dtype)
    for other in (copy.deepcopy(t), pickle.loads(pickle.dumps(t)), t.to("emu"), t.contiguous()):
        assert other.dtype is dtype
        np.testing.assert_array_equal(other.bitcast("uint8").numpy(), BYTES)
    assert t.cast(dtype).nbytes() == 256
    assert every(dtype).bitcast("uint16").shape == (128,)
    assert t.zeros_like().dtype is t.assign(t.flip(0)).dtype is dtype


def test_a_recorded_function_takes_and_gives_them():
    @TinyJit
    def twice(t):
        return (t + t).realize()

    for first in (1.0, 2.0, 3.0, 100.0):
        result = twice(Tensor([first, 7.0], dtype="fp8e4m3").realize())
        assert result.dtype is dtypes.fp8e4m3
        assert result.tolist() == rounded([2 * first, 14.0], dtypes.fp8e4m3).tolist()


@each_format
def test_random_numbers_are_multiples_of_the_step_below_one(dtype):
    steps = 1 << dtypes.finfo(dtype)[1]
    values = Tensor.rand(500, dtype=dtype).numpy()
    assert sorted(set(values.tolist())) == [i / steps for i in range(steps)]
