"""`rosso serve` around a scripted core that an agent can work with, as a process of its own.

The script obeys the last order in the prompt, `ORDER: say WORDS`, `ORDER: count N` or
`ORDER: run COMMAND` (a call of the agent's tool `exec`; what comes back is told).
"""

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import conftest  # noqa: E402, F401 - finds the package
from rosso import cli  # noqa: E402
from scripted import ScriptedCore  # noqa: E402

ORDER = re.compile(r"ORDER: (say|run|count) ([^\n<]*)")
RESULT = re.compile(r"<tool_response>\n(.*?)\n</tool_response>", re.DOTALL)


def script(prompt):
    orders = list(ORDER.finditer(prompt))
    if not orders:
        return "There is nothing to do."
    order, rest = orders[-1].groups()
    if order == "say":
        return rest
    if order == "count":
        return " ".join(map(str, range(int(rest))))
    results = RESULT.findall(prompt, orders[-1].end())
    if results:
        return f"The tool said: {results[-1].strip()}"
    call = json.dumps({"name": "exec", "arguments": {"command": rest}})
    return f"<tool_call>\n{call}\n</tool_call>"


if __name__ == "__main__":
    token_s, *arguments = sys.argv[1:]
    options = cli.parser().parse_args(["serve", "scripted.gguf", *arguments])
    core = ScriptedCore(script, context=options.ctx, token_s=float(token_s))
    sys.exit(cli._serve(options, lambda: core))
