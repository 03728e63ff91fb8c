"""The tokenizer of the demo model: byte-level BPE in the manner of Qwen2."""

from __future__ import annotations

import json
from collections.abc import Sequence

from corpus import DEFAULT_SYSTEM, END_OF_TEXT, IM_END, IM_START, tools_text
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL_TOKENS = [END_OF_TEXT, IM_START, IM_END]
TOKEN_TYPE_NORMAL, TOKEN_TYPE_CONTROL = 1, 3

QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CHAT_TEMPLATE = (
    "{%- set default = '"
    + DEFAULT_SYSTEM
    + """' %}
{%- if messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0]['content'] }}
{%- else %}
    {{- '<|im_start|>system\\n' + default }}
{%- endif %}
{%- if tools %}
    {{- '\\nTools:' }}
    {%- for tool in tools %}
        {%- set function = tool.function if tool.function is defined else tool %}
        {%- set parameters = function.parameters if function.parameters else {} %}
        {%- set names = parameters.properties if parameters.properties else {} %}
        {{- '\\n' + function.name + '(' + (names | join(', ')) + ')' }}
    {%- endfor %}
{%- endif %}
{{- '<|im_end|>\\n' }}
{%- for message in messages %}
    {%- if message.role == 'assistant' and message.tool_calls %}
        {{- '<|im_start|>assistant' }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for call in message.tool_calls %}
            {%- set call = call.function if call.function is defined else call %}
            {{- '\\n<tool_call>\\n{"name": "' + call.name + '", "arguments": ' }}
            {{- call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif not (message.role == 'system' and loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
)


def train_tokenizer(texts: list[str], size: int) -> Tokenizer:
    """Learn merges from texts; the control tokens get the last ids."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    if tokenizer.get_vocab_size() != size:
        raise ValueError(f"the texts gave only {tokenizer.get_vocab_size()} of {size} tokens")
    return tokenizer


def chat_prompt(messages: list[dict[str, str]], tools: Sequence[str] = ()) -> str:
    """Render messages as CHAT_TEMPLATE does, up to where the assistant's answer begins.

    Tools are written as `name(parameter, ...)`, calls are the content of an assistant's message.
    """
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": DEFAULT_SYSTEM}, *messages]
    system = {"role": "system", "content": messages[0]["content"] + tools_text(tools)}
    turns = [f"{IM_START}{m['role']}\n{m['content']}{IM_END}\n" for m in [system, *messages[1:]]]
    return "".join([*turns, f"{IM_START}assistant\n"])


def tokenizer_metadata(tokenizer: Tokenizer) -> dict[str, bool | int | str | list[int] | list[str]]:
    """Describe the tokenizer in the keys of GGUF."""
    ids = tokenizer.get_vocab()
    tokens = sorted(ids, key=ids.__getitem__)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [
            TOKEN_TYPE_CONTROL if token in SPECIAL_TOKENS else TOKEN_TYPE_NORMAL for token in tokens
        ],
        "tokenizer.ggml.merges": [" ".join(merge) for merge in merges],
        "tokenizer.ggml.eos_token_id": ids[IM_END],
        "tokenizer.ggml.bos_token_id": ids[END_OF_TEXT],
        "tokenizer.ggml.padding_token_id": ids[END_OF_TEXT],
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }
