"""Writes Grids.inc: the grids of the IQ formats, whose indices a file stores instead of codes.

    pip install gguf==0.19.0 numpy && python make_grids.py > Grids.inc

An entry is one number: the code of its i-th weight stands at bit i * BITS. So the hexadecimal
digits of an eight-weight grid are two weights each, the octal ones of a four-weight grid one each,
the first weight last.
"""

from __future__ import annotations

import numpy as np
from gguf import quants

WIDTH = 100
GRIDS = {
    "kGridIQ1": quants.IQ1_S,
    "kGridIQ2_XXS": quants.IQ2_XXS,
    "kGridIQ2_XS": quants.IQ2_XS,
    "kGridIQ2_S": quants.IQ2_S,
    "kGridIQ3_XXS": quants.IQ3_XXS,
    "kGridIQ3_S": quants.IQ3_S,
}


def entries_of(kind: type) -> list[str]:
    """The entries of a grid as C++ numbers."""
    kind.init_grid()
    values = kind.grid.reshape(kind.grid_shape)
    codes = np.searchsorted(np.array(kind.grid_map), values)
    length = kind.grid_shape[1]
    bits = {8: 2, 4: 3}[length]
    numbers = (codes << (bits * np.arange(length))).sum(axis=1)
    return [f"0x{n:04x}" if length == 8 else f"0{n:04o}" for n in numbers]


def main() -> None:
    """Print the tables."""
    print("// Made by make_grids.py from the gguf package 0.19.0. Do not edit.")
    for name, kind in GRIDS.items():
        entries = entries_of(kind)
        print(f"inline constexpr uint16_t {name}[{len(entries)}] = {{")
        a_line = WIDTH // (len(entries[0]) + 2)
        for i in range(0, len(entries), a_line):
            print(", ".join(entries[i : i + a_line]) + ",")
        print("};")


if __name__ == "__main__":
    main()
