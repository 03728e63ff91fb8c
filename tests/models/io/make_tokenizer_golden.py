"""Writes golden/*.txt: what the published tokenizer libraries make of generated text.

    pip install tokenizers sentencepiece
    python make_tokenizer_golden.py

- pretokenizer.txt: for each text (as hex) and each pattern, the lengths in bytes of its pieces, by
  the `tokenizers` library.
- bpe.txt: a small byte-level BPE vocabulary, trained here, and the ids that `tokenizers` gives.
- sentencepiece.txt: a small SentencePiece BPE model with byte fallback, trained here, and the ids
  that `sentencepiece` gives.

The patterns below are those of the published tokenizer.json files, and on purpose not read from the
code under test.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, trainers

GOLDEN = Path(__file__).parent / "golden"
TEXTS = 60

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
WORD = r"[^\r\n\p{L}\p{N}]?"
BLOOM = r" ?[^(\s|.,!?…。，、।۔،)]+"
DEEPSEEK_LETTERS = (
    r"A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}"
    r"\x{295}-\x{2AF}\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}"
    r"\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}"
    r"\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}"
    r"\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}"
    r"\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}"
    r"\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}"
    r"\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}"
    r"\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}"
    r"\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}"
    r"\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}"
    r"\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}\x{A78B}-\x{A78E}"
    r"\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}"
    r"\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}"
    r"\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}"
)
PATTERNS = {
    "gpt-2": [GPT2],
    "qwen2": [SHORT + rf"|{WORD}\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*" + SPACES],
    "qwen35": [
        SHORT + rf"|{WORD}[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*" + SPACES
    ],
    "llama-bpe": [
        SHORT + rf"|{WORD}\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*" + SPACES
    ],
    "tekken": [
        rf"{WORD}{UPPER}*{LOWER}+|{WORD}{UPPER}+{LOWER}*|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*"
        + SPACES
    ],
    "gpt-4o": [
        rf"{WORD}{UPPER}*{LOWER}+{SHORT}?|{WORD}{UPPER}+{LOWER}*{SHORT}?|\p{{N}}{{1,3}}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n/]*" + SPACES
    ],
    "starcoder": [r"\p{N}", GPT2],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"],
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
    "deepseek-coder": ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}"],
    "deepseek-llm": [
        "[\r\n]",
        rf"\s?[{DEEPSEEK_LETTERS}]+",
        r"\s?[!-/:-~！-／：-～‘-‟　-。]+",
        r"\s+$",
        "[一-龥ࠀ-一가-퟿]+",
        r"\p{N}+",
    ],
    "deepseek-v3": [
        r"\p{N}{1,3}",
        "[一-龥぀-ゟ゠-ヿ]+",
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"""
        r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*" + SPACES,
    ],
    "seed-coder": [SHORT + rf"|{WORD}\p{{L}}+|\p{{N}}{{1}}| ?[^\s\p{{L}}\p{{N}}\r\n]+" + SPACES],
    "bailingmoe": [
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*"
        r"|\s*[\r\n]|\s+(?!\S)|\s+"
    ],
    "bloom": [BLOOM],
    "viking": [BLOOM, r"\p{N}"],
    "jais-2": [
        SHORT + rf"|{WORD}\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+"
        r"|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)"
        r"|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}"
    ],
}

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im|>", "<tool_call>"]
WORDS = (
    "the of and a I'm don't we'll THEY'VE It's 12 345 6789 3.14 hello World fooBar HTTPServer x_y"
    " __init__ if(x){ } // comment naïve café Straße 'ſ 'S 'Ll 'rE \u212a's ½ Ⅷ ǅ"
).split()
GAPS = [
    " ",
    "  ",
    "   ",
    "\n",
    "\n\n",
    "\t",
    "\r\n",
    " \n",
    "\u00a0",
    "\u3000",
    " \t ",
    "\x0b",
    "\x1c",
    "\u200b",
    "\u2028",
]
SCRIPTS = [
    (0x20, 0x7F),
    (0, 0x20),
    (0x80, 0x250),
    (0x370, 0x530),
    (0x590, 0x700),
    (0x900, 0x980),
    (0xE00, 0xE80),
    (0x1E00, 0x2070),
    (0x2070, 0x2C00),
    (0x3000, 0x3100),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A4),
    (0xF900, 0x10000),
    (0x10400, 0x10450),
    (0x1F300, 0x1FA00),
    (0xE0000, 0xE01F0),
]


def texts(seed: int, count: int) -> Iterator[str]:
    """Generate texts of all scripts, with runs, gaps and almost-special tokens."""
    rng = random.Random(seed)
    for _ in range(count):
        parts = []
        for _ in range(rng.randrange(1, 12)):
            kind = rng.randrange(8)
            if kind <= 1:
                parts.append(rng.choice(WORDS))
            elif kind <= 3:
                parts.append(rng.choice(GAPS))
            elif kind == 4:
                token = rng.choice(SPECIAL)
                parts.append(token[: rng.choice([len(token), rng.randrange(len(token))])])
            elif kind == 5:
                parts.append(
                    rng.choice(["a", "A", "1", " ", "é", "中", "\n"]) * rng.randrange(1, 12)
                )
            else:
                first, end = rng.choice(SCRIPTS)
                parts.append("".join(chr(rng.randrange(first, end)) for _ in range(5)))
        yield "".join(parts)


def training_text() -> list[str]:
    """Generate text with words that repeat, so that merges can be learned."""
    rng = random.Random(7)
    return [
        " ".join(rng.choices(WORDS + ["once", "upon", "a", "time", "there", "was"], k=12))
        for _ in range(400)
    ] + list(texts(8, 200))


def hex_of(text: str) -> str:
    """Encode text so that any of it fits on a line; "-" is empty."""
    return text.encode().hex() or "-"


def numbers(values: list[int]) -> str:
    """Join numbers with commas; "-" is none."""
    return ",".join(map(str, values)) or "-"


def pieces(pattern: list[str], text: str) -> list[int]:
    """Split with `tokenizers`; the lengths of the pieces in bytes."""
    splits = [pre_tokenizers.Split(Regex(regex), "isolated") for regex in pattern]
    found = pre_tokenizers.Sequence(splits).pre_tokenize_str(text)
    return [len(piece.encode()) for piece, _ in found]


def write_pretokenizer() -> None:
    """Write the pieces of every text under every pattern."""
    out = io.StringIO()
    for text in texts(1, TEXTS):
        out.write(f"text {hex_of(text)}\n")
        for name, pattern in PATTERNS.items():
            out.write(f"{name} {numbers(pieces(pattern, text))}\n")
    (GOLDEN / "pretokenizer.txt").write_text(out.getvalue())


def write_bpe() -> None:
    """Train a byte-level BPE and write its vocabulary, merges and encodings."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERNS["qwen2"][0]), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(training_text(), trainer)
    plain = Tokenizer.from_str(tokenizer.to_str())
    # <tool_call> is an ordinary token that is found in text (user-defined), the others are control.
    plain.add_tokens([AddedToken(SPECIAL[-1], normalized=False)])
    tokenizer.add_tokens([AddedToken(SPECIAL[-1], normalized=False)])
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in SPECIAL[:-1]])

    vocabulary = tokenizer.get_vocab()
    out = io.StringIO()
    for token in sorted(vocabulary, key=vocabulary.__getitem__):
        kind = 4 if token == SPECIAL[-1] else 3 if token in SPECIAL else 1
        out.write(f"token {hex_of(token)} {kind}\n")
    for merge in json.loads(tokenizer.to_str())["model"]["merges"]:
        out.write(f"merge {hex_of(' '.join(merge))}\n")
    for text in ["", *texts(2, TEXTS)]:
        out.write(f"special {hex_of(text)} {numbers(tokenizer.encode(text).ids)}\n")
        out.write(f"plain {hex_of(text)} {numbers(plain.encode(text).ids)}\n")
    (GOLDEN / "bpe.txt").write_text(out.getvalue())


def write_sentencepiece() -> None:
    """Train a SentencePiece BPE as LLaMA's was and write its pieces, scores and encodings."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(training_text()[:400]),
        model_writer=model,
        model_type="bpe",
        vocab_size=440,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        character_coverage=0.98,
        max_sentence_length=100_000,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    out = io.StringIO()
    for i in range(processor.get_piece_size()):
        kind = (
            2
            if processor.is_unknown(i)
            else 3
            if processor.is_control(i)
            else 6
            if processor.is_byte(i)
            else 5
            if processor.is_unused(i)
            else 1
        )
        out.write(f"token {hex_of(processor.id_to_piece(i))} {kind} {processor.get_score(i)!r}\n")
    # U+0000 ends a string inside the library.
    for text in ["", *(text.replace("\0", "") for text in texts(3, TEXTS))]:
        out.write(f"plain {hex_of(text)} {numbers(processor.encode(text))}\n")
    (GOLDEN / "sentencepiece.txt").write_text(out.getvalue())


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    write_pretokenizer()
    write_bpe()
    write_sentencepiece()
