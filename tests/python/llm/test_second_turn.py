"""The second turn of a 12,000-token conversation reads only what is new: by the counters of the
benchmark (tools/bench/second_turn.py), and by the tokens that reach the engine."""

import sys
from pathlib import Path

import pytest
from live import Live

try:
    from rosso.llm.core import LlmCore
except ImportError:
    pytest.skip("the C++ engine is not built", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools/bench"))
import second_turn  # noqa: E402

# Trained for 1,024 tokens: what it says here is nonsense, but it reads as any model does.
DEMO = ROOT / "models/demo/rosso-demo.gguf"
TOKENS = 12000


class CountingCore(LlmCore):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.read = 0

    def run(self, steps):
        self.read += sum(len(step.tokens) for step in steps)
        return super().run(steps)


def test_a_second_turn_of_12000_tokens_reads_only_what_is_new():
    core = CountingCore(str(DEMO), slots=1, context=16384)
    with Live(core) as live:
        live.http.timeout = 300
        messages = second_turn.conversation(live.url, TOKENS, 0)
        reply, first = second_turn.turn(live.url, messages)
        assert TOKENS < first["prompt"] < TOKENS * 1.1 and first["read"] == first["prompt"]
        assert core.read >= first["prompt"]

        before, core.read = core.read, 0
        messages = [*messages, *second_turn.next_turn(reply)]
        _, second = second_turn.turn(live.url, messages)
        new = second["prompt"] - first["prompt"]
        assert 0 < new < 200
        # The end of the first prompt and the reply may fall into other tokens the second time.
        assert second["read"] <= new + 16
        # What was generated is read back token by token.
        assert core.read <= second["read"] + second_turn.REPLY
        assert core.read * 40 < before
        assert second["seconds"] < first["seconds"] / 5
