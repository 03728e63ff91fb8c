"""Layers beside PyTorch's with the same weights."""

from __future__ import annotations

import numpy as np
import pytest
from rosso import Context, Tensor, nn
from rosso.nn.state import get_state_dict, load_state_dict

torch = pytest.importorskip("torch")


def same_as(ours, theirs, *shape: int, atol: float = 1e-5) -> None:
    """Gives our layer the weights of theirs and compares the results."""
    state = {name: Tensor(w.detach().numpy()) for name, w in theirs.state_dict().items()}
    load_state_dict(ours, state, verbose=False)
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    with torch.no_grad():
        expected = theirs.eval()(torch.tensor(x)).numpy()
    found = ours(Tensor(x)).numpy()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=atol, rtol=1e-4)


@pytest.mark.parametrize("bias", [True, False])
def test_linear(bias):
    same_as(nn.Linear(5, 7, bias), torch.nn.Linear(5, 7, bias), 2, 3, 5)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"stride": 2, "padding": 1},
        {"dilation": 2, "padding": 2, "bias": False},
        {"groups": 2},
        {"padding": "same"},
    ],
)
def test_conv(arguments):
    same_as(nn.Conv2d(4, 6, 3, **arguments), torch.nn.Conv2d(4, 6, 3, **arguments), 2, 4, 9, 8)
    same_as(nn.Conv1d(4, 6, 3, **arguments), torch.nn.Conv1d(4, 6, 3, **arguments), 2, 4, 9)


def test_conv_with_a_kernel_that_is_not_square():
    same_as(nn.Conv2d(3, 2, (1, 4)), torch.nn.Conv2d(3, 2, (1, 4)), 1, 3, 5, 6)
    ours = nn.Conv2d(3, 2, (2, 4), padding="same")
    same_as(ours, torch.nn.Conv2d(3, 2, (2, 4), padding="same"), 1, 3, 5, 6)
    with pytest.raises(ValueError):
        nn.Conv2d(3, 2, 3, padding="valid?")
    with pytest.raises(ValueError):
        nn.Conv2d(3, 2, 3, stride=2, padding="same")


@pytest.mark.parametrize("arguments", [{}, {"stride": 2, "padding": 1, "output_padding": 1}])
def test_conv_transpose(arguments):
    theirs = torch.nn.ConvTranspose2d(4, 6, 3, **arguments)
    same_as(nn.ConvTranspose2d(4, 6, 3, **arguments), theirs, 1, 4, 5, 6)
    theirs = torch.nn.ConvTranspose1d(4, 6, 3, **arguments)
    same_as(nn.ConvTranspose1d(4, 6, 3, **arguments), theirs, 1, 4, 5)


def test_norms():
    theirs = torch.nn.BatchNorm2d(4)
    theirs.running_mean.normal_()
    theirs.running_var.uniform_(0.5, 2)
    torch.nn.init.normal_(theirs.weight)
    same_as(nn.BatchNorm(4), theirs, 2, 4, 3, 3)
    same_as(nn.GroupNorm(2, 4), torch.nn.GroupNorm(2, 4), 2, 4, 3, 3)
    same_as(nn.InstanceNorm(4), torch.nn.InstanceNorm2d(4, affine=True), 2, 4, 3, 3)
    same_as(nn.LayerNorm(6), torch.nn.LayerNorm(6), 2, 3, 6)
    same_as(nn.LayerNorm((3, 6)), torch.nn.LayerNorm((3, 6)), 2, 3, 6)
    same_as(nn.RMSNorm(6), torch.nn.RMSNorm(6, eps=1e-6), 2, 3, 6)
    with pytest.raises(ValueError):
        nn.LayerNorm(6)(Tensor.zeros(2, 5))


def test_norm_over_the_channels_of_a_place():
    x = np.random.default_rng(0).normal(size=(2, 4, 3, 3)).astype(np.float32)
    expected = torch.nn.functional.layer_norm(torch.tensor(x).permute(0, 2, 3, 1), (4,))
    np.testing.assert_allclose(
        nn.LayerNorm2d(4)(Tensor(x)).numpy(), expected.permute(0, 3, 1, 2).numpy(), atol=1e-5
    )


@pytest.mark.parametrize("tracks", [True, False])
def test_batch_norm_of_a_batch(tracks):
    ours, theirs = (
        layer(4, track_running_stats=tracks) for layer in (nn.BatchNorm, torch.nn.BatchNorm2d)
    )
    with Context(TRAINING=1):
        for seed in range(3):
            x = np.random.default_rng(seed).normal(2, 3, (2, 4, 3, 3)).astype(np.float32)
            expected = theirs(torch.tensor(x)).detach().numpy()
            np.testing.assert_allclose(ours(Tensor(x)).numpy(), expected, atol=1e-5)
    for name in ("running_mean", "running_var", "num_batches_tracked") if tracks else ():
        expected = getattr(theirs, name).numpy()
        np.testing.assert_allclose(getattr(ours, name).numpy(), expected, rtol=1e-5)


def test_embedding():
    theirs = torch.nn.Embedding(10, 3)
    ours = nn.Embedding(10, 3)
    load_state_dict(ours, {"weight": Tensor(theirs.weight.detach().numpy())}, verbose=False)
    ids = [[1, 9, 0], [3, 3, 2]]
    np.testing.assert_array_equal(
        ours(Tensor(ids)).numpy(), theirs(torch.tensor(ids)).detach().numpy()
    )
    with pytest.raises(TypeError):
        ours(Tensor([1.0]))


def test_lstm_cell():
    theirs = torch.nn.LSTMCell(4, 5)
    ours = nn.LSTMCell(4, 5)
    state = {name: Tensor(w.detach().numpy()) for name, w in theirs.state_dict().items()}
    assert state.keys() == get_state_dict(ours).keys()
    load_state_dict(ours, state, verbose=False)
    x = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    expected = theirs(torch.tensor(x))
    found = ours(Tensor(x))
    for _ in range(2):
        for a, b in zip(found, expected):
            np.testing.assert_allclose(a.numpy(), b.detach().numpy(), atol=1e-6)
        expected, found = theirs(torch.tensor(x), expected), ours(Tensor(x), found)
