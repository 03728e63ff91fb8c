"""Listening, loading, and ending well.

The port is open before the model is loaded, so that probes get an answer (503, loading). On SIGTERM
or Ctrl-C new requests are refused, streams have some seconds to end, and those that do not are
ended with an error event; a second signal ends the process at once.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from rosso.llm.engine import Engine
from rosso.llm.request import Fault
from rosso.llm.server.app import App
from rosso.llm.server.http import error_object, to_json
from rosso.llm.server.service import Service

log = logging.getLogger("rosso.server")
KEEP_ALIVE_S = 75  # of idle connections
LAST_SECONDS = 3  # for ended streams to be written out


class Protocol(H11Protocol):
    """What is not HTTP gets an error in our shape too."""

    def send_400_response(self, msg: str) -> None:
        body = to_json(error_object(Fault(400, msg, code="invalid_http"))).encode()
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


class Listener(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, service: Service):
        super().__init__(config)
        self._service = service
        self._signals = 0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals > 1:
            self._service.stop()
            self.force_exit = True
        self.should_exit = True
        self._service.drain()
        grace = self._service.options.grace_s
        timer = threading.Timer(grace, self._service.stop)
        timer.daemon = True
        timer.start()


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError with a sentence that says what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        reason = f"cannot listen on {host}:{port}: {error.strerror or error}"
        if isinstance(error.errno, int) and error.errno == 98:
            reason += "; another server (Ollama?) has the port: end it, or choose one with --port"
        raise OSError(reason) from error
    listener.setblocking(False)
    return listener


def make_config(service: Service) -> uvicorn.Config:
    return uvicorn.Config(
        App(service),
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(service.options.grace_s + LAST_SECONDS),
        backlog=1024,
    )


def serve(
    service: Service,
    load: Callable[[], Engine],
    ready: Callable[[str], Any] = lambda url: None,
    listener: socket.socket | None = None,
) -> int:
    """Serves until a signal ends it -> the exit code. `load` runs in a thread of its own; `ready`
    is told the address when the model is there."""
    options = service.options
    listener = listener or open_socket(options.host, options.port)
    host, port = listener.getsockname()[:2]
    options.port = port
    shown = f"[{host}]" if ":" in host else host
    server = Listener(make_config(service), service)
    engines: list[Engine] = []
    failures: list[BaseException] = []

    def load_model() -> None:
        try:
            engine = load()
            engines.append(engine)
            service.serve(engine)
            ready(f"http://{shown}:{port}")
            service.replies.grammars.warm()
        except BaseException as error:
            failures.append(error)
            service.failed(f"the model could not be loaded: {error}")
            server.should_exit = True

    # Tasks of the engine belong to the loop that submits them; loading needs none.
    loader = threading.Thread(target=load_model, name="rosso-load", daemon=True)
    loader.start()
    with contextlib.suppress(KeyboardInterrupt):
        server.run([listener])
    for engine in engines:
        engine.close()
    if failures:
        print(f"error: {failures[0]}", file=sys.stderr)
        return 2
    return 0
