"""The page at / in a real browser: streaming, stopping, calls, and nothing from elsewhere."""

import importlib.util
import json
import time
from pathlib import Path

import pytest
from live import Live
from scripted import ScriptedCore
from test_openai_chat import EXEC, script

ROOT = Path(__file__).resolve().parents[3]
spec = importlib.util.spec_from_file_location("browser", ROOT / "tests" / "tools" / "browser.py")
browser_module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(browser_module)

if not browser_module.find():
    pytest.skip("no Chromium is installed", allow_module_level=True)


@pytest.fixture(scope="module")
def live():
    with Live(ScriptedCore(script, token_s=0.002)) as server:
        yield server


@pytest.fixture(scope="module")
def browser():
    page = browser_module.Browser()
    yield page
    page.close()


@pytest.fixture()
def page(browser, live):
    browser.open(live.url + "/")
    until(browser, "document.getElementById('device').textContent !== ''")
    yield browser
    assert not browser.errors
    assert all(each.startswith((live.url, "data:")) for each in browser.requests)


def until(page, condition, seconds=20):
    end = time.monotonic() + seconds
    while not page.run(condition):
        assert time.monotonic() < end, condition
        time.sleep(0.05)


def say(page, text):
    page.run(f"document.getElementById('text').value = {json.dumps(text)}; void send()")


def done(page):
    until(page, "running === null")


def test_it_shows_model_device_memory_and_speed(page):
    header = page.run("document.querySelector('header').textContent")
    assert "scripted" in header and "32,768 tokens" in header and "4 MiB" in header
    say(page, "say hi there")
    until(page, "document.getElementById('speed').textContent.includes('tokens/s')")
    assert page.run("document.querySelector('.assistant').textContent").startswith("hi there")


def test_it_streams_and_stops(page, live):
    say(page, "repeat 3000")
    until(page, "document.querySelectorAll('.assistant').length === 1")
    until(page, "document.querySelector('.assistant').textContent.length > 20")
    assert page.run("document.getElementById('send').hidden")
    page.run("document.getElementById('stop').click()")
    done(page)
    assert "stopped" in page.run("document.querySelector('.assistant').textContent")
    live.until(lambda: live.engine.stats().running == 0)


def test_it_shows_calls_and_takes_their_results(page, live):
    page.run(f"document.getElementById('tools').value = {json.dumps(json.dumps([EXEC]))}")
    say(page, "text and call")
    done(page)
    assert page.run("document.querySelector('.call summary').textContent") == "Call of exec"
    arguments = page.run("document.querySelector('.call pre').textContent")
    assert json.loads(arguments) == {"command": "cat a.txt"}
    assert "exec" in page.run("document.getElementById('text').placeholder")
    say(page, "contents of a.txt")
    done(page)
    roles = page.run("messages.map(message => message.role).join(' ')")
    assert roles == "user assistant tool assistant"


def test_text_is_never_markup(page):
    say(page, "say <img src=x onerror=alert(1)><b>bold</b>")
    done(page)
    assert page.run("document.querySelectorAll('#log img, #log b').length") == 0
    assert "<b>bold</b>" in page.run("document.querySelector('.assistant').textContent")


def test_errors_are_told(page):
    page.run("document.getElementById('temperature').value = '9'")
    say(page, "x")
    done(page)
    assert "temperature" in page.run("document.querySelector('.error').textContent")
    page.errors.clear()  # the browser's own note of the 400


def test_keys_work(page):
    page.run("document.getElementById('text').focus()")
    for letter in "say ok":
        page.key(letter)
    page.key("Enter")
    until(page, "document.querySelectorAll('.assistant').length === 1")
    done(page)
    assert page.run("document.querySelector('.assistant').textContent").startswith("ok")
