"""Measures the tensor API side by side with tinygrad's CPU device and PyTorch, and prints a table.

    python3 tools/bench/tensors.py --package build/python_package --threads 2

Each library is a process of its own that computes what it is told. They take turns, round by round,
so that a machine that gets slower meanwhile gets slower for all of them; times are medians over the
rounds of each round's fastest run, and ratios medians of what each round saw: above 1, Rosso is
ahead. "cold" is the first run of an expression with empty caches, compiling included. tinygrad runs
in its TinyJit, its fastest way, without searching for kernels (BEAM); PyTorch runs eagerly. All
results are compared with PyTorch's. Libraries that are not installed are left out.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

LIBRARIES = ("rosso", "tinygrad", "torch")

# --- the expressions ---

CONVOLUTIONS = {  # of ResNet-18, by (channels, size, filters, kernel, stride, padding)
    "7x7 /2, 3x224x224 to 64": (3, 224, 64, 7, 2, 3),
    "3x3, 64x56x56": (64, 56, 64, 3, 1, 1),
    "3x3 /2, 64x56x56 to 128": (64, 56, 128, 3, 2, 1),
    "1x1 /2, 64x56x56 to 128": (64, 56, 128, 1, 2, 0),
    "3x3, 128x28x28": (128, 28, 128, 3, 1, 1),
    "3x3 /2, 128x28x28 to 256": (128, 28, 256, 3, 2, 1),
    "1x1 /2, 128x28x28 to 256": (128, 28, 256, 1, 2, 0),
    "3x3, 256x14x14": (256, 14, 256, 3, 1, 1),
    "3x3 /2, 256x14x14 to 512": (256, 14, 512, 3, 2, 1),
    "1x1 /2, 256x14x14 to 512": (256, 14, 512, 1, 2, 0),
    "3x3, 512x7x7": (512, 7, 512, 3, 1, 1),
}

IMAGES = (8, 64, 56, 56)
OTHERS = {  # the method of a library, and the shapes of its inputs
    "depthwise conv2d 3x3, 8x64x56x56": ("depthwise", [IMAGES, (64, 1, 3, 3)]),
    "transposed conv2d 3x3 /2, 64x28x28 to 32": (
        "conv_transpose2d",
        [(1, 64, 28, 28), (64, 32, 3, 3)],
    ),
    "max pool 3x3 /2, 8x64x56x56": ("max_pool2d", [IMAGES]),
    "resize to 112x112, 8x64x56x56": ("resize", [IMAGES]),
    "sort 2048x2048": ("sort", [(2048, 2048)]),
    "cumsum 2048x2048": ("cumsum", [(2048, 2048)]),
    "sin 4096x4096": ("sin", [(4096, 4096)]),
}


def shapes_of(case: str) -> list[tuple[int, ...]]:
    """The shapes of a case's inputs."""
    if case in OTHERS:
        return OTHERS[case][1]
    kind, _, what = case.partition(" ")
    if kind == "matmul":
        return [(int(what), int(what))] * 2
    if kind == "matvec":
        return [(int(what), int(what)), (int(what),)]
    if kind == "softmax":
        return [(4096, 4096)]
    if kind == "layernorm":
        return [(4096, 1024), (1024,), (1024,)]
    if kind == "chain":
        return [(16 << 20,)]
    if kind == "attention":
        return [(1, 12, 1024, 64)] * 3
    channels, size, filters, kernel, _, _ = CONVOLUTIONS[what]
    return [(1, channels, size, size), (filters, channels, kernel, kernel)]


CASES = [
    "matmul 1024",
    "matmul 2048",
    "matvec 4096",
    "softmax 4096x4096",
    "layernorm 4096x1024",
    "chain of 8 ops, 16M elements",
    "attention 1x12x1024x64",
    "attention causal",
    "attention by hand",
    *(f"conv2d {name}" for name in CONVOLUTIONS),
    *OTHERS,
]


def expression(case: str, library: Any) -> Callable[..., Any]:
    """What a case computes, by a library's own names."""
    if case in OTHERS:
        return getattr(library, OTHERS[case][0])
    kind, _, what = case.partition(" ")
    if kind in ("matmul", "matvec"):
        return lambda a, b: a @ b
    if kind == "softmax":
        return lambda x: x.softmax(-1)
    if kind == "layernorm":
        return library.layernorm
    if kind == "chain":
        return library.chain
    if case == "attention by hand":
        return lambda q, k, v: (q @ k.transpose(-2, -1) / 8.0).softmax(-1) @ v
    if kind == "attention":
        return lambda q, k, v: library.attention(q, k, v, causal=what == "causal")
    _, _, _, _, stride, padding = CONVOLUTIONS[what]
    return lambda x, w: library.conv2d(x, w, stride, padding)


# --- a library's process ---


class Lazy:
    """Rosso and tinygrad, which share their names."""

    def __init__(self, name: str) -> None:
        if name == "rosso":
            from rosso import Tensor
        else:
            from tinygrad import Tensor
        self.name, self.tensor = name, Tensor

    def input(self, array: Any) -> Any:
        return self.tensor(array).contiguous().realize()

    def prepare(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if self.name == "rosso":
            return lambda *inputs: function(*inputs).realize()
        from tinygrad import Device, TinyJit

        jitted = TinyJit(lambda *inputs: function(*inputs).realize())

        def run(*inputs: Any) -> Any:
            result = jitted(*inputs)
            Device[Device.DEFAULT].synchronize()
            return result

        return run

    def numbers(self, result: Any) -> Any:
        return result.numpy()

    @staticmethod
    def layernorm(x: Any, weight: Any, bias: Any) -> Any:
        return x.layernorm(eps=1e-5) * weight + bias

    @staticmethod
    def chain(x: Any) -> Any:
        return (((x * 2 + 1).relu() * 0.5 - 1) * x).abs().sqrt()

    @staticmethod
    def attention(q: Any, k: Any, v: Any, causal: bool) -> Any:
        return q.scaled_dot_product_attention(k, v, is_causal=causal)

    @staticmethod
    def conv2d(x: Any, weight: Any, stride: int, padding: int) -> Any:
        return x.conv2d(weight, stride=stride, padding=padding)

    @staticmethod
    def depthwise(x: Any, weight: Any) -> Any:
        return x.conv2d(weight, groups=x.shape[1], padding=1)

    @staticmethod
    def conv_transpose2d(x: Any, weight: Any) -> Any:
        return x.conv_transpose2d(weight, stride=2)

    @staticmethod
    def max_pool2d(x: Any) -> Any:
        return x.max_pool2d((3, 3), stride=2, padding=1)

    @staticmethod
    def resize(x: Any) -> Any:
        return x.interpolate((112, 112))

    @staticmethod
    def sort(x: Any) -> Any:
        return x.sort(-1)[0]

    @staticmethod
    def cumsum(x: Any) -> Any:
        return x.cumsum(-1)

    @staticmethod
    def sin(x: Any) -> Any:
        return x.sin()


class Torch:
    def __init__(self, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.torch = torch

    def input(self, array: Any) -> Any:
        return self.torch.from_numpy(array)

    def prepare(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def numbers(self, result: Any) -> Any:
        return result.numpy()

    def layernorm(self, x: Any, weight: Any, bias: Any) -> Any:
        return self.torch.nn.functional.layer_norm(x, x.shape[-1:], weight, bias, 1e-5)

    chain = staticmethod(Lazy.chain)

    def attention(self, q: Any, k: Any, v: Any, causal: bool) -> Any:
        functional = self.torch.nn.functional
        return functional.scaled_dot_product_attention(q, k, v, is_causal=causal)

    def conv2d(self, x: Any, weight: Any, stride: int, padding: int) -> Any:
        return self.torch.nn.functional.conv2d(x, weight, stride=stride, padding=padding)

    def depthwise(self, x: Any, weight: Any) -> Any:
        return self.torch.nn.functional.conv2d(x, weight, groups=x.shape[1], padding=1)

    def conv_transpose2d(self, x: Any, weight: Any) -> Any:
        return self.torch.nn.functional.conv_transpose2d(x, weight, stride=2)

    def max_pool2d(self, x: Any) -> Any:
        return self.torch.nn.functional.max_pool2d(x, 3, 2, 1)

    def resize(self, x: Any) -> Any:
        return self.torch.nn.functional.interpolate(x, (112, 112), mode="bilinear")

    sort, cumsum, sin = (staticmethod(each) for each in (Lazy.sort, Lazy.cumsum, Lazy.sin))


def serve(name: str, threads: int) -> None:
    """Answers lines of JSON: {"case", "seconds"} with {"cold", "warm", "sample"}."""
    import numpy as np

    library = Torch(threads) if name == "torch" else Lazy(name)
    known: dict[str, tuple[Callable[..., Any], list[Any]]] = {}
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        case, answer = request["case"], {}
        if case not in known:
            known.clear()  # inputs of other cases, from memory and caches
            random = np.random.default_rng(len(case))
            arrays = [random.standard_normal(s, dtype=np.float32) for s in shapes_of(case)]
            inputs = [library.input(array) for array in arrays]
            run = library.prepare(expression(case, library))
            start = time.perf_counter()
            result = run(*inputs)
            answer["cold"] = time.perf_counter() - start
            flat = library.numbers(result).reshape(-1)
            answer["sample"] = [float(v) for v in flat[:: max(1, flat.size // 1000)]]
            for _ in range(2):
                run(*inputs)
            known[case] = run, inputs
        run, inputs = known[case]
        times: list[float] = []
        end = time.perf_counter() + request["seconds"]
        while len(times) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            run(*inputs)
            times.append(time.perf_counter() - start)
        answer["warm"] = min(times)
        print(json.dumps(answer), flush=True)


# --- the one that asks ---


def clang() -> str | None:
    """The newest clang there is, as Debian names them."""
    names = ["clang", *(f"clang-{version}" for version in range(30, 13, -1))]
    return next((name for name in names if shutil.which(name)), None)


class Worker:
    """The process of a library; `problem` says why there is none."""

    def __init__(self, name: str, options: argparse.Namespace, caches: str) -> None:
        environment = dict(os.environ)
        environment.update(
            OMP_NUM_THREADS=str(options.threads),
            CPU_COUNT=str(options.threads),
            ROSSO_CACHE_DIR=os.path.join(caches, "rosso"),
            XDG_CACHE_HOME=caches,
            CACHEDB=os.path.join(caches, "tinygrad.db"),
            DEV="CPU",
            BEAM="0",
        )
        if "CC" not in environment and (compiler := clang()):
            environment["CC"] = compiler  # of tinygrad
        if options.package:
            environment["PYTHONPATH"] = options.package
        command = [sys.executable, __file__, "--serve", name, "--threads", str(options.threads)]
        self.problem = ""
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if not self.process.stdout.readline():
            self.problem = f"{name} does not start here"

    def ask(self, case: str, seconds: float) -> dict[str, Any] | None:
        if self.problem:
            return None
        try:
            self.process.stdin.write(json.dumps({"case": case, "seconds": seconds}) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            self.problem = f"ended at {case}"
            return None

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def difference(a: list[float], b: list[float]) -> float:
    """The largest difference of two samples, in units of the second's size."""
    size = math.sqrt(sum(v * v for v in b) / len(b)) or 1.0
    return max(abs(x - y) for x, y in zip(a, b, strict=True)) / size


def measure(case: str, workers: dict[str, Worker], options: argparse.Namespace) -> dict[str, Any]:
    rounds: dict[str, list[float]] = {name: [] for name in workers}
    cold: dict[str, float] = {}
    samples: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        for name, worker in workers.items():
            answer = worker.ask(case, options.seconds)
            if answer is None:
                continue
            rounds[name].append(answer["warm"])
            if "cold" in answer:
                cold[name], samples[name] = answer["cold"], answer["sample"]
    for name, sample in samples.items():
        if "torch" in samples and (off := difference(sample, samples["torch"])) > 1e-4:
            print(f"warning: {case}: {name} is {off:.2g} away from PyTorch", file=sys.stderr)

    def ratio(name: str) -> float | None:
        if not rounds.get(name) or not rounds["rosso"]:
            return None
        pairs = zip(rounds[name], rounds["rosso"], strict=False)
        return statistics.median(theirs / ours for theirs, ours in pairs)

    return {
        "warm": {n: statistics.median(times) for n, times in rounds.items() if times},
        "cold": cold,
        "ratio": {name: ratio(name) for name in workers if name != "rosso"},
    }


def milliseconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    value = seconds * 1e3
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--package", help="folder that holds the package rosso, if not installed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of a round, for each library")
    parser.add_argument("--only", default="", help="cases whose names contain this")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve, options.threads)

    table: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as caches:
        workers = {name: Worker(name, options, caches) for name in LIBRARIES}
        for case in CASES:
            if options.only in case:
                table[case] = measure(case, workers, options)
                print(f"measured {case}", file=sys.stderr)
        for worker in workers.values():
            if worker.problem:
                print(f"warning: {worker.problem}", file=sys.stderr)
            worker.stop()
    if options.json:
        return print(json.dumps(table, indent=1))
    print("| warm, ms | Rosso | tinygrad | PyTorch | tinygrad / Rosso | PyTorch / Rosso |")
    print("|---|---|---|---|---|---|")
    for case, row in table.items():
        cells = [milliseconds(row["warm"].get(name)) for name in LIBRARIES]
        cells += [f"{r:.2f}" if (r := row["ratio"].get(n)) else "-" for n in LIBRARIES[1:]]
        print(f"| {case} | " + " | ".join(cells) + " |")
    print("\n| cold, ms | Rosso | tinygrad | PyTorch |\n|---|---|---|---|")
    for case, row in table.items():
        cells = [milliseconds(row["cold"].get(name)) for name in LIBRARIES]
        print(f"| {case} | " + " | ".join(cells) + " |")
    return None


if __name__ == "__main__":
    main()
