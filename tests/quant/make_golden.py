"""Writes tests/quant/golden/<format>.bin: random blocks, and the floats they stand for.

The floats come from the `gguf` package of PyPI, an implementation that shares nothing with ours;
those of q1_0, which it names but cannot expand, from NumPy's own reading of bits.
A file holds BLOCKS blocks as they lie in a GGUF, then BLOCKS * block length f32 values.

    pip install gguf==0.19.0 numpy && python tests/quant/make_golden.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

BLOCKS = 4

# Byte offsets of the 16-bit floats of a block: random bytes there could make a NaN.
HALVES: dict[str, tuple[int, ...]] = {
    "F16": (0,),
    "BF16": (0,),
    "Q4_0": (0,),
    "Q4_1": (0, 2),
    "Q5_0": (0,),
    "Q5_1": (0, 2),
    "Q8_0": (0,),
    "Q2_K": (80, 82),
    "Q3_K": (108,),
    "Q4_K": (0, 2),
    "Q5_K": (0, 2),
    "Q6_K": (208,),
    "IQ4_NL": (0,),
    "IQ4_XS": (0,),
    "MXFP4": (),
    "IQ1_S": (0,),
    "IQ1_M": (),  # in quarters, see below
    "IQ2_XXS": (0,),
    "IQ2_XS": (0,),
    "IQ2_S": (0,),
    "IQ3_XXS": (0,),
    "IQ3_S": (0,),
    "Q1_0": (0,),
    "TQ2_0": (64,),
}
# Bit patterns of the halves in block 0, 1, ...: ordinary, negative, denormal, large.
PATTERNS = (0x2E66, 0x9C21, 0x0157, 0x5A83)


def make_blocks(name: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """BLOCKS random blocks of `size` bytes whose floats are finite."""
    blocks = rng.integers(0, 256, size=(BLOCKS, size), dtype=np.uint8)
    for i, pattern in enumerate(PATTERNS):
        for k, offset in enumerate(HALVES[name]):
            value = np.uint16(pattern ^ (0x01A5 * k))
            blocks[i, offset : offset + 2] = np.frombuffer(value.tobytes(), dtype=np.uint8)
        if name == "IQ1_M":  # the upper halves of the odd ones among the last eight bytes
            for k in range(4):
                odd = blocks[i, 49 + 2 * k]
                blocks[i, 49 + 2 * k] = (odd & 0x0F) | ((pattern >> (4 * k) & 0x0F) << 4)
    return blocks


def expand(blocks: np.ndarray, kind: GGMLQuantizationType) -> np.ndarray:
    """The weights of `blocks`."""
    if kind != GGMLQuantizationType.Q1_0:
        return dequantize(blocks, kind)
    d = blocks[:, :2].copy().view("<f2").astype(np.float32)
    bits = np.unpackbits(blocks[:, 2:], axis=1, bitorder="little")
    return np.where(bits == 1, d, -d)


def main() -> None:
    folder = Path(__file__).parent / "golden"
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(20240607)
    for name in HALVES:
        kind = GGMLQuantizationType[name]
        length, size = GGML_QUANT_SIZES[kind]
        blocks = make_blocks(name, size, rng)
        weights = expand(blocks, kind).astype("<f4")
        assert weights.size == BLOCKS * length and np.isfinite(weights).all()
        (folder / f"{name.lower()}.bin").write_bytes(blocks.tobytes() + weights.tobytes())


if __name__ == "__main__":
    main()
