"""With a grammar, the worst of models cannot write a malformed call."""

import asyncio
import json

import pytest
from rosso.llm import constrain
from rosso.llm.engine import Chosen, Sampling, Step
from rosso.llm.formats import GENERIC, HERMES, LLAMA3, MISTRAL, MISTRAL_ARGS, XML
from rosso.llm.grammar import CallGrammar, ToolSchema
from rosso.llm.reply import Replies, collect
from rosso.llm.request import ChatRequest, Fault, ReplyOptions
from rosso.llm.scanner import CallEnd, Reasoning, ReplyScanner, Text
from rosso.llm.scheduler import Scheduler
from scripted import TEMPLATE, ScriptedCore, ScriptedTokenizer

pytest.importorskip("llguidance")

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 20},
        "unit": {"enum": ["C", "F"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["city", "unit"],
    "additionalProperties": False,
}
NOTHING = {"type": "object", "properties": {}, "additionalProperties": False}
TOOLS = [ToolSchema("get_weather", WEATHER), ToolSchema("run.it", NOTHING)]
CONTROL = ("<|im_start|>", "<|im_end|>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "<|python_tag|>")


def wander(constraint, tokenizer, seed, most=400):
    """Text that a random model writes under the constraint, up to its end."""
    core = ScriptedCore(tokenizer=tokenizer)
    core.sequences[0] = []
    tokens = []
    while len(tokens) < most:
        mask = constraint.mask()
        token = core._wander(Step(0, [], Sampling(seed=seed), mask), len(tokens))
        if token in tokenizer.ends:
            return tokens
        tokens += [token, *constraint.commit(token)]
        if constraint.finished:
            return tokens
    return None


class SpacedTokenizer(ScriptedTokenizer):
    """As SentencePiece does: a space in front of every text, which may be a part of its first
    token."""

    def __init__(self):
        super().__init__(words=(' "', " the"))

    def encode(self, text, special=False):
        return super().encode(" " + text, special)


@pytest.mark.parametrize("grammar", ['start: %json {"const": "the é 42"}', 'start: "the " "é"+'])
def test_a_tokenizer_that_puts_a_space_in_front(grammar):
    tokenizer = SpacedTokenizer()
    constraint = constrain.GrammarConstraint(constrain.Grammars(tokenizer), grammar)
    text = tokenizer.decode(wander(constraint, tokenizer, seed=1) or []).decode()
    assert text == '"the é 42"' if "json" in grammar else text.startswith("the é")


@pytest.mark.parametrize("format", [HERMES, GENERIC, LLAMA3, MISTRAL, MISTRAL_ARGS, XML])
def test_a_random_model_writes_valid_calls_in_every_format(format):
    tokenizer = ScriptedTokenizer(CONTROL)
    grammars = constrain.Grammars(tokenizer)
    text = CallGrammar(format, TOOLS, tokenizer.special).whole()
    ended = 0
    for seed in range(6):
        tokens = wander(constrain.GrammarConstraint(grammars, text), tokenizer, seed)
        if tokens is None:
            continue
        ended += 1
        written = tokenizer.decode(tokens).decode("utf-8", "replace")
        scanner = ReplyScanner(format, [tool.name for tool in TOOLS], trusted=True)
        events = scanner.feed(written) + scanner.finish()
        calls = [event for event in events if isinstance(event, CallEnd)]
        assert calls and not [event for event in events if isinstance(event, Text)], written
        for call in calls:
            arguments = json.loads(call.arguments)
            assert call.name in ("get_weather", "run.it")
            if call.name == "get_weather" and format is not XML:
                assert arguments["unit"] in ("C", "F") and len(arguments["city"]) <= 20
                assert set(arguments) <= {"city", "unit", "days"}
    assert ended >= 2 or format is XML  # whose end no dice find


def replies(script, body, template=TEMPLATE, **options):
    core = ScriptedCore(script=script, template=template, **options)

    async def main():
        engine = Scheduler(core)
        try:
            return await asyncio.wait_for(body(Replies(engine)), 30)
        finally:
            await asyncio.to_thread(engine.close)

    return asyncio.run(main())


def tool(schema):
    return {
        "type": "function",
        "function": {"name": schema.name, "parameters": dict(schema.parameters)},
    }


def chat(choice="auto", tools=TOOLS, schema=None, most=300, seed=0, **options):
    return ChatRequest(
        [{"role": "user", "content": "go"}],
        ReplyOptions(Sampling(seed=seed), most, schema=schema),
        [tool(each) for each in tools],
        choice,
        **options,
    )


def ask(script, request, **options):
    async def body(all):
        return (await collect(all.start(await all.prepare_chat(request))))[0]

    return replies(script, body, **options)


def calls_in(events):
    return [(e.name, json.loads(e.arguments)) for e in events if isinstance(e, CallEnd)]


def test_free_text_is_free_and_a_call_is_held_to_its_schema():
    script = 'Let me see.\n<tool_call>\n{"name": "wrong", "arguments": {"town": 1}}\n</tool_call>'
    events = ask(lambda prompt: script, chat())
    assert "".join(e.text for e in events if isinstance(e, Text)) == "Let me see."
    assert {name for name, _ in calls_in(events)} <= {"get_weather", "run.it"} or (
        events[-1].reason == "length"
    )


def test_a_right_call_is_left_alone():
    arguments = {"city": "Oslo", "unit": "C"}
    written = json.dumps({"name": "get_weather", "arguments": arguments})
    events = ask(lambda prompt: f"<tool_call>\n{written}\n</tool_call>", chat())
    assert calls_in(events) == [("get_weather", arguments)]
    assert events[-1].reason == "tool_calls"


def test_required_calls_from_the_first_token():
    events = ask(lambda prompt: "I would rather talk.", chat("required", seed=3))
    assert not [e for e in events if isinstance(e, Text)]
    assert calls_in(events) or events[-1].reason == "length"


def test_a_named_tool_and_only_that():
    for seed in range(3):
        events = ask(lambda prompt: "no", chat("=run.it", seed=seed))
        assert [name for name, _ in calls_in(events)] == ["run.it"]


def test_none_forbids_the_marker():
    script = '<tool_call>\n{"name": "run.it", "arguments": {}}\n</tool_call>'
    events = ask(lambda prompt: script, chat("none"))
    assert not calls_in(events)
    text = "".join(e.text for e in events if isinstance(e, Text))
    assert "<tool_call>" not in text


def test_none_forbids_the_marker_in_letters_too():
    tokenizer = ScriptedTokenizer(words=())
    ban = constrain.BanConstraint(tokenizer, ["<tool_call>"])
    for letter in "<tool_call":
        assert ban.mask() is None or ban.mask()[ord(letter) // 8] >> ord(letter) % 8 & 1
        ban.commit(ord(letter))
    assert not ban.mask()[ord(">") // 8] >> ord(">") % 8 & 1


def test_a_schema_for_the_whole_reply():
    schema = {
        "type": "object",
        "properties": {"answer": {"enum": ["yes", "no"]}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    events = ask(lambda prompt: "well ...", chat(tools=(), schema=schema, seed=1))
    text = "".join(e.text for e in events if isinstance(e, Text))
    assert json.loads(text)["answer"] in ("yes", "no")
    assert events[-1].reason == "stop"


def test_reasoning_comes_before_the_grammar():
    prompt = "'<|im_start|>assistant\\n' }}\n{%- endif"
    template = TEMPLATE.replace(prompt, prompt.replace("\\n", "\\n<think>\\n", 1))
    assert template != TEMPLATE
    request = chat(tools=(), schema=NOTHING)
    events = ask(lambda prompt: "hm, {1}</think>\n\n{}", request, template=template)
    assert "".join(e.text for e in events if isinstance(e, Text)).split() in (["{}"], ["{", "}"])
    assert "".join(e.text for e in events if isinstance(e, Reasoning)) == "hm, {1}"


def test_keywords_the_library_does_not_know_are_left_out():
    odd = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}, "if": {}}
    events = ask(lambda prompt: "hi", chat(tools=[ToolSchema("odd", odd)]))
    assert events[-1].reason == "stop"


def test_a_schema_that_is_none_is_refused():
    wrong = ToolSchema("bad", {"type": "object", "properties": {"a": {"type": "strin"}}})
    with pytest.raises(Fault) as fault:
        ask(lambda prompt: "hi", chat(tools=[wrong]))
    assert fault.value.status == 400 and fault.value.param == "tools"


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(constrain, "llguidance", None)
    events = ask(lambda prompt: "plain", chat())
    assert "".join(e.text for e in events if isinstance(e, Text)) == "plain"
    for request in (chat("required"), chat(tools=(), schema={"type": "object"})):
        with pytest.raises(Fault, match="pip install llguidance"):
            ask(lambda prompt: "hi", request)


def test_tokens_that_must_follow_are_not_asked_for():
    core_steps = []

    async def body(all):
        running = all.start(await all.prepare_chat(chat("=run.it")))
        events = (await collect(running))[0]
        core_steps.append(len(all.engine._core.ran))
        return events

    events = replies(lambda prompt: "no", body)
    assert calls_in(events)[0][0] == "run.it"
    assert events[-1].tokens > core_steps[0], "several tokens came with one step"
    assert isinstance(Chosen(1), Chosen)
