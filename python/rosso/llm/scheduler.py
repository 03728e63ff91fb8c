"""Many requests over one core: who waits, who runs, and what each step of the device does.

One thread drives the core. Each turn it

    1. takes in new requests and lets go of cancelled ones,
    2. gives free slots to waiting requests, one client after the other,
    3. runs one step: a token for every request that decodes, and one chunk of one prompt,
    4. hands the tokens to their asyncio loop, in one call.

So a long prompt never stops the others' text for longer than a chunk, and nobody waits behind
another client's queue. Cancelling takes effect between two steps; what the KV cache holds stays.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from rosso.llm.engine import (
    Chosen,
    Core,
    DeviceLost,
    EngineError,
    Progress,
    QueueFull,
    Request,
    ShuttingDown,
    SlotState,
    Stats,
    Step,
    Timing,
)
from rosso.llm.prefix import Slot, Slots

log = logging.getLogger("rosso.llm")
REOPEN_S = 5.0  # between attempts to reopen a lost device
LEAST_SHARED_CHUNK = 32  # tokens of a prompt per step while others decode


class Task:
    """A request on its way through the scheduler; the `Generation` its owner holds."""

    def __init__(self, request: Request, scheduler: Scheduler):
        self.request = request
        self.timing = Timing(submitted=time.monotonic())
        self.cached = 0
        self.finish: str | None = None
        self.slot: Slot | None = None
        self.cancelled = False
        self.generated = 0
        self.unread = list(request.prompt)  # tokens that the slot has yet to take
        self.vector: list[float] = []  # of a text to embed
        self.reading_prompt = True
        self._scheduler = scheduler
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Chosen | Progress] = deque()
        self._error: EngineError | None = None
        self._ended = False
        self._waiter: asyncio.Future[None] | None = None

    def __aiter__(self) -> Task:
        return self

    async def __anext__(self) -> Chosen | Progress:
        while not self._ready:
            if self._ended:
                if self._error:
                    raise self._error
                raise StopAsyncIteration
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._ready.popleft()

    def cancel(self) -> None:
        if not self._ended:
            self._scheduler._cancel(self)

    def _push(
        self, tokens: Sequence[Chosen | Progress], ended: bool, error: EngineError | None
    ) -> None:
        """On the loop's thread."""
        self._ready.extend(tokens)
        self._ended, self._error = self._ended or ended, self._error or error
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)


class Scheduler:
    """See `Engine`."""

    def __init__(self, core: Core, queue: int = 64):
        self._core = core
        self.tokenizer, self.model = core.tokenizer, core.model
        self.memory, self.device, self.defaults = core.memory, core.device, core.defaults
        self.context, self.embeds = core.context, core.embeds
        self._queue_limit = queue
        self._slots = Slots(core)
        self._lock = threading.Condition()
        # Shared, under the lock.
        self._waiting: OrderedDict[str, deque[Task]] = OrderedDict()  # by client
        self._calls: deque[Callable[[], None]] = deque()  # to be made by the core's thread
        self._stats = Stats()
        self._stop: EngineError | None = None
        self._closed = False
        self._lost: EngineError | None = None
        self._lost_at = 0.0
        # Of the core's thread.
        self._running: list[Task] = []
        self._out: dict[asyncio.AbstractEventLoop, list[tuple]] = {}
        self._thread = threading.Thread(target=self._drive, name="rosso-engine", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> Task:
        if not 0 < len(request.prompt) < self.context + request.embeds:
            raise ValueError(f"a prompt of {len(request.prompt)} tokens, not 1 to {self.context}")
        task = Task(request, self)
        with self._lock:
            if self._closed:
                raise ShuttingDown("the engine is closed")
            if self._lost:
                if time.monotonic() > self._lost_at + REOPEN_S:
                    self._lost_at = time.monotonic()
                    self._calls.append(self._reopen)
                    self._lock.notify()
                raise self._lost
            if self._stats.waiting >= self._queue_limit:
                raise QueueFull(f"{self._stats.waiting} requests are waiting")
            self._waiting.setdefault(request.client, deque()).append(task)
            self._stats.waiting += 1
            self._stats.requests += 1
            self._lock.notify()
        return task

    async def embed(self, tokens: Sequence[int], client: str = "") -> list[float]:
        task = self.submit(Request(tokens, self.defaults, client=client, embeds=True))
        try:
            async for _ in task:
                pass
        finally:
            task.cancel()
        return task.vector

    def slots(self) -> list[SlotState]:
        by_slot = {task.slot.id: task for task in list(self._running) if task.slot}
        states = []
        for slot in self._slots.all:
            task = by_slot.get(slot.id)
            states.append(
                SlotState(
                    slot.id,
                    slot.busy,
                    len(slot.tokens),
                    task.request.id if task else "",
                    task.generated if task else 0,
                )
            )
        return states

    def stats(self) -> Stats:
        with self._lock:
            self._stats.running = len(self._running)
            return self._stats

    def stop(self, error: EngineError) -> None:
        with self._lock:
            self._stop = error
            self._lock.notify()

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._stop = self._stop or ShuttingDown("the engine was closed")
            self._lock.notify()
        self._thread.join()
        self._core.close()

    def _cancel(self, task: Task) -> None:
        with self._lock:
            task.cancelled = True
            self._lock.notify()

    # From here on: the core's thread.

    def _drive(self) -> None:
        while self._take_in():
            try:
                self._admit()
                if self._running:
                    self._step()
            except Exception as error:
                self._recover(error)
            self._send()

    def _take_in(self) -> bool:
        with self._lock:
            while not (
                self._running
                or self._stop
                or self._calls
                or self._closed
                or any(self._waiting.values())
            ):
                self._lock.wait()
            calls, self._calls = list(self._calls), deque()
            stop, self._stop = self._stop, None
            waiting = [task for queue in self._waiting.values() for task in queue]
            for task in waiting:
                if stop or task.cancelled:
                    self._waiting[task.request.client].remove(task)
                    self._stats.waiting -= 1
                    self._end(task, "cancelled", None if task.cancelled else stop)
            for client in [name for name, queue in self._waiting.items() if not queue]:
                del self._waiting[client]
            going_on = not self._closed
        for task in list(self._running):
            if stop or task.cancelled:
                self._end(task, "cancelled", None if task.cancelled else stop)
        self._send()
        for call in calls:
            call()
        return going_on

    def _admit(self) -> None:
        while self._slots.any_free():
            with self._lock:
                if not self._waiting:
                    return
                client, queue = next(iter(self._waiting.items()))
                task = queue.popleft()
                self._stats.waiting -= 1
                self._waiting.move_to_end(client)  # the next one is another client's
                if not queue:
                    del self._waiting[client]
            task.timing.started = time.monotonic()
            self._running.append(task)
            # The vector of a text is made of all its tokens: nothing of it can be reused.
            anew = task.request.embeds or not task.request.reuse
            task.slot, task.cached = self._slots.take(task.unread, anew)
            task.unread = task.unread[task.cached :]
            self._tell_progress(task)
            with self._lock:
                self._stats.prompt_tokens += len(task.request.prompt)
                self._stats.cached_tokens += task.cached

    def _step(self) -> None:
        decoding = [task for task in self._running if not task.reading_prompt]
        reading = next((task for task in self._running if task.reading_prompt), None)
        rows = decoding + ([reading] if reading else [])
        steps = [self._row(task, alone=not decoding) for task in rows]
        embedding = steps.pop() if reading and reading.request.embeds else None
        began = time.monotonic()
        results = self._core.run(steps) if steps else []
        if reading and embedding:
            reading.vector = self._core.embed(embedding.slot, embedding.tokens)
            steps.append(embedding)
            results.append([])
        now = time.monotonic()
        if reading:  # the next prompt's turn
            self._running.remove(reading)
            self._running.append(reading)
        for task, step, chosen in zip(rows, steps, results, strict=True):
            self._took(task, step, chosen, now)
        self._count(decoding, reading, steps, results, now - began)

    def _row(self, task: Task, alone: bool) -> Step:
        assert task.slot
        chunk = self._core.chunk
        if task.reading_prompt and not alone:
            chunk = min(chunk, max(LEAST_SHARED_CHUNK, chunk // 4))
        tokens = task.unread[:chunk]
        if len(tokens) < len(task.unread) or task.request.embeds:
            return Step(task.slot.id, tokens)
        constraint = task.request.constraint
        mask = constraint.mask() if constraint else None
        guesses = self._guess(task, tokens) if task.request.draft and not constraint else []
        return Step(task.slot.id, tokens + guesses, task.request.sampling, mask, len(guesses))

    def _guess(self, task: Task, tokens: list[int]) -> list[int]:
        """Tokens that followed the last two where they last stood together."""
        assert task.slot
        known = task.slot.tokens + tokens
        room = self.context - len(known) - 1
        most = min(task.request.draft, room)
        if most <= 0 or len(known) < 3 or task.reading_prompt:
            return []
        pair = known[-2:]
        for at in range(len(known) - 3, 0, -1):
            if known[at] == pair[1] and known[at - 1] == pair[0]:
                return known[at + 1 : at + 1 + most]
        return []

    def _took(self, task: Task, step: Step, chosen: Sequence[Chosen], now: float) -> None:
        assert task.slot
        fed = len(step.tokens) - step.draft
        task.slot.tokens += step.tokens[:fed]
        task.unread = task.unread[fed:]
        self._tell_progress(task)
        if task.request.embeds and not task.unread:
            self._end(task, "stop")
        if not step.sampling:
            return
        # Guesses that were confirmed are in the slot too; the last token chosen never is.
        task.slot.tokens += [each.token for each in chosen[:-1]]
        task.reading_prompt = False
        task.timing.first = task.timing.first or now
        out: list[Chosen] = []
        finish: str | None = None
        for each in chosen:
            finish = self._append(task, each, out)
            if finish:
                break
        self._emit(task, out)
        if finish:
            self._end(task, finish)

    def _append(self, task: Task, chosen: Chosen, out: list[Chosen]) -> str | None:
        """Adds a chosen token, and those it brings along, to the reply -> why it ends here."""
        request = task.request
        if chosen.token in self.tokenizer.ends and not request.ignore_end:
            return "stop"
        forced: Sequence[int] = ()
        if request.constraint:
            try:
                forced = request.constraint.commit(chosen.token)
            except Exception as error:  # a fault of the grammar must not end the thread
                self._end(task, "cancelled", EngineError(f"constraint: {error}"))
                return None
        task.unread = []
        for each in (chosen, *(Chosen(token) for token in forced)):
            if each.token in self.tokenizer.ends and not request.ignore_end:
                return "stop"
            out.append(each)
            task.unread.append(each.token)
            task.generated += 1
            assert task.slot
            if request.most is not None and task.generated >= request.most:
                return "length"
            if len(task.slot.tokens) + len(task.unread) >= self.context:
                return "length"
        return "stop" if request.constraint and request.constraint.finished else None

    def _recover(self, error: Exception) -> None:
        """What ran has failed. The slots begin anew, on a reopened device if it was lost."""
        lost = isinstance(error, DeviceLost | MemoryError)
        if not lost:
            log.error("the engine", exc_info=error)
        failure = DeviceLost(str(error)) if lost else EngineError(f"the engine failed: {error}")
        for task in list(self._running):
            self._end(task, "cancelled", failure)
        self._slots.forget()
        with self._lock:
            self._stats.failures += 1
        if lost:
            self._reopen()
        else:
            for slot in self._slots.all:
                self._core.rewind(slot.id, 0)

    def _reopen(self) -> None:
        try:
            self._core.recover()
        except Exception as error:
            with self._lock:
                self._lost = DeviceLost(f"the device is lost, and reopening it failed: {error}")
                self._lost_at = time.monotonic()
                self._stop = self._stop or self._lost
        else:
            with self._lock:
                self._lost = None

    def _end(self, task: Task, finish: str, error: EngineError | None = None) -> None:
        task.timing.ended = time.monotonic()
        if task in self._running:
            self._running.remove(task)
        if task.slot:
            self._slots.give_back(task.slot, spent=task.request.embeds)
            task.slot = None
        if finish == "cancelled":
            self._stats.cancelled += 1
        self._stats.decode_s += task.timing.decode_s
        self._stats.prefill_s += task.timing.prefill_s
        task.finish = finish
        self._emit(task, (), True, error)

    def _tell_progress(self, task: Task) -> None:
        if not (task.request.tells_progress and task.reading_prompt):
            return
        total = len(task.request.prompt)
        seconds = time.monotonic() - task.timing.started
        progress = Progress(total, task.cached, total - len(task.unread), seconds)
        self._emit(task, (progress,))

    def _emit(
        self,
        task: Task,
        tokens: Sequence[Chosen | Progress],
        ended: bool = False,
        error: EngineError | None = None,
    ) -> None:
        if tokens or ended:
            self._out.setdefault(task._loop, []).append((task, tokens, ended, error))

    def _send(self) -> None:
        out, self._out = self._out, {}
        for loop, parts in out.items():
            try:
                loop.call_soon_threadsafe(_deliver, parts)
            except RuntimeError:  # the loop is closed, and with it whoever asked
                for task, *_ in parts:
                    task.cancelled = True

    def _count(
        self,
        decoding: list[Task],
        reading: Task | None,
        steps: list[Step],
        results: list[list[Chosen]],
        seconds: float,
    ) -> None:
        with self._lock:
            stats = self._stats
            generated = sum(len(chosen) for chosen in results)
            stats.generated_tokens += generated
            stats.runs += 1
            stats.longest = max(stats.longest, *(len(slot.tokens) for slot in self._slots.all))
            for step, chosen in zip(steps, results, strict=True):
                stats.drafts += step.draft > 0
                stats.guessed += step.draft
                stats.confirmed += len(chosen) - 1 if step.draft else 0
            if decoding:
                stats.steps += 1
                stats.rows += len(decoding)
            # A step that does both counts for neither speed.
            if seconds > 0 and not (decoding and reading):
                kind = "decode" if decoding else "prefill"
                tokens = generated if decoding else len(steps[-1].tokens)
                speed = tokens / seconds
                before = stats.recent.get(kind, speed)
                stats.recent[kind] = before + 0.2 * (speed - before)


def _deliver(parts: list[tuple]) -> None:
    for task, tokens, ended, error in parts:
        task._push(tokens, ended, error)
