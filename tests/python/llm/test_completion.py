"""llama.cpp's /completion: fields, kinds of prompts, how replies end, streams, and bad requests."""

import json

import pytest
from live import Live
from scripted import ScriptedCore
from test_openai_chat import script


@pytest.fixture(scope="module")
def live():
    with Live(ScriptedCore(script)) as server:
        yield server


def complete(live, **body):
    answer = live.post("/completion", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_reply_that_ends_by_itself(live):
    reply = complete(live, prompt="say it\nall")
    assert reply["content"] == "it\nall" and reply["stop"] is True
    assert (reply["stop_type"], reply["stopping_word"]) == ("eos", "")
    assert reply["has_new_line"] and not reply["truncated"]
    assert reply["prompt"] == "say it\nall"
    assert reply["tokens_evaluated"] == len("say it\nall")
    assert reply["tokens_predicted"] == len("it\nall") == reply["timings"]["predicted_n"]
    assert reply["tokens"] == []
    assert complete(live, prompt="say it\nall")["tokens_cached"] == reply["tokens_evaluated"] - 1


@pytest.mark.parametrize("limit", [{"n_predict": 3}, {"max_tokens": 3}])
def test_a_reply_that_is_cut_off(live, limit):
    reply = complete(live, prompt="say abcdef", **limit)
    assert (reply["content"], reply["stop_type"]) == ("abc", "limit")
    assert reply["generation_settings"]["n_predict"] == 3
    assert complete(live, prompt="say abcdef", n_predict=0)["content"] == ""
    assert complete(live, prompt="say abcdef", n_predict=-1)["content"] == "abcdef"


def test_a_reply_that_meets_a_stop_text(live):
    reply = complete(live, prompt="say abcdef", stop=["xx", "de"])
    assert (reply["content"], reply["stop_type"]) == ("abc", "word")
    assert reply["stopping_word"] == "de"


def test_prompts_of_tokens_texts_and_both(live):
    def spelt(text):
        return live.post("/tokenize", {"content": text}).json()["tokens"]

    assert complete(live, prompt=spelt("say yes"))["content"] == "yes"
    assert complete(live, prompt=["say ", *spelt("ye"), "s"])["content"] == "yes"
    assert complete(live, prompt={"prompt_string": "say yes"})["content"] == "yes"
    several = complete(live, prompt=["say a", spelt("say b"), {"prompt_string": "say c"}])
    assert [reply["content"] for reply in several] == ["a", "b", "c"]
    assert [reply["index"] for reply in several] == [0, 1, 2]
    body = {"prompt": ["say ab", "say cd"]}
    events = [json.loads(event[6:]) for event in live.events(body, "/completion")]
    texts = ["".join(e["content"] for e in events if e["index"] == at) for at in range(2)]
    assert texts == ["ab", "cd"] and sum(event["stop"] for event in events) == 2


def test_tokens_and_probabilities(live):
    reply = complete(live, prompt="say ab", n_probs=3, return_tokens=True)
    assert reply["tokens"][:2] == list(b"ab")
    first = reply["completion_probabilities"][0]
    assert (first["id"], first["token"], first["bytes"]) == (ord("a"), "a", [ord("a")])
    assert len(first["top_logprobs"]) == 3
    assert all({"id", "token", "bytes", "logprob"} == set(top) for top in first["top_logprobs"])


def test_streams_end_with_a_last_event(live):
    body = {"prompt": "say abc", "timings_per_token": True}
    events = [json.loads(event[6:]) for event in live.events(body, "/completion")]
    assert "".join(event["content"] for event in events) == "abc"
    assert [event["stop"] for event in events] == [False] * (len(events) - 1) + [True]
    assert [token for event in events for token in event["tokens"]] == list(b"abc")
    assert events[-1]["stop_type"] == "eos" and "predicted_n" in events[0]["timings"]


def test_biases_by_token_and_text(live):
    def biased(value):
        return complete(live, prompt="say ab", logit_bias=value, temperature=0)["content"]

    assert biased([["a", False]])[:1] != "a"
    assert biased([[ord("a"), -100]])[:1] != "a"
    assert biased({str(ord("a")): -100})[:1] != "a"
    assert biased({"a": -100})[:1] != "a"
    assert biased([]) == "ab"


def test_the_fields_that_are_wanted(live):
    fields = ["content", "generation_settings/n_predict", "timings/nothing", "no/such"]
    reply = complete(live, prompt="say abc", n_predict=2, response_fields=fields)
    assert reply == {"content": "ab", "generation_settings/n_predict": 2}


def test_what_is_kept_of_a_prompt_is_used_unless_told_not_to(live):
    complete(live, prompt="say the same")
    assert complete(live, prompt="say the same")["timings"]["cache_n"] == len("say the same") - 4
    anew = complete(live, prompt="say the same", cache_prompt=False)["timings"]
    assert (anew["cache_n"], anew["prompt_n"]) == (0, len("say the same") - 3)


def test_speeds_are_of_the_steps_that_were_made(live):
    one = complete(live, prompt="say abc", n_predict=1)["timings"]
    assert one["predicted_per_second"] == one["predicted_per_token_ms"] == 0
    three = complete(live, prompt="say abc", n_predict=3)["timings"]
    assert three["predicted_per_second"] == pytest.approx(2000 / three["predicted_ms"])


def test_the_end_is_never_chosen_where_it_must_not_be(live):
    reply = complete(live, prompt="say a", ignore_eos=True, n_predict=5)
    assert (reply["tokens_predicted"], reply["stop_type"]) == (5, "limit")
    biases = {each["token"]: each["bias"] for each in reply["generation_settings"]["logit_bias"]}
    assert biases and all(bias is None for bias in biases.values())


def test_a_reply_that_the_context_cuts_off():
    with Live(ScriptedCore(lambda prompt: "x" * 99, context=40)) as short:
        reply = complete(short, prompt="say x")
        assert (reply["tokens_predicted"], reply["truncated"]) == (35, True)
        assert complete(short, prompt="say x", n_predict=5)["truncated"] is False
        error = short.post("/completion", {"prompt": "x" * 60}).json()["error"]
        assert error["type"] == "exceed_context_size_error"
        assert (error["n_prompt_tokens"], error["n_ctx"]) == (60, 40)


@pytest.mark.parametrize("grammar", ['root ::= "a"{3,3} b\nb ::= [0-9]', 'start: "aaa" /[0-9]/'])
def test_replies_are_held_to_a_grammar(live, grammar):
    pytest.importorskip("llguidance")
    content = complete(live, prompt="say x", grammar=grammar)["content"]
    assert content[:3] == "aaa" and content[3:].isdigit() and len(content) == 4


def test_replies_are_held_to_a_schema(live):
    pytest.importorskip("llguidance")
    reply = complete(live, prompt="say x", json_schema={"enum": ["fox", "owl"]})
    assert json.loads(reply["content"]) in ("fox", "owl")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["a", -1]}, "prompt[1]"),
        ({"prompt": "a", "n_predict": -2}, "n_predict"),
        ({"prompt": "a", "grammar": "root ::= (("}, "grammar"),
        ({"prompt": "a", "grammar": 5}, "grammar"),
        ({"prompt": "a", "json_schema": {"type": "no"}}, "json_schema"),
        ({"prompt": "a", "logit_bias": [[1]]}, "logit_bias[0]"),
        ({"prompt": "a", "logit_bias": [[10**9, 1]]}, "logit_bias[0]"),
        ({"prompt": "a", "logit_bias": "x"}, "logit_bias"),
        ({"prompt": [["a", -1], "b"]}, "prompt[0][1]"),
        ({"prompt": {"prompt_string": "a", "multimodal_data": ["x"]}}, "prompt"),
        ({"prompt": {"text": "a"}}, "prompt"),
        ({"prompt": "a", "post_sampling_probs": True}, "post_sampling_probs"),
        ({"prompt": "a" * 40000}, "prompt"),
    ],
)
def test_bad_requests(live, body, where):
    answer = live.post("/completion", body)
    assert answer.status_code == 400 and answer.json()["error"]["param"] == where
