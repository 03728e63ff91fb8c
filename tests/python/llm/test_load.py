"""Many clients at once: streams, whole replies, aborts, slow readers and idle connections. Every
reply must be its own client's, every request answered, and memory flat.

`python test_load.py SECONDS CLIENTS` is the long form, against a server in a process of its own.
"""

import asyncio
import json
import random
import sys
import time
from pathlib import Path

import httpx
from test_process import process

PATIENCE_S = 300  # between two bytes of an answer; the queue may be long and the machine busy


def memory(pid):
    """Bytes that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no such process")


class Clients:
    def __init__(self, url, seed=0):
        self.url = url
        self.dice = random.Random(seed)
        self.done = {"stream": 0, "whole": 0, "abort": 0, "slow": 0, "ollama": 0, "busy": 0}
        self.longest_s = 0.0  # that a request took

    async def run(self, count, seconds):
        self.end = time.monotonic() + seconds
        limits = httpx.Limits(max_connections=None)
        host, port = self.url.removeprefix("http://").split(":")
        idle = [await asyncio.open_connection(host, int(port)) for _ in range(10)]
        async with httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_S, limits=limits) as http:
            await asyncio.gather(*(self._client(http, number) for number in range(count)))
        for _, writer in idle:
            writer.close()

    async def _client(self, http, number):
        turn = 0
        while time.monotonic() < self.end:
            turn += 1
            word = f"c{number}t{turn}"
            count = self.dice.randrange(1, 40)
            kind = self.dice.choice(["stream", "whole", "abort", "slow", "ollama"])
            expected = (word + " ") * count
            message = [{"role": "user", "content": f"{count} {word}"}]
            began = time.monotonic()
            try:
                text = await getattr(self, f"_{kind}")(http, message)
            except httpx.TimeoutException as error:
                slots = httpx.get(self.url + "/slots").json()
                raise AssertionError(
                    f"{kind} was not answered in {PATIENCE_S} s: {slots}"
                ) from error
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            if text is None:
                self.done["busy"] += 1
                await asyncio.sleep(0.05)
                continue
            assert expected.startswith(text) if kind == "abort" else text == expected
            self.done[kind] += 1

    async def _whole(self, http, messages):
        answer = await http.post("/v1/chat/completions", json={"messages": messages})
        if answer.status_code == 429:
            return None
        assert answer.status_code == 200, answer.text
        return answer.json()["choices"][0]["message"]["content"]

    async def _ollama(self, http, messages):
        text, last = "", None
        async with http.stream("POST", "/api/chat", json={"messages": messages}) as answer:
            if answer.status_code == 429:
                return None
            async for line in answer.aiter_lines():
                last = json.loads(line)
                text += last["message"]["content"]
        assert last["done"] is True
        return text

    async def _stream(self, http, messages, pause=0.0, most=None):
        text, done, pieces = "", False, 0
        body = {"messages": messages, "stream": True}
        async with http.stream("POST", "/v1/chat/completions", json=body) as answer:
            if answer.status_code == 429:
                return None
            async for line in answer.aiter_lines():
                done |= line == "data: [DONE]"
                if line.startswith("data: {"):
                    choice = json.loads(line[6:])["choices"][0]
                    text += choice["delta"].get("content") or ""
                    pieces += 1
                if most is not None and pieces > most:
                    return text
                if pause:
                    await asyncio.sleep(pause)
        assert done
        return text

    async def _abort(self, http, messages):
        return await self._stream(http, messages, most=self.dice.randrange(5))

    async def _slow(self, http, messages):
        return await self._stream(http, messages, pause=0.01)


def settled(url):
    """Waits until nothing runs -> the slots."""
    for _ in range(1200):
        slots = httpx.get(url + "/slots").json()
        if not any(slot["is_processing"] for slot in slots):
            return slots
        time.sleep(0.05)
    raise AssertionError("a slot stays busy")


def load(seconds, clients):
    with process("--slots", "4", "--queue", "64", token_s=0.0005) as (server, url):
        asyncio.run(Clients(url).run(clients, max(2, seconds / 20)))
        settled(url)
        before = memory(server.pid)
        running = Clients(url, seed=1)
        asyncio.run(running.run(clients, seconds))
        settled(url)
        after = memory(server.pid)
        assert all(running.done[kind] for kind in ("stream", "whole", "abort", "slow", "ollama"))
        assert httpx.get(url + "/health").status_code == 200
        return running, before, after


def test_a_few_seconds_of_many_clients():
    clients, before, after = load(seconds=4, clients=20)
    # A leak of a kilobyte a request would be seen in the long form; this is for gross ones.
    assert after - before < 48 << 20, f"{before} -> {after} bytes after {clients.done}"


if __name__ == "__main__":
    clients, before, after = load(float(sys.argv[1]), int(sys.argv[2]))
    report = {"done": clients.done, "longest_s": round(clients.longest_s, 1)}
    print(json.dumps({**report, "before_bytes": before, "after_bytes": after}))
