"""POST /completion: a text that goes on, as llama.cpp's own clients ask for it.

A stream's events hold pieces until one with `"stop": true` says how it ended; no [DONE] follows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rosso.llm.engine import Sampling
from rosso.llm.reply import End, Logprob, Logprobs, ReplyEvent, Running, collect_all
from rosso.llm.request import ANY_OBJECT, Fault, ReplyOptions, bad
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
from rosso.llm.server.openai_chat import logprobs_object, timings, whole
from rosso.llm.server.openai_other import MOST_PROMPTS, PROMPT_SCHEMA, read_prompts
from rosso.llm.server.service import Service, make_id

FIELDS = (
    Field("prompt", "any", "text, tokens, both in one list, or a list of prompts", required=True,
          schema=PROMPT_SCHEMA),
    *cf.SAMPLING_FIELDS,
    Field("n_predict", "integer", "the most to generate; -1: as many as there is room for", -1),
    Field("max_tokens", "integer", "as n_predict, which wins", -1),
    Field("stream", "boolean"),
    Field("stop", "any", schema=cf.STOP_SCHEMA, read=cf.read_stop),
    Field("ignore_eos", "boolean", "generates on where the model would end"),
    Field("logit_bias", "any", "pairs of a token, or a text, and what is added; false: never",
          schema={"type": "array", "maxItems": 0}),
    Field("n_probs", "integer", "so many alternatives of each token", 0, cf.MOST_TOP_LOGPROBS),
    Field("post_sampling_probs", "boolean", "not supported", schema={"const": False}),
    Field("return_tokens", "boolean", "the ids of what was generated"),
    Field("timings_per_token", "boolean", "timings in every event of a stream"),
    Field("json_schema", "object", "what the text must be", schema={"type": "object",
          "maxProperties": 0}),
    Field("grammar", "text", "not supported; see json_schema", schema={"const": ""}),
)  # fmt: skip


async def completion(request: Request) -> Response:
    service = service_of(request)
    body = await read_object(request)
    replies = service.replies
    values = read_fields(body, FIELDS)
    options = _options(values, service, client_of(request))
    prompts = _prompts(values["prompt"], service)
    prepared = [await replies.prepare_text(prompt, options) for prompt in prompts]
    if values.get("stream") and len(prepared) > 1:
        raise bad("several prompts cannot be streamed", "prompt")
    running = replies.start_all(prepared, make_id("cmpl-"))
    answers = [_Answer(one, values, service) for one in running]
    if values.get("stream"):
        return EventStream(answers[0].stream())
    collected = await until_gone(request, collect_all(running))
    results = [answer.whole(events) for answer, (events,) in zip(answers, collected)]
    is_list = isinstance(values["prompt"], list) and len(results) > 1
    return JSONResponse(results if is_list else results[0])


def _options(values: Json, service: Service, client: str) -> ReplyOptions:
    """Raises Fault."""
    if values.get("grammar"):
        raise bad("'grammar' is not supported; 'json_schema' is", "grammar", "not_supported")
    if values.get("post_sampling_probs"):
        raise bad("'post_sampling_probs' is not supported", "post_sampling_probs", "not_supported")
    schema = values.get("json_schema")
    if schema is not None:
        cf.check_schema(schema, "json_schema", "the schema")
    most = values.get("n_predict", values.get("max_tokens", -1))
    given = cf.sampling_values(values)
    if given.get("seed") == -1:
        del given["seed"]  # another one each time
    sampling = service.sampling(
        **given,
        logprobs=_logprobs(values),
        logit_bias=_bias(values.get("logit_bias", []), service),
    )
    return ReplyOptions(
        sampling,
        most=None if most < 0 else most,
        stop=values.get("stop", ()),
        schema=None if schema is None else schema or ANY_OBJECT,
        client=client,
        ignore_end=values.get("ignore_eos", False),
        draft=service.options.draft,
    )


def _logprobs(values: Json) -> int | None:
    """Ids come with logprobs."""
    count = values.get("n_probs", 0)
    return count if count or values.get("return_tokens") else None


def _bias(value: Any, service: Service) -> tuple[tuple[int, float], ...]:
    """[[token or text, number or false], ...] or {"token": number}. Raises Fault."""
    tokenizer = service.replies.tokenizer
    if isinstance(value, dict):
        return cf.read_logit_bias(value, tokenizer.size)
    if not isinstance(value, list):
        raise bad("'logit_bias' must be a list of pairs or an object", "logit_bias")
    biases: dict[str, float] = {}
    for at, pair in enumerate(value):
        where = f"logit_bias[{at}]"
        if not isinstance(pair, list) or len(pair) != 2:
            raise bad(f"'{where}' must be a pair of a token and a number", where)
        named, amount = pair
        tokens = tokenizer.encode(named) if isinstance(named, str) else [named]
        for token in tokens:
            if cf.read_token(token, tokenizer.size) is None:
                raise bad(f"'{where}': no token of 0 to {tokenizer.size - 1}", where)
            biases[str(int(token))] = -100 if amount is False else amount
    return cf.read_logit_bias(biases, tokenizer.size)


def _prompts(value: Any, service: Service) -> list[str | list[int]]:
    """One prompt or a list of them. A list of tokens and texts is one. Raises Fault."""
    if not isinstance(value, list):
        return read_prompts(value, service, "prompt")
    kinds = {type(each) for each in value}
    if str not in kinds or kinds == {str}:
        return read_prompts(value, service, "prompt")
    if list in kinds:
        if len(value) > MOST_PROMPTS:
            raise bad(f"'prompt' may hold {MOST_PROMPTS} prompts", "prompt")
        return [read_prompts(each, service, f"prompt[{at}]")[0] for at, each in enumerate(value)]
    replies = service.replies
    tokens: list[int] = []
    for at, each in enumerate(value):
        if isinstance(each, str):
            tokens += replies.tokenizer.encode(each, special=True)
            continue
        token = cf.read_token(each, replies.tokenizer.size)
        if token is None:
            raise bad(f"'prompt[{at}]' must be a text or a token", f"prompt[{at}]")
        tokens.append(token)
    return [replies.encoder.with_bos(tokens) if isinstance(value[0], str) else tokens]


class _Answer:
    """One reply in llama.cpp's words."""

    def __init__(self, running: Running, values: Json, service: Service):
        self._running, self._values, self._service = running, values, service
        self._shows_probabilities = bool(values.get("n_probs"))

    def whole(self, events: Sequence[ReplyEvent]) -> Json:
        reply = whole(events)
        last = self._last(reply.text, reply.end)
        if self._values.get("return_tokens"):
            last["tokens"] = [each.token for each in reply.logprobs]
        if self._shows_probabilities:
            last["completion_probabilities"] = _probabilities(reply.logprobs)
        return last

    async def stream(self) -> AsyncIterator[str]:
        said = ""
        logprobs: Sequence[Logprob] = ()
        try:
            async with aclosing(self._running.events()) as events:
                async for item in events:
                    match None if item is None else item[1]:
                        case None:
                            yield event(self._piece("", ()))  # alive
                        case Logprobs() as part:
                            logprobs = part.tokens
                        case Text() as part:
                            said += part.text
                            yield event(self._piece(part.text, logprobs))
                            logprobs = ()
                        case End() as end:
                            yield event({**self._last(said, end), "content": ""})
        except Fault as fault:
            yield event(error_object(fault))
        finally:
            self._running.cancel()

    def _piece(self, text: str, logprobs: Sequence[Logprob]) -> Json:
        usage = self._running.usage()
        piece: Json = {
            "index": 0,
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
        return {
            "index": 0,
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
            "truncated": False,
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
        "ignore_eos": options.ignore_end,
        "n_probs": sampling.logprobs or 0,
    }


def _probabilities(tokens: Sequence[Logprob]) -> list[Json]:
    shown = logprobs_object(tokens)["content"]
    for one, each in zip(shown, tokens):
        one["id"] = each.token
        for alternative, (token, _, _) in zip(one["top_logprobs"], each.top):
            alternative["id"] = token
    return shown
