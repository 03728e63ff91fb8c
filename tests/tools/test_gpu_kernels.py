"""Static checks on the kernels of real models for gfx1100: what docs/gpu-kernels.md shows, held to
its limits. They need no weights and no GPU.

Run by ctest with the folder of the binaries and the root of the sources as arguments.
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BIN, ROOT = Path(sys.argv[1]), Path(sys.argv[2])
sys.path.insert(0, str(ROOT / "tools/dump"))

import gpu_kernels  # noqa: E402

LAYERS = {"qwen2.5-7b": 28, "qwen2.5-14b": 48, "llama-3.1-8b": 32}
# Slots per weight of a first version, by the format that is read most: twice the goal.
MOST_SLOTS = {"q4_k": 4.5, "q6_k": 8.0}


class Kernels(unittest.TestCase):
    def check(self, shape):
        with tempfile.TemporaryDirectory() as folder:
            told = gpu_kernels.describe(folder, BIN, shape)
        for kernel in told[0]["kernels"]:
            with self.subTest(shape=shape, kernel=kernel["name"]):
                self.check_kernel(kernel)
        decode = gpu_kernels.entry(told[2048], "decode")
        self.assertLessEqual(len(decode["launches"]), 7 * LAYERS[shape] + 6)
        for launch in decode["launches"]:
            if "slots_per_weight" not in launch:
                continue
            with self.subTest(shape=shape, launch=launch["index"], kernel=launch["kernel"]):
                weights = [each for each in launch["arguments"] if each.get("space") == "weight"]
                largest = max(weights, key=lambda each: each["bytes"])
                self.assertLessEqual(launch["slots_per_weight"], MOST_SLOTS[largest["format"]])
                # Lanes ask for the weights once; activations come from caches.
                read = sum(each["bytes"] for each in weights)
                self.assertLessEqual(read, 1.05 * launch["least_bytes"])
                self.assertLessEqual(launch["requested_bytes"], 2.5 * launch["least_bytes"])

    def check_kernel(self, kernel):
        self.assertEqual(kernel["scratch_bytes"], 0)
        self.assertEqual(kernel["vgpr_spills"] + kernel["sgpr_spills"], 0)
        self.assertLessEqual(kernel["code_bytes"], 16 << 10)
        if kernel["schedule"].startswith("matvec"):
            self.assertLessEqual(kernel["vgprs"], 96)
            self.assertGreaterEqual(gpu_kernels.wide(kernel), 0.75)
            self.assertGreaterEqual(kernel["waves_per_simd"]["resident"], 12)

    def test_qwen_7b(self):
        self.check("qwen2.5-7b")

    def test_qwen_14b(self):
        self.check("qwen2.5-14b")

    def test_llama_8b(self):
        self.check("llama-3.1-8b")

    def test_dense_product(self):
        """Scalar loads serve all lanes, vector loads several rows: little but multiply-adds."""
        size = 512
        graph = (
            f"entry main\n%0 = buffer : f32[{size}, {size}]\n%1 = buffer : f32[{size}, {size}]\n"
            f"%2 = matmul %0, %1 : f32[{size}, {size}]\noutput out0 = %2\n"
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "product.graph"
            path.write_text(graph)
            command = [BIN / "rosso-dump", path, "--target", "amdgpu:gfx1100", "--emit", "counts"]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        launch = next(line.split() for line in told.splitlines() if "matmul" in line)
        self.assertLessEqual(int(launch[3]), 2 * size**3 // 32, told)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
