"""rosso-doctor as docs/cli.md promises it, on machines with and without a GPU.

Run by ctest with the folder of the binaries as argument.
"""

import json
import subprocess
import sys
import unittest
from pathlib import Path

DOCTOR = Path(sys.argv[1]) / "rosso-doctor"


def run(*arguments):
    return subprocess.run([DOCTOR, *arguments], capture_output=True, text=True, timeout=120)


class Doctor(unittest.TestCase):
    def report(self, *arguments, code=0):
        result = run("--json", *arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        return {
            title: {name: value for fact in facts for name, value in fact.items()}
            for title, facts in json.loads(result.stdout).items()
        }

    def test_surveys_without_running_anything(self):
        report = self.report("--survey")
        self.assertIn("processor", report["host"])
        self.assertRegex(report["Rosso"]["compiler"], r"^LLVM \d+\.\d+\.\d+, .*compiler")
        self.assertRegex(report["Rosso"]["cache"], r"programs?, \d")
        self.assertIn("/dev/kfd", report["AMD driver"])
        self.assertEqual(report["devices"]["host"], "can be used")
        self.assertFalse([title for title in report if title.startswith("proof")])

    def test_proves_the_host(self):
        proof = self.report("--device", "host")["proof on host"]
        self.assertTrue(proof["device"].startswith("host, "))
        self.assertIn("all results right", proof["compiled"])

    def test_proves_emulated_gpus(self):
        wgps_of = {"emu": 48, "emu:rx7900xt,strict": 42, "emu:gfx1201": 32, "emu:gfx1030": 40}
        for device, wgps in wgps_of.items():
            proof = self.report("--device", device)[f"proof on {device}"]
            self.assertTrue(proof["device"].startswith("emu, emulated gfx1"))
            self.assertIn("all results right", proof["kernel"])
            self.assertIn("4096 waves ran on", proof["read back"])
            self.assertIn(f", {wgps} WGPs", proof["read back"])
            self.assertIn("all results right", proof["compiled"])

    def test_a_device_that_is_not_there(self):
        if not Path("/dev/kfd").exists():
            result = run("--device", "amd")
            self.assertEqual(result.returncode, 2)
            self.assertTrue(result.stderr.startswith("error: proof on amd: device amd: amd: /dev/"))
            self.assertIn("modprobe amdgpu", result.stderr)
            self.assertIn("no GPU that can be used", result.stdout)
        result = run("--device", "cuda")
        self.assertEqual(result.returncode, 2)
        self.assertIn("device 'cuda': expected host, emu", result.stderr)
        self.assertEqual(run("--nonsense").returncode, 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
