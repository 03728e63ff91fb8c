"""GET /metrics: the engine's sums and the server's counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rosso.llm.request import Fault
from rosso.llm.server.service import Service

if TYPE_CHECKING:
    from prometheus_client.core import Metric

COUNTERS = (
    ("requests", "requests", "requests that were taken"),
    ("prompt_tokens", "prompt_tokens", "tokens of prompts, reused ones included"),
    ("cached_tokens", "prompt_tokens_cached", "tokens of prompts that were in the KV cache"),
    ("generated_tokens", "generated_tokens", "tokens that were generated"),
    ("prefill_s", "prefill_seconds", "time requests spent reading their prompts"),
    ("decode_s", "decode_seconds", "time requests spent generating"),
    ("steps", "decode_steps", "steps of the device that generated"),
    ("rows", "decode_rows", "requests in these steps, summed"),
    ("cancelled", "cancelled", "requests that were cancelled"),
    ("failures", "device_failures", "times the device was lost"),
)

# The same by the names that readers of llama.cpp's metrics look for: name, kind, and where from.
LLAMACPP = (
    ("prompt_tokens", "counter", lambda s: s.prompt_tokens - s.cached_tokens),
    ("prompt_tokens_cached", "counter", lambda s: s.cached_tokens),
    ("prompt_seconds", "counter", lambda s: s.prefill_s),
    ("tokens_predicted", "counter", lambda s: s.generated_tokens),
    ("tokens_predicted_seconds", "counter", lambda s: s.decode_s),
    ("n_decode", "counter", lambda s: s.runs),
    ("n_tokens_max", "gauge", lambda s: s.longest),
    ("spec_decode_num_drafts", "counter", lambda s: s.drafts),
    ("spec_decode_num_draft_tokens", "counter", lambda s: s.guessed),
    ("spec_decode_num_accepted_tokens", "counter", lambda s: s.confirmed),
    ("prompt_tokens_seconds", "gauge", lambda s: s.recent.get("prefill", 0)),
    ("predicted_tokens_seconds", "gauge", lambda s: s.recent.get("decode", 0)),
    ("requests_processing", "gauge", lambda s: s.running),
    ("requests_deferred", "gauge", lambda s: s.waiting),
    ("n_busy_slots_per_decode", "gauge", lambda s: s.rows / s.steps if s.steps else 0),
)


class Collector:
    def __init__(self, service: Service):
        self._service = service

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        kinds = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}
        http = CounterMetricFamily(
            "rosso_http_requests", "answers by method, path and status",
            labels=["method", "path", "status"],
        )  # fmt: skip
        for (method, path, status), count in sorted(self._service.counts.requests.items()):
            http.add_metric([method, path, str(status)], count)
        yield http
        loaded = self._service.loaded
        yield GaugeMetricFamily("rosso_model_loaded", "whether the model is there", float(loaded))
        if not loaded:
            return
        engine = self._service.engine
        stats = engine.stats()
        for name, metric, text in COUNTERS:
            yield CounterMetricFamily(f"rosso_{metric}", text, getattr(stats, name))
        for name, kind, value_of in LLAMACPP:
            yield kinds[kind](f"llamacpp:{name}", "as llama.cpp counts", value_of(stats))
        yield GaugeMetricFamily("rosso_requests_waiting", "requests in the queue", stats.waiting)
        yield GaugeMetricFamily("rosso_requests_running", "requests with a slot", stats.running)
        speed = GaugeMetricFamily(
            "rosso_tokens_per_second", "speed of the last steps", labels=["phase"]
        )
        for phase, value in sorted(stats.recent.items()):
            speed.add_metric([phase], value)
        yield speed
        memory = GaugeMetricFamily("rosso_memory_bytes", "what the plan takes", labels=["part"])
        for part in ("weights", "kv", "activations"):
            memory.add_metric([part], getattr(engine.memory, part))
        yield memory
        held = GaugeMetricFamily("rosso_slot_tokens", "tokens in the KV cache", labels=["slot"])
        for slot in engine.slots():
            held.add_metric([str(slot.id)], slot.tokens)
        yield held


def exposition(service: Service) -> tuple[bytes, str]:
    """-> the text and its media type. Raises Fault where the package is missing."""
    try:
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    except ImportError as error:
        message = "metrics need the prometheus-client package: pip install prometheus-client"
        raise Fault(400, message, code="not_supported") from error
    registry = CollectorRegistry()
    registry.register(Collector(service))
    return generate_latest(registry), CONTENT_TYPE_LATEST
