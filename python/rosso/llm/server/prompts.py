"""What a text to go on from, or to embed, may be.

"text"                         a text, in which special tokens are taken as such
[1, 2, 3]                      tokens
["text", 1, 2]                 one prompt of both
{"prompt_string": "text"}      a text, as llama.cpp's clients wrap it
[prompt, prompt, ...]          several, each of any kind above
"""

from __future__ import annotations

from typing import Any

from rosso.llm.request import bad
from rosso.llm.server import chat_fields as cf
from rosso.llm.server.fields import Json
from rosso.llm.server.service import Service

Prompt = str | list[int]
MOST_PROMPTS = 16  # that run at the same time
MOST_TEXTS = 2048  # to embed, one after the other


def prompts_schema(most: int) -> Json:
    lists = {"type": "array", "minItems": 1, "maxItems": most}
    return {
        "anyOf": [
            {"type": "string"},
            cf.TOKENS_SCHEMA,
            {**lists, "items": {"type": "string"}},
            {**lists, "items": cf.TOKENS_SCHEMA},
        ]
    }


PROMPT_SCHEMA, TEXTS_SCHEMA = prompts_schema(MOST_PROMPTS), prompts_schema(MOST_TEXTS)


def read_prompts(
    value: Any, service: Service, where: str, most: int = MOST_PROMPTS
) -> list[Prompt]:
    """Raises Fault."""
    if not _several(value):
        return [_prompt(value, service, where)]
    if len(value) > most:
        raise bad(f"'{where}' may hold {most} prompts", where)
    return [_prompt(each, service, f"{where}[{at}]") for at, each in enumerate(value)]


def _several(value: Any) -> bool:
    """A list with numbers in it is one prompt."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, str | list | dict) for each in value)
    )


def _prompt(value: Any, service: Service, where: str) -> Prompt:
    if isinstance(value, dict):
        if value.get("multimodal_data"):
            raise bad(f"'{where}': {cf.NO_IMAGES}", where)
        value = value.get("prompt_string")
    if isinstance(value, str):
        return value
    replies = service.replies
    size = replies.tokenizer.size
    if not isinstance(value, list) or not value:
        raise bad(f"'{where}' must be a text, tokens below {size}, or a list of either", where)
    tokens: list[int] = []
    for at, each in enumerate(value):
        if isinstance(each, str):
            tokens += replies.tokenizer.encode(each, special=True)
        else:
            tokens += read_tokens([each], size, where, at)
    return replies.encoder.with_bos(tokens) if isinstance(value[0], str) else tokens


def read_tokens(values: list[Any], size: int, where: str, first: int = 0) -> list[int]:
    """Raises Fault."""
    tokens = []
    for at, each in enumerate(values, first):
        token = cf.read_token(each, size)
        if token is None:
            raise bad(f"'{where}[{at}]' must be a token of 0 to {size - 1}", f"{where}[{at}]")
        tokens.append(token)
    return tokens
