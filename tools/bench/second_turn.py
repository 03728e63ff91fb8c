"""Measures the second turn of an agent's conversation: what is read again, and how long that takes.

    build/python/bin/python tools/bench/second_turn.py --package build/python_package MODEL.gguf

An agent's prompt is long (system text, tools, what was said) and the next one begins like it. A
first turn of `--tokens` is asked of `rosso serve` with nothing kept, then the turn behind it: the
first's prompt, the reply to it and a new message. Times are those that a client of the stream sees
until the first token; the counts are the server's. Rounds use prompts that differ from their first
word on, in a server with one slot, so that each begins anew.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

TOOL = {
    "type": "function",
    "function": {
        "name": "exec",
        "description": "Runs a command in the user's shell and gives its output.",
        "parameters": {
            "type": "object",
            "properties": {"command": {"type": "string"}},
            "required": ["command"],
        },
    },
}
REPLY = 8  # tokens
RULE = "Rule {}: read a file before you change it, and say what you found in it. "


@contextmanager
def serving(model, options):
    """The address of a server of its own."""
    command = [sys.executable, "-m", "rosso.cli", "serve", model, "--port", "0", "--slots", "1"]
    command += ["--ctx", options.ctx, "--threads", options.threads]
    environment = os.environ | {"PYTHONPATH": options.package}
    words = [str(word) for word in command]
    server = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        for line in server.stderr:
            if found := re.search(r"http://\S+", line):
                yield found[0]
                return
        sys.exit(f"error: rosso serve ended with {server.wait()}")
    finally:
        server.terminate()
        server.wait()


def post(url, path, body):
    data = json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url + path, data, headers)
    return urllib.request.urlopen(request, timeout=600)


def turn(url, messages):
    """Asks for a reply -> its text, seconds until its first token, and the server's counts."""
    body = {"messages": messages, "tools": [TOOL], "tool_choice": "none", "stream": True}
    body |= {"max_tokens": REPLY, "temperature": 0, "ignore_eos": True}
    body["stream_options"] = {"include_usage": True}
    began, first, text, usage = time.monotonic(), None, "", {}
    with post(url, "/v1/chat/completions", body) as answer:
        for line in answer:
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            for choice in chunk["choices"]:
                piece = choice["delta"].get("content") or ""
                if (piece or choice["finish_reason"]) and first is None:
                    first = time.monotonic() - began
                text += piece
            usage = chunk.get("usage") or usage
    prompt, cached = usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]
    return text, {"seconds": first, "prompt": prompt, "read": prompt - cached}


def conversation(url, tokens, number):
    """Messages of a first turn with that many tokens, or a few more."""

    def count(text):
        with post(url, "/tokenize", {"content": text}) as answer:
            return len(json.load(answer)["tokens"])

    text = f"Agent {number}. "
    while (missing := tokens - count(text)) > 0:
        rules = missing // count(RULE.format(1000)) + 1
        text += "".join(RULE.format(rule) for rule in range(rules))
    return [{"role": "system", "content": text}, {"role": "user", "content": "List the files."}]


def next_turn(reply):
    """The messages that come behind those of the first turn."""
    return [
        {"role": "assistant", "content": reply},
        {"role": "user", "content": "And which of them is the largest?"},
    ]


def two_turns(url, tokens, number):
    """-> what the first and the second turn took."""
    messages = conversation(url, tokens, number)
    reply, first = turn(url, messages)
    return first, turn(url, [*messages, *next_turn(reply)])[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--package", default="build/python_package", help="where `rosso` lies")
    parser.add_argument("--tokens", default=12000, type=int, help="of the first turn's prompt")
    parser.add_argument("--ctx", default=16384, type=int)
    parser.add_argument("--threads", default=2, type=int)
    parser.add_argument("--rounds", default=3, type=int)
    options = parser.parse_args()

    print("| Model | turn 1: tokens | read | first token | turn 2: tokens | read | first token |")
    print("|---|---|---|---|---|---|---|")
    for model in options.models:
        with serving(model, options) as url:
            rounds = [two_turns(url, options.tokens, each) for each in range(options.rounds)]
        cells = []
        for turns in zip(*rounds):
            seconds = statistics.median(each["seconds"] for each in turns)
            cells += [turns[0]["prompt"], turns[0]["read"], f"{seconds:.2f} s"]
        print(f"| {model.name} | {' | '.join(map(str, cells))} |")


if __name__ == "__main__":
    main()
