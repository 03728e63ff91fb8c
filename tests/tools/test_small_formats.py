"""Whole models in the smallest formats: every kernel agrees with the reference, on the host and on
the emulated GPU, and the plan counts what a weight takes in memory.

Run by ctest with the folder of the binaries as argument.
"""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BIN = Path(sys.argv[1])

# Bits a weight takes in memory and in the file, by the pictures of ir/quant; bits of the output.
FORMATS = {
    "iq1_s": (3.25, 1.5625, 5.5),
    "iq1_m": (3.375, 1.75, 5.5),
    "iq2_xxs": (3.25, 2.0625, 5.5),
    "iq2_xs": (3.375, 2.3125, 5.5),
    "iq2_s": (3.375, 2.5625, 5.5),
    "iq3_xxs": (4.25, 3.0625, 5.5),
    "iq3_s": (4.1875, 3.4375, 6.5625),
    "q1_0": (1.125, 1.125, 6.5625),
    "tq2_0": (2.0625, 2.0625, 6.5625),
}
# The shape `tiny`: two layers of q, k, v, output, gate, up, down, and the embedding; the output.
WEIGHTS = 2 * (2 * 256 * 256 + 2 * 128 * 256 + 3 * 512 * 256) + 512 * 256
OUTPUT_WEIGHTS = 512 * 256
SMALL_BYTES = 24 << 10  # norms and biases


class SmallFormats(unittest.TestCase):
    def succeed(self, tool, *arguments):
        command = [BIN / tool, *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=600)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_models(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, sizes in FORMATS.items():
                with self.subTest(name):
                    model = Path(folder) / f"{name}.gguf"
                    self.succeed("rosso-make-model", model, "--shape", "tiny", "--type", name)
                    self.check_sizes(model, *sizes)
                    for device in ("host", "emu"):
                        arguments = ("--verify", "-p", "Once upon a time", "--device", device)
                        report = self.succeed("rosso-run", model, *arguments)
                        self.assertIn("agree with the reference", report)

    def check_sizes(self, model, bits, file_bits, output_bits):
        plan = json.loads(self.succeed("rosso-plan", model, "--json"))
        output = OUTPUT_WEIGHTS * output_bits / 8
        for found, wanted in (
            (plan["weights_bytes"], WEIGHTS * bits / 8 + output),
            (model.stat().st_size, WEIGHTS * file_bits / 8 + output),
        ):
            self.assertGreaterEqual(found, wanted)
            self.assertLess(found, wanted + SMALL_BYTES)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
