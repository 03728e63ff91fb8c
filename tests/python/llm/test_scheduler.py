"""Requests over one core: order, fairness, prefixes, cancellation, faults."""

import asyncio
import time

import pytest
from rosso.llm.engine import DeviceLost, EngineError, QueueFull, Request, Sampling, ShuttingDown
from rosso.llm.prefix import common_start
from rosso.llm.scheduler import Scheduler
from scripted import ScriptedCore


def run(core, body, **options):
    async def main():
        engine = Scheduler(core, **options)
        try:
            return await asyncio.wait_for(body(engine), 60)
        finally:
            await asyncio.to_thread(engine.close)

    return asyncio.run(main())


def request(core, text, **options):
    return Request(core.tokenizer.encode(text, special=True), Sampling(), **options)


async def said(core, generation):
    tokens = [chosen.token async for chosen in generation]
    return core.tokenizer.decode(tokens).decode()


async def until(condition):
    """What waits in vain ends with `run`'s limit."""
    while not condition():
        await asyncio.sleep(0.005)


def ask(text):
    return f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


def test_a_reply_is_what_the_core_says_without_its_end():
    core = ScriptedCore()

    async def body(engine):
        generation = engine.submit(request(core, ask("good day")))
        assert await said(core, generation) == "You said: good day"
        assert generation.finish == "stop"
        assert generation.timing.submitted <= generation.timing.started <= generation.timing.first

    run(core, body)
    assert core.closed


def test_length_ends_at_the_limit_and_at_the_context():
    core = ScriptedCore(script=lambda prompt: "x" * 100, context=64)

    async def body(engine):
        short = engine.submit(request(core, "abc", most=7))
        assert await said(core, short) == "x" * 7
        assert short.finish == "length"
        full = engine.submit(request(core, "abc"))
        assert await said(core, full) == "x" * 61  # 3 + 61 = 64
        assert full.finish == "length"

    run(core, body)


def test_texts_are_embedded_in_their_turn_and_in_chunks():
    core = ScriptedCore(lambda prompt: "x" * 30, slots=2, context=64, chunk=16, token_s=0.002)

    async def body(engine):
        talk = engine.submit(request(core, "abc"))
        vectors = await asyncio.gather(*(engine.embed([each] * 50) for each in (65, 66, 65)))
        assert await said(core, talk) == "x" * 30
        assert vectors[0] == vectors[2] != vectors[1] and len(vectors[0]) == 8
        assert len(await engine.embed([65] * 64)) == 8  # the whole context
        with pytest.raises(ValueError):
            await engine.embed([65] * 65)
        # What was embedded is a prefix that a prompt may go on from, but nothing is reused for it.
        assert await engine.embed([65] * 50) == vectors[0]
        gone = asyncio.create_task(engine.embed([67] * 60))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        engine.stop(ShuttingDown("enough"))
        await until(lambda: not any(slot.busy for slot in engine.slots()))

    run(core, body)


def test_texts_to_embed_leave_the_kept_prompts_but_one():
    core = ScriptedCore(lambda prompt: "x", slots=3)

    async def body(engine):
        for letter in "abc":
            await said(core, engine.submit(request(core, letter * 50)))
        for letter in "defg":
            await engine.embed(core.tokenizer.encode(letter * 50))
        kept = []
        for letter in "cba":
            again = engine.submit(request(core, letter * 50))
            await said(core, again)
            kept.append(again.cached)
        assert kept == [49, 49, 0]

    run(core, body)


def test_nothing_kept_is_used_if_it_must_not_be():
    core = ScriptedCore(lambda prompt: "x", slots=1)

    async def body(engine):
        await said(core, engine.submit(request(core, "a" * 50)))
        anew = engine.submit(request(core, "a" * 50, reuse=False))
        assert await said(core, anew) == "x" and anew.cached == 0

    run(core, body)


def test_a_second_turn_reads_only_what_is_new():
    core = ScriptedCore(lambda prompt: "once upon a time", slots=2)

    async def body(engine):
        first = ask("a long story " * 100)
        generation = engine.submit(request(core, first))
        reply = await said(core, generation)
        core.ran.clear()
        second = first + reply + "<|im_end|>\n" + ask("and then?")
        again = engine.submit(request(core, second))
        await said(core, again)
        prompt = len(again.request.prompt)
        assert again.cached == len(generation.request.prompt) + len(
            core.tokenizer.encode(reply, special=True)
        )
        read = sum(len(tokens) for slot, tokens, chosen in core.ran[0])
        assert read == prompt - again.cached < 60

    run(core, body)


def test_a_changed_ending_rolls_back_to_the_last_common_token():
    core = ScriptedCore(slots=1)

    async def body(engine):
        base = "s" * 2000
        one = engine.submit(request(core, base + "one" + ask("x")))
        await said(core, one)
        two = engine.submit(request(core, base + "two" + ask("x")))
        assert await said(core, two) == "You said: x"
        assert two.cached == 2000
        # What the slot holds is exactly what was said to be there.
        assert core.sequences[0][:2003] == core.tokenizer.encode(base + "two")

    run(core, body)


@pytest.mark.parametrize("can_copy", [True, False])
def test_other_prompts_do_not_evict_a_long_one(can_copy):
    core = ScriptedCore(slots=3, can_copy=can_copy)

    async def body(engine):
        agent = "<|im_start|>" + "system prompt " * 200
        await said(core, engine.submit(request(core, agent + ask("1"))))
        for each in ("what ", "who "):
            await said(core, engine.submit(request(core, each * 30 + ask("2"))))
        again = engine.submit(request(core, agent + ask("3")))
        await said(core, again)
        assert again.cached >= len(core.tokenizer.encode(agent, special=True))

    run(core, body)


def test_a_prefix_is_copied_from_a_busy_slot():
    core = ScriptedCore(slots=2, token_s=0.002, script=lambda prompt: "y" * 80)

    async def body(engine):
        base = "p" * 600
        first = engine.submit(request(core, base + "1"))
        await anext(first)
        second = engine.submit(request(core, base + "2"))
        await said(core, second)
        assert second.cached == 600
        await said(core, first)

    run(core, body)


def test_streams_decode_together_and_a_long_prompt_does_not_stop_them():
    core = ScriptedCore(slots=4, chunk=256, token_s=0.001, script=lambda prompt: "z" * 60)

    async def body(engine):
        talking = [engine.submit(request(core, f"{each}:")) for each in range(3)]
        for each in talking:
            await anext(each)
        reading = engine.submit(request(core, "w" * 3000))
        await asyncio.gather(*(said(core, each) for each in [*talking, reading]))
        mixed = [step for step in core.ran if len(step) == 4]
        assert mixed, "three tokens and a chunk in one step"
        assert max(len(tokens) for step in mixed for _, tokens, _ in step) <= 64

    run(core, body)


def test_clients_take_turns():
    core = ScriptedCore(slots=1, token_s=0.0005, script=lambda prompt: "ok")

    async def body(engine):
        order = []

        async def one(name, client):
            generation = engine.submit(request(core, name, client=client))
            await said(core, generation)
            order.append(client)

        many = [asyncio.create_task(one(f"a{each}", "greedy")) for each in range(6)]
        await asyncio.sleep(0)
        few = [asyncio.create_task(one(f"b{each}", "modest")) for each in range(2)]
        await asyncio.gather(*many, *few)
        assert order.index("modest") <= 2
        assert [i for i, each in enumerate(order) if each == "modest"][1] <= 4

    run(core, body)


def test_cancelling_stops_within_a_token_and_keeps_the_prefix():
    core = ScriptedCore(slots=1, token_s=0.003, script=lambda prompt: "t" * 5000)

    async def body(engine):
        generation = engine.submit(request(core, "q" * 1000))
        for _ in range(5):
            await anext(generation)
        generation.cancel()
        before = len(core.ran)
        assert await asyncio.wait_for(said(core, generation), 20) is not None
        assert generation.finish == "cancelled"
        assert len(core.ran) <= before + 3
        again = engine.submit(request(core, "q" * 1000 + "r", most=1))
        await said(core, again)
        assert again.cached == 1000

    run(core, body)


def test_cancelling_during_prefill_keeps_what_was_read():
    core = ScriptedCore(slots=1, chunk=100, prompt_token_s=0.002)

    async def body(engine):
        generation = engine.submit(request(core, "q" * 5000))
        await until(lambda: core.sequences[0])
        generation.cancel()
        await said(core, generation)
        read = len(core.sequences[0])
        assert 0 < read < 5000
        core.prompt_token_s = 0
        again = engine.submit(request(core, "q" * 5000, most=1))
        await said(core, again)
        assert again.cached == read

    run(core, body)


def test_the_queue_is_bounded():
    core = ScriptedCore(slots=1, token_s=0.005, script=lambda prompt: "u" * 200)

    async def body(engine):
        running = engine.submit(request(core, "1"))
        await anext(running)
        waiting = [engine.submit(request(core, str(each))) for each in range(2)]
        with pytest.raises(QueueFull):
            engine.submit(request(core, "one too many"))
        for each in [running, *waiting]:
            each.cancel()
        for each in waiting:
            assert await said(core, each) == ""
        assert engine.stats().waiting == 0

    run(core, body, queue=2)


def test_a_lost_device_ends_its_requests_and_is_reopened():
    core = ScriptedCore(slots=2, token_s=0.001, script=lambda prompt: "v" * 500)

    async def body(engine):
        generation = engine.submit(request(core, "1"))
        await anext(generation)
        core.fail_next = MemoryError("out of VRAM")
        with pytest.raises(DeviceLost, match="out of VRAM"):
            await said(core, generation)
        again = engine.submit(request(core, "1", most=3))
        assert await said(core, again) == "vvv"
        assert again.cached == 0
        assert engine.stats().failures == 1

    run(core, body)


def test_a_device_that_stays_lost_is_tried_again(monkeypatch):
    monkeypatch.setattr("rosso.llm.scheduler.REOPEN_S", 0.05)
    core = ScriptedCore()

    async def body(engine):
        core.fail_next, core.stays_lost = DeviceLost("wedged"), True
        with pytest.raises(DeviceLost, match="wedged"):
            await said(core, engine.submit(request(core, "1")))
        with pytest.raises(DeviceLost, match="no device answers"):
            engine.submit(request(core, "1"))
        core.stays_lost = False
        for _ in range(50):
            await asyncio.sleep(0.06)
            try:
                assert await said(core, engine.submit(request(core, ask("1")))) == "You said: 1"
                return
            except DeviceLost:
                pass
        raise AssertionError("it was not reopened")

    run(core, body)


def test_a_fault_that_is_no_loss_ends_only_what_ran():
    core = ScriptedCore()

    async def body(engine):
        core.fail_next = KeyError("a bug")
        with pytest.raises(EngineError, match="a bug"):
            await said(core, engine.submit(request(core, "1")))
        assert await said(core, engine.submit(request(core, ask("1")))) == "You said: 1"

    run(core, body)


def test_stopping_ends_every_stream_with_the_error():
    core = ScriptedCore(slots=1, token_s=0.005, script=lambda prompt: "u" * 500)

    async def body(engine):
        both = [engine.submit(request(core, str(each))) for each in range(2)]
        await anext(both[0])
        engine.stop(ShuttingDown("bye"))
        for each in both:
            with pytest.raises(ShuttingDown):
                await said(core, each)

    run(core, body)


def test_guesses_by_lookup_change_the_speed_and_not_the_reply():
    line = "one two three four five six seven. "
    core = ScriptedCore(script=lambda prompt: line * 4)

    async def body(engine):
        plain = await said(core, engine.submit(request(core, line)))
        steps = len(core.ran)
        quick = engine.submit(request(core, "again " + line, draft=8))
        assert await said(core, quick) == plain == line * 4
        assert len(core.ran) - steps < steps / 2
        stats = engine.stats()
        assert stats.drafts * 8 >= stats.guessed >= stats.confirmed > len(line)
        assert stats.runs == len(core.ran) and stats.longest == len("again " + line * 5)
        # The slot holds the prompt and the reply and nothing else.
        slot = next(each for each in engine._slots.all if len(each.tokens) > 0 and not each.busy)
        assert slot.tokens == core.sequences[slot.id][: len(slot.tokens)]

    run(core, body)


def test_memory_of_slots_agrees_with_the_core():
    core = ScriptedCore(slots=2)

    async def body(engine):
        texts = ["abc", "abcd", "xyz", "abcde" * 10, "x"]
        generations = [engine.submit(request(core, text)) for text in texts]
        await asyncio.gather(*(said(core, each) for each in generations))
        for slot in engine._slots.all:
            assert slot.tokens == core.sequences[slot.id]

    run(core, body)


def test_common_start():
    assert common_start([], [1]) == 0
    assert common_start([1, 2, 3], [1, 2, 3, 4]) == 3
    assert common_start(list(range(9999)), [*range(5000), 0, *range(9)]) == 5000


def test_a_scheduler_idles_without_work():
    core = ScriptedCore()

    async def body(engine):
        before = time.process_time()
        await asyncio.sleep(0.2)
        assert time.process_time() - before < 0.1

    run(core, body)
