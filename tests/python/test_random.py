"""Random numbers: those of the published generator, and their distributions."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from rosso import Tensor, TinyJit, dtypes

os.environ.setdefault("DEV", "CPU")
os.environ.setdefault("CC", "clang-22")  # what builds this project compiles tinygrad's kernels
tinygrad = pytest.importorskip("tinygrad")
THEIRS = {
    dtypes.float16: tinygrad.dtypes.float16,
    dtypes.bfloat16: tinygrad.dtypes.bfloat16,
    dtypes.float32: tinygrad.dtypes.float32,
    dtypes.float64: tinygrad.dtypes.float64,
}


def seed(number: int) -> None:
    Tensor.manual_seed(number)
    tinygrad.Tensor.manual_seed(number)


# Known answers of threefry2x32 with 20 rounds, from Random123's kat_vectors; words low, high.
@pytest.mark.parametrize(
    "key, counter, answer",
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ],
)
def test_known_answers(key, counter, answer):
    # One draw makes its key of the counter; the key of the first vector is what we look for.
    theirs = tinygrad.Tensor._threefry_random_bits(
        tinygrad.Tensor([key[1], key[0]], dtype="uint32"),
        tinygrad.Tensor([counter[0]], dtype="uint32"),
        tinygrad.Tensor([counter[1]], dtype="uint32"),
    )
    assert tuple(theirs.tolist()) == answer


@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_bits_are_those_of_tinygrad(count):
    key = np.array([3, 1 << 31], np.uint32)
    counter = np.array([0xFFFFFFF0, 5], np.uint32)
    found = Tensor.random_bits(Tensor(key), Tensor(counter), count).numpy()
    theirs = tinygrad.Tensor.random_bits(
        tinygrad.Tensor(key), tinygrad.Tensor(counter), count
    ).numpy()
    np.testing.assert_array_equal(found, theirs)


@pytest.mark.parametrize("dtype", list(THEIRS), ids=str)
def test_rand_draws_tinygrads_numbers(dtype):
    seed(1337)
    for shape in [(5,), (3, 7), (0, 2), (2, 3, 4)]:
        found = Tensor.rand(*shape, dtype=dtype).numpy()
        theirs = tinygrad.Tensor.rand(*shape, dtype=THEIRS[dtype]).numpy()
        np.testing.assert_array_equal(found, theirs)


@pytest.mark.parametrize(
    "name, args, exact",
    [
        ("randn", {}, False),
        ("randint", {"low": -5, "high": 100}, True),
        ("uniform", {"low": -2.0, "high": 3.0}, False),
        ("normal", {"mean": 1.0, "std": 2.0}, False),
        ("scaled_uniform", {}, False),
        ("glorot_uniform", {}, False),
        ("kaiming_uniform", {}, False),
        ("kaiming_normal", {"a": 0.2}, False),
    ],
)
def test_distributions_draw_tinygrads_numbers(name, args, exact):
    seed(42)
    for _ in range(2):
        found = getattr(Tensor, name)(6, 10, **args).numpy()
        theirs = getattr(tinygrad.Tensor, name)(6, 10, **args).numpy()
        assert found.dtype == theirs.dtype
        np.testing.assert_allclose(found, theirs, rtol=0 if exact else 1e-5, atol=1e-5)


def test_permutations_and_samples_are_tinygrads():
    seed(7)
    assert Tensor.randperm(50).tolist() == tinygrad.Tensor.randperm(50).tolist()
    weights = [1.0, 2.0, 3.0, 4.0]
    ours, theirs = Tensor(weights), tinygrad.Tensor(weights)
    for samples, replacement in [(20, True), (1, False), (3, False)]:
        found = ours.multinomial(samples, replacement)
        assert found.tolist() == theirs.multinomial(samples, replacement).tolist()


def test_the_same_seed_gives_the_same_numbers():
    Tensor.manual_seed(5)
    first = [Tensor.rand(3).tolist(), Tensor.randn(3).tolist()]
    Tensor.manual_seed(5)
    assert [Tensor.rand(3).tolist(), Tensor.randn(3).tolist()] == first
    assert Tensor.rand(3).tolist() != first[0]


def test_recorded_functions_draw_what_others_would():
    @TinyJit
    def draw():
        return Tensor.rand(3).realize(), Tensor.randn(2).realize()

    Tensor.manual_seed(9)
    recorded = [[t.tolist() for t in draw()] for _ in range(4)]
    Tensor.manual_seed(9)
    assert recorded == [[Tensor.rand(3).tolist(), Tensor.randn(2).tolist()] for _ in range(4)]


def test_counters_carry():
    Tensor.manual_seed(1337)
    counter = Tensor._device_rng_counters[Tensor.rand(1).device]
    counter.assign(Tensor([2**32 - 6, 0], dtype=dtypes.uint32))
    Tensor.rand(10)
    assert counter.tolist() == [4, 1]


def test_moments():
    Tensor.manual_seed(0)
    uniform, normal = Tensor.rand(20000).numpy(), Tensor.randn(20000).numpy()
    # Four deviations of a mean of n: 4 / sqrt(12 n) and 4 / sqrt(n).
    assert abs(uniform.mean() - 0.5) < 4 / math.sqrt(12 * 20000)
    assert abs(normal.mean()) < 4 / math.sqrt(20000)
    assert abs(normal.std() - 1) < 0.02
    assert 0 <= uniform.min() and uniform.max() < 1


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: Tensor.rand(2, dtype=dtypes.int32), ValueError),
        (lambda: Tensor.rand(-1), ValueError),
        (lambda: Tensor.uniform(2, low=1, high=1), ValueError),
        (lambda: Tensor.randint(2, low=1.5, high=3), TypeError),
        (lambda: Tensor.randint(2, dtype=dtypes.float32), TypeError),
        (lambda: Tensor.randint(2, low=3, high=3), ValueError),
        (lambda: Tensor.normal(2, std=-1), ValueError),
        (lambda: Tensor([1.0, 2.0]).multinomial(3), AssertionError),
    ],
)
def test_wrong_arguments(make, error):
    with pytest.raises(error):
        make()


def test_weak_types_have_no_random_numbers():
    for draw in (Tensor.rand_like, Tensor.randn_like):
        with pytest.raises(ValueError, match="got dtypes.weakfloat"):
            draw(Tensor(1.0))
