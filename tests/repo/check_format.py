"""clang-format and ruff agree with every file as it is."""

import shutil
import subprocess
import sys
from pathlib import Path

from rooms import ROOT, tracked_files

SKIPPED = 77  # ctest's sign for "not run here"


def clang_format():
    files = [str(path) for path in tracked_files(".h", ".cpp")]
    return subprocess.run(["clang-format-22", "--dry-run", "--Werror", *files], cwd=ROOT).returncode


def ruff(build):
    program = Path(build) / "python/bin/ruff"
    command = str(program) if program.exists() else shutil.which("ruff")
    if not command:
        print("skipped: no ruff in build/python nor on the path; setup/install gets it")
        return SKIPPED
    files = [str(path) for path in tracked_files(".py")]
    check = subprocess.run([command, "check", "--no-cache", *files], cwd=ROOT).returncode
    style = subprocess.run([command, "format", "--no-cache", "--diff", *files], cwd=ROOT).returncode
    return check or style


if __name__ == "__main__":
    sys.exit(clang_format() if sys.argv[1] == "c++" else ruff(sys.argv[2]))
