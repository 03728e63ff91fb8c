"""Writes golden/chat.txt: what Jinja makes of chat templates in the manner of each family.

    pip install jinja2
    python make_chat_golden.py

The templates are our own, short ones; each computes the text that models of its family are trained
on. A line holds the family, then as hex the template and, for three conversations, the messages
(role and text, each ended by a zero byte) and the text.
"""

from __future__ import annotations

from pathlib import Path

from jinja2.sandbox import ImmutableSandboxedEnvironment

GOLDEN = Path(__file__).parent / "golden" / "chat.txt"

Message = dict[str, str]
USER = {"role": "user", "content": " What is 2 + 2? "}
ANSWER = {"role": "assistant", "content": "It is 4."}
AGAIN = {"role": "user", "content": "And 3 + 3?\n"}
SYSTEM = {"role": "system", "content": "Be brief."}
CONVERSATIONS: list[list[Message]] = [[USER], [SYSTEM, USER], [SYSTEM, USER, ANSWER, AGAIN]]

LOOP = "{% for m in messages %}"
END = "{% endfor %}"
CHATML_LOOP = (
    LOOP + "{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}" + END
)
CHATML_PROMPT = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
TAKE_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{% set sys = messages[0]['content'] %}"
    "{% set messages = messages[1:] %}{% else %}{% set sys = none %}{% endif %}"
)
LLAMA3 = "<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' + m['content'] | trim"


def tagged(end: str) -> str:
    """Make a template of turns that begin with the role in bars, as Phi 3 and Zephyr have them."""
    return (
        LOOP
        + "{{ '<|' + m['role'] + '|>\\n' + m['content'] + "
        + end
        + " + '\\n' }}"
        + END
        + "{# the turns are <|system|>, <|user|> and <|assistant|> #}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
    )


def bracketed(first: str, user: str, assistant: str) -> str:
    """Make a template of [INST] turns, the system message inside the first."""
    return (
        TAKE_SYSTEM
        + LOOP
        + "{% if loop.first and sys is not none %}{% set text = "
        + first
        + " + m['content'] %}"
        "{% else %}{% set text = m['content'] %}{% endif %}"
        "{% if m['role'] == 'user' %}{{ "
        + user
        + " }}{% else %}{{ "
        + assistant
        + " }}{% endif %}"
        + END
    )


TEMPLATES = {
    "chatml": [
        CHATML_LOOP + CHATML_PROMPT,
        "{% if messages[0]['role'] != 'system' %}"
        "{{ '<|im_start|>system\\nYou are a test.<|im_end|>\\n' }}{% endif %}"
        + CHATML_LOOP
        + CHATML_PROMPT,
    ],
    "phi4": [
        LOOP
        + "{{ '<|im_start|>' + m['role'] + '<|im_sep|>' + m['content'] + '<|im_end|>' }}"
        + END
        + "{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}"
    ],
    "llama3": [
        LOOP + "{% set text = '" + LLAMA3 + " + '<|eot_id|>' %}"
        "{% if loop.first %}{% set text = bos_token + text %}{% endif %}{{ text }}"
        + END
        + "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}",
        TAKE_SYSTEM + "{{ bos_token + '<|start_header_id|>system<|end_header_id|>\\n\\n' }}"
        "{{ 'Cutting Knowledge Date: December 2023\\nToday Date: 26 Jul 2024\\n\\n' }}"
        "{{ (sys or '') | trim + '<|eot_id|>' }}"
        + LOOP
        + "{{ '"
        + LLAMA3
        + " + '<|eot_id|>' }}"
        + END
        + "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}",
    ],
    "gemma": [
        "{{ bos_token }}"
        + TAKE_SYSTEM
        + LOOP
        + "{% set role = 'model' if m['role'] == 'assistant' else m['role'] %}"
        "{{ '<start_of_turn>' + role + '\\n' }}"
        "{% if loop.first and sys is not none %}{{ sys + '\\n\\n' }}{% endif %}"
        "{{ m['content'] | trim + '<end_of_turn>\\n' }}"
        + END
        + "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
    ],
    "llama2": [
        bracketed(
            "'<<SYS>>\\n' + sys + '\\n<</SYS>>\\n\\n'",
            "bos_token + '[INST] ' + text.strip() + ' [/INST]'",
            "' ' + text.strip() + ' ' + eos_token",
        ).replace("+ m['content']", "+ m['content'].strip()")
    ],
    "mistral": [
        "{{ bos_token }}"
        + bracketed("sys + '\\n\\n'", "'[INST] ' + text + ' [/INST]'", "text + eos_token")
    ],
    "mistral-v3": [
        "{{ bos_token }}{# [AVAILABLE_TOOLS] #}"
        + bracketed("sys + '\\n\\n'", "'[INST] ' + text + '[/INST]'", "' ' + text + eos_token")
    ],
    "deepseek": [
        "{{ bos_token }}"
        + TAKE_SYSTEM
        + "{{ sys or '' }}"
        + LOOP
        + "{% if m['role'] == 'user' %}{{ '<｜User｜>' + m['content'] }}{% else %}"
        "{{ '<｜Assistant｜>' + m['content'] + '<｜end▁of▁sentence｜>' }}{% endif %}"
        + END
        + "{% if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}"
    ],
    "granite": [
        LOOP + "{{ '<|start_of_role|>' + m['role'] + '<|end_of_role|>' + m['content']"
        " + '<|end_of_text|>\\n' }}" + END + "{% if add_generation_prompt %}"
        "{{ '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}"
    ],
    "phi3": [tagged("'<|end|>'")],
    "stablelm": [tagged("'<|endoftext|>'")],
    "zephyr": [tagged("eos_token")],
}


def main() -> None:
    """Render every template over every conversation."""
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    lines = []
    for family, templates in TEMPLATES.items():
        for template in templates:
            words = [family, template.encode().hex()]
            for messages in CONVERSATIONS:
                text = environment.from_string(template).render(
                    messages=messages,
                    add_generation_prompt=True,
                    bos_token="<s>",
                    eos_token="</s>",
                )
                packed = "".join(f"{m['role']}\0{m['content']}\0" for m in messages)
                # The tokenizer puts the first BOS there.
                words += [packed.encode().hex(), text.removeprefix("<s>").encode().hex()]
            lines.append(" ".join(words) + "\n")
    GOLDEN.write_text("".join(lines))


if __name__ == "__main__":
    main()
