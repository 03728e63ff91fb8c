"""The rooms of the house, and which rooms each may know. ARCHITECTURE.md tells the same story.

A room is a folder; the longest matching folder wins, so `runtime/program` is its own room.
Everyone may know `support`, and every room knows itself.
"""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

MAY_KNOW = {
    "support": [],
    "ir/quant": [],
    "runtime/program": [],
    # The runtime opens the emulator, which is one of its transports, in a library of its own.
    "runtime": ["runtime/program", "runtime/amd", "runtime/emulator"],
    "runtime/amd": ["runtime", "runtime/program", "runtime/emulator"],
    "runtime/emulator": ["runtime", "runtime/program", "runtime/amd"],
    "frontend": ["ir/quant", "runtime", "runtime/program"],
    "frontend/reference": ["frontend", "ir/quant"],
    "models/io": ["ir/quant"],
    "models": [
        "models/io",
        "frontend",
        "frontend/reference",
        "ir/quant",
        "runtime",
        "runtime/program",
    ],
    "ir": ["ir/quant"],
    "passes": ["ir", "ir/quant"],
    # Of the driver the table of chips, and nothing else: runtime/amd/Chip.h.
    "codegen": ["passes", "ir", "ir/quant", "runtime/program", "runtime/amd"],
    # The way down: graph to IR, passes, machine code. Nothing but the entry point knows it.
    "frontend/compiler": ["frontend", "codegen", "passes", "ir", "ir/quant", "runtime/program"],
    "python/bindings": ["frontend", "models", "models/io", "ir/quant", "runtime"],
    "docs/models": ["frontend", "models", "models/io"],
    "tools": ["*"],
    "tests": ["*"],
}

# Libraries that only some rooms may include, by the start of the header's name.
LIBRARIES = {
    ("mlir/", "llvm/", "lld/"): [
        "ir",
        "passes",
        "codegen",
        "frontend/compiler",
        "runtime/emulator",
        "tools",
        "tests",
    ],
    ("Eigen/",): ["frontend/reference", "tests"],
    ("gtest/", "gmock/"): ["tests"],
    ("pybind11/", "Python.h"): ["python/bindings"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def tracked_files(*suffixes):
    """Files git knows or would know (not ignored), as paths relative to the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    names = [name for name in listing.stdout.split("\0") if name]
    files = sorted(Path(name) for name in set(names) if (ROOT / name).is_file())
    return [path for path in files if not suffixes or path.suffix in suffixes]


def sources():
    return tracked_files(".h", ".cpp", ".def", ".td")


def room_of(path):
    """The room of a file or included name, or None outside of every room."""
    for folder in Path(path).parents:
        if folder.as_posix() in MAY_KNOW:
            return folder.as_posix()
    return None


def includes(path):
    """Yields (line number, '<' or '"', name) of every include in a file."""
    for number, line in enumerate((ROOT / path).read_text().splitlines(), start=1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1], match[2]
