"""The include check finds what it is there for."""

import unittest

from check_includes import complaint
from rooms import room_of


class Rooms(unittest.TestCase):
    def test_longest_folder_wins(self):
        self.assertEqual(room_of("runtime/program/Program.h"), "runtime/program")
        self.assertEqual(room_of("runtime/Executable.h"), "runtime")
        self.assertEqual(room_of("codegen/host/HostTarget.cpp"), "codegen")
        self.assertIsNone(room_of("CMakeLists.txt"))

    def test_arrows_down_the_way_are_fine(self):
        self.assertIsNone(complaint("codegen", "ir/Rosso.h", quoted=True))
        self.assertIsNone(complaint("runtime", "support/Result.h", quoted=True))

    def test_arrows_back_are_named(self):
        self.assertIn(
            "runtime may know support, runtime/program, runtime/amd, runtime/emulator, not codegen",
            complaint("runtime", "codegen/Codegen.h", quoted=True),
        )
        self.assertIn("not frontend", complaint("ir", "frontend/Graph.h", quoted=True))

    def test_the_runtime_stays_free_of_llvm(self):
        self.assertIn("is for ir,", complaint("runtime", "llvm/ADT/StringRef.h", quoted=True))
        self.assertIsNone(complaint("passes", "mlir/IR/PatternMatch.h", quoted=True))


if __name__ == "__main__":
    unittest.main()
