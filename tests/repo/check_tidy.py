"""clang-tidy on every source file, remembering what was clean.

A file is looked at again only when it, a header of ours that it reaches, .clang-tidy, or its
compile command has changed. Files that include MLIR take half a minute each, so they are left to
`--all`; the rest of the house is checked on every run.
"""

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from rooms import ROOT, includes

HEAVY = ("mlir/", "llvm/")


@cache
def reach(path):
    """Our files that `path` includes, transitively, itself among them; and whether MLIR is."""
    found, heavy, todo = {path}, False, [path]
    while todo:
        for _, _, name in includes(todo.pop()):
            heavy = heavy or name.startswith(HEAVY)
            inner = Path(name)
            if inner not in found and (ROOT / inner).is_file():
                found.add(inner)
                todo.append(inner)
    return frozenset(found), heavy


def digest(path, command):
    sha = hashlib.sha256(command.encode())
    for file in [Path(".clang-tidy"), *sorted(reach(path)[0])]:
        sha.update((ROOT / file).read_bytes())
    return sha.hexdigest()


def tidy(build, path):
    command = ["clang-tidy-22", "-p", str(build), "--quiet", "--warnings-as-errors=*", str(path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def main(build, everything):
    stamps = build / "tidy"
    stamps.mkdir(exist_ok=True)
    todo = []
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = Path(entry["file"])
        generated = source.is_relative_to(build) or not source.is_relative_to(ROOT)
        if source.suffix != ".cpp" or generated:
            continue
        path = source.relative_to(ROOT)
        if reach(path)[1] and not everything:
            continue
        stamp = stamps / digest(path, entry["command"])
        if not stamp.exists():
            todo.append((path, stamp))

    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for (path, stamp), (code, output) in zip(
            todo, pool.map(lambda item: tidy(build, item[0]), todo)
        ):
            if code == 0:
                stamp.touch()
            else:
                failed += 1
                print(f"{path}:\n{output}")
    print(f"clang-tidy: {len(todo)} files looked at, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), "--all" in sys.argv))
