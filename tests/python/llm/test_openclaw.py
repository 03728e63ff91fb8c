"""OpenClaw, the agent itself, against `rosso serve`, in a network without a way out.

Its tools are real, the model is a script: byte by byte a prompt of OpenClaw is some 36,000 tokens,
more than any small model was trained for. `setup/install --clients` puts it into build/node; each
turn of the agent starts Node anew, which takes ten seconds of processor time.
"""

import contextlib
import copy
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
NODE = HERE.parents[2] / "build/node"  # a folder with the program `node`
OPENCLAW = NODE / "node_modules/.bin/openclaw"
PORT = 11434
MODEL = "qwen2.5-7b"
ROOM = 262144
PAGE = (HERE.parents[2] / "docs/serve-an-agent.md").read_text()
# Pasted as the page says.
DISCOVERED, CUSTOM = map(json.loads, re.findall(r"^```json\n(.*?)^```$", PAGE, re.M | re.S))


def offline(*command):
    """In a network of its own that has nothing but a loopback."""
    return ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]


if not OPENCLAW.exists():
    pytest.skip("no OpenClaw in build/node: run setup/install --clients", allow_module_level=True)
if not shutil.which("unshare") or subprocess.run(offline("true"), capture_output=True).returncode:
    pytest.skip("no network namespaces here (unshare -rn)", allow_module_level=True)


class Agent:
    """A network, a server in it, and a home for OpenClaw."""

    def __init__(self, folder, config):
        self.folder = folder
        self.state, self.work = folder / "state", folder / "work"
        for each in (self.state, self.work, folder / "home"):
            each.mkdir()
        self.config = folder / "openclaw.json"
        self.config.write_text(json.dumps(config))
        self.network = subprocess.Popen(offline("sleep", "infinity"))
        self.server = None
        time.sleep(0.5)

    def inside(self, *command):
        enter = ["nsenter", "--preserve-credentials", "-U", "-n", "-t", str(self.network.pid)]
        return [*enter, *map(str, command)]

    def serve(self, context=ROOM, token_s=0.0):
        self.stop()
        program = [sys.executable, HERE / "serve_agent.py", token_s]
        command = [*program, "--port", PORT, "--ctx", context, "--name", MODEL]
        log = self.folder / "server.log"
        with log.open("a") as errors:
            before = log.stat().st_size
            self.server = subprocess.Popen(self.inside(*command, "--verbose"), stderr=errors)
        self.until(lambda: "listening on" in log.read_text()[before:])

    def log(self):
        """Of requests for replies: their statuses."""
        text = (self.folder / "server.log").read_text()
        return re.findall(r"POST (/v1/chat/completions|/api/chat) (\d+)", text)

    def start(self, message):
        environment = {
            **os.environ,
            "PATH": f"{NODE}:{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "OPENCLAW_STATE_DIR": str(self.state),
            "OPENCLAW_CONFIG_PATH": str(self.config),
            "OLLAMA_API_KEY": "any",
        }
        talk = ("agent", "--local", "--json", "--session-id", "flowers", "--timeout", "200")
        return subprocess.Popen(
            self.inside(OPENCLAW, *talk, "-m", message),
            cwd=self.work,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def says(self, message):
        process = self.start(message)
        try:
            output, errors = process.communicate(timeout=400)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        assert process.returncode == 0, output + errors
        return output + errors

    def kill(self):
        """Ends the agent: each process that works in its folder, whatever session it has made."""
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "cwd").readlink() == self.work:
                    os.kill(int(process.name), signal.SIGKILL)

    def until(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.1)

    def stop(self):
        if self.server:
            self.server.send_signal(signal.SIGTERM)
            self.server.wait(30)

    def close(self):
        self.stop()
        self.network.kill()
        self.network.wait()


@contextlib.contextmanager
def agent(folder, config):
    made = Agent(folder, config)
    try:
        yield made
    finally:
        made.close()


def test_found_as_ollama_it_runs_a_tool(tmp_path):
    with agent(tmp_path, DISCOVERED) as claw:
        claw.serve()
        assert "The tool said: dahlias" in claw.says("ORDER: run echo dahlias")
        assert claw.log() == [("/api/chat", "200")] * 2


def test_a_session_by_the_openai_door(tmp_path):
    # OpenClaw believes in more room than there is, and finds out by the server's refusal.
    config = copy.deepcopy(CUSTOM)
    config["models"]["providers"]["rosso"]["models"][0]["contextWindow"] = ROOM
    config["agents"]["defaults"]["compaction"] = {"mode": "default", "keepRecentTokens": 500}
    with agent(tmp_path, config) as claw:
        claw.serve()
        told = claw.says("lily " * 1800 + "\nORDER: run echo dahlias")
        assert "The tool said: dahlias" in told
        assert claw.log() == [("/v1/chat/completions", "200")] * 2

        # Another server at the same place, for whose context the next turn is too long: the agent
        # compacts what went before, and asks again.
        claw.serve(context=72000)
        told = claw.says("rose " * 1800 + "\nORDER: say irises")
        assert "irises" in told and "auto-compaction succeeded" in told
        statuses = [status for _, status in claw.log()]
        assert statuses[2] == "400" and statuses[-1] == "200"


def test_who_leaves_in_mid_stream_frees_the_server(tmp_path):
    with agent(tmp_path, CUSTOM) as claw:
        claw.serve(token_s=0.05)
        process = claw.start("ORDER: count 2000")
        probe = claw.inside("curl", "-s", f"http://127.0.0.1:{PORT}/slots")

        def busy():
            output = subprocess.run(probe, capture_output=True, text=True, check=True).stdout
            return any(slot["is_processing"] for slot in json.loads(output))

        claw.until(busy, 200)
        claw.kill()
        process.communicate()
        claw.until(lambda: not busy(), 10)
