"""`rosso serve` around a scripted core that an agent can work with, as a process of its own.

The script obeys the last user message that begins a line with an order: `say WORDS`,
`run COMMAND` (a call of the agent's `exec`; what comes back is told), `count N`. A request without
an order, as for a summary, gets a fixed sentence.
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
    return f'<tool_call>\n{json.dumps({"name": "exec", "arguments": {"command": rest}})}\n</tool_call>'


if __name__ == "__main__":
    options = cli.parser().parse_args(["serve", "scripted.gguf", *sys.argv[1:]])
    sys.exit(
        cli._serve(options, lambda: ScriptedCore(script, context=options.ctx, slots=options.slots))
    )
