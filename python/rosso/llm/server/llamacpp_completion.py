"""POST /completion: a text that goes on, as llama.cpp's own clients ask for it.

A stream's events hold pieces until one with `"stop": true` says how it ended; no [DONE] follows.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rosso.llm.engine import Progress, Sampling
from rosso.llm.reply import End, Logprob, Logprobs, ReplyEvent, Running, Usage, collect_all
from rosso.llm.request import Fault, ReplyOptions, bad
from rosso.llm.scanner import Text
from rosso.llm.server import chat_fields as cf
from rosso.llm.server.fields import Field, Json, read_fields
from rosso.llm.server.http import (
    EventStream,
    client_of,
    error_object,
    event,
    read_object,
    service_of,
    until_gone,
)
from rosso.llm.server.openai_chat import (
    logprobs_object,
    progress_object,
    so_far,
    timings,
    whole,
)
from rosso.llm.server.prompts import PROMPT_SCHEMA, read_prompts
from rosso.llm.server.service import Service, make_id

FIELDS = (
    Field("prompt", "any", "text, tokens, both in one list, or a list of prompts", required=True,
          schema=PROMPT_SCHEMA),
    *cf.SAMPLING_FIELDS,
    Field("n_predict", "integer", "the most to generate; -1: as many as there is room for", -1),
    Field("max_tokens", "integer", "as n_predict, which wins", -1),
    Field("stream", "boolean"),
    Field("stop", "any", schema=cf.STOP_SCHEMA, read=cf.read_stop),
    Field("ignore_eos", "boolean", "tokens that end the reply are never chosen"),
    Field("repeat_last_n", "integer", "tokens that penalties look at; -1: all", -1),
    Field("logit_bias", "any", "pairs of a token, or a text, and what is added; false: never",
          schema={"type": "array", "maxItems": 0}),
    Field("n_probs", "integer", "so many alternatives of each token", 0, cf.MOST_TOP_LOGPROBS),
    Field("post_sampling_probs", "boolean", "not supported", schema={"const": False}),
    Field("return_tokens", "boolean", "the ids of what was generated; streams always have them"),
    Field("return_progress", "boolean", "events tell how much of the prompt was read"),
    Field("cache_prompt", "boolean", "whether what is kept of the prompt is used; true by default"),
    Field("response_fields", "list", "the fields wanted of a whole reply, as in "
          "generation_settings/seed", schema={"type": "array", "items": {"type": "string"}}),
    Field("timings_per_token", "boolean", "timings in every event of a stream"),
    *cf.FORM_FIELDS,
)  # fmt: skip


async def completion(request: Request) -> Response:
    service = service_of(request)
    body = await read_object(request)
    replies = service.replies
    values = read_fields(body, FIELDS)
    options = _options(values, service, client_of(request))
    prompts = read_prompts(values["prompt"], service, "prompt")
    prepared = [await replies.prepare_text(prompt, options) for prompt in prompts]
    running = replies.start_all(prepared, make_id("cmpl-"))
    answers = [_Answer(at, one, values, service) for at, one in enumerate(running)]
    if values.get("stream"):
        return EventStream(_stream(answers))
    collected = await until_gone(request, collect_all(running))
    results = [answer.whole(events) for answer, (events,) in zip(answers, collected)]
    is_list = isinstance(values["prompt"], list) and len(results) > 1
    return JSONResponse(results if is_list else results[0])


def _options(values: Json, service: Service, client: str) -> ReplyOptions:
    """Raises Fault."""
    if values.get("post_sampling_probs"):
        raise bad("'post_sampling_probs' is not supported", "post_sampling_probs", "not_supported")
    most = values.get("n_predict", values.get("max_tokens", -1))
    given = cf.sampling_values(values)
    if given.get("seed") == -1:
        del given["seed"]  # another one each time
    biases = _bias(values.get("logit_bias", []), service)
    if values.get("ignore_eos"):
        biases += tuple((end, -math.inf) for end in sorted(service.replies.tokenizer.ends))
    window = values.get("repeat_last_n")
    if window is not None:
        context = service.engine.context
        given["penalty_window"] = context if window < 0 else min(window, context)
    count = values.get("n_probs", 0)
    sampling = service.sampling(**given, logprobs=count or None, logit_bias=biases)
    return ReplyOptions(
        sampling,
        most=None if most < 0 else most,
        stop=values.get("stop", ()),
        **cf.form(values),
        client=client,
        draft=service.options.draft,
        reuse=values.get("cache_prompt", True),
        tells_progress=values.get("return_progress", False),
        shows_tokens=values.get("stream", False) or values.get("return_tokens", False),
    )


def _bias(value: Any, service: Service) -> tuple[tuple[int, float], ...]:
    """[[token or text, number or false], ...] or {"token or text": number}. Raises Fault."""
    tokenizer = service.replies.tokenizer
    if isinstance(value, dict):
        value = [[int(name) if cf.TOKEN_NAME.fullmatch(name) else name, amount]
                 for name, amount in value.items()]  # fmt: skip
    if not isinstance(value, list):
        raise bad("'logit_bias' must be a list of pairs or an object", "logit_bias")
    biases: dict[int, float] = {}
    for at, pair in enumerate(value):
        where = f"logit_bias[{at}]"
        if not isinstance(pair, list) or len(pair) != 2:
            raise bad(f"'{where}' must be a pair of a token and a number", where)
        named, amount = pair
        for each in tokenizer.encode(named) if isinstance(named, str) else [named]:
            token = cf.read_token(each, tokenizer.size)
            if token is None:
                raise bad(f"'{where}': no token of 0 to {tokenizer.size - 1}", where)
            biases[token] = -math.inf if amount is False else cf.read_bias(amount, where)
    return tuple(biases.items())


async def _stream(answers: Sequence[_Answer]) -> AsyncIterator[str]:
    """One reply after the other."""
    try:
        for answer in answers:
            async for piece in answer.stream():
                yield event(piece)
    except Fault as fault:
        yield event(error_object(fault))
    finally:
        for answer in answers:
            answer.cancel()


class _Answer:
    """One reply in llama.cpp's words."""

    def __init__(self, index: int, running: Running, values: Json, service: Service):
        self._index, self._running = index, running
        self._values, self._service = values, service
        self._shows_probabilities = bool(values.get("n_probs"))

    def whole(self, events: Sequence[ReplyEvent]) -> Json:
        reply = whole(events)
        last = self._last(reply.text, reply.end)
        if self._values.get("return_tokens"):
            last["tokens"] = [each.token for each in reply.logprobs]
        if self._shows_probabilities:
            last["completion_probabilities"] = _probabilities(reply.logprobs)
        return _selected(last, self._values.get("response_fields", ()))

    def cancel(self) -> None:
        self._running.cancel()

    async def stream(self) -> AsyncIterator[Json]:
        """Raises Fault."""
        said = ""
        logprobs: Sequence[Logprob] = ()
        async with aclosing(self._running.events()) as events:
            async for item in events:
                match None if item is None else item[1]:
                    case None:
                        yield self._piece("", ())  # alive
                    case Progress() as part:
                        piece = self._piece("", (), so_far(part))
                        yield {**piece, "prompt_progress": progress_object(part)}
                    case Logprobs() as part:
                        logprobs = part.tokens
                    case Text() as part:
                        said += part.text
                        yield self._piece(part.text, logprobs)
                        logprobs = ()
                    case End() as end:
                        yield {**self._last(said, end), "content": ""}

    def _piece(self, text: str, logprobs: Sequence[Logprob], usage: Usage | None = None) -> Json:
        usage = usage or self._running.usage()
        piece: Json = {
            "index": self._index,
            "content": text,
            "tokens": [each.token for each in logprobs],
            "stop": False,
            "id_slot": -1,
            "tokens_predicted": usage.completion,
            "tokens_evaluated": usage.prompt,
        }
        if self._values.get("timings_per_token"):
            piece["timings"] = timings(usage)
        if self._shows_probabilities and logprobs:
            piece["completion_probabilities"] = _probabilities(logprobs)
        return piece

    def _last(self, text: str, end: End) -> Json:
        usage, prepared = self._running.usage(), self._running.prepared
        prompt = self._service.replies.tokenizer.decode(prepared.prompt)
        kind = "word" if end.stop else "limit" if end.reason == "length" else "eos"
        most = prepared.options.most
        return {
            "index": self._index,
            "content": text,
            "tokens": [],
            "id_slot": -1,
            "stop": True,
            "model": self._service.name,
            "tokens_predicted": usage.completion,
            "tokens_evaluated": usage.prompt,
            "tokens_cached": usage.cached,
            "generation_settings": _settings(prepared.options),
            "prompt": prompt.decode("utf-8", "replace"),
            "has_new_line": "\n" in text,
            # By the context rather than by what was asked for.
            "truncated": kind == "limit" and (most is None or usage.completion < most),
            "stop_type": kind,
            "stopping_word": end.stop or "",
            "timings": timings(usage),
        }


def _settings(options: ReplyOptions) -> Json:
    sampling: Sampling = options.sampling
    return {
        "n_predict": -1 if options.most is None else options.most,
        "seed": sampling.seed,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repeat_penalty,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "stop": list(options.stop),
        "logit_bias": [
            {"token": token, "bias": bias if math.isfinite(bias) else None}
            for token, bias in sampling.logit_bias
        ],
        "n_probs": sampling.logprobs or 0,
    }


def _selected(reply: Json, paths: Sequence[Any]) -> Json:
    """The fields at these paths, by them; without paths, all."""
    if not paths:
        return reply
    found: Json = {}
    for path in filter(lambda each: isinstance(each, str), paths):
        value: Any = reply
        for name in path.split("/"):
            value = value.get(name, MISSING) if isinstance(value, dict) else MISSING
        if value is not MISSING:
            found[path] = value
    return found


MISSING = object()


def _probabilities(tokens: Sequence[Logprob]) -> list[Json]:
    shown = logprobs_object(tokens)["content"]
    for one, each in zip(shown, tokens):
        one["id"] = each.token
        for alternative, (token, _, _) in zip(one["top_logprobs"], each.top):
            alternative["id"] = token
    return shown
