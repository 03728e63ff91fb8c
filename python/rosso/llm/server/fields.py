"""Fields of a request body, declared once: how they are read, and how OpenAPI describes them.

A field that is null counts as absent, fields that are not declared are ignored, and a number is a
JSON number: no text, no boolean, no NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rosso.llm.request import bad

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: str  # number, integer, boolean, text, object, list, any
    doc: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] | None = None
    required: bool = False
    schema: Json | None = None  # for OpenAPI, instead of what follows from the kind
    read: Callable[[Any, str], Any] | None = None  # checks more, and may change the value


def read_fields(body: Json, fields: Sequence[Field], path: str = "") -> Json:
    """The declared fields that are there, checked. Raises Fault 400 with the field as `param`."""
    values: Json = {}
    for field in fields:
        value = body.get(field.name)
        where = path + field.name
        if value is None:
            if field.required:
                raise bad(f"'{where}' is missing", where)
            continue
        values[field.name] = _checked(field, value, where)
    return values


def _checked(field: Field, value: Any, where: str) -> Any:
    kind = field.kind
    if kind in ("number", "integer"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise bad(f"'{where}' must be {_article(kind)}, not {type_name(value)}", where)
        if kind == "integer":
            if isinstance(value, float):
                if not value.is_integer():
                    raise bad(f"'{where}' must be an integer, not {value}", where)
                value = int(value)
        if field.low is not None and value < field.low:
            raise bad(f"'{where}' must be at least {field.low:g}, not {_short(value)}", where)
        if field.high is not None and value > field.high:
            raise bad(f"'{where}' must be at most {field.high:g}, not {_short(value)}", where)
    elif kind != "any" and not isinstance(value, TYPES[kind]):
        raise bad(f"'{where}' must be {_article(kind)}, not {type_name(value)}", where)
    if field.choices and value not in field.choices:
        raise bad(f"'{where}' must be one of {', '.join(field.choices)}", where)
    return field.read(value, where) if field.read else value


def refuse(fields: Sequence[Field], values: Json) -> None:
    """Raises Fault for what was asked of fields that are declared only to be refused."""
    for field in fields:
        if values.get(field.name):
            raise bad(f"'{field.name}' is not supported: {field.doc}", field.name, "not_supported")


TYPES: dict[str, type] = {"boolean": bool, "text": str, "object": dict, "list": list}


def _article(kind: str) -> str:
    return ("an " if kind[0] in "aeiou" else "a ") + kind


def _short(value: float) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def type_name(value: Any) -> str:
    """As JSON calls it."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a text"}
    return names.get(type(value), "a list" if isinstance(value, list) else "an object")


JSON_KINDS = {
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
    "text": "string",
    "object": "object",
    "list": "array",
}


def schema_of(fields: Sequence[Field]) -> Json:
    """The JSON schema of a body."""
    properties: Json = {}
    for field in fields:
        if field.schema is not None:
            schema = dict(field.schema)
        elif field.kind == "any":
            schema = {}
        else:
            schema = {"type": JSON_KINDS[field.kind]}
            if field.low is not None:
                schema["minimum"] = field.low
            if field.high is not None:
                schema["maximum"] = field.high
            if field.choices:
                schema["enum"] = list(field.choices)
        if not field.required and schema:
            schema = {"anyOf": [schema, {"type": "null"}]}
        if field.doc:
            schema["description"] = field.doc
        properties[field.name] = schema
    required = [field.name for field in fields if field.required]
    result: Json = {"type": "object", "properties": properties}
    if required:
        result["required"] = required
    return result
