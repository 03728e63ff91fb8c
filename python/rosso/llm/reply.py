"""From a request to the events of its reply.

    prepare   renders and tokenises, checks the room, makes the constraint; every fault of the
              client shows here, before anything was sent
    start     submits one generation per choice to the engine
    events    text, reasoning, calls and the end of each choice, as they come; None when nothing
              came for a while, so that doors can show that they are alive

All doors of the server, the terminal chat and the tests read these events; streaming and whole
answers go the same way.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from rosso.llm import constrain
from rosso.llm.engine import (
    Chosen,
    Constraint,
    Engine,
    EngineError,
    Generation,
    Progress,
    Request,
)
from rosso.llm.environment import TemplateFault
from rosso.llm.formats import ToolFormat
from rosso.llm.grammar import CallGrammar, ToolSchema, json_grammar
from rosso.llm.request import ChatRequest, Fault, ReplyOptions, bad
from rosso.llm.scanner import THINK, THINK_END, CallEnd, Event, ReplyScanner, Text
from rosso.llm.template import ChatTemplate
from rosso.llm.text import Pieces, PromptEncoder, Stops

log = logging.getLogger("rosso.llm")


@dataclass(frozen=True, slots=True)
class Logprob:
    token: int
    piece: bytes
    logprob: float
    top: Sequence[tuple[int, bytes, float]]


@dataclass(frozen=True, slots=True)
class Logprobs:
    """Of the tokens whose text the next Text event shows; zeros where only tokens are wanted."""

    tokens: Sequence[Logprob]


@dataclass(frozen=True, slots=True)
class End:
    reason: str  # stop, length, tool_calls
    stop: str | None = None  # the stop string that was met
    tokens: int = 0  # generated


ReplyEvent = Event | Logprobs | Progress | End


@dataclass(slots=True)
class Usage:
    prompt: int
    cached: int
    completion: int
    queued_s: float = 0.0
    prefill_s: float = 0.0
    decode_s: float = 0.0


@dataclass(slots=True)
class Prepared:
    prompt: list[int]
    options: ReplyOptions
    format: ToolFormat | None = None  # None: calls are not looked for
    tools: Sequence[ToolSchema] = ()
    thinking: bool = False
    reasons: bool = False
    parallel: bool = True
    # Compiled by `prepare`; every choice gets a constraint of its own.
    grammar: str | None = None
    trigger: constrain.Trigger | None = None
    wait_for_reasoning: bool = False
    banned: tuple[str, ...] = ()


class Replies:
    """`idle_s`: how long `events` waits before it says None."""

    def __init__(self, engine: Engine, idle_s: float = 15.0):
        self.engine = engine
        self.idle_s = idle_s
        self.tokenizer = engine.tokenizer
        model = engine.model
        self.template = ChatTemplate(model.chat_template, engine.tokenizer, model.tool_template)
        self.encoder = PromptEncoder(engine.tokenizer)
        self.grammars = constrain.Grammars(engine.tokenizer)

    async def prepare_chat(self, chat: ChatRequest) -> Prepared:
        """Raises Fault."""
        return await asyncio.to_thread(self._prepare_chat, chat)

    async def prepare_text(self, prompt: str | list[int], options: ReplyOptions) -> Prepared:
        """A text, in which special tokens are taken as such, or tokens. Raises Fault."""
        return await asyncio.to_thread(self._prepare_text, prompt, options)

    def _prepare_text(self, prompt: str | list[int], options: ReplyOptions) -> Prepared:
        tokens = self.encoder.encode(prompt) if isinstance(prompt, str) else prompt
        tokens = tokens or self.encoder.with_bos([]) or self._something()
        if options.cuts:
            tokens = tokens[: self.engine.context - 1]
        tokens = self._checked(tokens, "prompt")
        prepared = Prepared(tokens, options)
        self._hold_to_form(prepared)
        return prepared

    def _something(self) -> list[int]:
        """A prompt must have a token, also where a model has none to begin with."""
        end = self.tokenizer.eos
        return [end] if end is not None else self.tokenizer.encode("\n")

    def _prepare_chat(self, chat: ChatRequest) -> Prepared:
        try:
            rendered = self.template.render(
                chat.messages, chat.tools, chat.template_options, chat.opens, chat.continues
            )
        except TemplateFault as fault:
            raise bad(str(fault), "messages", "template_error") from fault
        tokens = self.template.encode(rendered)
        if chat.before and tokens[:1] == [self.tokenizer.bos]:
            del tokens[0]
        prompt = self._checked([*chat.before, *tokens], "messages")
        prepared = Prepared(
            prompt,
            chat.options,
            format=self.template.format if chat.tools and chat.tool_choice != "none" else None,
            tools=[
                ToolSchema(each["function"]["name"], each["function"].get("parameters") or {})
                for each in chat.tools
            ],
            thinking=rendered.thinking,
            reasons=self.template.thinks,
            parallel=chat.parallel,
        )
        self._constrain(prepared, chat)
        return prepared

    def _checked(self, prompt: list[int], param: str) -> list[int]:
        context = self.engine.context
        if len(prompt) >= context:
            raise Fault(
                400,
                f"This model's maximum context length is {context} tokens, but you requested "
                f"{len(prompt)} tokens.",
                param,
                "context_length_exceeded",
                details={"n_prompt_tokens": len(prompt), "n_ctx": context},
            )
        return prompt

    def _constrain(self, prepared: Prepared, chat: ChatRequest) -> None:
        schema, choice = chat.options.schema, chat.tool_choice
        format = self.template.format
        if not chat.tools or choice == "none":
            if chat.tools:
                prepared.banned = (format.marker, *format.extra_markers)
            self._hold_to_form(prepared)
            return
        if chat.options.grammar is not None:
            raise bad("'grammar' cannot be held to beside 'tools'", "grammar")
        tools = prepared.tools
        forced = choice != "auto"
        if choice.startswith("="):
            tools = [tool for tool in tools if tool.name == choice[1:]]
        if not constrain.available():
            if forced:
                raise bad(f"tool_choice: {constrain.INSTALL}", "tool_choice", "not_supported")
            if schema is not None:
                raise bad(f"response_format: {constrain.INSTALL}", "response_format")
            return
        grammar = CallGrammar(
            format, tools, self.tokenizer.special, prepared.parallel and not choice.startswith("=")
        )
        if forced or schema is not None:
            thinks = prepared.reasons and not prepared.thinking
            text = grammar.whole(thinks, None if forced else schema)
            self._hold_to(prepared, text, "tools")
            return
        if format.marker:
            prepared.trigger = constrain.Trigger(format.marker)
        else:
            names = [tool.name for tool in tools]
            prepared.trigger = constrain.CallTrigger(names, *format.extra_markers)
        self._hold_to(prepared, grammar.after_marker(), "tools")

    def _hold_to_form(self, prepared: Prepared) -> None:
        """To what the request says of the text."""
        options = prepared.options
        if options.schema is not None:
            self._hold_to(prepared, json_grammar(options.schema), "response_format")
        elif options.grammar is not None:
            self._hold_to(prepared, options.grammar, "grammar")

    def _hold_to(self, prepared: Prepared, grammar: str, param: str) -> None:
        if not constrain.available():
            raise bad(f"{param}: {constrain.INSTALL}", param, "not_supported")
        prepared.wait_for_reasoning = prepared.thinking
        try:
            self.grammars.matcher(grammar)
        except constrain.GrammarFault as fault:
            raise bad(f"{param}: {fault}", param, "invalid_schema") from fault
        prepared.grammar = grammar

    def start(self, prepared: Prepared, id: str = "") -> Running:
        """Raises Fault if the queue is full or the device is lost."""
        return Running(self, prepared, id)

    def start_all(self, prepared: Sequence[Prepared], id: str = "") -> list[Running]:
        """All or, where one does not start, none. Raises Fault."""
        running: list[Running] = []
        try:
            for each in prepared:
                running.append(self.start(each, id))
        except Fault:
            for each in running:
                each.cancel()
            raise
        return running

    def _submit(self, prepared: Prepared, index: int, id: str) -> Generation:
        options = prepared.options
        sampling = options.sampling
        if index:
            sampling = replace(sampling, seed=(sampling.seed + index) % 2**64)
        constraint: Constraint | None = None
        if prepared.grammar:
            constraint = constrain.GrammarConstraint(
                self.grammars, prepared.grammar, prepared.trigger, prepared.wait_for_reasoning
            )
        elif prepared.banned:
            constraint = constrain.BanConstraint(self.tokenizer, prepared.banned)
        room = self.engine.context - len(prepared.prompt)
        most = room if options.most is None else min(options.most, room)
        return self.engine.submit(
            Request(
                prepared.prompt,
                sampling,
                most,
                constraint,
                options.client,
                options.ignore_end,
                options.draft,
                id,
                reuse=options.reuse,
                tells_progress=options.tells_progress,
            )
        )

    def _reader(self, prepared: Prepared) -> Reader:
        scanner = ReplyScanner(
            prepared.format,
            [tool.name for tool in prepared.tools],
            prepared.thinking,
            prepared.reasons,
            trusted=prepared.grammar is not None,
        )
        return Reader(self, prepared, scanner)


class Reader:
    """Tokens of one choice -> events."""

    def __init__(self, replies: Replies, prepared: Prepared, scanner: ReplyScanner):
        self._tokenizer = replies.tokenizer
        self._controls = frozenset(replies.tokenizer.special.values())
        self._scanner = scanner
        self._pieces = Pieces()
        self._stops = Stops(prepared.options.stop)
        self._alone = not prepared.parallel
        options = prepared.options
        self._wants_logprobs = options.shows_tokens or options.sampling.logprobs is not None
        self._logprobs: list[Logprob] = []
        self._shown = _marks(prepared)
        self.tokens = 0
        self.over = False  # nothing more is wanted

    def feed(self, chosen: Chosen) -> list[ReplyEvent]:
        self.tokens += 1
        piece = self._tokenizer.piece(chosen.token)
        if chosen.token in self._controls and piece not in self._shown:
            return []
        if self._wants_logprobs and self._scanner.in_content:
            self._logprobs.append(self._logprob(chosen, piece))
        events = self._through(self._scanner.feed(self._pieces.feed(piece)))
        if self._scanner.over or (self._alone and self._scanner.calls):
            self.over = True
        return events

    def finish(self, reason: str) -> list[ReplyEvent]:
        """`reason`: the generation's."""
        limit = reason == "length"
        in_call = self._scanner.in_call
        events: list[ReplyEvent] = []
        if self._stops.hit is None:
            events = self._through(self._scanner.feed(self._pieces.finish()))
            events += self._through(self._scanner.finish(cut_off=limit))
            rest = self._stops.finish()
            if rest:
                events += self._with_logprobs(rest)
        if self._stops.hit is not None:
            reason = "stop"
        elif limit and in_call:
            reason = "length"
        elif self._scanner.calls:
            reason = "tool_calls"
        return [*events, End(reason, self._stops.hit, self.tokens)]

    def _through(self, events: Sequence[Event]) -> list[ReplyEvent]:
        result: list[ReplyEvent] = []
        for event in events:
            if not isinstance(event, Text):
                if not isinstance(event, CallEnd):
                    self._logprobs = []
                result.append(event)
                continue
            text = self._stops.feed(event.text)
            if text:
                result += self._with_logprobs(text)
            if self._stops.hit is not None:
                self.over = True
                break
        return result

    def _with_logprobs(self, text: str) -> list[ReplyEvent]:
        tokens, self._logprobs = self._logprobs, []
        return [Logprobs(tokens), Text(text)] if tokens else [Text(text)]

    def _logprob(self, chosen: Chosen, piece: bytes) -> Logprob:
        top = [(token, self._tokenizer.piece(token), value) for token, value in chosen.top]
        value = chosen.logprob if chosen.logprob is not None else 0.0
        return Logprob(chosen.token, piece, value, top)


def _marks(prepared: Prepared) -> frozenset[bytes]:
    """Control tokens that the scanner has to see."""
    marks = {THINK, THINK_END} if prepared.reasons else set()
    format = prepared.format
    if format:
        marks |= {format.marker, format.end, *format.extra_markers, "[ARGS]", "[CALL_ID]"}
    return frozenset(mark.encode() for mark in marks if mark)


class Running:
    """A reply on its way. `events` may be read once; leaving it early, or `cancel`, stops the
    engine at the next token."""

    def __init__(self, replies: Replies, prepared: Prepared, id: str):
        self._replies, self.prepared = replies, prepared
        self._generations: list[Generation] = []
        self._readers: list[Reader] = []
        if prepared.options.most == 0:
            return  # nothing is wanted; the prompt was checked
        try:
            for index in range(prepared.options.n):
                self._generations.append(replies._submit(prepared, index, id))
                self._readers.append(replies._reader(prepared))
        except EngineError as error:
            self.cancel()
            raise fault_of(error) from error

    def cancel(self) -> None:
        for generation in self._generations:
            generation.cancel()

    def usage(self) -> Usage:
        usage = Usage(len(self.prepared.prompt), 0, sum(each.tokens for each in self._readers))
        for generation in self._generations:
            timing = generation.timing
            usage.cached = max(usage.cached, generation.cached)
            usage.prefill_s = max(usage.prefill_s, timing.prefill_s)
            usage.decode_s = max(usage.decode_s, timing.decode_s)
            usage.queued_s = max(usage.queued_s, timing.started - timing.submitted)
        if self._generations:
            usage.cached = self._generations[0].cached
        return usage

    async def events(self) -> AsyncIterator[tuple[int, ReplyEvent] | None]:
        """(choice, event), or None when nothing came for a while. Raises Fault."""
        if not self._generations:
            for index in range(self.prepared.options.n):
                yield index, End("length")
            return
        queue: asyncio.Queue[Any] = asyncio.Queue(maxsize=256)
        pumps = [
            asyncio.create_task(self._pump(index, queue)) for index in range(len(self._generations))
        ]
        open_choices = len(pumps)
        try:
            while open_choices:
                try:
                    item = queue.get_nowait()
                except asyncio.QueueEmpty:
                    try:
                        item = await asyncio.wait_for(queue.get(), self._replies.idle_s)
                    except TimeoutError:
                        yield None
                        continue
                if isinstance(item, BaseException):
                    raise item
                open_choices -= isinstance(item[1], End)
                yield item
        finally:
            for pump in pumps:
                pump.cancel()
            self.cancel()

    async def _pump(self, index: int, queue: asyncio.Queue[Any]) -> None:
        generation, reader = self._generations[index], self._readers[index]
        try:
            async for chosen in generation:
                if isinstance(chosen, Progress):
                    await queue.put((index, chosen))
                    continue
                for event in reader.feed(chosen):
                    await queue.put((index, event))
                if reader.over:
                    generation.cancel()
                    break
            reason = "stop" if reader.over else generation.finish or "stop"
            for event in reader.finish(reason):
                await queue.put((index, event))
        except EngineError as error:
            await queue.put(fault_of(error))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("while reading a reply")
            await queue.put(Fault(500, f"internal error: {type(error).__name__}"))
        finally:
            generation.cancel()


async def collect(running: Running) -> list[list[ReplyEvent]]:
    """All events of every choice, for doors that answer at once."""
    choices: list[list[ReplyEvent]] = [[] for _ in range(running.prepared.options.n)]
    async with aclosing(running.events()) as events:
        async for item in events:
            if item is not None:
                choices[item[0]].append(item[1])
    return choices


async def collect_all(running: Sequence[Running]) -> list[list[list[ReplyEvent]]]:
    """`collect` of several replies; who stops waiting stops all of them."""
    try:
        return [await collect(each) for each in running]
    finally:
        for each in running:
            each.cancel()


def fault_of(error: EngineError) -> Fault:
    if error.code == "queue_full":
        message = f"the server is busy: {error}"
        return Fault(429, message, code="queue_full", headers={"retry-after": "2"})
    if error.code == "engine_error":
        return Fault(500, str(error), code=error.code)
    headers = {"retry-after": "5"}
    return Fault(503, str(error), code=error.code, headers=headers)


def random_seed() -> int:
    return random.getrandbits(64)
