"""Replies cut at every place give the same events; calls are found, and nothing else is."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosso.llm.formats import GENERIC, HERMES, LLAMA3, MISTRAL, MISTRAL_ARGS, XML, detect_format
from rosso.llm.json_scan import JsonFault, JsonScan
from rosso.llm.scanner import CallBegin, CallEnd, CallPart, Reasoning, ReplyScanner, Text

TOOLS = ("exec", "get_weather", "no_args")


def scan(pieces, format=HERMES, cut_off=False, **options):
    scanner = ReplyScanner(format, TOOLS, **options)
    events = [event for piece in pieces for event in scanner.feed(piece)]
    return events + scanner.finish(cut_off)


def merged(events):
    """Events without the accident of how text was cut."""
    result = []
    for event in events:
        last = result[-1] if result else None
        if type(event) is type(last) and isinstance(event, Text | Reasoning):
            result[-1] = type(event)(last.text + event.text)
        elif isinstance(event, CallPart) and isinstance(last, CallPart):
            result[-1] = CallPart(event.index, last.text + event.text)
        else:
            result.append(event)
    return result


def text(events):
    return "".join(event.text for event in events if isinstance(event, Text))


def calls(events):
    return [(each.name, each.arguments) for each in events if isinstance(each, CallEnd)]


HERMES_CALL = (
    '<tool_call>\n{"name": "exec", "arguments": {"command": "ls -l \\"a}\\""}}\n</tool_call>'
)
REPLIES = {
    "text": (HERMES, "Hello, world.\nLine two. "),
    "call": (HERMES, HERMES_CALL),
    "text and call": (HERMES, "I will look.\n" + HERMES_CALL),
    "two calls": (HERMES, HERMES_CALL + "\n" + HERMES_CALL.replace("ls", "cat")),
    "arguments first": (
        HERMES,
        '<tool_call>{"arguments": {"a": [1, {"b": null}]}, "name": "exec"}</tool_call>',
    ),
    "no arguments": (HERMES, '<tool_call>\n{"name": "no_args"}\n</tool_call>'),
    "arguments in a string": (
        HERMES,
        '<tool_call>{"name": "exec", "arguments": "{\\"command\\": 1}"}</tool_call>',
    ),
    "broken call": (HERMES, 'a <tool_call>{"name": "exec", arguments: {}}</tool_call> b'),
    "call in broken call": (HERMES, '<tool_call>{"a": ' + HERMES_CALL),
    "reasoning": (HERMES, "<think>\nFirst. <tool_call> no.\n</think>\n\nAnswer."),
    "reasoning and call": (HERMES, "<think>hm </thin k></think>\n" + HERMES_CALL),
    "text after call": (HERMES, HERMES_CALL + "\nDone!" + HERMES_CALL),
    "newline in a string": (
        HERMES,
        '<tool_call>{"name": "exec", "arguments": {"command": "a\nb"}}</tool_call>',
    ),
    "no end mark": (HERMES, '<tool_call>\n{"name": "exec", "arguments": {"command": "ls"}}'),
    "llama": (LLAMA3, '{"name": "get_weather", "parameters": {"city": "Paris ☔"}}'),
    "llama tag": (LLAMA3, '<|python_tag|>{"name": "exec", "parameters": {"command": "ls"}}'),
    "llama two": (
        LLAMA3,
        '{"name": "exec", "parameters": {}}; {"name": "no_args", "parameters": {}}',
    ),
    "llama json": (LLAMA3, ' {"name": "Ann", "age": 7} is an object'),
    "llama other object": (LLAMA3, '{"answer": {"name": "exec"}}'),
    "llama type": (
        LLAMA3,
        '{"type": "function", "name": "exec", "parameters": {"command": "x"}}\n',
    ),
    "mistral": (
        MISTRAL,
        '[TOOL_CALLS][{"name": "exec", "arguments": {"command": "ls"}, "id": "abcdefghi"}, '
        '{"name": "no_args", "arguments": {}}]',
    ),
    "mistral text": (MISTRAL, 'Wait.[TOOL_CALLS] [{"name": "exec", "arguments": {"a": 1}}]'),
    "mistral args": (
        MISTRAL_ARGS,
        '[TOOL_CALLS]exec[ARGS]{"command": "a"}[TOOL_CALLS]no_args[ARGS]{}',
    ),
    "mistral id": (MISTRAL_ARGS, '[TOOL_CALLS]exec[CALL_ID]a1b2c3d4e[ARGS]{"command": "]}"}'),
    "xml": (
        XML,
        "Look:\n<tool_call>\n<function=exec>\n<parameter=command>\nls -l\ncat <b>\n</parameter>\n"
        "<parameter=count>\n3\n</parameter>\n</function>\n</tool_call>",
    ),
    "looks like a mark": (HERMES, "a < b, <tool, <tool_call, <tool_cal l>"),
}  # fmt: skip

EXPECTED_CALLS = {
    "call": [("exec", {"command": 'ls -l "a}"'})],
    "text and call": [("exec", {"command": 'ls -l "a}"'})],
    "two calls": [("exec", {"command": 'ls -l "a}"'}), ("exec", {"command": 'cat -l "a}"'})],
    "arguments first": [("exec", {"a": [1, {"b": None}]})],
    "no arguments": [("no_args", {})],
    "arguments in a string": [("exec", {"command": 1})],
    "call in broken call": [("exec", {"command": 'ls -l "a}"'})],
    "reasoning and call": [("exec", {"command": 'ls -l "a}"'})],
    "text after call": [("exec", {"command": 'ls -l "a}"'})],
    "newline in a string": [("exec", {"command": "a\nb"})],
    "no end mark": [("exec", {"command": "ls"})],
    "llama": [("get_weather", {"city": "Paris ☔"})],
    "llama tag": [("exec", {"command": "ls"})],
    "llama two": [("exec", {}), ("no_args", {})],
    "llama type": [("exec", {"command": "x"})],
    "mistral": [("exec", {"command": "ls"}), ("no_args", {})],
    "mistral text": [("exec", {"a": 1})],
    "mistral args": [("exec", {"command": "a"}), ("no_args", {})],
    "mistral id": [("exec", {"command": "]}"})],
    "xml": [("exec", {"command": "ls -l\ncat <b>", "count": 3})],
}

EXPECTED_TEXT = {
    "text": "Hello, world.\nLine two. ",
    "text and call": "I will look.",
    "broken call": 'a <tool_call>{"name": "exec", arguments: {}}</tool_call> b',
    "call in broken call": '<tool_call>{"a":',
    "reasoning": "Answer.",
    "llama json": '{"name": "Ann", "age": 7} is an object',
    "llama other object": '{"answer": {"name": "exec"}}',
    "mistral text": "Wait.",
    "xml": "Look:",
    "looks like a mark": "a < b, <tool, <tool_call, <tool_cal l>",
}


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_in_one_piece(name, trusted):
    format, reply = REPLIES[name]
    events = scan([reply], format, trusted=trusted)
    if trusted and name in ("broken call", "newline in a string"):
        return  # no grammar allows them
    found = [(name, json.loads(arguments)) for name, arguments in calls(events)]
    assert found == EXPECTED_CALLS.get(name, [])
    assert text(events) == EXPECTED_TEXT.get(name, "")


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("name", REPLIES)
def test_every_single_cut_gives_the_same(name, trusted):
    format, reply = REPLIES[name]
    whole = merged(scan([reply], format, trusted=trusted))
    for at in range(1, len(reply)):
        assert merged(scan([reply[:at], reply[at:]], format, trusted=trusted)) == whole, at
    assert merged(scan(list(reply), format, trusted=trusted)) == whole


MARKS = ["<think>", "</think>", "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "<|python_tag|>",
         '{"name": "exec", "arguments": ', '{"name": "exec", "parameters": ', '{"command": "ls"}',
         "}", "{", "[", "]", '"', "\\", "\n", " ", "[ARGS]", "exec", "<function=exec>", ",", ";",
         "</function>", "<parameter=a>", "</parameter>", "word", "é☔"]  # fmt: skip


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(
    st.lists(st.sampled_from(MARKS), max_size=14),
    st.sampled_from([HERMES, GENERIC, LLAMA3, MISTRAL, MISTRAL_ARGS, XML]),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.booleans(),
)
def test_random_replies_at_random_cuts(parts, format, dice, trusted, cut_off):
    reply = "".join(parts)
    cuts = sorted(dice.randrange(len(reply) + 1) for _ in range(dice.randrange(9)))
    pieces = [reply[a:b] for a, b in zip([0, *cuts], [*cuts, len(reply)])]
    whole = scan([reply], format, cut_off, trusted=trusted)
    assert merged(scan(pieces, format, cut_off, trusted=trusted)) == merged(whole)
    seen_call = False
    for event in whole:
        if isinstance(event, CallEnd):
            assert isinstance(json.loads(event.arguments), dict), event
        seen_call |= isinstance(event, CallBegin)
        assert not (seen_call and isinstance(event, Text)), "text after a call"


def test_calls_come_one_after_the_other_and_in_whole():
    events = scan(list(REPLIES["two calls"][1]), trusted=True)
    kinds = [(type(event).__name__, event.index) for event in events]
    assert kinds[0] == ("CallBegin", 0) and kinds[-1] == ("CallEnd", 1)
    assert [index for _, index in kinds] == sorted(index for _, index in kinds)
    for index in (0, 1):
        joined = "".join(e.text for e in events if isinstance(e, CallPart) and e.index == index)
        assert joined == [e.arguments for e in events if isinstance(e, CallEnd)][index]


def test_trusted_arguments_stream_as_they_are_written():
    scanner = ReplyScanner(HERMES, TOOLS, trusted=True)
    scanner.feed('<tool_call>\n{"name": "exec", "arguments": {"command": "')
    assert scanner.feed("ls -l") == [CallPart(0, "ls -l")]


@pytest.mark.parametrize("cut", range(38, 66))
def test_a_trusted_call_cut_off_is_closed_as_json(cut):
    reply = '<tool_call>\n{"name": "exec", "arguments": {"a": [tru, "x\\u00e9"]}}'.replace(
        "tru,", "true,"
    )
    events = scan([reply[:cut]], cut_off=True, trusted=True)
    joined = "".join(event.text for event in events if isinstance(event, CallPart))
    if any(isinstance(event, CallBegin) for event in events) and joined:
        assert isinstance(json.loads(joined), dict)


def test_an_untrusted_call_cut_off_is_withheld():
    reply = 'Hm.\n<tool_call>\n{"name": "exec", "arguments": {"command": "rm -rf /tm'
    assert scan([reply], cut_off=True) == [Text("Hm.")]


def test_a_reply_that_begins_in_reasoning():
    events = merged(scan(["So", "me thought\n</th", "ink>\n\nYes."], thinking=True))
    assert events == [Reasoning("Some thought"), Text("Yes.")]


def test_without_tools_marks_are_text():
    assert scan([HERMES_CALL], None) == [Text(HERMES_CALL)]


@pytest.mark.parametrize(
    ("template", "format"),
    [
        ("... <tool_call> ... </tool_call>", HERMES),
        ("<tool_call>\n<function=example>\n<parameter=x>", XML),
        ("<|python_tag|>", LLAMA3),
        ("[TOOL_CALLS] [", MISTRAL),
        ("[TOOL_CALLS]name[ARGS]", MISTRAL_ARGS),
        ("<|im_start|>", GENERIC),
    ],
)
def test_formats_are_told_by_marks(template, format):
    assert detect_format(template) is format


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=100, deadline=None, derandomize=True)
@given(JSON, st.booleans(), st.integers(0, 4), st.data())
def test_json_ends_where_it_ends_and_closes_anywhere(value, ascii_only, indent, data):
    value = [value]
    written = json.dumps(value, ensure_ascii=ascii_only, indent=indent or None)
    scanner = JsonScan()
    assert scanner.feed(written + " tail") == len(written) and scanner.done
    cut = data.draw(st.integers(0, len(written)))
    scanner = JsonScan()
    scanner.feed(written[:cut])
    json.loads(written[:cut] + scanner.closers())


@pytest.mark.parametrize("wrong", ["{1}", "[,]", "{'a'}", "[1 2]", '{"a" 1}', "[tru ]", '["\\x"]',
                                   "[01]", "[1.]", "]", '["a\nb"]', '{"a":}', "[1,]"])  # fmt: skip
def test_json_that_is_none(wrong):
    scanner = JsonScan()
    at = scanner.feed(wrong) if wrong != "]" else 0  # stops in front of the fault
    with pytest.raises(JsonFault):
        scanner.feed(wrong, at)
