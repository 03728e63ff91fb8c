"""rosso-dump: its files are read by programs that are none of ours.

Run by ctest with the folder of the binaries and the root of the sources as arguments.
"""

import json
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from elf import CodeObject

BIN, ROOT = Path(sys.argv[1]), Path(sys.argv[2])
DEMO = ROOT / "models/demo/rosso-demo.gguf"
LLVM = Path("/usr/lib/llvm-22/bin")
CHIPS = "gfx1030 gfx1100 gfx1101 gfx1102 gfx1150 gfx1151 gfx1200 gfx1201".split()
# Low byte of e_flags, from LLVM's "User Guide for AMDGPU Backend".
MACHINES = dict(zip(CHIPS, (0x36, 0x41, 0x46, 0x47, 0x43, 0x4A, 0x48, 0x4E)))

GRAPH = """# two kernels by hand
var T [1, 16]
entry main
%0 = input {name = "x"} : f32[T, 256]
%1 = weight {name = "w"} : q4_k:f32[64, 256]
%2 = dequant %1 : f32[64, 256]
%3 = linear %0, %2 : f32[T, 64]
%4 = reduce_max %3 {axes = <1>} : f32[T, 1]
output y = %3
output most = %4
"""


def dump(*arguments):
    command = [BIN / "rosso-dump", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


class Tool(unittest.TestCase):
    def succeed(self, *arguments):
        result = dump(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def refuse(self, message, *arguments):
        result = dump(*arguments)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertIn(message, result.stderr)

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)


class Graphs(Tool):
    def test_a_graph_file_compiles_as_the_model_does(self):
        """What --emit graph prints is an input, and gives the same code."""
        graph = self.folder / "demo.txt"
        graph.write_text(self.succeed(DEMO, "--emit", "graph"))
        self.assertEqual(graph.read_text(), self.succeed(graph, "--emit", "graph"))
        for target in ("host", "amdgpu:gfx1100"):
            plans = [self.succeed(file, "--target", target) for file in (DEMO, graph)]
            self.assertEqual(*plans)

    def test_a_graph_by_hand(self):
        file = self.folder / "hand.txt"
        file.write_text(GRAPH)
        for target in ("host", "host:x86-64-v3", "amdgpu:gfx1100"):
            self.assertIn("entry main", self.succeed(file, "--target", target))
        self.assertIn(
            "T=7",
            self.succeed(file, "--target", "amdgpu:gfx1100", "--emit", "resources", "--at", "T=7"),
        )

    def test_errors_name_the_line(self):
        file = self.folder / "bad.txt"
        file.write_text(GRAPH.replace("linear %0, %2", "linear %0"))
        self.refuse("bad.txt: line 7: linear: found 1 sources, wanted 2", file)
        file.write_text(GRAPH.replace("f32[T, 64]\n%4", "f32[T, 65]\n%4"))
        self.refuse("linear", file)

    def test_arguments(self):
        self.refuse(
            "option --at: found 'Q=1', wanted some of", DEMO, "--at", "Q=1", "--emit", "arena"
        )
        self.refuse("host has none", DEMO, "--emit", "commands")
        self.refuse("amdgpu:gfx9999", DEMO, "--target", "amdgpu:gfx9999", "--emit", "isa")


class Objects(Tool):
    """`--emit obj` gives what others can load and run."""

    def check(self, chip):
        self.succeed(DEMO, "--target", f"amdgpu:{chip}", "--emit", "obj", "-o", self.folder)
        launches = json.loads((self.folder / "launches.json").read_text())
        self.assertEqual(launches["target"], f"amdgpu:{chip}")
        objects = {}
        for kernel in launches["kernels"]:
            code = objects[kernel["symbol"]] = CodeObject(self.folder / kernel["file"])
            # DYN, AMDGPU, HSA
            self.assertEqual((code.type, code.machine, code.os_abi), (3, 224, 64))
            self.assertEqual(code.abi_version, 3)  # code object version 5
            self.assertEqual(code.flags & 0xFF, MACHINES[chip])
            self.assertFalse([name for name in code.section_names if name.startswith(".debug")])
            self.assertEqual(set(code.symbols), {kernel["symbol"], kernel["symbol"] + ".kd"})
            self.check_kernel(kernel, code)
        for entry in launches["entries"]:
            self.assertTrue(entry["launches"])
            for launch in entry["launches"]:
                self.check_launch(launch, launches, objects[launch["symbol"]])
        return launches

    def check_kernel(self, kernel, code):
        self.assertEqual(len(code.symbols[kernel["symbol"]]), kernel["code_bytes"])
        lds, scratch, kernarg = struct.unpack_from("<III", code.symbols[kernel["symbol"] + ".kd"])
        self.assertEqual(lds, kernel["lds_bytes"])
        self.assertEqual(scratch, kernel["scratch_bytes"])
        self.assertEqual(kernarg, kernel["kernarg_bytes"])
        self.assertEqual(len(code.metadata["amdhsa.kernels"]), 1)
        told = code.metadata["amdhsa.kernels"][0]
        self.assertEqual(told[".symbol"], kernel["symbol"] + ".kd")
        self.assertEqual(told[".reqd_workgroup_size"], [kernel["threads"], 1, 1])
        self.assertEqual(told[".wavefront_size"], 32)
        self.assertEqual(told[".vgpr_count"], kernel["vgprs"])
        self.assertEqual(told[".sgpr_count"], kernel["sgprs"])
        self.assertEqual(told[".kernarg_segment_size"], kernel["kernarg_bytes"])
        self.assertEqual(
            kernel["vgpr_spills"] + kernel["sgpr_spills"],
            told[".vgpr_spill_count"] + told[".sgpr_spill_count"],
        )

    def check_launch(self, launch, launches, code):
        threads = launch["work_group_size"][0]
        told = code.metadata["amdhsa.kernels"][0]
        self.assertEqual(launch["grid_work_items"][0], launch["grid_work_groups"][0] * threads)
        self.assertEqual(
            [(each[".offset"], each[".size"]) for each in told[".args"]],
            [(each["offset"], each["size"]) for each in launch["arguments"]],
        )
        self.assertEqual(launch["arguments"][-1]["kind"], "variables")
        for argument in launch["arguments"][:-1]:
            buffer = launches["buffers"][argument["buffer"]]
            self.assertEqual(buffer["id"], argument["buffer"])
            self.assertEqual(buffer["space"], argument["space"])
            self.assertEqual(buffer["arena_offset"], argument["arena_offset"])
            self.assertLessEqual(
                argument["arena_offset"] + argument["bytes"], launches["arena"]["bytes"]
            )
            if argument["space"] == "weight":
                weight = launches["weights"][argument["index"]]
                self.assertEqual("weight " + weight["name"], argument["name"])
                self.assertEqual(weight["bytes"], argument["bytes"])
        factors = launch["grid_factors"]
        values = {each["name"]: each["value"] for each in launches["variables"]}
        groups = 1
        for factor in factors:
            extent = eval(factor["extent"], {}, values)  # "2*T + 3"
            groups *= -(-extent // factor["tile"])
        self.assertEqual(groups, launch["grid_work_groups"][0])

    def test_gfx1100(self):
        launches = self.check("gfx1100")
        # LLVM's own tools agree on every byte and every instruction.
        isa = self.succeed(DEMO, "--target", "amdgpu:gfx1100", "--emit", "isa")
        listings = re.findall(r"^kernel (\S+): .*\n((?:  .*\n)+)", isa, re.M)
        self.assertEqual([name for name, _ in listings], [k["name"] for k in launches["kernels"]])
        for kernel, (_, listing) in zip(launches["kernels"], listings):
            objdump = [LLVM / "llvm-objdump", "-d", self.folder / kernel["file"]]
            theirs = subprocess.run(objdump, capture_output=True, text=True, check=True).stdout
            theirs = re.findall(r"^\t(\S+).*// [0-9A-F]+: ([0-9A-F ]+)", theirs, re.M)
            ours = listing.splitlines()
            self.assertEqual(kernel["instructions"], len(ours))
            for (mnemonic, dwords), line in zip(theirs, ours):
                self.assertIn(f"  {dwords.strip().lower()}  ", line)
                self.assertIn(f"  {mnemonic}", line)

    def test_every_chip(self):
        for chip in CHIPS:
            with self.subTest(chip):
                self.check(chip)
                for file in self.folder.iterdir():
                    file.unlink()


class Texts(Tool):
    def gpu(self, *arguments):
        return self.succeed(DEMO, "--target", "amdgpu:gfx1100", *arguments)

    def test_the_same_bytes_every_time(self):
        folders = [self.folder / name for name in ("first", "second")]
        for folder in folders:
            self.gpu("--emit", "all", "-o", folder)
        names = sorted(file.name for file in folders[0].iterdir())
        self.assertEqual(names, sorted(file.name for file in folders[1].iterdir()))
        texts = [f"{name}.txt" for name in ("graph", "plan", "resources", "arena", "commands")]
        for wanted in (*texts, "launches.json", "dump.html", "code.so"):
            self.assertIn(wanted, names)
        for name in names:
            first, second = (folder / name for folder in folders)
            self.assertEqual(first.read_bytes(), second.read_bytes(), name)

    def test_one_kernel(self):
        table = self.gpu("--emit", "resources")
        name = re.search(r"^  (matvec\w+) ", table, re.M)[1]
        alone = self.gpu("--emit", "resources", "--kernel", name)
        self.assertIn(name, alone)
        self.assertNotIn("reduce_", alone)
        stages = self.gpu("--emit", "ir", "--kernel", name)
        titles = re.findall(r"^// ----- (.*)$", stages, re.M)
        for wanted in ("ir", "rosso-fuse.", "rosso-schedule."):
            self.assertTrue(any(title.startswith(wanted) for title in titles), wanted)
        self.assertIn(f"// ----- graph of {name}", stages)
        self.assertIn("linear", stages)
        llvm = self.gpu("--emit", "llvm", "--kernel", name)
        self.assertIn("define amdgpu_kernel void @" + name, llvm)
        self.assertNotIn("!dbg", llvm)

    def test_lines_lead_back_to_the_template(self):
        table = self.gpu("--emit", "resources")
        name = re.search(r"^  (matvec\w+) ", table, re.M)[1]
        isa = self.gpu("--emit", "isa", "--kernel", name).splitlines()[1:]
        located = [line for line in isa if " mlir:" in line]
        self.assertGreater(len(located), 0.8 * len(isa))
        self.assertTrue(any(" hot" in line for line in isa))

    def test_commands(self):
        text = self.gpu("--emit", "commands")
        head = re.search(
            r"^entry decode: ring (\d+) dwords, indirect buffer (\d+) dwords, (\d+)", text, re.M
        )
        decode = text[head.start() :]
        self.assertEqual(decode.count("DISPATCH_DIRECT"), int(head[3]))
        self.assertIn("COMPUTE_PGM_RSRC1", decode)
        self.assertNotIn("not a packet", text)
        self.assertNotIn("opcode 0x", text)
        dwords = sum(
            len(line.split()) - 1
            for line in decode.splitlines()
            if re.match(r"  [0-9a-f]{5}  ", line)
        )
        self.assertEqual(dwords, int(head[1]) + int(head[2]))

    def test_estimates_agree_with_the_emulator(self):
        text = self.gpu("--emit", "counts")
        rows = re.findall(r"^ +\d+ [| ] (\w+) +(\d.*)$", text, re.M)
        self.assertGreater(len(rows), 10)
        for name, numbers in rows:
            _, _, slots, _, loads, _, moved, *_ = map(float, numbers.replace("%", "").split()[:-1])
            if name.startswith("matvec"):
                self.assertTrue(0.9 < slots < 1.1, name)
                self.assertTrue(0.95 < loads < 1.05, name)
                self.assertTrue(0.98 < moved < 1.05, name)
        measured, estimated = map(float, re.findall(r"([\d.]+) us", text)[-2:])
        self.assertTrue(0.85 < estimated / measured < 1.15)

    def test_arena(self):
        text = self.gpu("--emit", "arena")
        places = re.findall(r"^  ([0-9a-f]{12}) +(\d+)  (?!launches)", text, re.M)
        ends = 0
        for offset, size in places:  # in order, without overlap
            self.assertGreaterEqual(int(offset, 16), ends)
            ends = int(offset, 16) + int(size)
        self.assertLessEqual(ends, int(re.match(r"arena (\d+) bytes", text)[1]))
        self.assertIn("scratch of decode", text)


class Shapes(Tool):
    """Static checks on real shapes: no weights are needed."""

    def test_a_header_is_enough(self):
        model = self.folder / "qwen.gguf"
        make = [BIN / "rosso-make-model", model, "--shape", "qwen2.5-0.5b", "--type", "q4_k_m"]
        subprocess.run([*make, "--header-only"], check=True, capture_output=True)
        self.assertGreater(model.stat().st_size, 200 << 20)
        self.assertLess(model.stat().st_blocks * 512, 32 << 20)
        table = self.succeed(model, "--target", "amdgpu:gfx1100", "--emit", "resources")
        self.assertIn("launches of decode", table)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
