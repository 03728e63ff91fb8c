"""The model's chat template: what it can do, and a conversation as the model was trained on it.

What a template can do is found out once, at load, by rendering small conversations and looking for
their words in what comes out. Rendering then normalises the messages accordingly, takes the teeth
out of special tokens in other people's text (text.py), and reports whether the reply begins inside
of reasoning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from rosso.llm.engine import Tokenizer
from rosso.llm.environment import CompiledTemplate, TemplateFault
from rosso.llm.formats import GENERIC, ToolFormat, detect_format
from rosso.llm.messages import Caps, Message, normalise
from rosso.llm.preamble import CHATML_TEMPLATE, PLAIN_TEMPLATE, with_preamble
from rosso.llm.text import PromptEncoder

THINK, THINK_END = "<think>", "</think>"
Tool = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rendered:
    text: str
    thinking: bool  # the prompt ends inside of reasoning


class ChatTemplate:
    """`with_tools`: of a file that has two, the template of conversations with tools."""

    def __init__(self, source: str | None, tokenizer: Tokenizer, with_tools: str | None = None):
        if not source:
            source = CHATML_TEMPLATE if "<|im_start|>" in tokenizer.special else PLAIN_TEMPLATE
        self.source = source
        self._compiled = CompiledTemplate(source)
        self._with_tools = CompiledTemplate(with_tools) if with_tools else self._compiled
        self._encoder = PromptEncoder(tokenizer)
        self._tokens = {
            "bos_token": _name_of(tokenizer, tokenizer.bos),
            "eos_token": _name_of(tokenizer, tokenizer.eos),
        }
        self._no_tools: list[Tool] | None = None
        if self._try([_says("user", "a")]) is None and self._try([_says("user", "a")], []):
            self._no_tools = []  # goes through them without asking whether there are any
        prober = _Prober(self._try)
        self.caps = prober.caps()
        self.format: ToolFormat = detect_format(with_tools or source)
        whole = self.caps.tools and self.caps.tool_calls and self.caps.tool_results
        if not (whole and re.search(self.format.shape, prober.history)):
            self.format = GENERIC
        self.native_tools = self.format is not GENERIC
        self.thinks = THINK in source or self.caps.reasoning

    def render(
        self,
        messages: list[Message],
        tools: list[Tool] | None = None,
        options: dict[str, Any] | None = None,
        add_generation_prompt: bool = True,
        continues: bool = False,
    ) -> Rendered:
        """`continues`: the last message is the beginning of the reply rather than a reply.

        Raises TemplateFault. Blocks for some milliseconds, at most for the time limit."""
        tools = tools or None
        messages = self._encoder.disarm(messages, keep=(THINK, THINK_END))
        begun: Message | None = None
        if continues:
            messages, begun = messages[:-1], messages[-1]
            add_generation_prompt = True
        tools = self._encoder.disarm(tools)
        if tools and not self.native_tools:
            # Before normalising: a template may have no place for the system message it makes.
            messages = with_preamble(_one_system(messages), tools)
            tools = None
        messages = normalise(messages, self.caps, self.native_tools)
        text = self._render(
            messages, tools, {**(options or {}), "add_generation_prompt": add_generation_prompt}
        )
        thinking = add_generation_prompt and text.rstrip().endswith(THINK)
        if begun:
            return _begun(text, thinking, normalise([begun], self.caps, self.native_tools)[0])
        return Rendered(text, thinking)

    def encode(self, rendered: Rendered) -> list[int]:
        return self._encoder.encode(rendered.text)

    def _render(
        self,
        messages: list[Message],
        tools: list[Tool] | None,
        options: dict[str, Any],
        **limits: float,
    ) -> str:
        called = any(message["role"] == "tool" for message in messages)
        compiled = self._with_tools if tools or called else self._compiled
        return compiled.render(self._variables(messages, tools, options), **limits)

    def _variables(
        self, messages: list[Message], tools: list[Tool] | None, options: dict[str, Any]
    ) -> dict[str, Any]:
        variables: dict[str, Any] = {**self._tokens, **options, "messages": messages}
        variables.setdefault("documents", None)
        variables["tools"] = self._no_tools if tools is None else tools
        return variables

    def _try(
        self, messages: list[Message], tools: list[Tool] | None = None, **options: Any
    ) -> str | None:
        """A probe; None if the template raises."""
        options = {"add_generation_prompt": True, **options}
        try:
            return self._render(messages, tools, options, seconds=2)
        except TemplateFault:
            return None


def _begun(prompt: str, thinking: bool, message: Message) -> Rendered:
    """A prompt, and the beginning of the reply to it."""
    thought, said = message.get("reasoning_content", ""), message["content"]
    if thought and not thinking:
        prompt, thinking = f"{prompt}{THINK}\n", True
    if thinking and said:
        thought, thinking = f"{thought}\n{THINK_END}\n\n", False
    return Rendered(prompt + thought + said, thinking)


def _one_system(messages: list[Message]) -> list[Message]:
    """`developer` is a system message, here already; its content a text."""
    if messages and messages[0]["role"] == "developer":
        return [{**messages[0], "role": "system"}, *messages[1:]]
    return messages


def _name_of(tokenizer: Tokenizer, token: int | None) -> str:
    return "" if token is None else tokenizer.piece(token).decode("utf-8", "replace")


class _Prober:
    def __init__(self, render: Any):
        self._render = render
        self.history = ""  # a conversation with a call, once `caps` was found out

    def caps(self) -> Caps:
        user, system = _says("user", "probe-a"), _says("system", "probe-s")
        answer, later = _says("assistant", "probe-b"), _says("system", "probe-l")
        after = _says("user", "probe-u")
        objects = self._history({"probe_key": "probe-value"})
        texts = self._history('{"probe_key": "probe-value"}')
        by_object = self._render(objects, [PROBE_TOOL]) or ""
        by_text = self._render(texts, [PROBE_TOOL]) or ""
        object_arguments = '"probe-value"' in by_object or "probe-value" not in by_text
        history = objects if object_arguments else texts
        rendered = by_object if object_arguments else by_text
        self.history = rendered
        two = self._history(history[1]["tool_calls"][0]["function"]["arguments"], second=True)
        thought = [history[0], {**history[1], "reasoning_content": "probe-thought"}, *history[2:]]
        return Caps(
            system=self._shows("probe-s", [system, user]),
            later_system=self._shows("probe-l", [system, user, answer, later, user]),
            users_in_a_row=self._shows("probe-c", [user, _says("user", "probe-c")]),
            user_after_tool=self._shows("probe-u", [*history, after], [PROBE_TOOL]),
            typed_content=self._shows_parts(),
            tools=self._shows("probe_tool", [user], [PROBE_TOOL]),
            tool_calls="probe-value" in rendered,
            tool_results="probe-result" in rendered,
            parallel_calls=self._shows("probe-second", two, [PROBE_TOOL]),
            object_arguments=object_arguments,
            reasoning=self._shows("probe-thought", thought, [PROBE_TOOL]),
            thinking_switch=self._render([user], None, enable_thinking=False)
            != self._render([user], None, enable_thinking=True),
        )

    def _shows(self, word: str, messages: list[Message], tools: Any = None) -> bool:
        return word in (self._render(messages, tools) or "")

    def _shows_parts(self) -> bool:
        text = self._render([_says("user", [{"type": "text", "text": "probe-part"}])]) or ""
        return "probe-part" in text and "'text'" not in text and '"text"' not in text

    def _history(self, arguments: Any, second: bool = False) -> list[Message]:
        calls = [_call("probecall", arguments)]
        results: list[Message] = [_result("probecall", "probe-result")]
        if second:
            calls.append(_call("probecal2", arguments))
            results.append(_result("probecal2", "probe-second"))
        return [
            _says("user", "probe-a"),
            {"role": "assistant", "content": "", "tool_calls": calls},
            *results,
        ]


PROBE_TOOL = {
    "type": "function",
    "function": {
        "name": "probe_tool",
        "description": "probe",
        "parameters": {"type": "object", "properties": {}, "required": []},
    },
}


def _says(role: str, content: Any) -> Message:
    return {"role": role, "content": content}


def _call(id: str, arguments: Any) -> Message:
    function = {"name": "probe_tool", "arguments": arguments}
    return {"id": id, "type": "function", "function": function}


def _result(id: str, content: str) -> Message:
    return {"role": "tool", "tool_call_id": id, "name": "probe_tool", "content": content}
