"""What a chat request may hold: messages, tools, and how tokens are chosen. Shared by the OpenAI
and Ollama doors, which differ in names and not in meaning."""

from __future__ import annotations

import base64
import json
import re
import struct
from typing import Any

from rosso.llm import constrain
from rosso.llm.request import ANY_OBJECT, bad
from rosso.llm.server.fields import Field, Json, type_name

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
TEXT_PARTS = ("text", "input_text", "output_text", "refusal")
IMAGE_PARTS = ("image_url", "image", "input_image")
NAME = re.compile(r"^[^\x00-\x1f\x7f]{1,256}$")
TOKEN_NAME = re.compile("[0-9]{1,11}")
MOST_STOPS = 16
MOST_CHOICES = 16
MOST_TOP_LOGPROBS = 20


def read_messages(value: Any, where: str) -> list[Json]:
    if not isinstance(value, list):
        raise bad(f"'{where}' must be a list, not {type_name(value)}", where)
    if not value:
        raise bad(f"'{where}' must hold at least one message", where)
    return [_message(each, f"{where}[{at}]") for at, each in enumerate(value)]


def _message(value: Any, where: str) -> Json:
    if not isinstance(value, dict):
        raise bad(f"'{where}' must be an object, not {type_name(value)}", where)
    role = value.get("role")
    if role not in ROLES:
        known = ", ".join(ROLES)
        raise bad(f"'{where}.role' must be one of {known}", f"{where}.role")
    content = value.get("content")
    if isinstance(content, list):
        for at, part in enumerate(content):
            _check_part(part, f"{where}.content[{at}]")
    elif content is None:
        if role != "assistant":
            raise bad(f"'{where}.content' is missing", f"{where}.content")
    elif not isinstance(content, str):
        raise bad(
            f"'{where}.content' must be a text or a list of parts, not {type_name(content)}",
            f"{where}.content",
        )
    if value.get("images"):
        raise bad(f"'{where}.images': {NO_IMAGES}", f"{where}.images")
    before_tools = value.get("function_call")  # as calls were written before there were tools
    if before_tools is not None and not value.get("tool_calls"):
        value = {**value, "tool_calls": [{"type": "function", "function": before_tools}]}
    calls = value.get("tool_calls")
    if calls is not None:
        if not isinstance(calls, list):
            raise bad(f"'{where}.tool_calls' must be a list", f"{where}.tool_calls")
        for at, call in enumerate(calls):
            _check_call(call, f"{where}.tool_calls[{at}]")
    for name in ("tool_call_id", "name", "tool_name", "reasoning_content", "thinking"):
        if value.get(name) is not None and not isinstance(value[name], str):
            raise bad(f"'{where}.{name}' must be a text", f"{where}.{name}")
    return value


NO_IMAGES = "this model does not support image input"


def _check_part(part: Any, where: str) -> None:
    if not isinstance(part, dict):
        raise bad(f"'{where}' must be an object, not {type_name(part)}", where)
    kind = part.get("type")
    if kind in IMAGE_PARTS:
        raise bad(f"'{where}': {NO_IMAGES}", where)
    if kind not in TEXT_PARTS:
        raise bad(f"'{where}.type' must be text, not {json.dumps(kind)[:60]}", f"{where}.type")
    text = part.get("text", part.get("refusal"))
    if not isinstance(text, str):
        raise bad(f"'{where}.text' must be a text", f"{where}.text")


def _check_call(call: Any, where: str) -> None:
    if not isinstance(call, dict) or not isinstance(call.get("function"), dict):
        raise bad(f"'{where}' must be an object with a function", where)
    name = call["function"].get("name")
    if not isinstance(name, str):
        raise bad(f"'{where}.function.name' must be a text", f"{where}.function.name")
    arguments = call["function"].get("arguments")
    if arguments is not None and not isinstance(arguments, str | dict):
        raise bad(f"'{where}.function.arguments' must be JSON", f"{where}.function.arguments")


def read_tools(value: list[Any], where: str) -> list[Json]:
    return [_tool(each, f"{where}[{at}]") for at, each in enumerate(value)]


def _tool(value: Any, where: str) -> Json:
    if not isinstance(value, dict):
        raise bad(f"'{where}' must be an object, not {type_name(value)}", where)
    function = value.get("function")
    if value.get("type", "function") != "function" or not isinstance(function, dict):
        raise bad(f"'{where}' must be of type function, with an object 'function'", where)
    return {"type": "function", "function": read_function(function, where)}


def read_function(function: Json, where: str) -> Json:
    """Name, description and parameters, without what templates do not know."""
    name = function.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise bad(f"'{where}': a function needs a name", where)
    result: Json = {"name": name, "description": ""}
    description = function.get("description")
    if description is not None:
        if not isinstance(description, str):
            raise bad(f"'{where}': the description must be a text", where)
        result["description"] = description
    parameters = function.get("parameters")
    if parameters is None:
        parameters = {"type": "object", "properties": {}}
    check_schema(parameters, where, "the parameters")
    if parameters.get("type", "object") != "object":
        raise bad(f"'{where}': the parameters must be of type object", where)
    result["parameters"] = parameters
    return result


def check_schema(schema: Any, where: str, what: str) -> None:
    """The coarse faults of a JSON schema; the finer ones show when it is compiled."""
    if not isinstance(schema, dict):
        raise bad(f"'{where}': {what} must be a JSON schema, an object", where)
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if kind is not None and not all(each in SCHEMA_KINDS for each in kinds):
        raise bad(f"'{where}': {what}: {json.dumps(kind)[:60]} is no type of JSON schema", where)
    properties = schema.get("properties")
    if properties is not None:
        if not isinstance(properties, dict):
            raise bad(f"'{where}': {what}: properties must be an object", where)
        for name, each in properties.items():
            if not isinstance(each, bool):
                check_schema(each, where, f"{what}: property {name[:60]!r}")
    required = schema.get("required")
    if required is not None and not (
        isinstance(required, list) and all(isinstance(each, str) for each in required)
    ):
        raise bad(f"'{where}': {what}: required must be a list of names", where)


def read_json_schema(value: Any, where: str) -> Any:
    """As llama.cpp takes it: {} is any object."""
    check_schema(value, where, "the schema")
    return value or ANY_OBJECT


def read_grammar(value: str, where: str) -> str | None:
    """-> llguidance's Lark; nothing if it is empty."""
    if not value.strip():
        return None
    if not constrain.available():
        raise bad(f"'{where}': {constrain.INSTALL}", where, "not_supported")
    try:
        return constrain.lark_of(value)
    except constrain.GrammarFault as fault:
        raise bad(f"'{where}': {fault}", where, "invalid_grammar") from fault


SCHEMA_KINDS = ("object", "array", "string", "number", "integer", "boolean", "null")


def allowed_tools(value: Any, tools: list[Json]) -> tuple[Any, list[Json]]:
    """A choice that names the tools it is from -> the choice without them, and these tools."""
    if not isinstance(value, dict) or value.get("type") != "allowed_tools":
        return value, tools
    holder = value.get("allowed_tools", value)
    listed = holder.get("tools") if isinstance(holder, dict) else None
    if not isinstance(listed, list) or not listed:
        raise bad("'tool_choice': allowed_tools must list tools", "tool_choice")
    known = {tool["function"]["name"]: tool for tool in tools}
    names = [read_tool_choice(each, tools).removeprefix("=") for each in listed]
    if any(name not in known for name in names):
        raise bad("'tool_choice': allowed_tools must name functions", "tool_choice")
    mode = holder.get("mode", "auto")
    if mode not in ("auto", "required"):
        raise bad("'tool_choice': the mode must be auto or required", "tool_choice")
    return mode, [known[name] for name in dict.fromkeys(names)]


def read_tool_choice(value: Any, tools: list[Json]) -> str:
    """-> none, auto, required, or "=name"."""
    where = "tool_choice"
    names = [tool["function"]["name"] for tool in tools]
    if isinstance(value, dict):
        function = value.get("function") if value.get("type", "function") == "function" else None
        name = function.get("name") if isinstance(function, dict) else value.get("name")
        if not isinstance(name, str):
            raise bad("'tool_choice' must name a function", where)
        if name not in names:
            raise bad(f"'tool_choice': there is no tool '{name[:100]}' in 'tools'", where)
        return "=" + name
    if value == "any":
        value = "required"
    if value not in ("none", "auto", "required"):
        raise bad("'tool_choice' must be none, auto, required, or name a function", where)
    if value == "required" and not tools:
        raise bad("'tool_choice' is required, but there are no 'tools'", where)
    return value


def read_response_format(value: Json, where: str) -> Any:
    """-> the schema of the reply, or None for text."""
    kind = value.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        given = value.get("schema")  # as llama.cpp takes it
        if given is None:
            return ANY_OBJECT
        check_schema(given, where, "the schema")
        return given
    if kind == "json_schema":
        # {"type": "json_schema", "json_schema": {"schema": ...}}, or flat as in /v1/responses
        holder = value.get("json_schema", value)
        schema = holder.get("schema") if isinstance(holder, dict) else None
        check_schema(schema, where, "the schema")
        return schema
    raise bad(f"'{where}.type' must be text, json_object or json_schema", f"{where}.type")


def read_stop(value: Any, where: str) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(each, str) for each in stops):
        raise bad(f"'{where}' must be a text or a list of texts", where)
    if len(stops) > MOST_STOPS:
        raise bad(f"'{where}' may hold {MOST_STOPS} texts, not {len(stops)}", where)
    if "" in stops:
        raise bad(f"'{where}' holds an empty text", where)
    return tuple(stops)


def read_logit_bias(value: Json, size: int) -> tuple[tuple[int, float], ...]:
    where = "logit_bias"
    pairs = []
    for name, amount in value.items():
        token = int(name) if TOKEN_NAME.fullmatch(name) else -1
        if not 0 <= token < size:
            raise bad(f"'logit_bias': '{name[:40]}' is no token of 0 to {size - 1}", where)
        pairs.append((token, read_bias(amount, where)))
    return tuple(pairs)


def read_bias(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad(f"'{where}': a bias must be a number, not {type_name(value)}", where)
    if not -100 <= value <= 100:
        raise bad(f"'{where}': a bias must be -100 to 100", where)
    return float(value)


def read_token(value: Any, size: int) -> int | None:
    """A token of a vocabulary, or None. 5.0 is the same number as 5."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < size and value == int(value) else None


def read_tokens(value: Any, size: int) -> list[int] | None:
    """A list of at least one token, or None."""
    if not isinstance(value, list) or not value:
        return None
    tokens = [read_token(each, size) for each in value]
    return None if None in tokens else [token for token in tokens if token is not None]


def as_base64(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


# OpenAPI of what is more than a simple kind.

TEXT_OR_PARTS: Json = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"type": {"enum": list(TEXT_PARTS)}, "text": {"type": "string"}},
                "required": ["type", "text"],
            },
        },
    ]
}
OPTIONAL_TEXT: Json = {"type": ["string", "null"]}
MESSAGE_SCHEMA: Json = {
    "type": "object",
    "properties": {
        "name": OPTIONAL_TEXT,
        "tool_call_id": OPTIONAL_TEXT,
        "reasoning_content": OPTIONAL_TEXT,
    },
    "anyOf": [
        {
            "properties": {"role": {"enum": list(ROLES)}, "content": TEXT_OR_PARTS},
            "required": ["role", "content"],
        },
        {
            "properties": {"role": {"const": "assistant"}, "content": {"type": "null"}},
            "required": ["role"],
        },
    ],
}
MESSAGES_SCHEMA: Json = {"type": "array", "minItems": 1, "items": MESSAGE_SCHEMA}
JSON_SCHEMA: Json = {"$ref": "#/components/schemas/JsonSchema"}
# What `check_schema` asks of a schema.
SCHEMA_OF_SCHEMAS: Json = {
    "type": "object",
    "properties": {
        "type": {"enum": list(SCHEMA_KINDS)},
        "properties": {
            "type": "object",
            "additionalProperties": {"anyOf": [{"type": "boolean"}, JSON_SCHEMA]},
        },
        "required": {"type": "array", "items": {"type": "string"}},
    },
}
PARAMETERS_SCHEMA: Json = {
    "anyOf": [
        {
            "type": "object",
            "properties": {
                **SCHEMA_OF_SCHEMAS["properties"],
                "type": {"const": "object"},
            },
        },
        {"type": "null"},
    ]
}
FUNCTION_SCHEMA: Json = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": NAME.pattern},
        "description": OPTIONAL_TEXT,
        "parameters": PARAMETERS_SCHEMA,
    },
    "required": ["name"],
}
TOOLS_SCHEMA: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"type": {"const": "function"}, "function": FUNCTION_SCHEMA},
        "required": ["function"],
    },
}
FORMAT_SCHEMA: Json = {
    "anyOf": [
        {"type": "object", "properties": {"type": {"const": "text"}}, "required": ["type"]},
        {
            "type": "object",
            "properties": {"type": {"const": "json_object"}, "schema": {"type": "null"}},
            "required": ["type"],
        },
    ]
}
CHOICE_SCHEMA: Json = {"enum": ["none", "auto"]}
# A token: openapi.py puts the vocabulary's size in.
TOKEN_SCHEMA: Json = {"type": "integer", "minimum": 0, "maximum": "last token"}
TOKENS_SCHEMA: Json = {"type": "array", "items": TOKEN_SCHEMA, "minItems": 1}
STOP_SCHEMA: Json = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": MOST_STOPS},
    ]
}

SAMPLING_FIELDS = (
    Field("temperature", "number", "0 is greedy; the model's own by default", 0, 2),
    Field("top_p", "number", "the most likely tokens of this much probability", 0, 1),
    Field("top_k", "integer", "this many most likely tokens; 0: all", 0, 2**31),
    Field("min_p", "number", "tokens at least this likely, relative to the best", 0, 1),
    Field("presence_penalty", "number", "", -2, 2),
    Field("frequency_penalty", "number", "", -2, 2),
    Field("repeat_penalty", "number", "", 0.01, 10),
    Field("seed", "integer", "same seed, same reply; taken modulo 2^64"),
)


# What the text must be, as llama.cpp's clients ask for it.
FORM_FIELDS = (
    Field("json_schema", "object", "a JSON schema that the text must fit",
          schema={"type": "object", "maxProperties": 0}, read=read_json_schema),
    Field("grammar", "text", "what the text must be: GBNF, or Lark as llguidance reads it",
          schema={"const": ""}, read=read_grammar),
)  # fmt: skip


def form(values: Json) -> Json:
    """Of fields that were read, what ReplyOptions says of the text."""
    schema = values.get("json_schema", values.get("response_format"))
    grammar = values.get("grammar")
    if schema is not None and grammar is not None:
        raise bad("'grammar' and a JSON schema cannot both be held to", "grammar")
    return {"schema": schema, "grammar": grammar}


def sampling_values(values: Json) -> Json:
    """Of fields that were read, those of Sampling."""
    return {field.name: values[field.name] for field in SAMPLING_FIELDS if field.name in values}
