"""How a model is told of tools when its template cannot: a text for the system message.

The form of a call is the one of Hermes, which many models have seen; its grammar and its scanner
are used for it (see formats.py).
"""

from __future__ import annotations

import json
from typing import Any

Message = dict[str, Any]

BEFORE = """\
You can call functions. These are the functions, one JSON object a line, each with the JSON schema \
of its arguments:
<tools>
"""
AFTER = """
</tools>
To call a function, write a JSON object with its name and its arguments between these tags, and \
nothing after it:
<tool_call>
{"name": "function name", "arguments": {"argument": "value"}}
</tool_call>
What the function gave comes back between <tool_response> tags. Call a function only where it \
helps; otherwise answer in plain words."""


def with_preamble(messages: list[Message], tools: list[dict[str, Any]]) -> list[Message]:
    """The messages with the tools described in the first system message."""
    lines = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
    text = BEFORE + lines + AFTER
    if messages and messages[0]["role"] == "system":
        first = {**messages[0], "content": f"{messages[0]['content']}\n\n{text}"}
        return [first, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


PLAIN_TEMPLATE = """\
{%- for message in messages %}
{{- message.role | capitalize ~ ': ' ~ message.content ~ '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- 'Assistant:' }}
{%- endif %}"""

CHATML_TEMPLATE = """\
{%- for message in messages %}
{{- '<|im_start|>' ~ message.role ~ '\n' ~ message.content ~ '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\n' }}
{%- endif %}"""
