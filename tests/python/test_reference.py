"""The reference page and the stub are current; what is public is described; examples are true."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import sys
from pathlib import Path

import pytest
import rosso

WRITER = Path(__file__).resolve().parents[2] / "docs" / "reference" / "write.py"
specification = importlib.util.spec_from_file_location("write_reference", WRITER)
writer = importlib.util.module_from_spec(specification)
specification.loader.exec_module(writer)

MODULES = [name for name in sorted(sys.modules) if name.split(".")[0] == "rosso"]


def test_the_reference_page_is_current():
    assert writer.PAGE.read_text() == writer.page(), "run docs/reference/write.py"


def test_the_stub_is_current():
    assert writer.STUB.read_text() == writer.stub(), "run docs/reference/write.py"


def test_everything_public_is_described():
    missing = []
    for owner in rosso.Tensor.__mro__:
        if owner.__module__.startswith("rosso"):
            missing += [name for name, thing in writer.members(owner) if not inspect.getdoc(thing)]
    for name in rosso.__all__:
        if not inspect.getdoc(getattr(rosso, name)):
            missing.append(name)
    assert missing == []


@pytest.mark.parametrize(
    "name", [name for name in MODULES if hasattr(sys.modules[name], "__doc__")]
)
def test_examples_are_true(name):
    module = sys.modules[name]
    if name == "rosso._rosso":
        pytest.skip("C++")
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    names = {name: getattr(rosso, name) for name in rosso.__all__}
    for test in finder.find(module, name, extraglobs=names | vars(module)):
        runner.run(test)
    assert runner.failures == 0
