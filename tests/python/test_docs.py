"""The pages of docs/ that tell how to do things: their commands run, in order, and what they list
is what there is.

Every fenced block of `sh` and `python` is run as pasted at the root of the repository (a folder
that looks like it), the shell's in one shell and Python's, from one block of the shell to the next,
in one Python. Another port, and the demo model in place of one that is not here, is all that
changes.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["ROSSO_BUILD"])
DEMO = ROOT / "models/demo/rosso-demo.gguf"
PAGES = ("run-a-model", "serve-an-agent", "write-a-model", "environment", "read-a-kernel")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDS = {"run-a-model": ("uvicorn", "llguidance"), "serve-an-agent": ("uvicorn", "llguidance")}
READS = re.compile(r'(?:getenv|environ\.get|\benvironment)\(\s*"([A-Z_]+)"|ContextVar\("([A-Z]+)"')


def blocks(page):
    return BLOCK.findall((ROOT / f"docs/{page}.md").read_text())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture()
def root(tmp_path):
    """Looks like the root of the repository after a build, with `rosso` installed."""
    for name in ("models", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "build").symlink_to(BUILD)
    (tmp_path / "qwen2.5-7b-instruct-q4_k_m.gguf").symlink_to(DEMO)
    program = tmp_path / ".bin/rosso"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m rosso.cli "$@"\n')
    program.chmod(0o755)
    return tmp_path


def script_of(page, root):
    """The blocks of a page as one script of bash."""
    lines = ["set -eu -o pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    python = ""
    for at, (language, text) in enumerate([*blocks(page), ("sh", "true")]):
        if language == "python":
            python += text
        if language == "sh":
            if python:
                (root / f".block{at}.py").write_text(python)
                lines.append(f"{sys.executable} .block{at}.py")
                python = ""
            lines.append(text)
    # `| head` ends a tool early, which is no failure.
    return "\n".join(lines).replace("| head", "| sed -n 1,20p #").replace("11434", free_port())


@pytest.mark.parametrize("page", PAGES)
def test_commands_run(page, root):
    for module in NEEDS.get(page, ()):
        pytest.importorskip(module)
    if "curl" in (script := script_of(page, root)) and not shutil.which("curl"):
        pytest.skip("no curl")
    environment = os.environ | {"PATH": f"{root / '.bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert '{"error"' not in done.stdout, done.stdout[-3000:]


@pytest.mark.parametrize("page", PAGES)
def test_json_is_json_and_links_lead_somewhere(page):
    text = (ROOT / f"docs/{page}.md").read_text()
    for language, block in blocks(page):
        assert language in ("sh", "python", "json")
        if language == "json":
            json.loads(block)
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / "docs" / link).exists(), link


def test_every_variable_of_the_environment_is_listed():
    listed = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs/environment.md").read_text()))
    read = {"ROSSO_COMPILER", "ROSSO_EMULATOR"}  # by support/LibraryFile.cpp
    for room in (
        "codegen",
        "frontend",
        "models",
        "passes",
        "python",
        "runtime",
        "support",
        "tools",
    ):
        for path in (ROOT / room).rglob("*"):
            if path.suffix in (".cpp", ".h", ".py"):
                for names in READS.findall(path.read_text()):
                    read.update(filter(None, names))
    read |= {"DEFAULT_FLOAT", "DEFAULT_INT"}
    assert read <= listed, read - listed
    assert listed <= read | {"ROSSO_BUILD"}, listed - read
