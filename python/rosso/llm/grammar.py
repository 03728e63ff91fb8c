"""Grammars (llguidance's Lark) for what a reply may be: calls of known tools with arguments that
fit their schemas, and JSON that fits a schema.

    calls of a family    grammar of the text from the marker on, or from after it (lazy)
    JSON                 the schema itself
    either               where tools are offered and a format is asked for

Keywords of JSON schema that the library does not know are left out of the grammar, and logged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rosso.llm.formats import ToolFormat

# White space inside of JSON: a space, or a new line with its indentation. Given more freedom, weak
# models write white space until the limit.
SCHEMA_OPTIONS = {"lenient": True, "whitespace_pattern": r"( |\n[ \t]{0,24})?"}
LAZY_TEXT = r"/(.|\n)*/"


@dataclass(frozen=True, slots=True)
class ToolSchema:
    name: str
    parameters: Mapping[str, Any]


def schema_text(schema: Any) -> str:
    """A schema as Lark takes it inline; arguments are objects whatever else it says."""
    if isinstance(schema, bool):
        return json.dumps({"x-guidance": SCHEMA_OPTIONS}) if schema else "false"
    return json.dumps({**schema, "x-guidance": SCHEMA_OPTIONS})


def parameters_of(tool: ToolSchema) -> dict[str, Any]:
    schema = dict(tool.parameters)
    if "type" not in schema and not {"anyOf", "oneOf", "allOf", "$ref"} & schema.keys():
        schema["type"] = "object"
    return schema


def json_grammar(schema: Any) -> str:
    return f"start: %json {schema_text(schema)}\n"


class CallGrammar:
    """`specials`: control tokens by their text, which grammars name by number."""

    def __init__(
        self,
        format: ToolFormat,
        tools: Sequence[ToolSchema],
        specials: Mapping[str, int],
        parallel: bool = True,
    ):
        self._format, self._tools, self._specials = format, tools, specials
        self._parallel = parallel
        self._rules: list[str] = []
        self._more = self._make()

    def after_marker(self) -> str:
        """Of what follows the first marker. For a format without one: of the whole reply."""
        return "\n".join(["start: calls", *self._rules, ""])

    def whole(self, thinking: bool = False, schema: Any = None) -> str:
        """Of a reply that is calls, or JSON if there is a `schema`. `thinking`: reasoning may come
        first."""
        rules = list(self._rules)
        start = self._marker("CALL_MARK") + "calls"
        if schema is not None:
            rules.append(f"answer: %json {schema_text(schema)}")
            start = f"({start} | answer)"
        if thinking:
            rules.append("think: " + '"<think>" thought "\\n\\n"?')
            rules.append(f"thought[lazy]: {LAZY_TEXT[:-1]}<\\/think>/")
            start = f"think? {start}"
        return "\n".join([f"start: {start}", *rules, ""])

    def _marker(self, name: str) -> str:
        if not self._format.marker:
            return ""
        return self._mark(self._format.marker) + " "

    def _mark(self, text: str) -> str:
        """A marker in a rule: a control token by number, or its text."""
        if text in self._specials:
            return f"<[{self._specials[text]}]>"
        return json.dumps(text)

    def _make(self) -> None:
        format = self._format
        names = " | ".join(f"call_{at}" for at in range(len(self._tools)))
        self._rules.append(f"call: {names}")
        again = ""
        if format.envelope == "array":
            again = ' (", " call)*' if self._parallel else ""
            self._rules.append(f'calls: "[" call{again} "]"')
        elif format.envelope == "args":
            again = f" ({self._mark(format.marker)} call)*" if self._parallel else ""
            self._rules.append(f"calls: call{again}")
        elif format.marker:
            again = f" (/\\n?/ {self._mark(format.marker)} call)*" if self._parallel else ""
            self._rules.append(f"calls: call{again}")
        else:
            self._rules.append("calls: call")
        for at, tool in enumerate(self._tools):
            self._rules += self._call(at, tool)

    def _call(self, at: int, tool: ToolSchema) -> list[str]:
        format = self._format
        schema = schema_text(parameters_of(tool))
        quoted = json.dumps(tool.name, ensure_ascii=False)
        name, plain = _regex(quoted), _regex(tool.name)
        if format.envelope == "xml":
            return self._xml_call(at, tool, plain)
        if format.envelope == "args":
            identity = f" ({self._mark('[CALL_ID]')} /[a-zA-Z0-9]{{9}}/)?"
            return [f"call_{at}: /{plain}/{identity} {self._mark('[ARGS]')} %json {schema}"]
        key = format.arguments_key
        space = r"[ \n]{0,2}"
        opening = rf'{space}\{{ ?"name": ?{name}, ?"{key}": ?'
        closing = r" ?\}" + (space if format.end else "")
        end = f" {self._mark(format.end)}" if format.end else ""
        return [
            f"call_{at}: OPEN_{at} %json {schema} CLOSE_{at}{end}",
            f"OPEN_{at}: /{opening}/",
            f"CLOSE_{at}: /{closing}/",
        ]

    def _xml_call(self, at: int, tool: ToolSchema, name: str) -> list[str]:
        """Known parameters with any text as value; the required ones are not insisted on."""
        properties = tool.parameters.get("properties") or {}
        keys = "|".join(_regex(key) for key in properties) or "[a-zA-Z0-9_]+"
        rules = [
            f"call_{at}: /\\n?<function={name}>\\n/ (parameter_{at})* /<\\/function>\\n?/ "
            f"{self._mark(self._format.end)}",
            f"parameter_{at}: /<parameter=({keys})>\\n/ value_{at}",
            f"value_{at}[lazy]: {LAZY_TEXT[:-1]}\\n<\\/parameter>\\n/",
        ]
        return rules


def _regex(text: str) -> str:
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
