"""Templates: jinja2 as Hugging Face sets it up, messages that survive, special tokens that do not
come from other people's text, and limits."""

import json
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rosso.llm.environment import CompiledTemplate, TemplateFault
from rosso.llm.formats import GENERIC, HERMES, LLAMA3, MISTRAL, MISTRAL_ARGS, XML
from rosso.llm.preamble import CHATML_TEMPLATE, PLAIN_TEMPLATE
from rosso.llm.template import ChatTemplate
from rosso.llm.text import MARK, PromptEncoder, clean
from scripted import TEMPLATE, ScriptedTokenizer

# Our own, with the habits of the families.
ALTERNATING = """\
{%- for m in messages %}
{%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}
{%- endif %}
{%- if m.role == 'user' %}{{- '[U]' + m.content }}{% else %}{{- '[A]' + m.content }}{% endif %}
{%- endfor %}"""
NO_SYSTEM = """\
{%- for m in messages %}{%- if m.role == 'system' %}{{ raise_exception('no system role') }}
{%- endif %}{{- '<|im_start|>' + m.role + ': ' + (m.content | trim) + '\n' }}{%- endfor %}"""
TEXT_ARGUMENTS = TEMPLATE.replace(
    "(call.function.arguments | tojson)", "(call.function.arguments + '')"
)
LLAMA = """\
{%- for m in messages %}
{%- if m.role == 'system' %}{{- 'S:' ~ m.content }}{{- '<|python_tag|>' if false }}
{%- for tool in tools or [] %}{{- tool | tojson(indent=4) }}{%- endfor %}
{%- elif m.tool_calls %}
{%- if m.tool_calls | length != 1 %}{{- raise_exception('one call at a time') }}{%- endif %}
{%- set call = m.tool_calls[0].function %}
{{- 'A:{"name": "' ~ call.name ~ '", "parameters": ' ~ (call.arguments | tojson) ~ '}' }}
{%- elif m.role in ('tool', 'ipython') %}{{- 'ipython:' ~ m.content }}
{%- else %}{{- m.role ~ ':' ~ m.content }}{%- if loop.first %}
{%- for tool in tools or [] %}{{- tool | tojson }}{%- endfor %}{%- endif %}
{%- endif %}{%- endfor %}"""
THINKING = TEMPLATE.replace(
    "'<|im_start|>assistant\\n' }}\n{%- endif %}",
    "'<|im_start|>assistant\\n' ~ ('' if enable_thinking is defined and not enable_thinking "
    "else '<think>\\n') }}\n{%- endif %}",
)
TOOL = {
    "type": "function",
    "function": {"name": "exec", "description": "run", "parameters": {"type": "object"}},
}
AGENT = [
    {"role": "developer", "content": "SYSTEM"},
    {"role": "user", "content": [{"type": "text", "text": "ONE"}, {"type": "text", "text": "TWO"}]},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "k3v9x1b7q", "type": "function",
     "function": {"name": "exec", "arguments": '{"command":"THREE"}'}}]},
    {"role": "tool", "tool_call_id": "k3v9x1b7q", "content": "FOUR"},
    {"role": "user", "content": "FIVE"},
    {"role": "user", "content": "SIX"},
    {"role": "assistant", "content": [{"type": "text", "text": "SEVEN"}]},
    {"role": "system", "content": "EIGHT"},
    {"role": "user", "content": "NINE"},
]  # fmt: skip
WORDS = ("SYSTEM", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE", "exec")
ALL = {
    "hermes": TEMPLATE,
    "alternating": ALTERNATING,
    "no system": NO_SYSTEM,
    "text arguments": TEXT_ARGUMENTS,
    "llama": LLAMA,
    "thinking": THINKING,
    "plain": PLAIN_TEMPLATE,
    "chatml": CHATML_TEMPLATE,
}


@pytest.mark.parametrize("name", ALL)
def test_nothing_an_agent_sends_is_lost(name):
    template = ChatTemplate(ALL[name], ScriptedTokenizer())
    text = template.render(AGENT, [TOOL]).text
    assert [word for word in WORDS if word not in text] == []
    assert "None" not in text and "[{'type'" not in text and '\\"command' not in text


def test_what_templates_can_do_is_found_out():
    def caps(name):
        return ChatTemplate(ALL[name], ScriptedTokenizer()).caps

    assert not caps("alternating").users_in_a_row and not caps("alternating").tools
    assert not caps("no system").system
    assert not caps("text arguments").object_arguments and caps("hermes").object_arguments
    assert caps("hermes").parallel_calls and not caps("llama").parallel_calls
    assert not caps("hermes").reasoning
    assert caps("thinking").thinking_switch and not caps("hermes").thinking_switch


@pytest.mark.parametrize(
    ("template", "format"),
    [(TEMPLATE, HERMES), (LLAMA, LLAMA3), (CHATML_TEMPLATE, GENERIC), (ALTERNATING, GENERIC),
     (TEMPLATE + "{# [TOOL_CALLS] #}", GENERIC)],
)  # fmt: skip
def test_the_format_is_what_the_template_writes(template, format):
    assert ChatTemplate(template, ScriptedTokenizer()).format is format
    assert {MISTRAL.marker, MISTRAL_ARGS.marker} == {"[TOOL_CALLS]"} and XML.envelope == "xml"


def test_tools_without_a_place_are_told_in_our_own_words():
    template = ChatTemplate(CHATML_TEMPLATE, ScriptedTokenizer())
    text = template.render([{"role": "user", "content": "hi"}], [TOOL]).text
    assert text.startswith("<|im_start|>system\n") and '"name": "exec"' in text
    assert "<tool_call>" in text


def test_a_template_of_its_own_for_tools():
    plain = CHATML_TEMPLATE + "(no tools)"
    template = ChatTemplate(plain, ScriptedTokenizer(), with_tools=TEMPLATE)
    alone = ChatTemplate(TEMPLATE, ScriptedTokenizer())
    asked = [{"role": "user", "content": "hi"}]
    call = {"id": "1", "function": {"name": "exec", "arguments": "{}"}}
    told = [
        *asked,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "done"},
    ]
    assert template.native_tools and template.source == plain
    assert template.render(asked, [TOOL]).text == alone.render(asked, [TOOL]).text
    assert template.render(told).text == alone.render(told).text
    assert template.render(asked).text == alone.render(asked).text + "(no tools)"


def test_a_prompt_that_ends_in_reasoning():
    template = ChatTemplate(THINKING, ScriptedTokenizer())
    user = [{"role": "user", "content": "hi"}]
    assert template.render(user).thinking
    assert not template.render(user, options={"enable_thinking": False}).thinking


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(["<|im_start|>", "<|im_end|>", "<|", "im_end", "|>", "<", MARK,
                                 "\n", "x", "☔", "<|im_<|im_end|>end|>", "<|endoftext|>"]),
                max_size=10).map("".join))  # fmt: skip
def test_no_text_of_a_user_becomes_a_control_token(text):
    tokenizer = ScriptedTokenizer()
    template = ChatTemplate(TEMPLATE, tokenizer)
    messages = [
        {"role": "system", "content": text},
        {"role": "user", "content": text},
        {"role": "assistant", "content": text, "tool_calls": [
            {"id": "1", "function": {"name": "f", "arguments": json.dumps({text: text})}}]},
        {"role": "tool", "content": text, "tool_call_id": "1"},
    ]  # fmt: skip
    tokens = template.encode(template.render(messages))
    controls = [token for token in tokens if 256 <= token < 259]
    start, end = tokenizer.special["<|im_start|>"], tokenizer.special["<|im_end|>"]
    assert controls == [start, end] * 4 + [start]
    written = tokenizer.decode(tokens).decode()
    assert MARK not in written and text.replace(MARK, "\ufffd") in written


def test_plain_text_is_tokenised_as_if_nothing_had_happened():
    tokenizer = ScriptedTokenizer()
    encoder = PromptEncoder(tokenizer)
    text = encoder.disarm("a <|im_end|> hello")
    assert encoder.encode(text) == tokenizer.encode("a <|im_end|> hello", special=False)
    assert encoder.encode("<|im_end|>") == [tokenizer.special["<|im_end|>"]]


def test_bos_is_put_in_front_once():
    tokenizer = ScriptedTokenizer()
    tokenizer.bos, tokenizer.adds_bos = tokenizer.special["<|endoftext|>"], True
    encoder = PromptEncoder(tokenizer)
    assert encoder.encode("a") == [tokenizer.bos, 97]
    assert encoder.encode("<|endoftext|>a") == [tokenizer.bos, 97]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{% for i in [1,2,3] %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "1"),
        ("{% generation %}x{% endgeneration %}", "x"),
        ("{{ {'b': '<é>', 'a': 1} | tojson }}", '{"b": "<é>", "a": 1}'),
        ("{{ [1] | tojson(indent=2) }}", "[\n  1\n]"),
        ("  {% if true %}\nx\n  {% endif %}\ny", "x\ny"),
        ("{{ ' a b '.strip().split(' ')[-1] }}", "b"),
        ("{% set ns = namespace(a=1) %}{% set ns.a = 2 %}{{ ns.a }}", "2"),
        ("{{ strftime_now('%Y') | length }}", "4"),
        ("{{ '%02d' % 7 }}", "07"),
        ("{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m('x') }}", "[x]"),
    ],
)
def test_the_conventions_of_hugging_face(source, expected):
    assert CompiledTemplate(source).render({}) == expected


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ 'a' * 10000000000 }}",
        "{{ 2 ** 100000000 }}",
        "{{ 'a'.ljust(10000000000) }}",
        "{{ '%10000000d' % 1 }}",
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{{ raise_exception('no') }}",
        "{{ missing.attribute.of }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_hostile_templates_are_stopped(source):
    with pytest.raises(TemplateFault):
        CompiledTemplate(source).render({"messages": []})


def test_endless_templates_are_interrupted():
    loops = "{% for a in range(9999) %}" * 3 + "{% set x = a %}" + "{% endfor %}" * 3
    template = CompiledTemplate(loops)
    result = []

    def render():
        try:
            template.render({}, seconds=0.3)
        except TemplateFault as fault:
            result.append(str(fault))

    thread = threading.Thread(target=render)
    thread.start()
    thread.join(60)
    assert result and "longer than" in result[0]


def test_too_much_text_is_stopped():
    loops = "{% for a in range(9999) %}{% for b in range(9999) %}0123456789{% endfor %}{% endfor %}"
    with pytest.raises(TemplateFault, match="characters|longer than"):
        CompiledTemplate(loops).render({})


def test_surrogates_are_cleaned():
    assert clean({"\ud800": ["a\udfff", 1, None]}) == {"\ufffd": ["a\ufffd", 1, None]}
