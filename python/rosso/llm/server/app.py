"""Every route of the server in one table; the router and the OpenAPI document are made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from rosso.llm.server import (
    llamacpp,
    llamacpp_completion,
    ollama,
    ollama_models,
    openai_chat,
    openai_other,
    openapi,
    responses,
)
from rosso.llm.server.fields import Field, Json
from rosso.llm.server.guard import Guard
from rosso.llm.server.service import Service

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Path:
    method: str
    path: str
    handler: Handler
    summary: str
    fields: Sequence[Field] | None = None
    streams: str | None = None  # media type of a stream, where there is one
    media: str = "application/json"
    rules: Json = field(default_factory=dict)  # of OpenAPI, between several fields


SSE, LINES = "text/event-stream", "application/x-ndjson"


async def page(request: Request) -> Response:
    """The chat page for browsers; for others a sentence, which Ollama's clients look for."""
    if "text/html" in request.headers.get("accept", ""):
        text = (files("rosso.llm.server") / "page.html").read_text("utf-8")
        return HTMLResponse(text, headers=PAGE_HEADERS)
    return PlainTextResponse("Rosso is running")


# The page needs nothing from elsewhere, and must not be put into a frame of another.
PAGE_HEADERS = {
    "content-security-policy": "default-src 'self'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


async def document(request: Request) -> Response:
    service = request.app.state.service
    vocabulary = service.engine.tokenizer.size if service.loaded else 256
    return JSONResponse(openapi.document(PATHS, service.version, vocabulary))


PATHS = (
    Path("GET", "/", page, "The chat page", media="text/html"),
    Path("GET", "/openapi.json", document, "This document"),
    Path("POST", "/v1/chat/completions", openai_chat.chat_completions, "A reply to a conversation",
         openai_chat.FIELDS, SSE, rules=openai_chat.TOP_NEEDS_LOGPROBS),
    Path("POST", "/v1/chat/completions/input_tokens", openai_chat.count_tokens,
         "How many tokens a conversation is", openai_chat.FIELDS,
         rules=openai_chat.TOP_NEEDS_LOGPROBS),
    Path("POST", "/v1/completions", openai_other.completions, "A text that goes on",
         openai_other.COMPLETION_FIELDS, SSE),
    Path("POST", "/v1/responses", responses.responses, "A reply to items", responses.FIELDS, SSE),
    Path("POST", "/v1/responses/input_tokens", responses.count_tokens, "How many tokens items are",
         responses.FIELDS),
    Path("POST", "/v1/embeddings", openai_other.embeddings, "Vectors of texts",
         openai_other.EMBEDDING_FIELDS),
    Path("GET", "/v1/models", openai_other.models, "The models served"),
    Path("GET", "/v1/models/{name:path}", openai_other.model, "One model"),
    Path("GET", "/models", openai_other.models, "The models served"),
    Path("POST", "/api/chat", ollama.chat, "A reply to a conversation", ollama.CHAT_FIELDS, LINES),
    Path("POST", "/api/generate", ollama.generate, "A reply to a prompt", ollama.GENERATE_FIELDS,
         LINES, rules=ollama.RAW_ALONE),
    Path("GET", "/api/tags", ollama_models.tags, "The models there are"),
    Path("GET", "/api/ps", ollama_models.running_models, "The models that are loaded"),
    Path("POST", "/api/show", ollama_models.show, "Facts of a model", ollama_models.NAME_FIELDS),
    Path("GET", "/api/version", ollama_models.version, "The version of this interface"),
    Path("POST", "/api/embed", ollama.embed_many, "Vectors of texts", ollama.EMBED_FIELDS),
    Path("POST", "/api/embeddings", ollama.embed_one, "The vector of a text",
         ollama.EMBEDDING_FIELDS),
    Path("GET", "/health", llamacpp.health, "Whether the model is loaded"),
    Path("GET", "/v1/health", llamacpp.health, "Whether the model is loaded"),
    Path("GET", "/props", llamacpp.props, "The model, its template, its memory and speed"),
    Path("GET", "/slots", llamacpp.slots, "What the slots do"),
    Path("GET", "/metrics", llamacpp.metrics, "Counts for Prometheus", media="text/plain"),
    Path("POST", "/chat/completions", openai_chat.chat_completions, "A reply to a conversation",
         openai_chat.FIELDS, SSE, rules=openai_chat.TOP_NEEDS_LOGPROBS),
    Path("POST", "/chat/completions/input_tokens", openai_chat.count_tokens,
         "How many tokens a conversation is", openai_chat.FIELDS,
         rules=openai_chat.TOP_NEEDS_LOGPROBS),
    Path("POST", "/responses", responses.responses, "A reply to items", responses.FIELDS, SSE),
    Path("POST", "/completion", llamacpp_completion.completion, "A text that goes on",
         llamacpp_completion.FIELDS, SSE),
    Path("POST", "/completions", llamacpp_completion.completion, "A text that goes on",
         llamacpp_completion.FIELDS, SSE),
    Path("POST", "/embedding", llamacpp.embedding, "Vectors of texts", llamacpp.EMBEDDING_FIELDS,
         rules=llamacpp.NEEDS_CONTENT),
    Path("POST", "/embeddings", llamacpp.embedding, "Vectors of texts", llamacpp.EMBEDDING_FIELDS,
         rules=llamacpp.NEEDS_CONTENT),
    Path("POST", "/tokenize", llamacpp.tokenize, "Text to tokens", llamacpp.TOKENIZE_FIELDS),
    Path("POST", "/detokenize", llamacpp.detokenize, "Tokens to text", llamacpp.DETOKENIZE_FIELDS),
    Path("POST", "/apply-template", llamacpp.apply_template, "The prompt of a conversation",
         llamacpp.APPLY_FIELDS),
)  # fmt: skip


class App:
    """The ASGI application."""

    def __init__(self, service: Service):
        self.state = State({"service": service})
        routes = [Route(each.path, each.handler, methods=[each.method]) for each in PATHS]
        self._router = Router(routes, redirect_slashes=False)
        self._guarded = Guard(self._route, service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._guarded(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self._router(scope, receive, send)
