"""What Ollama's clients ask of models: which there are, which are loaded, what one can do."""

from __future__ import annotations

import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rosso.llm.server.fields import Field, Json, read_fields
from rosso.llm.server.http import read_object, service_of
from rosso.llm.server.service import Service

VERSION = "0.13.0"  # of Ollama's interface, which clients compare
NAME_FIELDS = (Field("model", "text"), Field("name", "text"), Field("verbose", "boolean"))


def _details(service: Service) -> Json:
    model = service.engine.model
    billions = model.parameters / 1e9
    size = f"{billions:.1f}B" if billions >= 1 else f"{model.parameters / 1e6:.1f}M"
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.family or model.architecture,
        "families": [model.family or model.architecture],
        "parameter_size": size,
        "quantization_level": model.quantization,
    }


def _modified(service: Service) -> str:
    moment = datetime.datetime.fromtimestamp(service.engine.model.modified, datetime.UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _entry(service: Service, name: str) -> Json:
    model = service.engine.model
    return {
        "name": name,
        "model": name,
        "modified_at": _modified(service),
        "size": model.size,
        "digest": model.digest,
        "details": _details(service),
    }


async def tags(request: Request) -> Response:
    service = service_of(request)
    return JSONResponse({"models": [_entry(service, name) for name in service.listed]})


async def running_models(request: Request) -> Response:
    service = service_of(request)
    entry = _entry(service, service.name)
    del entry["modified_at"]
    on_device = 0 if service.engine.device.startswith("host") else service.engine.memory.total
    state = {
        "expires_at": "2999-01-01T00:00:00Z",
        "size": service.engine.memory.total,
        "size_vram": on_device,
        "context_length": service.engine.context,
    }
    return JSONResponse({"models": [{**entry, **state}]})


async def show(request: Request) -> Response:
    service = service_of(request)
    values = read_fields(await read_object(request), NAME_FIELDS)
    service.check_model(values.get("model") or values.get("name"))
    engine, template = service.engine, service.replies.template
    model, defaults = engine.model, engine.defaults
    architecture = model.architecture or "unknown"
    capabilities = ["completion", "tools"]
    if template.thinks:
        capabilities.append("thinking")
    if engine.embeds:
        capabilities.append("embedding")
    return JSONResponse(
        {
            "modelfile": f"FROM {model.name}\n",
            "parameters": f"num_ctx {engine.context}\n"
            f"temperature {defaults.temperature:g}\ntop_k {defaults.top_k}\n"
            f"top_p {defaults.top_p:g}\nmin_p {defaults.min_p:g}",
            "template": template.source,
            "details": _details(service),
            "modified_at": _modified(service),
            "capabilities": capabilities,
            "model_info": {
                "general.architecture": architecture,
                "general.parameter_count": model.parameters,
                f"{architecture}.context_length": engine.context,
                f"{architecture}.embedding_length": model.embedding_length,
            },
        }
    )


async def version(request: Request) -> Response:
    return JSONResponse({"version": VERSION})
