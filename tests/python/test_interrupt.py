"""Signals reach Python while C++ compiles and runs, and what they stopped can be done again."""

from __future__ import annotations

import signal
import threading
import time

import numpy as np
import pytest
from rosso import Tensor


def long_work() -> Tensor:
    """A second of products or more, each a kernel of its own."""
    t = Tensor(np.eye(1024, dtype=np.float32))
    factor = Tensor(np.eye(1024, dtype=np.float32)[::-1].copy())
    for _ in range(101):
        t = t @ factor
    return t


@pytest.fixture
def alarm():
    """Ctrl-C, as far as Python can tell, after so many seconds."""

    def ring(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, ring)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_a_run_ends_when_asked(alarm):
    whole = long_work()
    begin = time.perf_counter()
    whole.realize()  # and its program is compiled from now on
    seconds = time.perf_counter() - begin
    again = long_work()
    alarm(min(0.1, seconds / 20))
    with pytest.raises(KeyboardInterrupt):
        again.realize()
    assert not again.is_realized
    np.testing.assert_array_equal(again.numpy(), np.eye(1024, dtype=np.float32)[::-1])


def test_a_thread_goes_on_when_the_main_one_is_asked(alarm):
    results = []
    worker = threading.Thread(target=lambda: results.append(long_work().numpy()))
    worker.start()
    alarm(0.05)
    with pytest.raises(KeyboardInterrupt):
        while worker.is_alive():
            time.sleep(0.01)
    worker.join()
    np.testing.assert_array_equal(results[0], np.eye(1024, dtype=np.float32)[::-1])


def test_python_runs_while_cpp_computes():
    worker = threading.Thread(target=lambda: long_work().realize())
    steps = 0
    worker.start()
    while worker.is_alive():
        steps += 1
        time.sleep(0.001)
    assert steps > 10
