"""Recorded functions: the same results as the plain function, from call to call."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from rosso import Context, JitError, Tensor, TinyJit, Variable, jit


def data(*shape: int, seed: int = 0) -> Tensor:
    return Tensor(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("record", [TinyJit, jit])
def test_results_follow_the_arguments(record):
    calls = []

    @record
    def function(a, b):
        calls.append(1)
        return (a + b).relu()

    for seed in range(5):
        a, b = data(4, 5, seed=seed), data(4, 5, seed=seed + 9)
        expected = np.maximum(a.numpy() + b.numpy(), 0)
        np.testing.assert_allclose(function(a, b).numpy(), expected, rtol=1e-6)
    assert len(calls) == (2 if record is TinyJit else 1)


def test_results_in_containers():
    @jit
    def function(a):
        return {"sum": a.sum(), "parts": (a + 1, [a * 2]), "none": None}

    for seed in range(3):
        a = data(3, seed=seed)
        result = function(a)
        np.testing.assert_allclose(result["sum"].numpy(), a.numpy().sum(), rtol=1e-5)
        np.testing.assert_allclose(result["parts"][1][0].numpy(), a.numpy() * 2)
        assert result["none"] is None


def test_tensors_in_containers_and_names():
    @jit
    def function(parts, *, scale, table):
        return parts[0] * scale + table["x"]

    for seed in range(3):
        a, b, c = (data(3, seed=seed + i) for i in range(3))
        found = function([a], scale=b, table={"x": c}).numpy()
        np.testing.assert_allclose(found, a.numpy() * b.numpy() + c.numpy(), rtol=1e-5)


def test_results_are_not_overwritten_by_later_calls():
    @jit
    def function(a):
        return a + 1

    first = function(Tensor([1.0, 2.0]))
    function(Tensor([5.0, 6.0]))
    assert first.tolist() == [2.0, 3.0]


def test_methods_read_the_weights_of_their_object():
    class Model:
        def __init__(self, weight: float) -> None:
            self.weight = Tensor([weight]).realize()

        @TinyJit
        def __call__(self, x: Tensor) -> Tensor:
            return x * self.weight

    model = Model(3.0)
    for x in range(4):
        assert model(Tensor([float(x)])).tolist() == [3.0 * x]


def test_buffers_are_written_in_place():
    cache = Tensor.zeros(4, 2).clone().realize()
    look = cache[1:3]
    position = Variable("p", 0, 3)

    @TinyJit
    def write(x, p):
        cache[p : p + 1].assign(x)
        return cache.sum(0)

    expected = np.zeros((4, 2), np.float32)
    for p in range(4):
        row = data(1, 2, seed=p)
        expected[p] = row.numpy()[0]
        found = write(row, position.bind(p))
        np.testing.assert_allclose(found.numpy(), expected.sum(0), rtol=1e-5)
        np.testing.assert_allclose(cache.numpy(), expected)
    np.testing.assert_allclose(look.numpy(), expected[1:3])


def test_variables_are_extents():
    n = Variable("n", 1, 8)

    @jit
    def head(x, count):
        return x[:count].sum()

    x = data(8)
    for count in (1, 5, 8, 3):
        found = head(x, n.bind(count)).item()
        np.testing.assert_allclose(found, x.numpy()[:count].sum(), rtol=1e-5)


def test_other_arguments_are_refused():
    @jit
    def function(a, b):
        return a + b

    function(data(3), data(3, seed=1))
    with pytest.raises(JitError):
        function(data(4), data(4, seed=1))
    with pytest.raises(JitError):
        function(data(3), b=data(3, seed=1))
    with pytest.raises(JitError):
        function(Tensor([1, 2, 3]), data(3))


def test_what_cannot_be_recorded_is_refused():
    with pytest.raises(JitError, match="clone"):
        jit(lambda a: a + 1)(Tensor(3.0))
    x = data(3)
    with pytest.raises(JitError, match="two arguments"):
        jit(lambda a, b: a + b)(x, x)
    with pytest.raises(JitError):
        jit(lambda a: a.sum().item())(x)
    with pytest.raises(JitError):
        jit(lambda a: 3)(x)
    inner = jit(lambda a: a + 1)
    with pytest.raises(RuntimeError):
        jit(lambda a: inner(a))(x)
    assert x.tolist() == data(3).tolist()  # and the argument is itself again


def test_reset_and_switch():
    calls = []

    def function(a):
        calls.append(1)
        return a + 1

    recorded = jit(function)
    recorded(data(3))
    recorded.reset()
    recorded(data(3))
    assert len(calls) == 2
    with Context(JIT=0):
        plain = jit(function)
        for _ in range(3):
            plain(data(3))
    assert len(calls) == 5


def test_inputs_cut_by_variables_have_any_extent():
    n = Variable("n", 1, 8)

    @TinyJit
    def total(x):
        return (x + 1).sum()

    x = data(3, 8)
    for count in (2, 5, 8, 5, 2):
        found = total(x[:, : n.bind(count)]).item()
        np.testing.assert_allclose(found, (x.numpy()[:, :count] + 1).sum(), rtol=1e-5)


@pytest.mark.parametrize("function", [lambda x: x * 2, lambda x: (x * 2).realize()])
def test_functions_without_arguments_read_their_buffers_at_every_call(function):
    x = Tensor([0])
    double = TinyJit(lambda: function(x))
    for i in range(5):
        x.assign(Tensor([i]))
        assert double().tolist() == [2 * i]


def test_what_is_realised_once_inside_stays():
    """A table made at the first call, of constants, and a copy of weights, of memory."""

    class Model:
        def __init__(self):
            self.weight = Tensor([1.0, 2.0]).realize()
            self.table = None

        @jit
        def __call__(self, x):
            if self.table is None:
                self.table = (Tensor.arange(2) + 1).realize()
                self.half = self.weight.half().realize()
            return x * self.table + self.half

    model = Model()
    for _ in range(2):
        assert model(Tensor([1.0, 1.0]).realize()).tolist() == [2, 4]
    assert model.half.tolist() == [1, 2] and model.table.tolist() == [1, 2]


def test_lazy_arguments_are_written_in_place():
    @TinyJit
    def write(a, b):
        return b.assign(a + 1)

    for i in range(4):
        a = Tensor([i])
        for b in (Tensor.empty(1, dtype="int32"), a * 3):
            assert write(a, b).tolist() == [i + 1]
            assert b.tolist() == [i + 1]


def test_what_leaves_no_trace_or_bakes_values_in_is_refused():
    with pytest.raises(JitError, match="returns no tensor"):
        jit(lambda a: None)(data(3))
    for select in (lambda x: x.masked_select(x > 0), lambda x: x.nonzero()):
        with pytest.raises(JitError):
            jit(select)(data(3))


def test_other_extents_must_fit_the_function():
    n = Variable("n", 1, 8)
    add = TinyJit(lambda a, b: a + b)
    x = data(3, 8)
    for count in (2, 3):
        add(x[:, : n.bind(count)], (x * 2)[:, : n.bind(count)])
    with pytest.raises(JitError):
        add(x[:, : n.bind(7)], data(4, 8)[:, : n.bind(7)])


def test_a_pad_fits_at_every_call():
    """A cache that is written as a whole: what it held, a row, and zeros up to its length."""

    class Cache:
        rows = None

        @TinyJit
        def append(self, x, position):
            if self.rows is None:
                self.rows = Tensor.zeros(8, 1).contiguous()
            kept = self.rows.shrink(((0, position), None)).cat(x).contiguous()
            self.rows.assign(kept.pad(((0, 8 - position - 1), None))).realize()

    cache = Cache()
    for position in range(1, 6):
        bound = Variable("position", 1, 8).bind(position)
        cache.append(Tensor.full((1, 1), float(position)).contiguous(), bound)
    assert cache.rows.flatten().tolist() == [0, 1, 2, 3, 4, 5, 0, 0]


def test_inputs_made_with_variables_have_any_extent():
    n = Variable("n", 1, 8)
    total = TinyJit(lambda x: (x + 1).sum())
    for count in (2, 5, 3, 5):
        x = Tensor.ones(n.bind(count), 4).contiguous()
        assert total(x[:, 1:3]).item() == count * 4


# --- pickles ---


def test_a_recorded_function_is_pickled_without_its_code():
    offset = Tensor([1.0, 2.0]).contiguous().realize()

    @TinyJit
    def step(x, scale):
        y = x * scale + offset
        return {"sum": y.sum(), "parts": (y, None)}

    for _ in range(2):
        step(Tensor([1.0, 1.0]), Tensor([3.0, 3.0]))
    loaded = pickle.loads(pickle.dumps(step))
    offset.assign(Tensor([50.0, 50.0]))  # the pickle has what it was
    found = loaded(Tensor([2.0, 3.0]), Tensor([10.0, 10.0]))
    assert found["parts"][0].tolist() == [21.0, 32.0]
    assert (found["sum"].item(), found["parts"][1]) == (53.0, None)
    with pytest.raises(JitError, match="recorded with"):
        loaded(Tensor([1.0]), Tensor([1.0]))
    loaded.reset()
    with pytest.raises(JitError, match="was pickled"):
        loaded(Tensor([2.0, 3.0]), Tensor([10.0, 10.0]))


def test_a_pickled_function_keeps_its_state():
    total = Tensor([0, 0]).contiguous().realize()
    add = jit(lambda x: total.assign(total + x).realize())
    add(Tensor([1, 2]))
    loaded = pickle.loads(pickle.dumps(add))
    assert loaded(Tensor([10, 10])).tolist() == [11, 12]
    assert loaded(Tensor([10, 10])).tolist() == [21, 22]
    assert total.tolist() == [1, 2]


def test_a_pickled_function_takes_variables_and_writes_arguments():
    row = Variable("row", 0, 3)
    take = jit(lambda x, at: x[at : at + 1].contiguous())
    values = np.arange(8, dtype=np.float32).reshape(4, 2)
    take(Tensor(values).clone(), row.bind(0))
    loaded = pickle.loads(pickle.dumps(take))
    assert loaded(Tensor(values).clone(), row.bind(2)).tolist() == values[2:3].tolist()

    fill = jit(lambda x: x.assign(x * 2).realize())
    fill(Tensor([1, 2]).clone())
    given = Tensor([3, 4]).clone()
    pickle.loads(pickle.dumps(fill))(given)
    assert given.tolist() == [6, 8]


def test_only_what_was_recorded_is_pickled():
    with pytest.raises(JitError, match="once it has been recorded"):
        pickle.dumps(TinyJit(lambda x: x + 1))
