"""Messages as they come from clients -> messages that this template survives.

Clients send content as a list of parts, the role `developer`, arguments as JSON in a string, null
where nothing was said, and several user messages in a row. Templates were written for none of it.
What a template can do is found out once by probing it (`Caps`, filled in by template.py); the rest
is brought into a form that every template takes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Caps:
    """What a template does with messages, as its rendering of small probes shows."""

    system: bool = True  # has a place for a system message
    later_system: bool = True  # also after the beginning
    users_in_a_row: bool = True
    user_after_tool: bool = True
    typed_content: bool = False  # takes a list of parts
    tools: bool = False  # shows the tools it is given
    tool_calls: bool = False  # shows calls in history
    tool_results: bool = False
    parallel_calls: bool = False
    object_arguments: bool = True  # wants arguments as an object rather than as text
    reasoning: bool = False  # shows reasoning_content of history
    thinking_switch: bool = False  # `enable_thinking` changes what it writes

    def published(self) -> dict[str, bool]:
        """By the names that llama.cpp's clients read."""
        return {
            "supports_system_role": self.system,
            "supports_tools": self.tools,
            "supports_tool_calls": True,  # by the template or by our own preamble
            "supports_parallel_tool_calls": True,
            "supports_typed_content": True,  # parts are joined here
            "supports_object_arguments": self.object_arguments,
            "supports_preserve_reasoning": self.reasoning,
            "supports_reasoning_effort": self.thinking_switch,
        }


def text_of(content: Any) -> str:
    """The text of a message's content: a string, parts, or nothing."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    parts = [part for part in content if isinstance(part, dict)]
    return "\n".join(part.get("text") or part.get("refusal") or "" for part in parts)


def normalise(messages: list[Message], caps: Caps, native_tools: bool) -> list[Message]:
    """`native_tools`: calls and results are left to the template; else they become text."""
    plain = [_plain(message, caps) for message in messages]
    if not native_tools:
        plain = [_without_tools(message) for message in plain]
    if not caps.later_system:
        plain = _fold_later_systems(plain)
    if not caps.system:
        plain = _fold_first_system(plain)
    if not (caps.users_in_a_row and (caps.user_after_tool or not native_tools)):
        plain = _merge_users(plain, caps)
    return plain


def _plain(message: Message, caps: Caps) -> Message:
    role = "system" if message["role"] == "developer" else message["role"]
    if role == "function":
        role = "tool"
    result: Message = {"role": role, "content": text_of(message.get("content"))}
    if role == "assistant":
        reasoning = next(
            (
                message[name]
                for name in ("reasoning_content", "reasoning", "reasoning_text", "thinking")
                if isinstance(message.get(name), str)
            ),
            None,
        )
        if reasoning:
            result["reasoning_content"] = reasoning
        calls = message.get("tool_calls") or []
        if calls:
            result["tool_calls"] = [_call(call, caps) for call in calls]
    if role == "tool":
        result["tool_call_id"] = message.get("tool_call_id") or ""
        name = message.get("name") or message.get("tool_name")
        if name:
            result["name"] = name
    return result


def _call(call: Message, caps: Caps) -> Message:
    function = call.get("function") or {}
    arguments = function.get("arguments")
    if isinstance(arguments, str) and caps.object_arguments:
        try:
            parsed = json.loads(arguments or "{}")
            arguments = parsed if isinstance(parsed, dict) else arguments
        except ValueError:
            pass  # old history; shown as it is
    elif isinstance(arguments, dict) and not caps.object_arguments:
        arguments = json.dumps(arguments, ensure_ascii=False)
    elif arguments is None:
        arguments = {} if caps.object_arguments else "{}"
    return {
        "id": call.get("id") or "",
        "type": "function",
        "function": {"name": function.get("name") or "", "arguments": arguments},
    }


def _without_tools(message: Message) -> Message:
    """Calls and results in the form of our own preamble (see preamble.py)."""
    if message["role"] == "tool":
        text = f"<tool_response>\n{message['content']}\n</tool_response>"
        return {"role": "user", "content": text}
    if message.get("tool_calls"):
        blocks = [message["content"]] if message["content"] else []
        for call in message["tool_calls"]:
            function = call["function"]
            arguments = function["arguments"]
            if not isinstance(arguments, str):
                arguments = json.dumps(arguments, ensure_ascii=False)
            name = json.dumps(function["name"], ensure_ascii=False)
            blocks.append(
                f'<tool_call>\n{{"name": {name}, "arguments": {arguments}}}\n</tool_call>'
            )
        kept = {key: value for key, value in message.items() if key != "tool_calls"}
        return {**kept, "content": "\n".join(blocks)}
    return message


def _fold_later_systems(messages: list[Message]) -> list[Message]:
    """System messages at the beginning become one; later ones join the user message after them."""
    result: list[Message] = []
    pending: list[str] = []
    for message in messages:
        if message["role"] == "system":
            if all(each["role"] == "system" for each in result):
                if result:
                    result[0] = _joined(result[0], message)
                else:
                    result.append(message)
            else:
                pending.append(message["content"])
        elif message["role"] == "user" and pending:
            text = "\n\n".join([*pending, message["content"]])
            result.append({**message, "content": text})
            pending = []
        else:
            result.append(message)
    if pending:
        result.append({"role": "user", "content": "\n\n".join(pending)})
    return result


def _fold_first_system(messages: list[Message]) -> list[Message]:
    """For templates without a system role: it begins the first user message."""
    if not messages or messages[0]["role"] != "system":
        return messages
    system, rest = messages[0], messages[1:]
    for at, message in enumerate(rest):
        if message["role"] == "user":
            text = f"{system['content']}\n\n{message['content']}"
            return [*rest[:at], {**message, "content": text}, *rest[at + 1 :]]
    return [{"role": "user", "content": system["content"]}, *rest]


def _merge_users(messages: list[Message], caps: Caps) -> list[Message]:
    result: list[Message] = []
    for message in messages:
        last = result[-1] if result else None
        if last and message["role"] == "user":
            if last["role"] == "user":
                result[-1] = _joined(last, message)
                continue
            if last["role"] == "tool" and not caps.user_after_tool:
                result[-1] = _joined(last, message)
                continue
        result.append(message)
    return result


def _joined(first: Message, second: Message) -> Message:
    return {**first, "content": f"{first['content']}\n\n{second['content']}"}
