"""A server of the real kind around a scripted core, in a thread of the test."""

import contextlib
import socket
import threading
import time

import httpx
from rosso.llm.scheduler import Scheduler
from rosso.llm.server.run import Listener, make_config, open_socket
from rosso.llm.server.service import ServerOptions, Service
from scripted import ScriptedCore


class Live:
    def __init__(self, core=None, load=True, queue=64, **options):
        self.core = core or ScriptedCore()
        options = {"grace_s": 0.3, **options}
        self.service = Service(ServerOptions(port=0, **options), "test")
        listener = open_socket(self.service.options.host, 0)
        self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._queue = queue
        self.engine = None
        if load:
            self.load()
        self._server = Listener(make_config(self.service), self.service)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        for _ in range(500):
            if self._server.started:
                break
            time.sleep(0.01)
        self.http = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    def load(self):
        self.engine = Scheduler(self.core, queue=self._queue)
        self.service.serve(self.engine)

    def close(self):
        self.http.close()
        if self._thread.is_alive():
            self._server.handle_exit(15, None)
            self._thread.join(20)
            assert not self._thread.is_alive(), "the server does not end"
        if self.engine:
            self.engine.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def post(self, path, body, **options):
        return self.http.post(path, json=body, **options)

    def chat(self, content="hi", **more):
        body = {"messages": [{"role": "user", "content": content}], **more}
        return self.post("/v1/chat/completions", body)

    def events(self, body, path="/v1/chat/completions"):
        """The data of a stream, as texts."""
        with self.http.stream("POST", path, json={**body, "stream": True}) as answer:
            assert answer.status_code == 200, answer.read()
            assert answer.headers["content-type"].startswith("text/event-stream")
            text = "".join(answer.iter_text())
        events = text.split("\n\n")
        assert events.pop() == ""
        return events

    @contextlib.contextmanager
    def raw(self):
        """A plain connection, for what no client would send."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            yield connection

    def until(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.01)


def read_answer(connection):
    """Of one HTTP answer: status, headers, body.

    Takes no byte of what follows, so that the next answer on the connection can be read too.
    """
    with connection.makefile("rb", buffering=0) as file:
        status = int(file.readline().split()[1])
        headers = {}
        while (line := file.readline().strip()) != b"":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        body = b""
        length = int(headers.get("content-length", 0))
        while len(body) < length and (part := file.read(length - len(body))):
            body += part
        return status, headers, body
