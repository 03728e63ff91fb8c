"""Writes docs/gpu-kernels.md: what the kernels of well-known models take of a GPU, by rosso-dump.

    python3 tools/dump/gpu_kernels.py build/bin > docs/gpu-kernels.md

No weights are needed, and no GPU: models are made with --header-only.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

SHAPES = ("qwen2.5-7b", "qwen2.5-14b", "llama-3.1-8b")
TARGET = "amdgpu:gfx1100"
CONTEXT = 16384 + 512
POSITIONS = (0, 2048, 16384)
VRAM = 960e9  # bytes a second

HEAD = """# Kernels for gfx1100

Numbers that need no GPU: registers, LDS and code from the code objects; issue slots, bytes and time
estimated from the machine code and the time model (`runtime/emulator/TimeModel.h`), for an RX 7900
XTX. Made by

    python3 tools/dump/gpu_kernels.py build/bin > docs/gpu-kernels.md

and not edited by hand; `tests/tools/test_gpu_kernels.py` holds the same numbers to their limits.

*slots/weight*: issue slots x 32 lanes of all that the launch executes, per weight (of matmuls: for
all 512 columns together; this estimate misses about a third of a matmul's matrix
instructions, which the emulator counts exactly: see tests/codegen/GpuMatrices.cpp).
*wide*: share of the bytes loaded in the hot loop by loads of 16 bytes a
lane. *asked*: bytes that lanes load and store, as a multiple of the least that must move. Bytes,
slots and bound are those of the last launch of a kernel, time is that of all. Limits of the first
version: no spills, matvecs at most 96 VGPRs, at least 75 % wide loads, 7 launches a layer and 6
more.
"""


def describe(folder, bin_folder, shape, context=CONTEXT):
    """launches.json of a model of this shape, by the position of its one token."""
    model = Path(folder) / f"{shape}.gguf"
    make = [bin_folder / "rosso-make-model", model, "--shape", shape, "--type", "q4_k_m"]
    subprocess.run([*make, "--header-only"], check=True, capture_output=True)
    told = {}
    for position in POSITIONS:
        out = Path(folder) / f"{shape}-{position}"
        command = [bin_folder / "rosso-dump", model, "--target", TARGET, "--ctx", str(context)]
        command += ["--emit", "obj", "--at", f"P={position},T=512", "-o", out]
        subprocess.run(command, check=True, capture_output=True)
        told[position] = json.loads((out / "launches.json").read_text())
    return told


def entry(told, name):
    return next(each for each in told["entries"] if each["name"] == name)


def rows(told, name):
    """A kernel's row for each kernel of an entry, the slowest first."""
    kernels = {kernel["name"]: kernel for kernel in told["kernels"]}
    groups = {}
    for launch in entry(told, name)["launches"]:
        groups.setdefault(launch["kernel"], []).append(launch)
    for kernel, launches in sorted(groups.items(), key=lambda item: -time_of(item[1])):
        yield kernels[kernel], launches


def time_of(launches):
    return sum(launch["predicted_us"] for launch in launches)


def wide(kernel):
    loop = kernel.get("hot_loop")
    if not loop or not loop["load_bytes_per_lane"]:
        return None
    return loop["wide_load_bytes_per_lane"] / loop["load_bytes_per_lane"]


def table(told, name):
    lines = [
        "| kernel | launches | VGPRs | LDS | spills | waves/SIMD | code | wide | slots/weight "
        "| least MB | asked | µs | bound |",
        "|---" + "|--:" * 11 + "|---|",
    ]
    for kernel, launches in rows(told, name):
        first, share = launches[-1], wide(kernel)
        asked = first["requested_bytes"] / max(first["least_bytes"], 1)
        slots = first.get("slots_per_weight")
        cells = [
            f"`{kernel['name']}`",
            len(launches),
            kernel["vgprs"],
            kernel["lds_bytes"],
            kernel["vgpr_spills"] + kernel["sgpr_spills"],
            f"{kernel['waves_per_simd']['resident']:.0f}",
            kernel["code_bytes"],
            "" if share is None else f"{100 * share:.0f} %",
            f"{slots:.2f}" if slots else "",
            f"{first['least_bytes'] / 1e6:.3f}",
            f"{asked:.2f}",
            f"{time_of(launches):.1f}",
            first["bound"],
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main():
    bin_folder = Path(sys.argv[1]).resolve()
    print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        for shape in SHAPES:
            told = describe(folder, bin_folder, shape)
            decode = entry(told[0], "decode")
            print(f"## {shape}, Q4_K_M\n")
            print("| | " + " | ".join(f"context {position}" for position in POSITIONS) + " |")
            print("|---" + "|--:" * len(POSITIONS) + "|")
            entries = [entry(told[each], "decode") for each in POSITIONS]
            seconds = [each["predicted_us"] / 1e6 for each in entries]
            least = [sum(one["least_bytes"] for one in each["launches"]) for each in entries]
            rates = [f"{1 / each:.0f}" for each in seconds]
            shares = [f"{bytes_ / VRAM / each:.2f}" for bytes_, each in zip(least, seconds)]
            print("| predicted tokens/s | " + " | ".join(rates) + " |")
            print("| share of 960 GB/s | " + " | ".join(shares) + " |")
            print(f"\n{len(decode['launches'])} launches a token.\n")
            print("### decode, context 2048\n\n" + table(told[2048], "decode") + "\n")
            print("### prefill, 512 tokens at 0\n\n" + table(told[0], "prefill") + "\n")


if __name__ == "__main__":
    main()
