"""Who may call, and an answer for everybody: the outermost layer of the server.

preflight    OPTIONS is answered with 204, without a key
rebinding    on a loopback address, foreign Host and Origin headers are refused: a page on the
             web must not reach a local model by a name that resolves to 127.0.0.1
key          if one is set; /health and the page itself stay open
faults       whatever a handler throws becomes an error in the shape of its door
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import secrets
import time
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rosso.llm.request import Fault
from rosso.llm.server.http import CLIENT_GONE, Gone, fault_response
from rosso.llm.server.service import Service

log = logging.getLogger("rosso.server")
OPEN_PATHS = ("/", "/health", "/v1/health")
ALLOWED_HEADERS = "authorization, content-type, x-requested-with"


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    def __init__(self, app: ASGIApp, service: Service):
        self._app, self._service = app, service
        options = service.options
        self._local = is_loopback(options.host)
        self._keys = [key.encode() for key in options.api_keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send, self._cors_headers(Headers(scope=scope)))
        try:
            early = self._early(scope)
            if early:
                await early(scope, receive, answer.send)
            else:
                await self._app(scope, receive, answer.send)
        except Fault as fault:
            await answer.give(fault, receive)
        except HTTPException as error:  # the router's: no such path, or not with this method
            await answer.give(_routing_fault(scope, error), receive)
        except Gone:
            answer.status = CLIENT_GONE
        except Exception:
            log.exception("request %s: %s %s", answer.id, scope["method"], scope["path"])
            message = f"internal error; the server's log has it as request {answer.id}"
            if answer.started:
                raise
            await answer.give(Fault(500, message, code="internal_error"), receive)
        finally:
            self._note(scope, answer)

    def _early(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if scope["method"] == "OPTIONS":
            return Response(status_code=204, headers={"allow": "GET, POST, OPTIONS"})
        if self._local:
            self._check_host(headers)
            self._check_origin(headers)
        self._check_key(scope["path"], headers)
        return None

    def _check_host(self, headers: Headers) -> None:
        given = headers.get("host")
        if given is None:
            return
        host = _host_of(given)
        options = self._service.options
        if (
            is_loopback(host)
            or host.endswith(".localhost")
            or host in (*options.hosts, options.host)
        ):
            return
        message = f"this server may not be called as '{host[:100]}'; --allow-host permits it"
        raise Fault(403, message, code="host_not_allowed")

    def _check_origin(self, headers: Headers) -> None:
        origin = headers.get("origin")
        if origin is None or self._may_call(origin):
            return
        if origin in (f"http://{headers.get('host')}", f"https://{headers.get('host')}"):
            return
        message = f"pages of '{origin[:100]}' may not call this server; --cors permits it"
        raise Fault(403, message, code="origin_not_allowed")

    def _may_call(self, origin: str) -> bool:
        return "*" in self._service.options.cors or origin in self._service.options.cors

    def _check_key(self, path: str, headers: Headers) -> None:
        if not self._keys or path in OPEN_PATHS:
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            given = headers.get("x-api-key", "")
        sent = given.strip().encode("utf-8", "surrogateescape")
        # All keys are compared, in constant time.
        if not any([hmac.compare_digest(sent, key) for key in self._keys]):
            challenge = {"www-authenticate": 'Bearer realm="rosso"'}
            message = "an API key is needed: send 'Authorization: Bearer KEY'"
            raise Fault(401, message, code="invalid_api_key", headers=challenge)

    def _cors_headers(self, headers: Headers) -> dict[str, str]:
        origin = headers.get("origin")
        if not origin or not self._may_call(origin):
            return {}
        return {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": "GET, POST, OPTIONS",
            "access-control-allow-headers": headers.get(
                "access-control-request-headers", ALLOWED_HEADERS
            ),
            "access-control-max-age": "600",
            "vary": "origin",
        }

    def _note(self, scope: Scope, answer: _Answer) -> None:
        route = scope.get("route")
        path = getattr(route, "path", None) or "other"
        counts = self._service.counts
        key = (scope["method"] if scope["method"] in METHODS else "other", path, answer.status)
        counts.requests[key] = counts.requests.get(key, 0) + 1
        if answer.status == CLIENT_GONE:
            counts.gone += 1
        took = time.monotonic() - answer.began
        log.info("%s %s %d %.0f ms", scope["method"], scope["path"], answer.status, took * 1000)


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class _Answer:
    """What was sent so far."""

    def __init__(self, scope: Scope, send: Send, extra: dict[str, str]):
        self.id = secrets.token_hex(8)
        self.began = time.monotonic()
        self.started = False
        self.status = 500
        self._scope, self._send, self._extra = scope, send, extra

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            headers: Any = MutableHeaders(scope=message)
            headers["x-request-id"] = self.id
            for name, value in self._extra.items():
                headers[name] = value
        await self._send(message)

    async def give(self, fault: Fault, receive: Receive) -> None:
        response = fault_response(self._scope["path"], fault)
        await response(self._scope, receive, self.send)


def _routing_fault(scope: Scope, error: HTTPException) -> Fault:
    method, path = scope["method"], scope["path"][:200]
    if error.status_code == 405:
        message = f"{method} is not for {path}"
        return Fault(405, message, code="method_not_allowed", headers=dict(error.headers or {}))
    return Fault(error.status_code, f"there is nothing at {path}", code="not_found")


def _host_of(header: str) -> str:
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""
