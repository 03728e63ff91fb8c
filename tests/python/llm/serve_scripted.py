"""`rosso serve` around a scripted core, as a process of its own; for tests of signals and load."""

import sys
from collections import deque
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import conftest  # noqa: E402, F401 - finds the package
from rosso import cli  # noqa: E402
from scripted import ScriptedCore  # noqa: E402


def script(prompt):
    """The last user message, as often as its first word says."""
    turn = prompt.split("<|im_start|>user\n")[-1].split("<|im_end|>")[0]
    count, _, text = turn.partition(" ")
    return (text + " ") * int(count) if count.isdigit() else turn


def core(token_s, slots):
    made = ScriptedCore(script, token_s=token_s, slots=slots)
    made.ran = deque(maxlen=0)  # what ran would be a leak
    return made


if __name__ == "__main__":
    token_s, *arguments = sys.argv[1:]
    options = cli.parser().parse_args(["serve", "scripted.gguf", *arguments])
    sys.exit(cli._serve(options, lambda: core(float(token_s), options.slots)))
