"""One model in two languages: docs/models/qwen2.py and Qwen2.h make the same graph and numbers.

The engine of `rosso run`, whose decoder is written a third way, agrees on what follows.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rosso import Tensor, Variable
from rosso.jit import jit
from rosso.llm.core import LlmCore
from rosso.llm.engine import Sampling, Step

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models/demo/rosso-demo.gguf"
IDS = [3, 4, 5, 17, 9]

sys.path.insert(0, str(ROOT / "docs/models"))
from qwen2 import Qwen2  # noqa: E402


@pytest.fixture(scope="module")
def model():
    return Qwen2(str(MODEL))


@pytest.fixture(scope="module")
def logits(model):
    return model(Tensor(IDS)).numpy()


def test_both_languages_make_one_graph(model):
    program = Path(os.environ["ROSSO_BUILD"]) / "tests/qwen2_example"
    command = [program, MODEL, *map(str, IDS)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    graph, _, numbers = output.partition("---\n")
    lazy = model(Tensor(IDS))
    assert lazy.graph() == graph
    rows = np.array([line.split() for line in numbers.splitlines()], dtype=np.float32)
    np.testing.assert_array_equal(lazy.numpy(), rows)


def test_a_recorded_step_gives_what_the_whole_prompt_gives(model, logits):
    step = jit(lambda ids, start: model(ids, start)[-1])
    start = Variable("start", 0, 1023)
    for i, token in enumerate(IDS):
        row = step(Tensor([token]), start.bind(i)).numpy()
        # Sums come in another order for one token than for five, and an activation at the border
        # of two int8 codes may become the other; int8 itself costs several times as much.
        np.testing.assert_allclose(row, logits[i], atol=1e-2 * np.abs(logits[i]).max())


def test_the_engine_agrees(logits):
    core = LlmCore(str(MODEL), context=1024, slots=1)
    chosen = core.run([Step(0, IDS, Sampling(temperature=0, logprobs=5))])[0][0]
    last = logits[-1].astype(np.float64)
    log_probabilities = last - last.max() - np.log(np.exp(last - last.max()).sum())
    for token, logprob in chosen.top:
        # activations are rounded to int8: a sum in another order may round another way
        assert abs(log_probabilities[token] - logprob) < 2e-2
    assert chosen.token == int(last.argmax())
