"""lit's view of the suite: the .mlir files beside this one, run with the tools of one build.

The build tree comes in as `-D build=DIR` (tests/CMakeLists.txt passes it), so no file has to be
generated: `/usr/lib/llvm-22/bin/lit -D build=build tests/passes` works by hand as well.
"""

import os

import lit.formats

build = os.path.abspath(lit_config.params.get("build", "build"))  # noqa: F821
llvm_tools = lit_config.params.get("llvm_tools", "/usr/lib/llvm-22/bin")  # noqa: F821

config.name = "rosso"  # noqa: F821
config.suffixes = [".mlir", ".test"]  # noqa: F821
config.test_format = lit.formats.ShTest(execute_external=False)  # noqa: F821
config.test_source_root = os.path.dirname(__file__)  # noqa: F821
config.test_exec_root = os.path.join(build, "tests", "lit")  # noqa: F821

path = [os.path.join(build, "bin"), llvm_tools, os.environ["PATH"]]
config.environment["PATH"] = os.pathsep.join(path)  # noqa: F821
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "ROSSO_CACHE_DIR"):
    if name in os.environ:
        config.environment[name] = os.environ[name]  # noqa: F821
