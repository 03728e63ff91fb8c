"""`rosso`: talk to a model, serve it, or run it once.

Results go to standard output; progress, statistics and errors to standard error. Exit codes: 0
done, 1 failed, 2 bad input.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rosso.llm.engine import Core

SERVE_EXTRA = "pip install 'rosso[serve]'"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        return options.command(options)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("rosso", "_rosso"):
            raise
        print(f"error: this needs the package {error.name}: {SERVE_EXTRA}", file=sys.stderr)
        return 2
    except (ValueError, MemoryError, NotImplementedError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def version() -> str:
    try:
        return importlib.metadata.version("rosso")
    except importlib.metadata.PackageNotFoundError:
        return "0"


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="rosso", description=__doc__.splitlines()[0])
    top.add_argument("--version", action="version", version=f"rosso {version()}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    chat = commands.add_parser("chat", help="a conversation in the terminal")
    run = commands.add_parser("run", help="one prompt, one reply")
    serve = commands.add_parser("serve", help="an HTTP server: OpenAI, Ollama and llama.cpp")
    for each in (chat, run, serve):
        _model_options(each)
    for each in (chat, run):
        _sampling_options(each)
        each.add_argument("--system", metavar="TEXT", help="the system message")
    run.add_argument("-p", "--prompt", metavar="TEXT", help="by default standard input")
    run.add_argument("--raw", action="store_true", help="the prompt as it is, without a template")
    run.add_argument("--json-schema", metavar="FILE", help="the reply is JSON of this schema")
    _serve_options(serve)
    chat.set_defaults(command=_chat)
    run.set_defaults(command=_run)
    serve.set_defaults(command=_serve)
    return top


def _model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL.gguf")
    parser.add_argument("--device", help="host, amd[:N], emu[:CHIP]; by default ROSSO_DEVICE, host")
    parser.add_argument(
        "--ctx",
        type=int,
        default=0,
        metavar="N",
        help="tokens of context; by default what was trained, at most 32768",
    )
    parser.add_argument("--kv", default="f16", choices=("f16", "q8_0"), help="type of the KV cache")
    parser.add_argument("--threads", type=int, default=0, metavar="N")
    parser.add_argument(
        "--chunk",
        type=int,
        default=512,
        metavar="N",
        help="tokens that one step of reading a prompt takes",
    )
    parser.add_argument("--exact", action="store_true", help="activations stay f32")
    parser.add_argument("--no-cache", action="store_true", help="compile anew")
    parser.add_argument(
        "--speculate",
        type=int,
        default=0,
        metavar="N",
        help="guess up to N tokens by looking them up in the text",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, no statistics")


def _sampling_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tokens", type=int, metavar="N", help="the most to generate")
    for name, kind in (("temp", float), ("top-k", int), ("top-p", float), ("min-p", float),
                       ("repeat-penalty", float), ("presence-penalty", float),
                       ("frequency-penalty", float), ("seed", int)):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind, metavar="X")


def _serve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1 by default")
    parser.add_argument("--port", type=int, default=11434, help="11434 by default; 0: any")
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="NAME",
        help="what clients call the model; the first is told them",
    )
    parser.add_argument(
        "--slots",
        type=int,
        default=4,
        metavar="N",
        help="requests at a time, and prompts that are kept",
    )
    parser.add_argument("--queue", type=int, default=64, metavar="N", help="requests that may wait")
    parser.add_argument(
        "--api-key",
        action="append",
        default=[],
        metavar="KEY",
        help="may be given several times; also from ROSSO_API_KEY",
    )
    parser.add_argument(
        "--cors",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="pages of this origin may call; '*': all",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name this server may be called by",
    )
    parser.add_argument(
        "--no-tools",
        action="store_true",
        help="refuse tools where the model's template has no place for them",
    )
    parser.add_argument(
        "--embeddings",
        action="store_true",
        help="texts can be embedded, also where the file does not say that it is for that",
    )
    parser.add_argument(
        "--grace",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="for streams to end when the server is asked to",
    )
    parser.add_argument("--verbose", action="store_true", help="a line for every request")


def load_core(options: argparse.Namespace, slots: int) -> Core:
    """The model of the command line, compiled and in memory."""
    from rosso.llm.core import LlmCore

    if not os.path.exists(options.model):
        raise ValueError(f"{options.model}: there is no such file")
    return LlmCore(
        options.model,
        context=options.ctx,
        slots=slots,
        chunk=options.chunk,
        kv=options.kv,
        device=options.device,
        threads=options.threads,
        exact=options.exact,
        no_cache=options.no_cache,
        embeddings=getattr(options, "embeddings", False),
        progress=None if options.quiet else _progress(),
    )


def _progress() -> Callable[[str, int, int], None] | None:
    if not sys.stderr.isatty():
        return None

    def show(stage: str, done: int, total: int) -> None:
        share = f"{100 * done // total} %" if total else "..."
        end = "\n" if total and done == total else ""
        print(f"\r{stage} {share} ", end=end, file=sys.stderr, flush=True)

    return show


def _chat(options: argparse.Namespace) -> int:
    from rosso.llm import terminal

    return terminal.chat(load_core(options, slots=1), options)


def _run(options: argparse.Namespace) -> int:
    from rosso.llm import terminal

    return terminal.run(load_core(options, slots=1), options)


def _serve(options: argparse.Namespace, core: Callable[[], Any] | None = None) -> int:
    """`core` loads another model than the command line's; for tests."""
    import logging

    from rosso.llm.scheduler import Scheduler
    from rosso.llm.server.run import open_socket, serve
    from rosso.llm.server.service import ServerOptions, Service

    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    keys = [*options.api_key, *filter(None, [os.environ.get("ROSSO_API_KEY")])]
    server = ServerOptions(
        host=options.host,
        port=options.port,
        api_keys=tuple(keys),
        cors=tuple(options.cors),
        hosts=tuple(options.allow_host),
        aliases=tuple(options.name),
        tools_off=options.no_tools,
        grace_s=options.grace,
        draft=options.speculate,
    )
    if options.slots < 1 or options.queue < 1:
        raise ValueError("--slots and --queue must be at least 1")
    listener = open_socket(options.host, options.port)
    service = Service(server, version())

    def load() -> Scheduler:
        loaded = core() if core else load_core(options, options.slots)
        return Scheduler(loaded, queue=options.queue)

    def ready(url: str) -> None:
        engine = service.engine
        print(f"{service.name} on {engine.device}", file=sys.stderr)
        print(
            f"{engine.context} tokens of context, {len(engine.slots())} slots, "
            f"{engine.memory.total / 2**20:.0f} MiB; listening on {url}",
            file=sys.stderr,
            flush=True,
        )

    return serve(service, load, (lambda url: None) if options.quiet else ready, listener)


if __name__ == "__main__":
    sys.exit(main())
