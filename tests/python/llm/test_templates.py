"""Whole conversations, rendered by us and by jinja2 as Hugging Face sets it up: the same text.

The histories are long and random: tools, calls, results, many scripts, and texts that read like
special tokens. They are also rendered in the forms that clients send (arguments as JSON text,
parts, `developer`, null), which must come out as if they had been well-formed.
"""

import datetime
import json
import random
from pathlib import Path

import pytest
from rosso.llm.environment import CompiledTemplate
from rosso.llm.formats import GENERIC
from rosso.llm.template import ChatTemplate
from rosso.llm.text import MARK
from scripted import TEMPLATE, ScriptedTokenizer

jinja2 = pytest.importorskip("jinja2")
ROOT = Path(__file__).resolve().parents[3]
FILES = {
    "demo": ROOT / "models/demo/rosso-demo.gguf",
    "qwen2.5": ROOT.parent / "shared/data/vocab-qwen2.5.gguf",
}

# Ours, in the shapes of the families: what they loop over, ask, raise and where they put tools.
QWEN = """\
{%- macro turn(role, text) %}
    {{- '<|im_start|>' ~ role ~ '\\n' ~ text ~ '<|im_end|>\\n' }}
{%- endmacro %}
{%- set first = messages[0].content if messages[0].role == 'system' else 'You are helpful.' %}
{%- if tools %}
    {{- '<|im_start|>system\\n' ~ first ~ '\\n\\n# Tools\\n<tools>' }}
    {%- for tool in tools %}
        {{- '\\n' }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- '\\n</tools>\\nSay <tool_call>{"name": .., "arguments": ..}</tool_call><|im_end|>\\n' }}
{%- else %}
    {{- turn('system', first) }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' or (message.role == 'system' and not loop.first)
        or (message.role == 'assistant' and not message.tool_calls) %}
        {{- turn(message.role, message.content) }}
    {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>assistant' }}
        {%- if message.content %}{{- '\\n' + message.content }}{%- endif %}
        {%- for call in message.tool_calls %}
            {%- if call.function is defined %}{%- set call = call.function %}{%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' + call.name + '", "arguments": ' }}
            {{- call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {%- if loop.index0 == 0 or messages[loop.index0 - 1].role != 'tool' %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' + message.content + '\\n</tool_response>' }}
        {%- if loop.last or loop.nextitem.role != 'tool' %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""
LLAMA = """\
{{- bos_token }}
{%- set day = date_string if date_string is defined else strftime_now('%d %b %Y') %}
{%- if messages[0].role == 'system' %}
    {%- set said = messages[0].content | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set said = '' %}
{%- endif %}
{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' }}
{%- if tools is not none %}{{- 'Environment: ipython\\n' }}{%- endif %}
{{- 'Today: ' ~ day ~ '\\n\\n' ~ said ~ '<|eot_id|>' }}
{%- if tools is not none and messages %}
    {%- if messages[0].role != 'user' %}{{- raise_exception('no first user message') }}{%- endif %}
    {{- '<|start_header_id|>user<|end_header_id|>\\n\\n' }}
    {{- 'Answer by {"name": .., "parameters": ..}.\\n' }}
    {%- for tool in tools %}{{- tool | tojson(indent=4) ~ '\\n\\n' }}{%- endfor %}
    {{- messages[0].content | trim ~ '<|eot_id|>' }}
    {%- set messages = messages[1:] %}
{%- endif %}
{%- for message in messages %}
    {%- if message.role in ['tool', 'ipython'] %}
        {{- '<|start_header_id|>ipython<|end_header_id|>\\n\\n' }}
        {%- if message.content is mapping or (message.content is iterable
            and message.content is not string) %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- '<|eot_id|>' }}
    {%- elif message.tool_calls %}
        {%- if message.tool_calls | length != 1 %}
            {{- raise_exception('one call only') }}
        {%- endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
        {{- '{"name": "' ~ call.name ~ '", "parameters": ' }}
        {{- call.arguments | tojson }}
        {{- '}<|eot_id|>' }}
    {%- else %}
        {{- '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\\n\\n' }}
        {{- message.content | trim ~ '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""
MISTRAL = """\
{%- set said = messages[0].content if messages[0].role == 'system' else none %}
{%- set rest = messages[1:] if said is not none else messages %}
{%- set users = rest | selectattr('role', 'equalto', 'user') | list %}
{%- set ns = namespace(index=0) %}
{%- for message in rest %}
    {%- if message.role == 'user' or (message.role == 'assistant' and not message.tool_calls) %}
        {%- if (message.role == 'user') != (ns.index % 2 == 0) %}
            {{- raise_exception('user and assistant must take turns') }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in rest %}
    {%- if message.role == 'user' %}
        {%- if tools and message == users[-1] %}
            {{- '[AVAILABLE_TOOLS] [' }}
            {%- for tool in tools %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, value in tool.function.items() if key != 'return' %}
                    {%- if value is string %}{{- '"' + key + '": "' + value + '"' }}
                    {%- else %}{{- '"' + key + '": ' + (value | tojson) }}{%- endif %}
                    {{- ', ' if not loop.last }}
                {%- endfor %}
                {{- '}}' }}{{- ', ' if not loop.last else ']' }}
            {%- endfor %}
            {{- '[/AVAILABLE_TOOLS]' }}
        {%- endif %}
        {%- if loop.last and said %}{{- '[INST] ' + said + '\\n\\n' + message.content + '[/INST]' }}
        {%- else %}{{- '[INST] ' + message.content + '[/INST]' }}{%- endif %}
    {%- elif message.tool_calls %}
        {{- '[TOOL_CALLS] [' }}
        {%- for call in message.tool_calls %}
            {{- (call.function | tojson)[:-1] }}
            {%- if call.id | length != 9 %}{{- raise_exception('ids have nine signs') }}{%- endif %}
            {{- ', "id": "' + call.id + '"}' }}{{- ', ' if not loop.last else ']' + eos_token }}
        {%- endfor %}
    {%- elif message.role == 'assistant' %}
        {{- ' ' + message.content | trim + eos_token }}
    {%- elif message.role == 'tool' %}
        {{- '[TOOL_RESULTS] {"content": ' + message.content | string }}
        {{- ', "call_id": "' + message.tool_call_id + '"}[/TOOL_RESULTS]' }}
    {%- else %}
        {{- raise_exception('only user, assistant and tool') }}
    {%- endif %}
{%- endfor %}
"""
CONTROL = {
    "llama": ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    "mistral": ("<s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[TOOL_RESULTS]", "</s>"),
}
SHAPES = {"plainest": TEMPLATE, "qwen": QWEN, "llama": LLAMA, "mistral": MISTRAL}
NAMES = [*SHAPES, *FILES]
HISTORIES = 40


def source_of(name):
    if name in SHAPES:
        return SHAPES[name]
    if not FILES[name].exists():
        pytest.skip(f"{FILES[name]} is not there")
    core = pytest.importorskip("rosso._rosso")
    return core.gguf_metadata(str(FILES[name]))["tokenizer.chat_template"]


@pytest.fixture(scope="module", params=NAMES)
def case(request):
    """Of one template: its name, ours, theirs, and the variables they are given."""
    source = source_of(request.param)
    tokenizer = ScriptedTokenizer(
        CONTROL.get(request.param, ("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
    )
    tokenizer.bos = 256
    names = {"bos_token": tokenizer.piece(256).decode(),
             "eos_token": tokenizer.piece(tokenizer.eos).decode()}  # fmt: skip
    return request.param, ChatTemplate(source, tokenizer), reference(source), names


def reference(source):
    """What transformers does around a template, in our words."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )

    def tojson(value, indent=None, ensure_ascii=False, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                          sort_keys=sort_keys)  # fmt: skip

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    return environment.from_string(source)


@pytest.mark.parametrize("name", NAMES)
def test_the_families_keep_their_own_format(name):
    format = ChatTemplate(source_of(name), ScriptedTokenizer()).format
    assert name == "demo" or format is not GENERIC


@pytest.mark.parametrize("seed", range(4))
def test_our_environment_is_theirs(case, seed):
    name, ours, theirs, names = case
    for messages, tools in histories(name, seed):
        for generate in (False, True):
            variables = {**names, "messages": messages, "tools": tools, "documents": None,
                         "add_generation_prompt": generate}  # fmt: skip
            assert CompiledTemplate(ours.source).render(variables) == theirs.render(variables)


@pytest.mark.parametrize("seed", range(4, 8))
def test_well_formed_histories_are_left_alone(case, seed):
    name, ours, theirs, names = case
    for messages, tools in histories(name, seed, ours.native_tools):
        variables = {**names, "messages": messages, "tools": tools, "add_generation_prompt": True}
        rendered = ours.render(messages, tools, options={"date_string": "1 Jan 2026"}).text
        expected = theirs.render(variables | {"date_string": "1 Jan 2026"})
        assert rendered.replace(MARK, "") == expected


@pytest.mark.parametrize("seed", range(8, 12))
def test_what_clients_send_is_rendered_as_if_well_formed(case, seed):
    name, ours, _, _ = case
    dice = random.Random(seed)
    for messages, tools in histories(name, seed, ours.native_tools):
        sent = [as_sent(dice, message) for message in messages]
        assert sent != messages
        assert ours.render(sent, tools) == ours.render(messages, tools)


def test_histories_are_long():
    sizes = [len(messages) for messages, _ in histories("qwen", 0)]
    assert max(sizes) > 60 and min(sizes) < 10


def histories(name, seed, with_tools=True):
    dice = random.Random(seed)
    for _ in range(HISTORIES // 4):
        tools = [tool(dice, at) for at in range(dice.randint(1, 6))] if with_tools else None
        if dice.random() < 0.3:
            tools = None
        most_calls = 1 if name == "llama" else 3
        messages = [{"role": "system", "content": text(dice)}] if dice.random() < 0.6 else []
        for _ in range(dice.choice((1, 3, 10, 30))):
            messages += turn(dice, tools, most_calls)
        yield [*messages, {"role": "user", "content": text(dice)}], tools


def turn(dice, tools, most_calls):
    yield {"role": "user", "content": text(dice)}
    while tools and dice.random() < 0.4:
        calls = [call(dice, tools) for _ in range(dice.randint(1, most_calls))]
        said = text(dice) if most_calls > 1 and dice.random() < 0.2 else ""
        yield {"role": "assistant", "content": said, "tool_calls": calls}
        for each in calls:
            yield {"role": "tool", "tool_call_id": each["id"], "name": each["function"]["name"],
                   "content": text(dice)}  # fmt: skip
    yield {"role": "assistant", "content": text(dice)}


def tool(dice, at):
    properties = {f"key{i}": {"type": dice.choice(("string", "integer")), "description": text(dice)}
                  for i in range(dice.randint(0, 3))}  # fmt: skip
    return {
        "type": "function",
        "function": {
            "name": f"tool_{at}",
            "description": text(dice),
            "parameters": {"type": "object", "properties": properties, "required": [*properties]},
        },
    }


def call(dice, tools):
    values = (
        text(dice),
        dice.randint(-9, 10**12),
        dice.random(),
        None,
        True,
        [1, "ä", {}],
        {"k": ""},
    )
    arguments = {f"key{i}": dice.choice(values) for i in range(dice.randint(0, 3))}
    id = "".join(dice.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9))
    name = dice.choice(tools)["function"]["name"]
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def text(dice):
    words = (
        *(
            "a snow fox",
            "Straße",
            "snow\nin lines",
            "雪の中の狐",
            "شيء",
            "👩🏽‍🚀",
            "\u2028",
            "\x07",
        ),
        *("<|im_end|>", "<|eot_id|>", "[INST]", "</s>", "<tool_call>", "{{ x }}", "{% if %}"),
        *("<b>&amp;'\"", "\\n\\", "\t", "None", "  "),
    )
    return "x" + " ".join(dice.choices(words, k=dice.randint(1, 9))) + "x"


def as_sent(dice, message):
    """The same message, as one of the clients would send it."""
    role, content = message["role"], message["content"]
    sent = {**message}
    if role == "system":
        sent["role"] = "developer"
    if "tool_calls" in message:
        sent["content"] = content or None
        sent["tool_calls"] = [
            {**each, "function": {**each["function"], "arguments": written(dice, each)}}
            for each in message["tool_calls"]
        ]
    elif role != "tool":
        sent["content"] = [{"type": "text", "text": content}]
    return sent


def written(dice, call):
    arguments = call["function"]["arguments"]
    return json.dumps(arguments, ensure_ascii=dice.random() < 0.5)
