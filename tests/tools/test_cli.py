"""The contract of docs/cli.md: flags, outputs and exit codes of the tools that load a model.

Run by ctest with the folder of the binaries and the root of the sources as arguments.
"""

import json
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from npy import read_npy

BIN, ROOT = Path(sys.argv[1]), Path(sys.argv[2])
DEMO = ROOT / "models/demo/rosso-demo.gguf"
LAYERS, KV_WIDTH, VOCABULARY, CONTEXT = 4, 2 * 64, 1280, 1024  # of the demo model
IDS = "423,439,268,420,406"  # Once upon a time there


def run(tool, *arguments, text=None):
    command = [BIN / tool, *map(str, arguments)]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=300)


class Tool(unittest.TestCase):
    def succeed(self, tool, *arguments, text=None):
        result = run(tool, *arguments, text=text)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def fail_with(self, code, message, tool, *arguments):
        """One message on standard error, nothing on standard output."""
        result = run(tool, *arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertTrue(result.stderr.startswith("error: "), result.stderr)
        self.assertIn(message, result.stderr)


class BadArguments(Tool):
    def test_every_tool_explains_itself(self):
        for tool in ("rosso-run", "rosso-bench", "rosso-plan", "rosso-dump"):
            self.assertIn(f"usage: {tool} MODEL.gguf", self.succeed(tool, "--help"))

    def test_every_tool_wants_a_model(self):
        for tool in ("rosso-run", "rosso-bench", "rosso-plan", "rosso-dump"):
            self.fail_with(2, f"no MODEL.gguf; see {tool} --help", tool)
            self.fail_with(2, "unknown option '--nonsense'", tool, DEMO, "--nonsense")
            self.fail_with(2, "unexpected argument 'second'", tool, DEMO, "second")

    def test_values(self):
        run_ = ("rosso-run", DEMO, "-p", "x")
        self.fail_with(2, "option --tokens: no value, wanted N", *run_, "--tokens")
        self.fail_with(2, "option --tokens: found '3x', wanted a whole", *run_, "--tokens", "3x")
        self.fail_with(2, "option --tokens: found '0', wanted", *run_, "--tokens=0")
        self.fail_with(2, "option --temp: found '-1', wanted", *run_, "--temp", "-1")
        self.fail_with(2, "option --temp: found 'nan', wanted", *run_, "--temp", "nan")
        self.fail_with(2, "option --kv: found 'f64', wanted", *run_, "--kv", "f64")
        self.fail_with(2, "option --ctx given twice", *run_, "--ctx", "4", "--ctx", "5")
        self.fail_with(2, "option --exact takes no value", *run_, "--exact=1")
        self.fail_with(
            2, "wanted whole numbers separated", "rosso-run", DEMO, "--input-ids", "1,,2"
        )
        self.fail_with(2, "wanted a number of bytes", "rosso-plan", DEMO, "--vram", "20 apples")

    def test_prompts(self):
        self.fail_with(2, "no prompt", "rosso-run", DEMO)
        self.fail_with(2, "both -p and", "rosso-run", DEMO, "-p", "x", "--input-ids", "1")
        self.fail_with(2, "token id 1280: wanted 0 to 1279", "rosso-run", DEMO, "--input-ids=1280")
        self.fail_with(2, "5 more, it holds 4", "rosso-run", DEMO, "--input-ids", IDS, "--ctx", 4)

    def test_devices(self):
        for device in () if Path("/dev/kfd").exists() else ("amd", "amd:1"):
            message = f"device {device}: amd: /dev/kfd: No such file or directory"
            self.fail_with(2, message, "rosso-run", DEMO, "-p", "x", "--device", device)
            self.fail_with(2, message, "rosso-bench", DEMO, "--device", device)
        self.fail_with(2, "device 'cuda'", "rosso-run", DEMO, "-p", "x", "--device", "cuda")
        self.fail_with(2, "gfx9999", "rosso-dump", DEMO, "--target", "amdgpu:gfx9999")


class BadFiles(Tool):
    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            broken = Path(folder) / "broken.gguf"
            for tool in ("rosso-run", "rosso-bench", "rosso-plan", "rosso-dump"):
                more = ("-p", "x") if tool == "rosso-run" else ()
                self.fail_with(2, "No such file", tool, broken, *more)
                broken.write_bytes(b"GGML nonsense")
                self.fail_with(2, "broken.gguf", tool, broken, *more)
                broken.write_bytes(DEMO.read_bytes()[:-1000])
                self.fail_with(2, "broken.gguf", tool, broken, *more)
                broken.unlink()


class Run(Tool):
    def test_greedy_ids_are_those_of_the_reference(self):
        common = (DEMO, "--input-ids", IDS, "--tokens", 12, "--temp", 0, "--print-ids", "--quiet")
        host = self.succeed("rosso-run", *common)
        self.assertRegex(host, r"^\d+(,\d+){11}\n$")
        self.assertEqual(host, self.succeed("rosso-run", *common, "--device", "reference"))
        self.assertEqual(host, self.succeed("rosso-run", *common, "--exact"))
        self.assertEqual(host, self.succeed("rosso-run", *common, "--kv", "q8_0"))

    def test_sampled_ids_are_those_of_the_reference(self):
        common = (DEMO, "-p", "One day", "--tokens", 16, "--exact", "--print-ids", "--seed", 3)
        everything = ("--temp", 1.2, "--top-k", 0, "--top-p", 1)
        penalties = ("--temp", 0, "--repeat-penalty", 1.3, "--presence-penalty", 0.5)
        for more in ((), ("--temp", 1.5, "--top-k", 7), everything, penalties):
            with self.subTest(more):
                host = self.succeed("rosso-run", *common, *more)
                reference = self.succeed("rosso-run", *common, *more, "--device", "reference")
                self.assertEqual(host, reference)

    def test_ids_decode_to_the_text(self):
        common = (DEMO, "-p", "Once upon a time", "--tokens", 20, "--temp", 0)
        ids = self.succeed("rosso-run", *common, "--print-ids")
        text = self.succeed("rosso-run", *common)
        self.assertEqual(
            text.rstrip("\n"), self.succeed("rosso-tokenize", DEMO, "--decode", text=ids)
        )

    def test_statistics_go_to_standard_error(self):
        result = run("rosso-run", DEMO, "-p", "Once", "--tokens", 3)
        for word in ("device   host", "prompt", "tokens/s on host", "seed", "memory", "peak"):
            self.assertIn(word, result.stderr)
            self.assertNotIn(word, result.stdout)

    def test_seed_repeats_the_text(self):
        common = (DEMO, "-p", "Once upon", "--tokens", 30, "--temp", 1.5, "--seed")
        self.assertEqual(
            self.succeed("rosso-run", *common, 7), self.succeed("rosso-run", *common, 7)
        )
        self.assertNotEqual(
            self.succeed("rosso-run", *common, 7), self.succeed("rosso-run", *common, 8)
        )

    def test_logits(self):
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("exact.npy", "reference.npy")]
            for file, device in zip(files, ("host", "reference")):
                arguments = ("--input-ids", IDS, "--exact", "--device", device, "--logits", file)
                self.assertEqual(self.succeed("rosso-run", DEMO, *arguments), "")
            shape, exact = read_npy(files[0])
            _, reference = read_npy(files[1])
        self.assertEqual(shape, (5, VOCABULARY))
        self.assertEqual(len(exact), 5 * VOCABULARY)
        error = sum((a - b) ** 2 for a, b in zip(exact, reference)) ** 0.5
        size = sum(b * b for b in reference) ** 0.5
        self.assertLess(error / size, 1e-3)
        first = max(range(VOCABULARY), key=lambda i: exact[4 * VOCABULARY + i])
        common = ("--input-ids", IDS, "--tokens", 1, "--temp", 0, "--print-ids", "--exact")
        self.assertEqual(int(self.succeed("rosso-run", DEMO, *common)), first)

    def test_chat(self):
        answer = self.succeed("rosso-run", DEMO, "--chat", "--temp", 0, "-p", "What is 3 + 4?")
        self.assertIn("7", answer)
        two = self.succeed("rosso-run", DEMO, "--chat", "--temp", 0, text="Hello\nWhat is 3 + 4?\n")
        self.assertEqual(len(two.splitlines()), 2)
        self.assertIn("7", two.splitlines()[1])

    def test_verify(self):
        for more in ((), ("--exact",), ("--kv", "q8_0")):
            report = self.succeed("rosso-run", DEMO, "--verify", "-p", "Once upon a time", *more)
            self.assertIn("agree with the reference", report)
            self.assertIn("worst: ", report)

    def test_interrupt_stops_after_the_token(self):
        arguments = ("--device", "reference", "-p", "Once upon a time", "--ignore-eos")
        command = [BIN / "rosso-run", DEMO, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertNotEqual(process.stdout.read(1), b"")
        process.send_signal(signal.SIGINT)
        output, statistics = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)
        self.assertTrue(output.endswith(b"\n"))
        self.assertIn(b"tokens/s", statistics)


class Plan(Tool):
    def plan(self, *arguments):
        return json.loads(self.succeed("rosso-plan", DEMO, "--json", *arguments))

    def test_sizes(self):
        plan = self.plan("--ctx", 512)
        cache = LAYERS * 2 * 512 * KV_WIDTH
        self.assertTrue(cache * 2 <= plan["kv_bytes"] <= cache * 2 + 8192, plan)
        packed = self.plan("--ctx", 512, "--kv", "q8_0")["kv_bytes"]
        self.assertTrue(cache * 34 // 32 <= packed <= cache * 34 // 32 + 8192, packed)
        self.assertLessEqual(plan["weights_bytes"], DEMO.stat().st_size)
        parts = ("weights_bytes", "kv_bytes", "activation_bytes")
        self.assertEqual(plan["total_bytes"], sum(plan[part] for part in parts))

    def test_what_fits(self):
        self.assertEqual(self.plan("--vram", "20GiB")["max_ctx"], CONTEXT)
        self.assertTrue(self.plan("--vram", "20GiB")["fits"])
        total = self.plan("--ctx", 300)["total_bytes"]
        exactly = self.plan("--ctx", 300, "--vram", total)
        self.assertTrue(exactly["fits"])
        self.assertGreaterEqual(exactly["max_ctx"], 300)
        below = self.plan("--ctx", 300, "--vram", total - 1)
        self.assertFalse(below["fits"])
        self.assertLess(below["max_ctx"], 300)
        self.assertEqual(self.plan("--vram", "1KiB")["max_ctx"], 0)


class Bench(Tool):
    def test_json(self):
        flags = ("--prefill", 16, "--decode", 4, "--threads", 2, "--repeat", 1, "--json")
        report = json.loads(self.succeed("rosso-bench", DEMO, *flags))
        self.assertEqual(report["model"], DEMO.name)
        self.assertIn("2 threads", report["device"])
        self.assertEqual(report["prefill"]["tokens"], 16)
        self.assertEqual(report["decode"]["tokens"], 4)
        for kind in ("prefill", "decode"):
            self.assertGreater(report[kind]["tok_s"], 0)
            self.assertEqual(report[kind]["device"], "host")
        self.assertGreater(report["compile_s"]["cold"], report["compile_s"]["warm"])
        self.assertGreater(report["load_s"], 0)
        self.assertGreater(report["peak_bytes"], DEMO.stat().st_size)

    def test_plan_foretells_what_is_taken(self):
        flags = ("--prefill", 16, "--decode", 2, "--repeat", 1, "--keep-cache", "--json")
        for more in (("--ctx", CONTEXT), ("--ctx", 100), ("--ctx", CONTEXT, "--kv", "q8_0")):
            taken = json.loads(self.succeed("rosso-bench", DEMO, *flags, *more))
            plan = json.loads(self.succeed("rosso-plan", DEMO, "--json", *more))
            for part in ("weights_bytes", "kv_bytes", "activation_bytes"):
                self.assertLessEqual(taken[part], plan[part], part)
            self.assertLess(plan["activation_bytes"], 2 * taken["activation_bytes"] + (1 << 17))

    def test_several_lengths(self):
        flags = ("--prefill", "8,16", "--decode", 2, "--repeat", 1, "--json", "--keep-cache")
        report = json.loads(self.succeed("rosso-bench", DEMO, *flags))
        self.assertEqual([one["tokens"] for one in report["prefill_lengths"]], [8, 16])


class Dump(Tool):
    def test_all_stages(self):
        with tempfile.TemporaryDirectory() as folder:
            self.succeed("rosso-dump", DEMO, "--emit", "all", "-o", folder)
            files = {path.name for path in Path(folder).iterdir()}
            self.assertTrue({"graph.txt", "plan.txt", "code.so"} <= files, files)
            self.assertTrue(any(name.startswith("00-ir") for name in files))
            self.assertTrue(any("rosso-schedule" in name for name in files))
            self.assertEqual((Path(folder) / "code.so").read_bytes()[:4], b"\x7fELF")
            kernels = {name[:-2] for name in files if name.endswith(".s")}
            self.assertEqual(kernels, {name[:-3] for name in files if name.endswith(".ll")})
            plan = (Path(folder) / "plan.txt").read_text()
            for kernel in kernels:
                self.assertIn(kernel, plan)
        one = sorted(kernels)[0]
        self.assertNotEqual(self.succeed("rosso-dump", DEMO, "--emit", "asm", "--kernel", one), "")
        self.fail_with(2, "no kernel 'nope'", "rosso-dump", DEMO, "--kernel", "nope")

    def test_graph_and_plan_go_to_standard_output(self):
        self.assertIn("entry decode", self.succeed("rosso-dump", DEMO, "--emit", "graph"))
        self.assertIn("entry decode", self.succeed("rosso-dump", DEMO))
        self.fail_with(2, "use -o DIR", "rosso-dump", DEMO, "--emit", "obj")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
