"""Models written for tinygrad, run by Rosso and by tinygrad itself on the same random weights.

The language model is tinygrad's own: its source is read from the installed package and executed
with another import. The residual network is written here and executed twice.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rosso

compiler = os.environ.get("CC") or shutil.which("clang") or shutil.which("clang-22")
if compiler is None:
    pytest.skip("tinygrad computes with clang, which is not here", allow_module_level=True)
os.environ["CC"] = compiler
tinygrad = pytest.importorskip("tinygrad", reason="tinygrad is not installed")

# What its language model takes from tinygrad besides tensors: variables, a decorator for its
# scheduler, conditions on symbolic sizes, kernels for one GPU.
PRELUDE = """
from rosso import Tensor, TinyJit, Variable, dtypes, getenv, nn
from rosso.nn import Linear
class UOp:
    variable = Variable
def function(**options):
    return lambda body: body
resolve = bool
def amd_custom_kernels_supported(device):
    return False
"""


def with_rosso(source: str) -> str:
    """The source of tinygrad's language model for Rosso.

    Its imports are others, and the one write to the cache that is spelled in nodes of tinygrad's
    graph is the assignment that it stands for.
    """
    source = re.sub(r"^from tinygrad.*\n", "", source, flags=re.MULTILINE)
    source = re.sub(r"store = (.*)\.uop\.store\((.*)\.uop\)", r"store = \1.assign(\2)", source)
    source = re.sub(r"Tensor\((self\.\w+)\.uop\.after\(store\)\)", r"\1", source)
    future = "from __future__ import annotations\n"
    return future + PRELUDE + source.replace(future, "")


def stand_in_for_missing_kernels() -> None:
    """The wheel of tinygrad 0.14 lacks a folder that its model imports: kernels for one GPU."""
    if importlib.util.find_spec("tinygrad.llm.kernels") is not None:
        return
    kernels = types.ModuleType("tinygrad.llm.kernels.amd")
    kernels.Linear = tinygrad.nn.Linear
    kernels.gated_delta_prefill = kernels.flash_attention = None
    kernels.amd_custom_kernels_supported = lambda device: False
    sys.modules["tinygrad.llm.kernels"] = types.ModuleType("tinygrad.llm.kernels")
    sys.modules["tinygrad.llm.kernels.amd"] = kernels


def module_of(source: str, name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    sys.modules[name] = module  # dataclasses look their module up
    exec(compile(source, name, "exec"), module.__dict__)
    return module


def set_weights(package: Any, model: Any) -> None:
    """The same random numbers for the same names, whichever package the model is of."""
    for name, t in sorted(package.nn.state.get_state_dict(model).items()):
        if not package.dtypes.is_float(t.dtype):
            continue
        rng = np.random.default_rng(sum(name.encode()))
        numbers = rng.normal(0, 1, t.shape) / np.sqrt(max(1, np.prod(t.shape[1:])))
        if len(t.shape) == 1:
            numbers = 1 + 0.1 * rng.normal(size=t.shape)
        if "var" in name:
            numbers = np.abs(numbers) + 0.5
        t.replace(package.Tensor(numbers.astype(np.float32)).cast(t.dtype)).realize()


def assert_close(found: np.ndarray, wanted: np.ndarray, tolerance: float) -> None:
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max()


@pytest.fixture(scope="module")
def language_models() -> dict[Any, Any]:
    path = Path(importlib.util.find_spec("tinygrad").origin).parent / "llm" / "model.py"
    if not path.exists():
        pytest.skip(f"this version of tinygrad has no {path}")
    models = {}
    for package in (rosso, tinygrad):
        if package is rosso:
            module = module_of(with_rosso(path.read_text()), "rosso_runs_tinygrads_model")
        else:
            stand_in_for_missing_kernels()
            module = importlib.import_module("tinygrad.llm.model")
        sizes = dict(num_blocks=2, dim=64, hidden_dim=96, n_heads=4, n_kv_heads=2, head_dim=16)
        rope = dict(rope_theta=10000.0, rope_dim=16, v_head_dim=16)
        config = module.TransformerConfig(
            **sizes, **rope, norm_eps=1e-5, vocab_size=100, max_context=32
        )
        models[package] = module.Transformer(config)
        set_weights(package, models[package])
    return models


def logits(package: Any, model: Any, tokens: list[int], begin: int) -> np.ndarray:
    x = model.token_embd(package.Tensor([tokens])).float()
    for block in model.blk:
        x = block(x, begin)
    return model.output(model.output_norm(x)).numpy()


def test_logits_of_tinygrads_language_model(language_models):
    """The cache is of 16-bit floats: a rounding of half a unit in 2^-11 that may go either way."""
    begin = 0
    for tokens in ([1, 5, 7, 20, 3], [42], [9]):
        ours, theirs = (logits(p, model, tokens, begin) for p, model in language_models.items())
        assert_close(ours, theirs, 1e-3)
        begin += len(tokens)


def test_tokens_of_tinygrads_language_model(language_models):
    """Its generator: chunks of the prompt and single tokens by functions under TinyJit."""
    ours, theirs = (
        [token for token, _ in zip(model.generate([1, 5, 7, 20, 3], chunk_size=4), range(6))]
        for model in language_models.values()
    )
    assert ours == theirs


RESIDUAL_NETWORK = """
from tinygrad import Tensor, TinyJit, nn


class Block:
    def __init__(self, channels, out, stride):
        self.conv1 = nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, groups=2, bias=False)
        self.norm2 = nn.BatchNorm(out)
        self.shortcut = []
        if stride != 1:
            self.shortcut = [nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm(out)]

    def __call__(self, x):
        y = self.norm2(self.conv2(self.norm1(self.conv1(x)).relu()))
        return (y + x.sequential(self.shortcut)).relu()


class Network:
    def __init__(self):
        self.conv = nn.Conv2d(3, 8, kernel_size=7, stride=2, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.blocks = [Block(8, 8, 1), Block(8, 16, 2), Block(16, 32, 2)]
        self.head = nn.Linear(32, 10)

    def __call__(self, x):
        x = self.norm(self.conv(x)).relu().pad((1, 1, 1, 1)).max_pool2d((3, 3), 2)
        return self.head(x.sequential(self.blocks).mean([2, 3])).log_softmax()


@TinyJit
def run(network, x):
    return network(x).realize()
"""


def test_a_residual_network_written_for_tinygrad():
    results = []
    for package in (rosso, tinygrad):
        source = RESIDUAL_NETWORK.replace("tinygrad", package.__name__)
        module = module_of(source, f"residual_network_of_{package.__name__}")
        network = module.Network()
        set_weights(package, network)
        rng = np.random.default_rng(1)
        images = [rng.normal(size=(2, 3, 32, 32)).astype(np.float32) for _ in range(3)]
        results.append([module.run(network, package.Tensor(image)).numpy() for image in images])
    for ours, theirs in zip(*results):
        assert_close(ours, theirs, 1e-4)  # some thousand f32 products, summed in another order
