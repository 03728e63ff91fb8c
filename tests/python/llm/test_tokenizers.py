"""Our tokenizer beside the `tokenizers` library on 10,000 strings of every script.

The library's is built in memory from the tokens and merges of the same GGUF file, as Qwen2 sets it
up: NFC, one split expression, bytes as characters, merges by rank. Ours does not normalise, so all
strings are brought to NFC before either reads them.
"""

import random
import sys
import unicodedata
from pathlib import Path

import pytest
from rosso.llm.core import LlmTokenizer

tokenizers = pytest.importorskip("tokenizers", reason="pip install tokenizers")
gguf_metadata = pytest.importorskip("rosso._rosso").gguf_metadata

ROOT = Path(__file__).resolve().parents[3]
MODELS = {
    "demo": ROOT / "models/demo/rosso-demo.gguf",
    "qwen2.5": ROOT.parent / "shared/data/vocab-qwen2.5.gguf",
}
COUNT = 10_000
CONTROL, USER_DEFINED = 3, 4
# Contractions; words with at most one sign in front; single numbers; signs with line breaks after
# them; whitespace that ends in line breaks, at the end, before a word, elsewhere.
QWEN2_SPLIT = "|".join(
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
        r"[^\r\n\p{L}\p{N}]?\p{L}+",
        r"\p{N}",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)


class Pair:
    """Ours, and the library's with special tokens read as such or as text."""

    def __init__(self, path):
        facts = gguf_metadata(str(path))
        assert facts["tokenizer.ggml.pre"] == "qwen2"
        tokens = facts["tokenizer.ggml.tokens"]
        kinds = facts["tokenizer.ggml.token_type"]
        self.merges = [tuple(each.split(" ", 1)) for each in facts["tokenizer.ggml.merges"]]
        self.vocabulary = {token: at for at, token in enumerate(tokens)}
        self.named = [
            token for token, kind in zip(tokens, kinds) if kind in (CONTROL, USER_DEFINED)
        ]
        always = [token for token, kind in zip(tokens, kinds) if kind == USER_DEFINED]
        self.library = {True: self._build(self.named), False: self._build(always)}
        self.ours = LlmTokenizer.open(str(path))

    def _build(self, named):
        made = tokenizers.Tokenizer(tokenizers.models.BPE(self.vocabulary, self.merges))
        made.normalizer = tokenizers.normalizers.NFC()
        split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(QWEN2_SPLIT), "isolated")
        byte_level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        made.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([split, byte_level])
        made.add_special_tokens(
            [tokenizers.AddedToken(each, normalized=False, special=True) for each in named]
        )
        return made


@pytest.fixture(scope="module", params=MODELS)
def pair(request):
    path = MODELS[request.param]
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return Pair(path)


@pytest.fixture(scope="module")
def strings(pair):
    return generate(pair.named, seed=5)


@pytest.mark.parametrize("special", [False, True], ids=["text", "special"])
def test_ten_thousand_strings(pair, strings, special):
    library = pair.library[special]
    expected = [each.ids for each in library.encode_batch(strings, add_special_tokens=False)]
    wrong = [
        (text, ours, theirs)
        for text, theirs in zip(strings, expected)
        if (ours := pair.ours.encode(text, special=special)) != theirs
    ]
    assert not wrong, f"{len(wrong)} of {len(strings)} differ; the first: {wrong[0]!r}"


def test_tokens_give_the_text_back(pair, strings):
    for text in strings:
        data = text.encode()
        for special in (False, True):
            tokens = pair.ours.encode(text, special=special)
            assert pair.ours.decode(tokens) == data, text
            assert b"".join(map(pair.ours.piece, tokens)) == data, text


def test_the_strings_are_worth_comparing(strings):
    assert len(strings) == COUNT
    seen = {unicodedata.category(each) for each in "".join(strings)}
    assert seen >= {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd", "Nl", "No", "Zs", "Zl", "Cc",
                    "Cf", "Pc", "Pd", "Po", "Sc", "Sm", "So"}  # fmt: skip
    scripts = {unicodedata.name(each, "?").split(" ")[0] for each in "".join(strings)}
    assert scripts >= {"LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW", "DEVANAGARI", "THAI",
                       "HANGUL", "HIRAGANA", "CJK", "ETHIOPIC", "TAMIL", "GEORGIAN"}  # fmt: skip


def generate(named, seed):
    """Texts of up to some dozens of pieces, each of another kind; the same for the same seed."""
    dice = random.Random(seed)
    blocks = assigned_blocks()
    kinds = [script_word, words, whitespace, emoji, control, digits, signs]
    texts = []
    while len(texts) < COUNT:
        parts = []
        for _ in range(dice.randint(1, 12)):
            if dice.random() < 0.12:
                parts.append(look_alike(dice, named))
            else:
                parts.append(dice.choice(kinds)(dice, blocks))
        texts.append(unicodedata.normalize("NFC", dice.choice(("", "", " ")).join(parts)))
    return texts


def assigned_blocks():
    """All characters of Unicode, in runs of 128; without surrogates and private ones."""
    blocks = []
    for start in range(0, sys.maxunicode, 128):
        run = [chr(code) for code in range(start, start + 128)]
        run = [each for each in run if unicodedata.category(each) not in ("Cn", "Cs", "Co")]
        # The ideographs are three quarters of all: a few of their runs will do.
        if run and (not 0x3400 < start < 0xA000 and not 0x17000 < start or start % 4096 == 0
                    or 0x1D000 <= start < 0x20000):  # fmt: skip
            blocks.append(run)
    return blocks


def script_word(dice, blocks):
    block = dice.choice(blocks)
    return "".join(dice.choices(block, k=dice.randint(1, 8)))


def words(dice, blocks):
    plenty = "the story of a snow fox who can't say what they've seen It'S WE'LL I'd x's".split()
    return " ".join(dice.choices(plenty, k=dice.randint(1, 5)))


def whitespace(dice, blocks):
    signs = " \t\n\r\v\f\x1c\x1f\x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"
    common = dice.choice((" ", "\n", " \n", " \t\r\n", signs))
    return "".join(dice.choices(common, k=dice.randint(1, 9)))


def emoji(dice, blocks):
    some = (
        "😀",
        "👩🏽‍🚀",
        "👨‍👩‍👧‍👦",
        "🏳️‍🌈",
        "🇩🇪",
        "☔",
        "❤️",
        "1️⃣",
        "🫠",
        "🤷🏿‍♀️",
        "\u200d",
        "\ufe0f",
    )
    return "".join(dice.choices(some, k=dice.randint(1, 4)))


def control(dice, blocks):
    codes = [*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x200B, 0x200E, 0x2060, 0xFEFF, 0xFFFD, 0xFFFF]
    return "".join(map(chr, dice.choices(codes, k=dice.randint(1, 5))))


def digits(dice, blocks):
    signs = dice.choice(("0123456789", "0123456789.,-e+", "٠١٢٣٤٥٦٧٨٩", "½²Ⅷ⑩௰𝟗"))
    return "".join(dice.choices(signs, k=dice.randint(1, 12)))


def signs(dice, blocks):
    return "".join(dice.choices("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~€§°\n ", k=dice.randint(1, 10)))


def look_alike(dice, named):
    """A special token, whole, cut, doubled, in other letters, or with something inside."""
    token = dice.choice([*named, "<|im_end|>", "<tool_call>", "</s>", "[INST]"])
    at = dice.randint(1, len(token) - 1)
    return dice.choice(
        (token, token, token[:at], token[at:], token[:at] + token + token[at:], token.upper(),
         token[:at] + " " + token[at:], token[:at] + "\u200b" + token[at:], " " + token + "\n")
    )  # fmt: skip
