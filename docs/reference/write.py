"""Writes what is derived from the package: docs/reference/python.md from its docstrings, and the
types of the C++ module, python/rosso/_rosso.pyi.

    PYTHONPATH=build/python_package python3 docs/reference/write.py [--check]

`--check` writes nothing and ends with 1 where a file is not current.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rosso
from rosso import _rosso, device, dtype, helpers, jit, variable
from rosso.nn import archives, gguf, layers, norm, state

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "python.md"
STUB = ROOT / "python" / "rosso" / "_rosso.pyi"

HEAD = """<!-- Written by docs/reference/write.py from the docstrings; change those. -->
# The Python package

Names, defaults and meaning are tinygrad's; what differs is told at the entry. Arguments that do not
fit raise `BadInputError`, which is a ValueError; what is not supported raises NotImplementedError;
a device or compiler that fails raises `DeviceError`. All of them are raised by the line that made
the op.

"""


def signature(thing: Any) -> str:
    """`(self, dim: int = 0) -> Tensor` without `self` and quotes."""
    try:
        text = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return ""
    text = re.sub(r"^\((self|cls)(, )?", "(", text)
    text = re.sub(r"<object object at 0x[0-9a-f]+>", "...", text)
    return text.replace("'", "").replace('"', "'")


def entry(name: str, thing: Any, level: str = "###") -> Iterator[str]:
    """The heading and docstring of one thing."""
    plain = thing.fget if isinstance(thing, property) else inspect.unwrap(thing)
    shown = name if isinstance(thing, property) else name + signature(plain)
    yield f"{level} `{shown}`\n\n"
    yield from prose(thing)


def prose(thing: Any) -> Iterator[str]:
    """A docstring with its examples as blocks."""
    lines = (inspect.getdoc(thing) or "").splitlines()
    inside = False
    for line in lines:
        if line.startswith(">>>") and not inside:
            yield "```python\n"
            inside = True
        elif not line and inside:
            yield "```\n"
            inside = False
        yield line + "\n"
    yield "```\n\n" if inside else "\n"


def members(owner: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties that a class itself has, in order."""
    for name, raw in vars(owner).items():
        thing = raw.__func__ if isinstance(raw, (staticmethod, classmethod)) else raw
        if not name.startswith("_") and (inspect.isfunction(thing) or isinstance(raw, property)):
            yield name, thing


def tensor_parts() -> Iterator[tuple[str, type]]:
    """The mixins of Tensor by the sentence that tells their idea, itself first."""
    yield "The tensor", rosso.Tensor
    for mixin in rosso.Tensor.__mro__[1:]:
        if mixin.__module__.startswith("rosso._mixins.") and list(members(mixin)):
            sentence = (inspect.getdoc(sys.modules[mixin.__module__]) or "").splitlines()[0]
            yield sentence.rstrip("."), mixin


def public(module: Any) -> Iterator[tuple[str, Any]]:
    """Functions and classes that a module defines, in the order of its lines."""
    found = [
        (name, thing)
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", "") == module.__name__
    ]
    yield from ((n, t) for n, t in found if inspect.isfunction(t) or inspect.isclass(t))


def page() -> str:
    parts = [HEAD, "## Tensor\n\n", *prose(rosso.Tensor)]
    seen: set[str] = set()
    for title, owner in tensor_parts():
        parts.append(f"### {title}\n\n")
        for name, thing in members(owner):
            if name not in seen:
                parts += entry(name, thing, "####")
                seen.add(name)
    for title, modules in (
        ("Element types", [dtype]),
        ("Devices", [device]),
        ("Variables", [variable]),
        ("Recorded functions", [jit]),
        ("Layers: `rosso.nn`", [layers, norm]),
        ("Weights: `rosso.nn.state`", [state, gguf, archives]),
        ("Settings and helpers", [helpers]),
    ):
        parts.append(f"## {title}\n\n")
        for module in modules:
            for name, thing in public(module):
                if inspect.isclass(thing):
                    parts += entry(name, thing)
                    for method, function in members(thing):
                        parts += entry(f"{name}.{method}", function, "####")
                else:
                    parts += entry(name, thing)
    return re.sub(r"\n{3,}", "\n\n", "".join(parts)).rstrip() + "\n"


def result_type(function: Any) -> str:
    """What a bound function returns, as far as the stub tells: tensors, or anything."""
    found = re.search(r"-> (.*)$", (function.__doc__ or "").split("\n")[0])
    text = found.group(1) if found else ""
    return {"rosso._rosso.Tensor": "Tensor", "bool": "bool", "None": "None"}.get(text, "Any")


def stub() -> str:
    lines = [
        '"""The C++ module below the package: arguments come resolved. See python/bindings."""',
        "",
        "# Written by docs/reference/write.py; change the bindings.",
        "",
        "from typing import Any",
        "",
    ]
    functions: list[str] = []
    classes: list[str] = []
    for name, thing in sorted(vars(_rosso).items()):
        if name.startswith("__"):
            continue
        if inspect.isclass(thing):
            base = "RuntimeError" if name == "DeviceError" else "ValueError"
            classes.append(
                f"class {name}({base}):" if issubclass(thing, Exception) else f"class {name}:"
            )
            body = []
            for member, bound in sorted(vars(thing).items()):
                if member.startswith("__") and member not in ("__init__",):
                    continue
                if isinstance(bound, property):
                    body += ["    @property", f"    def {member}(self) -> Any: ..."]
                elif isinstance(bound, staticmethod):
                    result = result_type(bound.__func__)
                    body += ["    @staticmethod", f"    def {member}(*args: Any) -> {result}: ..."]
                elif callable(bound):
                    result = "None" if member == "__init__" else result_type(bound)
                    body.append(f"    def {member}(self, *args: Any) -> {result}: ...")
            classes += [*(body or ["    pass"]), ""]
        elif callable(thing):
            functions.append(f"def {name}(*args: Any) -> {result_type(thing)}: ...")
    return "\n".join([*lines, *functions, "", *classes]).rstrip() + "\n"


def main() -> int:
    code = 0
    for path, text in ((PAGE, page()), (STUB, stub())):
        if path.exists() and path.read_text() == text:
            continue
        if "--check" in sys.argv:
            print(f"{path.relative_to(ROOT)} is not current; run docs/reference/write.py")
            code = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return code


if __name__ == "__main__":
    sys.exit(main())
