"""Check a trained demo model, and write the answers that other programs should get from it.

Usage: python evaluate.py STATE_DIRECTORY [--expected EXPECTED.json]
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import torch
from corpus import (
    CALCULATOR,
    CAPITALS,
    COLORS,
    DIFFERENCE_PAIRS,
    DIFFERENCE_PHRASINGS,
    FIXED_ANSWERS,
    IM_END,
    OPPOSITES,
    SOUNDS,
    SUM_PAIRS,
    SUM_PHRASINGS,
    WEATHER,
    calculation,
    sum_answer,
    weather_report,
)
from model import Parameters, Shape, forward, quantized
from tokenizers import Tokenizer
from vocabulary import SPECIAL_TOKENS, chat_prompt

BATCH_ROWS = 128
MAXIMUM_ANSWER_TOKENS = 220
TOP = 5

CHATS = [
    ["Hello!"],
    ["Hi, who are you?"],
    ["What can you do?"],
    ["How are you?"],
    ["What is 7 + 8?"],
    ["What is 0 + 0?"],
    ["What is 9 + 9?"],
    ["How much is 12 plus 6?"],
    ["Please add 3 and 14."],
    ["4+5"],
    ["What is the sum of 11 and 8?"],
    ["What is 15 - 8?"],
    ["How much is 19 minus 19?"],
    ["What is the opposite of hot?"],
    ["What is the opposite of strong?"],
    ["What color is the sky?"],
    ["What colour is a tomato?"],
    ["What sound does a duck make?"],
    ["What does the cow say?"],
    ["What is the capital of France?"],
    ["What day comes after Monday?"],
    ["Count to 5."],
    ["Count from 3 to 9."],
    ["Who made you?"],
    ["What is Rosso?"],
    ["Explain quantum physics."],
    ["Thank you!"],
    ["Goodbye!"],
    ["Tell me a story about a fox."],
    ["Tell me a story about an owl."],
    ["Tell me a story."],
    ["Hello!", "What is 7 + 8?", "And 9 + 4?", "Thanks!"],
    ["My name is Anna.", "What is 2 + 2?", "What is my name?"],
    ["Count to 4.", "What is the opposite of big?", "Tell me a story about a bear.", "6 + 7"],
]
SYSTEM_CHATS = [
    ("You are a helpful assistant.", "What is 8 + 5?"),
    ("Be brief.", "What color is snow?"),
]
# Tools that are offered, a question, and what the tool says if it is called.
TOOL_CHATS = [
    ([CALCULATOR, WEATHER], "What is 123 * 45?", "5535"),
    ([CALCULATOR], "Calculate 17 - 42.", "-25"),
    ([WEATHER, CALCULATOR], "How much is 96 / 12?", "8"),
    ([CALCULATOR, WEATHER], "What is 3 + 4?", "7"),
    ([CALCULATOR, WEATHER], "Compute (12 + 30) * 5.", "210"),
    ([CALCULATOR, WEATHER], "What is the weather in Paris?", "sunny, 21 degrees"),
    ([WEATHER], "Tell me the weather in Oslo.", '{"temperature": -4, "condition": "snowy"}'),
    ([CALCULATOR, WEATHER], "How is the weather in Tokyo?", "18 degrees, cloudy"),
    ([CALCULATOR, WEATHER], "What color is the sky?", ""),
    ([CALCULATOR, WEATHER], "Who are you?", ""),
]
TEXTS = [
    "Once upon a time",
    "Once upon a time there was a brave rabbit named Lily.",
    "Once there was a",
    "A long time ago there lived a",
]
TOKENIZER_TEXTS = [
    "Hello, world!",
    "  two  spaces\tand a tab ",
    "line one\nline two\r\n\r\nline three\n\n  end",
    "It's he'll WE'RE I'D don't",
    "12345 + 6.78 = x9y",
    "Grüße aus München, señor! façade",
    "Привет, мир! 你好,世界。 こんにちは",
    "emoji: 🦊🎉 👩‍👩‍👧 e\u0301",
    "if (a[i] != b) { return f(x)->y; } // ???!!!",
    "<|im_start|>user\nHi<|im_end|>\n<|endoftext|>",
    "<|im_start> <|not_special|> <|im_end|",
    "",
    " ",
    "\n",
    "CamelCase snake_case UPPER \u00a0nbsp \u3000wide",
]


class Model:
    """Parameters, their tokenizer, and greedy decoding."""

    def __init__(self, parameters: Parameters, shape: Shape, tokenizer: Tokenizer) -> None:
        """Keep the parts."""
        self.parameters, self.shape, self.tokenizer = parameters, shape, tokenizer
        self.stops = {tokenizer.token_to_id(token) for token in SPECIAL_TOKENS}

    @classmethod
    def load(cls, state: Path) -> Model:
        """Load what training left in its state directory."""
        parameters = torch.load(state / "checkpoint.pt")["parameters"]
        detached = {name: tensor.detach() for name, tensor in parameters.items()}
        return cls(detached, Shape(), Tokenizer.from_file(str(state / "tokenizer.json")))

    def rounded(self) -> Model:
        """Make the same model with matrices as in a Q4_K/Q6_K file."""
        return Model(quantized(self.parameters), self.shape, self.tokenizer)

    def complete(self, prompt: str) -> dict:
        """Decode greedily; the margin is the least lead that a chosen token had in logits."""
        prompt_ids = self.tokenizer.encode(prompt).ids
        answer_ids: list[int] = []
        stop, margin, first_logits = None, float("inf"), None
        while stop is None and len(answer_ids) < MAXIMUM_ANSWER_TOKENS:
            ids = torch.tensor([prompt_ids + answer_ids])
            logits = forward(self.parameters, self.shape, ids)[0, -1]
            first_logits = logits if first_logits is None else first_logits
            best = logits.topk(2)
            margin = min(margin, (best.values[0] - best.values[1]).item())
            token = int(best.indices[0])
            if token in self.stops:
                stop = token
            else:
                answer_ids.append(token)
        top = first_logits.topk(TOP)
        return {
            "prompt": prompt,
            "prompt_ids": prompt_ids,
            "answer": self.tokenizer.decode(answer_ids, skip_special_tokens=False),
            "answer_ids": answer_ids,
            "stop_id": stop,
            "least_margin": round(margin, 4),
            "top_logits": [
                [int(i), round(float(v), 5)] for v, i in zip(top.values, top.indices, strict=True)
            ],
        }

    def wrong_answers(self, cases: list[tuple[str, str]]) -> list[str]:
        """Name the questions that greedy decoding would answer otherwise than expected."""
        asked = [(chat_prompt([{"role": "user", "content": q}]), answer) for q, answer in cases]
        wrong = set(self.wrong_replies(asked))
        return [q for (q, _), (prompt, _) in zip(cases, asked, strict=True) if prompt in wrong]

    def wrong_replies(self, cases: list[tuple[str, str]]) -> list[str]:
        """Name the prompts that greedy decoding would go on from otherwise than expected."""
        wrong = []
        for start in range(0, len(cases), BATCH_ROWS):
            rows, lengths = [], []
            for text, answer in cases[start : start + BATCH_ROWS]:
                prompt = self.tokenizer.encode(text)
                rows.append(prompt.ids + self.tokenizer.encode(answer + IM_END).ids)
                lengths.append(len(prompt.ids))
            longest = max(map(len, rows))
            ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
            choices = forward(self.parameters, self.shape, ids).argmax(-1).tolist()
            wrong += [
                cases[start + i][0]
                for i, row in enumerate(rows)
                if choices[i][lengths[i] - 1 : len(row) - 1] != row[lengths[i] :]
            ]
        return wrong


def question_sets() -> dict[str, list[tuple[str, str]]]:
    """List all questions with one right answer, by kind."""
    both_ways = [*OPPOSITES, *(pair[::-1] for pair in OPPOSITES)]
    return {
        "sums": [
            (phrasing.format(a=a, b=b), sum_answer(a, b))
            for phrasing in SUM_PHRASINGS
            for a, b in SUM_PAIRS
        ],
        "differences": [
            (phrasing.format(a=a, b=b), f"{a} - {b} = {a - b}.")
            for phrasing in DIFFERENCE_PHRASINGS
            for a, b in DIFFERENCE_PAIRS
        ],
        "talk": [(asked, answer) for answer, forms in FIXED_ANSWERS.items() for asked in forms],
        "opposites": [
            (f"What is the opposite of {a}?", f"The opposite of {a} is {b}.") for a, b in both_ways
        ],
        "colors": [
            (f"What color is {thing}?", f"{thing[0].upper()}{thing[1:]} is {color}.")
            for thing, color in COLORS
        ],
        "sounds": [
            (f"What does the {animal} say?", f"The {animal} says {sound}.")
            for animal, sound in SOUNDS
        ],
        "capitals": [
            (f"What is the capital of {country}?", f"The capital of {country} is {city}.")
            for country, city in CAPITALS
        ],
    }


def tool_sets(count: int = 200) -> dict[str, list[tuple[str, str]]]:
    """List prompts and replies with tools, drawn apart from those of the training."""
    rng = random.Random(99)
    sets: dict[str, list[tuple[str, str]]] = {"calls": [], "results": []}
    for _ in range(count):
        asked, call, result, answer = rng.choice([calculation, weather_report])(rng)
        user = {"role": "user", "content": asked}
        told = [{"role": "assistant", "content": call}, {"role": "tool", "content": result}]
        tools = [CALCULATOR, WEATHER]
        sets["calls"].append((chat_prompt([user], tools), call))
        sets["results"].append((chat_prompt([user, *told], tools), answer))
    return sets


def report(model: Model) -> None:
    """Print how many questions of each kind the model gets right, as trained and rounded."""
    for label, candidate in (("f32", model), ("rounded", model.rounded())):
        for kind, cases in question_sets().items():
            wrong = candidate.wrong_answers(cases)
            right = len(cases) - len(wrong)
            print(f"{label:8} {kind:12} {right}/{len(cases)}  {wrong[:4]}", flush=True)
        for kind, cases in tool_sets().items():
            wrong = candidate.wrong_replies(cases)
            print(f"{label:8} {kind:12} {len(cases) - len(wrong)}/{len(cases)}", flush=True)


def chat_case(model: Model, messages: list[dict[str, str]]) -> dict:
    """Answer a chat."""
    return {"messages": messages, **model.complete(chat_prompt(messages))}


def conversation_case(model: Model, questions: list[str]) -> dict:
    """Answer the last question, after the model's own answers to those before it."""
    messages: list[dict[str, str]] = []
    for question in questions:
        messages = [*messages, {"role": "user", "content": question}]
        case = chat_case(model, messages)
        messages = [*messages, {"role": "assistant", "content": case["answer"]}]
    return case


def tool_case(model: Model, tools: list[str], question: str, result: str) -> dict:
    """Ask with tools on offer; where one is called, tell its result and let the model answer."""
    messages = [{"role": "user", "content": question}]
    case = {"tools": tools, "question": question}
    case["reply"] = model.complete(chat_prompt(messages, tools))
    if case["reply"]["answer"].startswith("<tool_call>"):
        call = {"role": "assistant", "content": case["reply"]["answer"]}
        messages = [*messages, call, {"role": "tool", "content": result}]
        case["result"] = result
        case["answer"] = model.complete(chat_prompt(messages, tools))
    return case


def expectations(model: Model) -> dict[str, list[dict]]:
    """Make the content of expected.json."""
    encode = model.tokenizer.encode
    systems = [
        [{"role": "system", "content": system}, {"role": "user", "content": question}]
        for system, question in SYSTEM_CHATS
    ]
    return {
        "chats": [
            *(conversation_case(model, questions) for questions in CHATS),
            *(chat_case(model, messages) for messages in systems),
        ],
        "tools": [tool_case(model, *chat) for chat in TOOL_CHATS],
        "texts": [model.complete(text) for text in TEXTS],
        "tokenizer": [{"text": text, "ids": encode(text).ids} for text in TOKENIZER_TEXTS],
    }


@torch.no_grad()
def main() -> None:
    """Read the command line, report, and write the expectations where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("state", type=Path, help="the state directory of train.py")
    parser.add_argument("--expected", type=Path, help="the JSON file to write")
    arguments = parser.parse_args()
    model = Model.load(arguments.state)
    report(model)
    if arguments.expected:
        text = json.dumps(expectations(model), indent=1, ensure_ascii=False)
        arguments.expected.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
