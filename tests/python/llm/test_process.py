"""`rosso serve` as a process: ready, signals, ports, and what the command line says."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from rosso import cli

HERE = Path(__file__).resolve().parent


@contextmanager
def process(*arguments, token_s=0.005):
    command = [sys.executable, HERE / "serve_scripted.py", str(token_s), "--port", "0", *arguments]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        url = None
        while url is None:
            line = server.stderr.readline()
            assert line, "it ended before it listened"
            found = re.search(r"http://\S+", line)
            url = found and found[0]
        yield server, url
    finally:
        server.kill()
        server.wait()
        server.stderr.close()


def stream(url, text):
    body = {"messages": [{"role": "user", "content": text}], "stream": True}
    return httpx.stream("POST", url + "/v1/chat/completions", json=body, timeout=20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_short_streams_finish(number):
    with process("--grace", "5") as (server, url):
        with stream(url, "20 word") as answer:
            lines = answer.iter_lines()
            next(lines)
            server.send_signal(number)
            rest = [line for line in lines if line]
        assert rest[-1] == "data: [DONE]" and '"finish_reason":"stop"' in rest[-2]
        assert server.wait(10) in (0, -number)


def test_a_signal_ends_long_streams_with_an_error():
    with process("--grace", "0.5") as (server, url):
        with stream(url, "9000 word") as answer:
            lines = answer.iter_lines()
            next(lines)
            server.send_signal(signal.SIGTERM)
            rest = [line for line in lines if line]  # ends as HTTP says, else this raises
        assert rest[-1] == "data: [DONE]"
        assert json.loads(rest[-2][6:])["error"]["code"] == "shutting_down"
        server.wait(30)


def test_a_killed_server_starts_again_on_its_port():
    with process() as (server, url):
        port = url.rsplit(":", 1)[1]
        with stream(url, "9000 word") as answer:
            lines = answer.iter_lines()
            next(lines)
            server.kill()
            with pytest.raises(httpx.HTTPError):
                list(lines)
        server.wait()
        with process("--port", port) as (_, again):
            assert again == url and httpx.get(url + "/health").status_code == 200


def test_a_port_that_is_taken(capsys, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert cli.main(["serve", str(tmp_path / "x.gguf"), "--port", port]) == 2
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["chat", "run", "serve"])
def test_help_names_every_flag(command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert "--device" in capsys.readouterr().out


def test_bad_arguments_are_2(capsys):
    for arguments in ([], ["fly"], ["run"], ["serve", "m", "--port", "x"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code == 2


def test_a_missing_package_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "rosso.llm.server.run", raising=False)
    assert cli.main(["serve", "x.gguf", "--port", "0"]) == 2
    assert "rosso[serve]" in capsys.readouterr().err


ROOT = HERE.parents[2]
DEMO = ROOT / "models" / "demo" / "rosso-demo.gguf"


def has_engine():
    try:
        from rosso import _rosso
    except ImportError:
        return False
    return hasattr(_rosso, "Llm")


@pytest.mark.skipif(not has_engine(), reason="the C++ engine is not built")
def test_the_demo_model_answers_through_the_command_line(capfd, monkeypatch):
    arguments = [str(DEMO), "--temp", "0"]
    assert cli.main(["run", *arguments, "-p", "What is 3 + 4?"]) == 0
    out, err = capfd.readouterr()
    assert out == "3 + 4 = 7.\n" and "tokens/s" in err
    reading, writing = os.pipe()
    os.write(writing, b"What is 3 + 4?\n/new\nWhat is 2 + 2?\n/quit\n")
    os.close(writing)
    with os.fdopen(reading) as typed:
        monkeypatch.setattr(sys, "stdin", typed)
        assert cli.main(["chat", *arguments, "--quiet"]) == 0
    assert capfd.readouterr().out == "3 + 4 = 7.\n2 + 2 = 4.\n"
    assert cli.main(["run", "/nowhere.gguf", "-p", "x"]) == 2
