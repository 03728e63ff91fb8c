"""A conversation in the terminal, and one prompt with one reply.

Only what the model says goes to standard output. Ctrl-C stops a reply; at the prompt it ends the
chat, as Ctrl-D does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

from rosso.llm.engine import Core, EngineError, Sampling
from rosso.llm.messages import Message
from rosso.llm.reply import Prepared, Replies, Running, Usage, random_seed
from rosso.llm.request import ChatRequest, Fault, ReplyOptions
from rosso.llm.scanner import Reasoning, Text
from rosso.llm.scheduler import Scheduler

HELP = "/new begins again, /system TEXT sets the system message, /quit ends"


def sampling_of(options: argparse.Namespace, defaults: Sampling) -> Sampling:
    given = {
        "temperature": options.temp,
        "top_k": options.top_k,
        "top_p": options.top_p,
        "min_p": options.min_p,
        "repeat_penalty": options.repeat_penalty,
        "presence_penalty": options.presence_penalty,
        "frequency_penalty": options.frequency_penalty,
    }
    seed = options.seed if options.seed is not None else random_seed()
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(defaults, seed=seed % 2**64, **values)


def chat(core: Core, options: argparse.Namespace) -> int:
    return asyncio.run(_with_engine(core, options, _conversation))


def run(core: Core, options: argparse.Namespace) -> int:
    return asyncio.run(_with_engine(core, options, _once))


async def _with_engine(core: Core, options: argparse.Namespace, body: Any) -> int:
    engine = Scheduler(core)
    try:
        return await body(Replies(engine, idle_s=3600), options)
    except Fault as fault:
        raise ValueError(fault.message) from fault
    except EngineError as error:
        raise RuntimeError(str(error)) from error
    finally:
        await asyncio.to_thread(engine.close)


def _options(replies: Replies, options: argparse.Namespace, schema: Any = None) -> ReplyOptions:
    sampling = sampling_of(options, replies.engine.defaults)
    return ReplyOptions(sampling, options.tokens, schema=schema, draft=options.speculate)


async def _once(replies: Replies, options: argparse.Namespace) -> int:
    text = options.prompt if options.prompt is not None else sys.stdin.read()
    schema = None
    if options.json_schema:
        with open(options.json_schema, encoding="utf-8") as file:
            schema = json.load(file)
    reply_options = _options(replies, options, schema)
    if options.raw:
        prepared = await replies.prepare_text(text, reply_options)
    else:
        messages = [{"role": "user", "content": text}]
        if options.system:
            messages.insert(0, {"role": "system", "content": options.system})
        prepared = await replies.prepare_chat(
            ChatRequest(messages, reply_options, tool_choice="none")
        )
    _, usage = await _speak(replies, prepared)
    print(flush=True)
    if not options.quiet:
        _statistics(usage)
    return 0


async def _conversation(replies: Replies, options: argparse.Namespace) -> int:
    interactive = sys.stdin.isatty()
    if interactive and not options.quiet:
        engine = replies.engine
        print(f"{engine.model.name} on {engine.device}; {HELP}", file=sys.stderr)
    system, messages = options.system, []
    while (line := await asyncio.to_thread(_read_line, interactive)) is not None:
        text = line.strip()
        if not text:
            continue
        if text in ("/quit", "/exit"):
            break
        if text == "/new":
            messages = []
            continue
        if text.startswith("/system"):
            system, messages = text[7:].strip(), []
            continue
        messages.append({"role": "user", "content": text})
        try:
            reply, usage = await _answer(replies, options, system, messages)
        except Fault as fault:
            print(f"error: {fault.message}", file=sys.stderr)
            messages.pop()
            continue
        messages.append({"role": "assistant", "content": reply})
        print(flush=True)
        if not options.quiet:
            _statistics(usage)
    return 0


async def _answer(
    replies: Replies, options: argparse.Namespace, system: str | None, messages: list[Message]
) -> tuple[str, Usage]:
    first = [{"role": "system", "content": system}] if system else []
    request = ChatRequest([*first, *messages], _options(replies, options), tool_choice="none")
    return await _speak(replies, await replies.prepare_chat(request))


def _read_line(interactive: bool) -> str | None:
    try:
        return input("> ") if interactive else (sys.stdin.readline() or None)
    except (EOFError, KeyboardInterrupt):
        return None


async def _speak(replies: Replies, prepared: Prepared) -> tuple[str, Usage]:
    """Writes the reply as it comes -> its text."""
    running = replies.start(prepared)
    task = asyncio.create_task(_write(running))
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(signal.SIGINT, running.cancel)
    try:
        return await task, running.usage()
    finally:
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.remove_signal_handler(signal.SIGINT)


async def _write(running: Running) -> str:
    said: list[str] = []
    async with aclosing(running.events()) as events:
        async for item in events:
            if item is None:
                continue
            match item[1]:
                case Text(text):
                    said.append(text)
                    print(text, end="", flush=True)
                case Reasoning(text):
                    print(text, end="", file=sys.stderr, flush=True)
    return "".join(said)


def _statistics(usage: Usage) -> None:
    def speed(tokens: int, seconds: float) -> str:
        return f"{tokens / seconds:.1f} tokens/s" if seconds > 0 else "-"

    read = usage.prompt - usage.cached
    print(
        f"[prompt {usage.prompt} tokens, {usage.cached} kept, {speed(read, usage.prefill_s)}; "
        f"reply {usage.completion} tokens, {speed(usage.completion, usage.decode_s)}]",
        file=sys.stderr,
    )
