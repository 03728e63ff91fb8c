"""Movement, indexing, scatter, order and random numbers give the same on the emulated GPU."""

from __future__ import annotations

import numpy as np
import pytest
from rosso import Tensor
from shapes import arrays, same

A = arrays(np.random.default_rng(0), (4, 5, 6), "float32")
B = arrays(np.random.default_rng(1), (4, 5, 6), "int32")
PLACES = np.array([3, 0, 3, 1], np.int32)


def written(t: Tensor) -> Tensor:
    t = t.clone()
    t[1:3, ::-2] = 7
    t[:, Tensor(PLACES, device=t.device)] = 2
    return t


@pytest.mark.parametrize(
    "expression",
    [
        lambda t: t.permute(2, 0, 1).flip(1).pad(((1, 0), (0, 2), (0, 0)), value=3),
        lambda t: t[:, ::-2, 1:5:2].reshape(4, -1),
        lambda t: t.pad((2, 1, 0, 3), mode="reflect"),
        lambda t: t.roll((1, -2), (0, 2)).unfold(1, 2, 3),
        lambda t: t.tril().diagonal(1, 1, 2),
        lambda t: Tensor.cat(t, t[:, :2], t, dim=1).repeat_interleave(2, 2),
        lambda t: t.rearrange("a b (c d) -> (c b) a d", c=3),
        lambda t: t[Tensor(PLACES, device=t.device), :, Tensor(PLACES, device=t.device)],
        lambda t: t.gather(0, Tensor(np.array([[[9, 1, 2, 0, 3, -1]]]), device=t.device)),
        written,
        lambda t: t.scatter(1, Tensor(PLACES.reshape(1, 4, 1), device=t.device), t[2:3]),
        lambda t: t.sort(1, descending=True)[0],
        lambda t: t.argsort(2),
        lambda t: t.topk(3, 0, largest=False)[1],
        lambda t: t.masked_select(t > 0, size=30, fill_value=-1),
        lambda t: (t > 0).nonzero(),
    ],
    ids=lambda f: f.__code__.co_firstlineno,
)
@pytest.mark.parametrize("array", [A, B], ids=["float32", "int32"])
def test_devices_agree(expression, array):
    found = expression(Tensor(array, device="emu"))
    assert found.device == "emu"
    same(found, expression(Tensor(array)).numpy())


def test_random_numbers_do_not_depend_on_the_device():
    Tensor.manual_seed(3)
    first = Tensor.rand(5, 7, device="emu")
    Tensor.manual_seed(3)
    same(first, Tensor.rand(5, 7).numpy())
