"""The door of llama.cpp: health, properties, tokens, slots, metrics."""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rosso.llm.environment import TemplateFault
from rosso.llm.request import Fault, bad
from rosso.llm.server import chat_fields as cf
from rosso.llm.server.fields import Field, Json, read_fields
from rosso.llm.server.http import client_of, read_object, service_of, until_gone
from rosso.llm.server.metrics import exposition
from rosso.llm.server.openai_chat import TEMPLATE_FIELDS, continues, template_options
from rosso.llm.server.openai_other import embed
from rosso.llm.server.prompts import MOST_TEXTS, TEXTS_SCHEMA, read_prompts

TOKENIZE_FIELDS = (
    Field("content", "text", required=True),
    Field("add_special", "boolean", "BOS in front, if the model wants it"),
    Field("parse_special", "boolean", "the text of a control token is that token; true by default"),
    Field("with_pieces", "boolean"),
)
DETOKENIZE_FIELDS = (
    Field("tokens", "list", required=True, schema={"type": "array", "items": cf.TOKEN_SCHEMA}),
)
EMBEDDING_FIELDS = (
    Field("content", "any", "text, tokens, or a list of either", schema=TEXTS_SCHEMA),
    Field("input", "any", "as content, which it wins over", schema=TEXTS_SCHEMA),
)
# One of the two has to be there.
NEEDS_CONTENT: Json = {
    "anyOf": [
        {"properties": {name: TEXTS_SCHEMA}, "required": [name]} for name in ("content", "input")
    ]
}
APPLY_FIELDS = (
    Field("messages", "any", required=True, schema=cf.MESSAGES_SCHEMA, read=cf.read_messages),
    Field("tools", "list", schema=cf.TOOLS_SCHEMA, read=cf.read_tools),
    *TEMPLATE_FIELDS,
)


async def health(request: Request) -> Response:
    service = service_of(request)
    try:
        service.replies  # noqa: B018 - raises while there is no model
    except Fault as fault:
        status = {"status": "loading model" if fault.code == "model_loading" else fault.code}
        return JSONResponse({**status, "error": {"message": fault.message, "code": 503}}, 503)
    return JSONResponse({"status": "ok"})


async def props(request: Request) -> Response:
    service = service_of(request)
    engine, template = service.engine, service.replies.template
    defaults = engine.defaults
    params = {
        "n_ctx": engine.context,
        "temperature": defaults.temperature,
        "top_k": defaults.top_k,
        "top_p": defaults.top_p,
        "min_p": defaults.min_p,
        "repeat_penalty": defaults.repeat_penalty,
        "presence_penalty": defaults.presence_penalty,
        "frequency_penalty": defaults.frequency_penalty,
    }
    memory = {**asdict(engine.memory), "total": engine.memory.total}
    return JSONResponse(
        {
            "default_generation_settings": {"n_ctx": engine.context, "params": params},
            "n_ctx": engine.context,
            "total_slots": len(engine.slots()),
            "model_alias": service.name,
            "model_path": engine.model.path,
            "modalities": {"vision": False, "audio": False},
            "chat_template": template.source,
            "chat_template_caps": template.caps.published(),
            "chat_format": template.format.name,
            "build_info": f"rosso {service.version}",
            "device": engine.device,
            "memory": memory,
            "speed": engine.stats().recent,
        }
    )


async def slots(request: Request) -> Response:
    service = service_of(request)
    return JSONResponse(
        [
            {
                "id": slot.id,
                "n_ctx": service.engine.context,
                "is_processing": slot.busy,
                "n_past": slot.tokens,
                "n_decoded": slot.generated,
                "id_task": slot.request or None,
            }
            for slot in service.engine.slots()
        ]
    )


async def metrics(request: Request) -> Response:
    service = service_of(request)
    text, kind = exposition(service)
    started = {"process-start-time-unix": str(int(service.started))}  # as llama.cpp tells it
    return Response(text, media_type=kind, headers=started)


async def tokenize(request: Request) -> Response:
    service = service_of(request)
    values = read_fields(await read_object(request), TOKENIZE_FIELDS)
    replies = service.replies
    tokenizer = replies.tokenizer
    tokens = tokenizer.encode(values["content"], special=values.get("parse_special", True))
    if values.get("add_special"):
        tokens = replies.encoder.with_bos(tokens)
    if values.get("with_pieces"):
        pieces = [{"id": token, "piece": _piece(tokenizer.piece(token))} for token in tokens]
        return JSONResponse({"tokens": pieces})
    return JSONResponse({"tokens": tokens})


def _piece(piece: bytes) -> Any:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return list(piece)


async def detokenize(request: Request) -> Response:
    service = service_of(request)
    values = read_fields(await read_object(request), DETOKENIZE_FIELDS)
    size = service.replies.tokenizer.size
    tokens = [cf.read_token(each, size) for each in values["tokens"]]
    if None in tokens:
        at = tokens.index(None)
        raise bad(f"'tokens[{at}]' must be a token of 0 to {size - 1}", f"tokens[{at}]")
    data = service.replies.tokenizer.decode(tokens)
    answer: Json = {"content": data.decode("utf-8", "replace")}
    if "\ufffd" in answer["content"]:
        answer["bytes"] = base64.b64encode(data).decode()
    return JSONResponse(answer)


async def embedding(request: Request) -> Response:
    service = service_of(request)
    values = read_fields(await read_object(request), EMBEDDING_FIELDS)
    given = [
        read_prompts(values[name], service, name, MOST_TEXTS)
        for name in ("input", "content")
        if name in values
    ]
    if not given:
        raise bad("'content' is missing", "content")
    vectors, _ = await until_gone(request, embed(service, given[0], client_of(request)))
    return JSONResponse([{"index": at, "embedding": [each]} for at, each in enumerate(vectors)])


async def apply_template(request: Request) -> Response:
    service = service_of(request)
    values = read_fields(await read_object(request), APPLY_FIELDS)
    try:
        rendered = service.replies.template.render(
            values["messages"],
            values.get("tools"),
            template_options(values),
            values.get("add_generation_prompt", True),
            continues(values),
        )
    except TemplateFault as fault:
        raise bad(str(fault), "messages", "template_error") from fault
    return JSONResponse({"prompt": rendered.text.replace("\ufdd0", "")})
