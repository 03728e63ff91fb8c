"""The OpenAPI document of the server, made from the table of paths and the tables of fields."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rosso.llm.server.chat_fields import SCHEMA_OF_SCHEMAS
from rosso.llm.server.fields import Json, schema_of

ERROR: Json = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
            "required": ["message", "type"],
        }
    },
    "required": ["error"],
}
PLAIN_ERROR: Json = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}
ERRORS = {
    "400": "the request is at fault",
    "401": "a key is needed",
    "403": "not from here",
    "404": "no such model",
    "408": "the body did not end",
    "413": "the body is too large",
    "429": "too many requests wait",
    "503": "the model is loading, or the server ends",
}


def document(paths: Iterable[Any], version: str, vocabulary: int) -> Json:
    described: Json = {}
    for each in paths:
        name = re.sub(r":path\}", "}", each.path)
        described.setdefault(name, {})[each.method.lower()] = _operation(each)
    whole: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "Rosso",
            "version": version,
            "description": "A language model behind the interfaces of OpenAI, Ollama and llama.cpp",
        },
        "paths": described,
        "components": {
            "schemas": {
                "Error": ERROR,
                "PlainError": PLAIN_ERROR,
                "JsonSchema": SCHEMA_OF_SCHEMAS,
            },
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }
    return _with_vocabulary(whole, vocabulary)


def _with_vocabulary(value: Any, size: int) -> Any:
    """Where a schema says "last token", the number of this model's."""
    if isinstance(value, dict):
        return {key: _with_vocabulary(each, size) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_vocabulary(each, size) for each in value]
    return size - 1 if value == "last token" else value


def _operation(path: Any) -> Json:
    content: Json = {path.media: {"schema": _any_object(path.media)}}
    if path.media == "text/html":
        content["text/plain"] = {"schema": {"type": "string"}}
    if path.streams:
        content[path.streams] = {}
    operation: Json = {
        "summary": path.summary,
        "operationId": _identity(path),
        "responses": {"200": {"description": "done", "content": content}, **_errors(path.path)},
    }
    if path.fields is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {**schema_of(path.fields), **path.rules}}},
        }
    if "{" in path.path:
        operation["parameters"] = [
            {
                "name": "name",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "minLength": 1},
            }
        ]
    return operation


def _any_object(media: str) -> Json:
    return {} if media == "application/json" else {"type": "string"}


def _errors(path: str) -> Json:
    name = "PlainError" if path.startswith("/api/") else "Error"
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    if path in ("/health", "/v1/health"):
        content = {"application/json": {"schema": {"type": "object"}}}
    return {status: {"description": text, "content": content} for status, text in ERRORS.items()}


def _identity(path: Any) -> str:
    words = re.findall(r"[a-z0-9]+", path.path)
    return "_".join([path.method.lower(), *words])
