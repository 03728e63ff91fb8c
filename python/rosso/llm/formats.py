"""The ways in which model families write tool calls, told by marks in their templates.

    hermes   <tool_call>\\n{"name": ..., "arguments": {...}}\\n</tool_call>   Qwen2.5, Qwen3, Hermes
    llama3   {"name": ..., "parameters": {...}}  as the whole reply            LLaMA 3.1 to 3.3
    mistral  [TOOL_CALLS][{"name": ..., "arguments": {...}}, ...]               Mistral Nemo
    mistral-args  [TOOL_CALLS]name[ARGS]{...}, with [CALL_ID]id before [ARGS]   later Mistrals
    xml      <tool_call>\\n<function=name>\\n<parameter=key>\\nvalue ...        Qwen3-Coder, Qwen3.5
    generic  as hermes, told of by our own preamble

A file's name says nothing; its template does. What differs between the families is in this table;
the scanner and the grammars read it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToolFormat:
    name: str
    marker: str  # stands before a call; "": the call is the whole reply
    end: str = ""  # stands after it
    envelope: str = "object"  # "object", "array" of objects, "args" after a name, "xml"
    arguments_key: str = "arguments"
    extra_markers: tuple[str, ...] = ()  # also begin a call
    shape: str = ""  # how a template of this format writes a call, as an expression


HERMES = ToolFormat("hermes", "<tool_call>", "</tool_call>", shape=r'<tool_call>\s*\{\s*"name"')
GENERIC = ToolFormat("generic", "<tool_call>", "</tool_call>")
XML = ToolFormat(
    "xml", "<tool_call>", "</tool_call>", envelope="xml", shape=r"<tool_call>\s*<function="
)
LLAMA3 = ToolFormat(
    "llama3",
    "",
    arguments_key="parameters",
    extra_markers=("<|python_tag|>",),
    shape='"parameters"',
)
MISTRAL = ToolFormat("mistral", "[TOOL_CALLS]", envelope="array", shape=r"\[TOOL_CALLS\]\s*\[")
MISTRAL_ARGS = ToolFormat("mistral-args", "[TOOL_CALLS]", envelope="args", shape=r"\[ARGS\]")

FORMATS = (HERMES, GENERIC, XML, LLAMA3, MISTRAL, MISTRAL_ARGS)


def detect_format(template: str) -> ToolFormat:
    if "[TOOL_CALLS]" in template:
        return MISTRAL_ARGS if "[ARGS]" in template else MISTRAL
    if "<function=" in template and "<parameter=" in template:
        return XML
    if "<tool_call>" in template and "</tool_call>" in template:
        return HERMES
    if "<|python_tag|>" in template or ("ipython" in template and '"parameters"' in template):
        return LLAMA3
    return GENERIC
