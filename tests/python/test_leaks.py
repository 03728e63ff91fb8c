"""Memory stays flat over many small realisations, and graphs may be very long."""

from __future__ import annotations

import gc
import time

import numpy as np
from rosso import GlobalCounters, Tensor, TinyJit


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def growth(step, warmup: int, times: int) -> int:
    """How much memory `times` steps leave behind."""
    for i in range(warmup):
        step(i)
    gc.collect()
    before = resident_bytes()
    for i in range(times):
        step(i)
    gc.collect()
    return resident_bytes() - before


def test_100_000_realisations_leave_memory_flat():
    x = Tensor(np.arange(16, dtype=np.float32))

    def step(i: int) -> None:
        (x + 1).realize()

    # A leak of one node a realisation, some 200 bytes, would be 20 MB.
    assert growth(step, 2_000, 100_000) < 4 << 20


def test_lent_memory_comes_back():
    def step(i: int) -> None:
        assert Tensor(np.full(64, i, np.float32))[3].item() == i

    assert growth(step, 500, 20_000) < 4 << 20


def test_recorded_calls_leave_memory_flat():
    @TinyJit
    def step(x):
        return x * 2

    x = Tensor(np.arange(16, dtype=np.float32))
    assert growth(lambda i: step(x), 1_000, 50_000) < 4 << 20


def chain(length: int) -> tuple[float, Tensor]:
    """A graph of so many ops, and the seconds it took to build."""
    t = Tensor([1.0])
    begin = time.perf_counter()
    for _ in range(length):
        t = t + 1.0
    return time.perf_counter() - begin, t


def test_a_graph_of_100_000_ops_is_built_in_linear_time_and_released_without_recursion():
    chain(1_000)
    short, t = chain(10_000)
    long, t = chain(100_000)
    assert long < 30 * short
    begin = time.perf_counter()
    del t
    gc.collect()
    assert time.perf_counter() - begin < 10


def test_a_long_graph_is_computed():
    _, t = chain(10_000)
    assert t.item() == 10_001


def test_mem_used_is_what_tensors_hold():
    gc.collect()
    before = GlobalCounters.mem_used
    x = Tensor.ones(1 << 20).contiguous().realize()
    assert 4 << 20 <= GlobalCounters.mem_used - before < 5 << 20
    del x
    gc.collect()
    assert GlobalCounters.mem_used <= before
