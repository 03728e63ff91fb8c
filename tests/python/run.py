"""Runs one test file with pytest against the package in a build tree: run.py FILE BUILD.

Ends with 77, which ctest counts as skipped, where the virtual environment of setup/install is not
there (no package index was reachable).
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = 77


def main() -> int:
    test, build = sys.argv[1:]
    python = ROOT / "build" / "python" / "bin" / "python"
    probe = [python, "-c", "import pytest, numpy, hypothesis"]
    if not python.exists() or subprocess.run(probe, capture_output=True).returncode != 0:
        print(f"skipped: {python} has no pytest, NumPy or hypothesis; run setup/install")
        return SKIPPED
    environment = os.environ | {
        "PYTHONPATH": f"{build}/python_package:{ROOT / 'tests/python'}",
        "ROSSO_BUILD": build,
    }
    command = [python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--tb=short", test]
    code = subprocess.run(command, env=environment).returncode
    return SKIPPED if code == 5 else code  # 5: every test of the file was skipped at import


if __name__ == "__main__":
    sys.exit(main())
