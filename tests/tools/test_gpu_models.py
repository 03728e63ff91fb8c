"""Whole models on the emulated RX 7900 XTX: one decode step of every launch in its real size, with
weights of zeros, for which it counts and times the same. docs/benchmarks.md shows these numbers.

Run by ctest with the folder of the binaries and the name of a shape as arguments.
"""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BIN, SHAPE = Path(sys.argv[1]), sys.argv[2]
VRAM_BYTES_PER_SECOND = 960e9

# Layers; bytes of the weights a token reads, in GB; kilobytes of f16 cache it reads for each token
# before it: by hand from the models' shapes and llama.cpp's choice of Q4_K and Q6_K.
MODELS = {
    "qwen2.5-7b": (28, 4.371, 57.3),
    "qwen2.5-14b": (48, 8.544, 196.6),
    "llama-3.1-8b": (32, 4.617, 131.1),
}
CONTEXT = 16384
DEPTH = 2048


class Decode(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            model = f"{folder}/model.gguf"
            make = [BIN / "rosso-make-model", model, "--shape", SHAPE, "--type", "q4_k_m"]
            subprocess.run([*make, "--header-only"], check=True)
            bench = [BIN / "rosso-bench", model, "--device", "emu:gfx1100,vram=20G", "--json"]
            bench += ["--at", str(DEPTH), "--decode", "1", "--repeat", "1", "--ctx", str(CONTEXT)]
            bench += ["--keep-cache"]
            cls.told = json.loads(subprocess.run(bench, check=True, capture_output=True).stdout)
        cls.predicted = cls.told["decode"]["predicted"]
        cls.layers, cls.weights, cls.cache = MODELS[SHAPE]
        cls.least_bytes = cls.weights * 1e9 + cls.cache * 1e3 * DEPTH

    def test_reaches_its_share_of_the_ceiling(self):
        ceiling = VRAM_BYTES_PER_SECOND / self.least_bytes
        self.assertGreaterEqual(self.predicted["tok_s"], 0.70 * ceiling)
        self.assertLess(self.predicted["tok_s"], ceiling)

    def test_reads_weights_and_cache_once(self):
        read = self.predicted["vram_bytes_per_token"]
        self.assertLessEqual(read, 1.05 * self.least_bytes)
        self.assertGreaterEqual(read, 0.99 * self.least_bytes)

    def test_launches_six_kernels_a_layer(self):
        self.assertLessEqual(self.predicted["launches_per_token"], 6 * self.layers + 6)

    def test_the_driver_takes_what_the_plan_says(self):
        # Beside the arena: code, kernel arguments, the queue's buffer.
        arena, peak = self.told["arena_bytes"], self.told["vram_peak_bytes"]
        self.assertLessEqual(abs(peak - arena), 8 << 20)
        self.assertLess(peak, 20 << 30)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
