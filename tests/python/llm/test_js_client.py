"""OpenAI's official JavaScript client, which `setup/install --clients` puts into build/node."""

import json
import subprocess
from pathlib import Path

import pytest
from live import Live
from scripted import ScriptedCore
from test_openai_chat import script

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "models/demo/rosso-demo.gguf"
NODE = ROOT / "build/node/node"
MODULES = ROOT / "build/node/node_modules"

if not NODE.exists() or not (MODULES / "openai").exists():
    pytest.skip(
        "no OpenAI client for JavaScript in build/node: run setup/install --clients",
        allow_module_level=True,
    )


@pytest.fixture(scope="module")
def live():
    with Live(ScriptedCore(script, token_s=0.001), api_keys=("k",)) as server:
        yield server


def ask(live, task, model="scripted"):
    command = [NODE, Path(__file__).with_name("client.mjs"), MODULES, live.url, task, model]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_chat(live):
    assert ask(live, "chat:say hi there") == {"text": "hi there", "why": "stop"}


def test_stream(live):
    seen = ask(live, "stream:say hi there")
    assert seen["text"] == "hi there" and seen["tokens"] == 8 and seen["pieces"] > 3


def test_a_tool_is_called_and_its_result_read(live):
    seen = ask(live, "tool")
    assert seen["why"] == "tool_calls" and seen["name"] == "exec"
    assert seen["arguments"] == {"command": "cat a.txt"}
    assert seen["then"] == "thanks" and seen["cached"] > 0


def test_the_client_runs_tools_itself(live):
    seen = ask(live, "runTools")
    assert seen["seen"][0] == {"command": "cat a.txt"} and seen["said"] >= 1


def test_schema(live):
    pytest.importorskip("llguidance")
    assert ask(live, "schema") == {"a": 2}


def test_abort_in_mid_stream(live):
    assert ask(live, "abort")["pieces"] == 3
    live.until(lambda: live.engine.stats().running == 0, 5)


def test_errors(live):
    seen = ask(live, "errors")
    assert [seen[each]["status"] for each in ("missing", "long", "key")] == [404, 400, 401]
    assert seen["missing"]["kind"] == "NotFoundError"
    assert "maximum context length is 32768 tokens" in seen["long"]["text"]


def test_the_demo_model_answers():
    core = pytest.importorskip("rosso.llm.core").LlmCore(str(DEMO), slots=1)
    with Live(core) as live:
        once = ask(live, "chat:What is 3 + 4?", "rosso-demo")
        assert "7" in once["text"] and once["why"] == "stop"
        assert ask(live, "stream:What is 3 + 4?", "rosso-demo")["text"] == once["text"]
