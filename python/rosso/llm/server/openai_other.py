"""The smaller routes of the OpenAI door: /v1/completions, /v1/models, /v1/embeddings."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rosso.llm.engine import Engine, EngineError
from rosso.llm.reply import Logprob, Logprobs, Running, Usage, collect_all, fault_of
from rosso.llm.request import Fault, ReplyOptions, bad
from rosso.llm.scanner import Text
from rosso.llm.server import chat_fields as cf
from rosso.llm.server.fields import Field, Json, read_fields
from rosso.llm.server.http import (
    DONE,
    EventStream,
    client_of,
    error_object,
    event,
    read_object,
    service_of,
    until_gone,
)
from rosso.llm.server.openai_chat import timings, usage_object, whole
from rosso.llm.server.prompts import (
    MOST_TEXTS,
    PROMPT_SCHEMA,
    TEXTS_SCHEMA,
    Prompt,
    read_prompts,
)
from rosso.llm.server.service import Service, make_id

COMPLETION_FIELDS = (
    Field("model", "text", "one of /v1/models; may be left out"),
    Field("prompt", "any", "text, tokens, or a list of either", required=True,
          schema=PROMPT_SCHEMA),
    *cf.SAMPLING_FIELDS,
    Field("stream", "boolean"),
    Field("stream_options", "object"),
    Field("max_tokens", "integer", "16 by default", 0),
    Field("stop", "any", schema=cf.STOP_SCHEMA, read=cf.read_stop),
    Field("n", "integer", "", 1, cf.MOST_CHOICES),
    Field("best_of", "integer", "1: no others are made and thrown away", 1, cf.MOST_CHOICES,
          schema={"const": 1}),
    Field("logprobs", "integer", "", 0, cf.MOST_TOP_LOGPROBS),
    Field("logit_bias", "object", schema={"type": "object", "additionalProperties": False}),
    Field("echo", "boolean", "the prompt in front of the reply"),
    Field("suffix", "any", "not supported", schema={"const": ""}),
    Field("response_format", "object", schema=cf.FORMAT_SCHEMA, read=cf.read_response_format),
    *cf.FORM_FIELDS,
    Field("cache_prompt", "boolean", "whether what is kept of the prompt is used; true by default"),
    Field("ignore_eos", "boolean"),
)  # fmt: skip


async def completions(request: Request) -> Response:
    service = service_of(request)
    body = await read_object(request)
    replies = service.replies
    values = read_fields(body, COMPLETION_FIELDS)
    model = service.check_model(values.get("model"))
    n = values.get("n", 1)
    if values.get("suffix", "") != "":
        raise bad("'suffix' is not supported", "suffix")
    if values.get("best_of", n) not in (1, n):
        raise bad("'best_of' other than 'n' is not supported", "best_of")
    options = ReplyOptions(
        service.sampling(
            **cf.sampling_values(values),
            logprobs=values.get("logprobs"),
            logit_bias=cf.read_logit_bias(values.get("logit_bias", {}), replies.tokenizer.size),
        ),
        most=values.get("max_tokens", 16),
        stop=values.get("stop", ()),
        n=n,
        **cf.form(values),
        client=client_of(request),
        ignore_end=values.get("ignore_eos", False),
        draft=service.options.draft,
        reuse=values.get("cache_prompt", True),
    )
    prompts = read_prompts(values["prompt"], service, "prompt")
    prepared = [await replies.prepare_text(prompt, options) for prompt in prompts]
    head = {
        "id": make_id("cmpl-"),
        "object": "text_completion",
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": service.fingerprint,
    }
    echoes = [_shown(each, service) if values.get("echo") else "" for each in prompts]
    running = replies.start_all(prepared, head["id"])
    if values.get("stream"):
        usage = values.get("stream_options", {}).get("include_usage") is True
        return EventStream(_stream(running, head, echoes, usage))
    choices = await until_gone(request, _collect(running, echoes))
    usage = _sum([each.usage() for each in running])
    last = {"usage": usage_object(usage), "timings": timings(usage)}
    return JSONResponse({**head, "choices": choices, **last})


def _shown(prompt: Prompt, service: Service) -> str:
    if isinstance(prompt, str):
        return prompt
    return service.replies.tokenizer.decode(prompt).decode("utf-8", "replace")


async def _collect(running: Sequence[Running], echoes: Sequence[str]) -> list[Json]:
    choices: list[Json] = []
    for replies, echo in zip(await collect_all(running), echoes):
        for events in replies:
            reply = whole(events)
            choice = _choice(len(choices), echo + reply.text, reply.end.reason)
            if reply.logprobs:
                choice["logprobs"] = _logprobs(reply.logprobs, len(echo))
            choices.append(choice)
    return choices


def _choice(index: int, text: str, reason: str | None) -> Json:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": reason}


def _logprobs(tokens: Sequence[Logprob], offset: int) -> Json:
    texts = [each.piece.decode("utf-8", "replace") for each in tokens]
    offsets = []
    for text in texts:
        offsets.append(offset)
        offset += len(text)
    return {
        "tokens": texts,
        "token_logprobs": [each.logprob for each in tokens],
        "top_logprobs": [
            {piece.decode("utf-8", "replace"): value for _, piece, value in each.top}
            for each in tokens
        ],
        "text_offset": offsets,
    }


async def _stream(
    running: Sequence[Running], head: Json, echoes: Sequence[str], wants_usage: bool
) -> AsyncIterator[str]:
    try:
        first = 0
        for one, echo in zip(running, echoes):
            count = one.prepared.options.n
            for index in range(first, first + count):
                yield event({**head, "choices": [_choice(index, echo, None)]})
            pending: dict[int, Sequence[Logprob]] = {}
            async with aclosing(one.events()) as events:
                async for item in events:
                    if item is None:
                        yield event({**head, "choices": [_choice(first, "", None)]})
                        continue
                    index, part = first + item[0], item[1]
                    if isinstance(part, Logprobs):
                        pending[index] = part.tokens
                        continue
                    text = part.text if isinstance(part, Text) else ""
                    choice = _choice(index, text, getattr(part, "reason", None))
                    if index in pending:
                        choice["logprobs"] = _logprobs(pending.pop(index), 0)
                    yield event({**head, "choices": [choice]})
            first += count
        if wants_usage:
            usage = _sum([each.usage() for each in running])
            last = {"usage": usage_object(usage), "timings": timings(usage)}
            yield event({**head, "choices": [], **last})
    except Fault as fault:
        yield event(error_object(fault))
    finally:
        for one in running:
            one.cancel()
    yield DONE


def _sum(usages: Sequence[Usage]) -> Usage:
    return Usage(
        sum(each.prompt for each in usages),
        sum(each.cached for each in usages),
        sum(each.completion for each in usages),
        max(each.queued_s for each in usages),
        sum(each.prefill_s for each in usages),
        max(each.decode_s for each in usages),
    )


def model_object(service: Service, name: str) -> Json:
    engine = service.engine
    return {
        "id": name,
        "object": "model",
        "created": int(engine.model.modified or service.started),
        "owned_by": "rosso",
        "aliases": service.names,
        "context_length": engine.context,
        "max_model_len": engine.context,
        "meta": {
            "n_ctx": engine.context,
            # What a client may fill, which is not more than the plan has room for.
            "n_ctx_train": min(engine.model.trained_context or engine.context, engine.context),
            "n_vocab": engine.tokenizer.size,
            "n_embd": engine.model.embedding_length,
            "n_params": engine.model.parameters,
            "size": engine.model.size,
        },
    }


async def models(request: Request) -> Response:
    service = service_of(request)
    data = [model_object(service, name) for name in service.listed]
    return JSONResponse({"object": "list", "data": data})


async def model(request: Request) -> Response:
    service = service_of(request)
    return JSONResponse(model_object(service, service.check_model(request.path_params["name"])))


DIMENSIONS = Field(
    "dimensions",
    "integer",
    "the first of the model's own, scaled to length 1 again; it may have more than this document "
    "can know of",
    1,
    schema={"type": "integer", "minimum": 1, "maximum": 8},
)
EMBEDDING_FIELDS = (
    Field("model", "text"),
    Field("input", "any", "text, tokens, or a list of either", required=True,
          schema=TEXTS_SCHEMA),
    Field("encoding_format", "text", choices=("float", "base64")),
    DIMENSIONS,
)  # fmt: skip


async def embeddings(request: Request) -> Response:
    service = service_of(request)
    body = await read_object(request)
    values = read_fields(body, EMBEDDING_FIELDS)
    name = service.check_model(values.get("model"))
    prompts = read_prompts(values["input"], service, "input", MOST_TEXTS)
    dimensions = read_dimensions(values, service)
    vectors, tokens = await until_gone(request, embed(service, prompts, client_of(request)))
    vectors = shortened(vectors, dimensions)
    as_text = values.get("encoding_format") == "base64"
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": cf.as_base64(vector) if as_text else vector,
        }
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse({"object": "list", "data": data, "model": name, "usage": usage})


def read_dimensions(values: Json, service: Service) -> int | None:
    dimensions = values.get("dimensions")
    width = service.engine.model.embedding_length
    if dimensions is not None and dimensions > width:
        raise bad(f"'dimensions' must be at most {width}", "dimensions")
    return dimensions


def shortened(vectors: list[list[float]], dimensions: int | None) -> list[list[float]]:
    return [unit(each[:dimensions]) for each in vectors] if dimensions is not None else vectors


def unit(vector: Sequence[float]) -> list[float]:
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else list(vector)


async def embed(
    service: Service, prompts: Sequence[Prompt], client: str, cuts: bool = False
) -> tuple[list[list[float]], int]:
    """-> vectors, and how many tokens were read. `cuts`: texts that are too long lose their end.
    Raises Fault."""
    engine = service.engine
    if not engine.embeds:
        message = "this model was not loaded to make embeddings: rosso serve --embeddings"
        raise bad(message, code="not_supported")
    options = ReplyOptions(engine.defaults, cuts=cuts)
    prepared = [await service.replies.prepare_text(prompt, options) for prompt in prompts]
    texts = [_ended(each.prompt, engine) for each in prepared]
    vectors = []
    for text in texts:
        try:
            vectors.append(await engine.embed(text, client))
        except EngineError as error:
            raise fault_of(error) from error
    return vectors, sum(map(len, texts))


def _ended(tokens: list[int], engine: Engine) -> list[int]:
    """With the token behind a text that the model was trained to read it by. There is room:
    prompts leave some."""
    end = engine.tokenizer.eos
    wanted = engine.tokenizer.adds_eos and end is not None and tokens[-1:] != [end]
    return [*tokens, end] if wanted and end is not None else tokens
