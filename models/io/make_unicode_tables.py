"""Writes UnicodeTables.inc: the general category of every code point, as ranges.

    python make_unicode_tables.py > UnicodeTables.inc

Published tokenizers are defined by regular expressions that Oniguruma runs with Unicode 16.0.0, so
the tables are of that version: `pip install unicodedata2==16.0.0`, or a Python whose own
`unicodedata` has it. A line of the output is a list of words `first code point << 8 | class`; each
range ends where the next begins.
"""

from __future__ import annotations

import sys

try:
    import unicodedata2 as unicodedata
except ImportError:
    import unicodedata

VERSION = "16.0.0"
CLASSES = ["Other", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "N", "P", "S", "Space"]
# The property White_Space; besides the separators (Z*) it holds these controls.
SPACE_CONTROLS = frozenset("\t\n\v\f\r\x85")
WORDS_A_LINE = 8


def class_of(char: str) -> str:
    """Name the class in which the pre-tokenizers' patterns see this character."""
    category = unicodedata.category(char)
    if category[0] == "Z" or char in SPACE_CONTROLS:
        return "Space"
    if category in CLASSES:
        return category
    return category[0] if category[0] in CLASSES else "Other"


def main() -> None:
    """Print the table."""
    if unicodedata.unidata_version != VERSION:
        sys.exit(f"found Unicode {unicodedata.unidata_version}, wanted {VERSION}; see above")
    words: list[str] = []
    last = ""
    for code in range(0x110000):
        name = class_of(chr(code))
        if name != last:
            words.append(f"0x{code << 8 | CLASSES.index(name):08x},")
            last = name
    print(f"// Made by make_unicode_tables.py from Unicode {VERSION}. Do not edit.")
    for i in range(0, len(words), WORDS_A_LINE):
        print(" ".join(words[i : i + WORDS_A_LINE]))


if __name__ == "__main__":
    main()
