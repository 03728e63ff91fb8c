"""The OpenAPI document against the live server, by a fuzzer: what it allows is served, what it
forbids is refused, and nothing is ever a 500."""

import pytest
from live import Live
from scripted import ScriptedCore

schemathesis = pytest.importorskip("schemathesis")
from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from rosso.llm.server.app import PATHS  # noqa: E402


def script(prompt):
    return "fine"


@pytest.fixture(scope="module")
def api():
    with Live(ScriptedCore(script, context=4096), body_s=2) as live:
        yield schemathesis.openapi.from_url(live.url + "/openapi.json")


EXAMPLES = 8
MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.method} {path.path}")
def test_the_server_is_what_it_says(api, path, mode):
    if mode is MODES[1] and path.fields is None:
        pytest.skip("there is nothing to get wrong")
    operation = api[path.path.replace(":path}", "}")][path.method]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case):
        case.call_and_validate(timeout=20)

    check()


def test_every_path_is_in_the_document(api):
    described = set(api.raw_schema["paths"])
    assert described == {each.path.replace(":path}", "}") for each in PATHS}
