"""Habits of single files: length, whitespace, nothing left behind, and paths that pages name."""

import re
import sys

from rooms import ROOT, tracked_files

TEXT = {".h", ".cpp", ".td", ".def", ".py", ".md", ".txt", ".cmake", ".mlir", ".mjs", ".json", ""}
CODE = {".h", ".cpp", ".td", ".py", ".mlir", ".mjs"}
MOST_LINES = 800

# Spelled with a gap so that this file does not find itself.
LEFT_BEHIND = re.compile(
    "|".join(
        [
            "^<{7} |^>{7} |^={7}$",  # a merge
            r"(?<![\w.])/(work|root|home/\w+)/",  # a path of one machine
            "FIX" + "ME|XX" + "X:",
        ]
    ),
    re.MULTILINE,
)

# Pages whose `paths/in/code/style` must exist. A name without a slash or dot is not a path.
PAGES = ["README.md", "ARCHITECTURE.md"]
QUOTED = re.compile(r"`([\w.\-]+(?:/[\w.\-]*)*)`")


def broken_paths(page):
    text = (ROOT / page).read_text()
    for name in QUOTED.findall(text):
        top = name.split("/")[0]
        is_path = "/" in name or name.endswith(
            (".md", ".h", ".cpp", ".td", ".def", ".txt", ".json")
        )
        if not is_path or top.startswith("build"):
            continue
        if not (ROOT / name).exists():
            yield name
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        if not (ROOT / page).parent.joinpath(target).exists():
            yield target


def main():
    findings = []
    for path in tracked_files():
        if path.suffix not in TEXT:
            continue
        data = (ROOT / path).read_bytes()
        try:
            text = data.decode()
        except UnicodeDecodeError:
            if path.suffix:
                findings.append(f"{path}: not UTF-8")
            continue
        if "\0" in text:
            continue
        lines = text.count("\n")
        if path.suffix in CODE and lines > MOST_LINES:
            findings.append(
                f"{path}: {lines} lines; at {MOST_LINES}, look for the second idea inside"
            )
        if text and not text.endswith("\n"):
            findings.append(f"{path}: no newline at the end")
        if path.suffix in CODE and re.search(r"[ \t]+$", text, re.MULTILINE):
            findings.append(f"{path}: trailing whitespace")
        for match in LEFT_BEHIND.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            findings.append(f"{path}:{line}: left behind: {match[0].strip()}")
    for page in PAGES:
        findings += [f"{page}: names {name}, which does not exist" for name in broken_paths(page)]
    print("\n".join(findings) or "every file keeps the habits")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
