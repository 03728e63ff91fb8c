"""Writes the seeds of the fuzz targets gguf and tokenizer: small files and texts of every kind.

python make_io_seeds.py
"""

from __future__ import annotations

import struct
from pathlib import Path

SEEDS = Path(__file__).parent / "seeds"
U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)


def text(value: str) -> bytes:
    """Encode a string as GGUF does."""
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def number(key: str, kind: int, form: str, value: float) -> bytes:
    """Encode a key with a number."""
    return text(key) + struct.pack("<I" + form, kind, value)


def string(key: str, value: str) -> bytes:
    """Encode a key with a string."""
    return text(key) + struct.pack("<I", STRING) + text(value)


def strings(key: str, values: list[str]) -> bytes:
    """Encode a key with an array of strings."""
    return text(key) + struct.pack("<IIQ", ARRAY, STRING, len(values)) + b"".join(map(text, values))


def numbers(key: str, kind: int, form: str, values: list[float]) -> bytes:
    """Encode a key with an array of numbers."""
    head = text(key) + struct.pack("<IIQ", ARRAY, kind, len(values))
    return head + struct.pack(f"<{len(values)}{form}", *values)


def tensor(name: str, extents: list[int], kind: int, offset: int) -> bytes:
    """Encode a tensor's description."""
    head = text(name) + struct.pack("<I", len(extents))
    return head + struct.pack(f"<{len(extents)}QIQ", *extents, kind, offset)


def gguf(keys: list[bytes], tensors: list[bytes], data: bytes = b"", version: int = 3) -> bytes:
    """Join the parts of a file."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys))
    head += b"".join(keys) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + data


def bpe() -> bytes:
    """Make a vocabulary for byte-level BPE."""
    tokens = ["a", "b", "Ġ", "ab", "Ġab", "<end>", "xx"]
    return gguf(
        [
            string("tokenizer.ggml.model", "gpt2"),
            string("tokenizer.ggml.pre", "llama-bpe"),
            strings("tokenizer.ggml.tokens", tokens),
            strings("tokenizer.ggml.merges", ["a b", "Ġ ab"]),
            numbers("tokenizer.ggml.token_type", I32, "i", [1, 1, 1, 1, 1, 3, 4]),
            number("tokenizer.ggml.bos_token_id", U32, "I", 5),
        ],
        [],
    )


def sentencepiece() -> bytes:
    """Make a vocabulary for SentencePiece."""
    tokens = ["<unk>", "<s>", "</s>", "<0x41>", "▁", "a", "b", "ab", "▁ab"]
    return gguf(
        [
            string("tokenizer.ggml.model", "llama"),
            strings("tokenizer.ggml.tokens", tokens),
            numbers("tokenizer.ggml.scores", F32, "f", [0, 0, 0, 0, -5, -6, -7, -2, -1]),
            numbers("tokenizer.ggml.token_type", I32, "i", [2, 3, 3, 6, 1, 1, 1, 1, 1]),
            number("tokenizer.ggml.bos_token_id", U32, "I", 1),
            number("tokenizer.ggml.add_eos_token", BOOL, "?", True),
        ],
        [],
    )


def main() -> None:
    """Write all seeds."""
    every = [
        number("u8", U8, "B", 1),
        number("i8", I8, "b", -1),
        number("u16", U16, "H", 2),
        number("i16", I16, "h", -2),
        number("u32", U32, "I", 3),
        number("i32", I32, "i", -3),
        number("u64", U64, "Q", 4),
        number("i64", I64, "q", -4),
        number("f32", F32, "f", 0.5),
        number("f64", F64, "d", 0.25),
        number("bool", BOOL, "?", True),
        string("s", "text"),
        strings("ss", ["a", "", "b"]),
        numbers("is", I32, "i", [1, 2, 3]),
        text("nested") + struct.pack("<IIQIQBIQ", ARRAY, ARRAY, 2, U8, 1, 7, STRING, 0),
    ]
    seeds = {
        "gguf/empty": gguf([], []),
        "gguf/every-type": gguf(every, []),
        "gguf/version-2": gguf(every[:3], [], version=2),
        "gguf/tensors": gguf(
            [number("general.alignment", U32, "I", 32)],
            [
                tensor("a", [4, 2], 0, 0),
                tensor("b", [32], 2, 32),
                tensor("c", [256], 12, 64),
                tensor("d", [8], 999, 224),
            ],
            bytes(range(256)),
        ),
        "gguf/split": gguf(
            [number("split.no", U16, "H", 0), number("split.count", U16, "H", 2)], []
        ),
        "gguf/grids": gguf(  # one tensor of each, a block long
            [],
            [tensor(str(t), [256], t, 128 * i) for i, t in enumerate((16, 17, 18, 19, 21, 22, 29))],
            bytes(i * 37 % 251 for i in range(7 * 128)),
        ),
        "gguf/huge-count": b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60),
        "tokenizer/words": b"Hello, world! It's 12 o'clock\n\n  x\n",
        "tokenizer/special": b"a<|end|>b</s> c<s><|\n",
        "tokenizer/scripts": "Größe 你好 🙂 नमस्ते ǅ ½ \u2003 \u00a0\n".encode(),
        "tokenizer/invalid": b"\xff\xfe \xe4\xb8 \xf0\x9f\x98 \xed\xa0\x80 \xe2\x96",
        "tokenizer/bpe": b"ab ab<end>xx\0\0" + bpe(),
        "tokenizer/sentencepiece": "ab Aé\0\0".encode() + sentencepiece(),
    }
    for name, data in seeds.items():
        path = SEEDS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main()
