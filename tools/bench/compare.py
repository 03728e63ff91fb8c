"""Measures Rosso side by side with its peers, and prints the tables of docs/benchmarks.md.

    python3 tools/bench/compare.py --llama-cpp peers --ik ik_llama.cpp/build/bin MODEL.gguf...

Programs take turns, round by round, so that a machine that gets slower meanwhile (neighbours, heat)
gets slower for all of them; the table shows medians over the rounds and, behind the sign, half the
distance between the fastest and the slowest round. Peers are optional: `--llama-cpp` is the folder
in which the npm package node-llama-cpp is installed, `--ik` the folder with ik_llama.cpp's
llama-bench, `--llama-bench` any other llama-bench. `rosso-peak` measures what the machine can do.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from traffic import cost

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "build/bin"


def output(command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"error: {command[0]} ended with {result.returncode}:\n{result.stderr[-2000:]}")
    return result.stdout


def rosso(model, options, **_):
    """One round of rosso-bench, which also knows compile times and memory."""
    report = json.loads(
        output(
            [options.rosso, model, "--prefill", options.prefill, "--decode", options.decode]
            + ["--threads", options.threads, "--json"]
        )
    )
    return {
        "prefill": report["prefill"]["tok_s"],
        "decode": report["decode"]["tok_s"],
        "cold": report["compile_s"]["cold"],
        "warm": report["compile_s"]["warm"],
        "load": report["load_s"],
        "peak": report["peak_bytes"],
    }


def node_llama_cpp(model, options):
    script = ROOT / "tools/bench/llama_cpp_peer.mjs"
    report = json.loads(
        output(
            ["node", script, "--package", options.llama_cpp, model, "--prefill", options.prefill]
            + ["--decode", options.decode, "--threads", options.threads, "--repeat", 2]
        )
    )
    return {kind: report[kind]["tok_s"] for kind in ("prefill", "decode")}


def llama_bench(program, *flags):
    def measure(model, options):
        rows = json.loads(
            output(
                [program, "-m", model, "-p", options.prefill, "-n", options.decode, "-ngl", 0]
                + ["-t", options.threads, "-r", 2, "-o", "json", *flags]
            )
        )
        rates = {"prefill" if row["n_prompt"] else "decode": row["avg_ts"] for row in rows}
        return rates

    return measure


def best_of(*settings):
    """One round of a peer: of each kind the best of its settings, as its user would pick."""

    def measure(model, options):
        rates = [setting(model, options) for setting in settings]
        return {kind: max(one[kind] for one in rates) for kind in ("prefill", "decode")}

    return measure


def spread(values):
    return (max(values) - min(values)) / 2


def cell(values):
    return f"{statistics.median(values):.1f} ± {spread(values):.1f}"


def compare(model, programs, options):
    rounds = {name: [] for name in programs}
    for number in range(options.rounds):
        for name, measure in programs.items():
            rounds[name].append(measure(model, options))
            last = rounds[name][-1]
            print(
                f"{model.name} round {number + 1}, {name}: prefill {last['prefill']:.1f}, "
                f"decode {last['decode']:.1f} tokens/s",
                file=sys.stderr,
            )
    return rounds


def ratio(rounds, name, kind):
    """Rosso's rate over a peer's: the median over the rounds of what each round saw."""
    pairs = zip(rounds["Rosso"], rounds[name])
    return statistics.median(ours[kind] / theirs[kind] for ours, theirs in pairs)


def tables(results, peak, options):
    """The Markdown of everything measured."""
    names = list(next(iter(results.values())))
    peers = [name for name in names if name != "Rosso"]
    lines = []
    for kind, tokens in (("prefill", options.prefill), ("decode", options.decode)):
        lines += [f"### {kind.capitalize()} {tokens}, tokens/s", ""]
        lines.append(
            "| Model | " + " | ".join(names + [f"Rosso / {name}" for name in peers]) + " |"
        )
        lines.append("|---|" + "---|" * (len(names) + len(peers)))
        for model, rounds in results.items():
            cells = [cell([one[kind] for one in rounds[name]]) for name in names]
            cells += [f"{ratio(rounds, name, kind):.2f}" for name in peers]
            lines.append(f"| {model.name} | " + " | ".join(cells) + " |")
        lines.append("")

    lines += ["### What Rosso makes of the machine", ""]
    lines.append(
        f"Measured beside it with {peak['threads']} threads: reading "
        f"{peak['read_bytes_s'] / 1e9:.1f} GB/s, int8 dot products "
        f"{peak['int8_ops_s'] / 1e12:.2f} Tops/s ({peak['int8']})."
    )
    lines += [
        "",
        "| Model | decode reads | of bandwidth | prefill int8 | of peak |",
        "|---|---|---|---|---|",
    ]
    for model, rounds in results.items():
        bytes_read, operations = cost(model)
        decode = statistics.median(one["decode"] for one in rounds["Rosso"])
        prefill = statistics.median(one["prefill"] for one in rounds["Rosso"])
        bandwidth = decode * bytes_read
        rate = prefill * operations
        lines.append(
            f"| {model.name} | {bandwidth / 1e9:.1f} GB/s | {bandwidth / peak['read_bytes_s']:.0%} "
            f"| {rate / 1e12:.2f} Tops/s | {rate / peak['int8_ops_s']:.0%} |"
        )
    lines += ["", "### Start", ""]
    lines += [
        "| Model | compile, cold | compile, warm | load | peak memory |",
        "|---|---|---|---|---|",
    ]
    for model, rounds in results.items():
        best = {
            key: statistics.median(one[key] for one in rounds["Rosso"])
            for key in ("cold", "warm", "load", "peak")
        }
        lines.append(
            f"| {model.name} | {best['cold']:.2f} s | {best['warm']:.3f} s | {best['load']:.2f} s "
            f"| {best['peak'] / 2**20:.0f} MiB of {os.path.getsize(model) / 2**20:.0f} MiB file |"
        )
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--rosso", default=BIN / "rosso-bench", type=Path)
    parser.add_argument("--llama-cpp", help="folder where npm installed node-llama-cpp")
    parser.add_argument("--ik", type=Path, help="folder of ik_llama.cpp's llama-bench")
    parser.add_argument("--llama-bench", type=Path, help="another llama-bench")
    parser.add_argument("--prefill", default="512")
    parser.add_argument("--decode", default="64")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--rounds", default=3, type=int)
    options = parser.parse_args()

    programs = {"Rosso": rosso}
    if options.llama_cpp:
        programs["llama.cpp"] = node_llama_cpp
    if options.llama_bench:
        programs["llama-bench"] = llama_bench(options.llama_bench)
    if options.ik:
        programs["ik_llama.cpp"] = best_of(
            # Which is faster depends on model and machine: repacking (interleaved rows, as Rosso's
            # tiles) helps decode and hurts prefill; flash attention hurts both on 2 threads.
            llama_bench(options.ik / "llama-bench", "-rtr", "0", "-fa", "0"),
            llama_bench(options.ik / "llama-bench", "-rtr", "1", "-fa", "0"),
        )
    peak = json.loads(output([BIN / "rosso-peak", "--threads", options.threads, "--json"]))
    results = {model: compare(model, programs, options) for model in options.models}
    print(tables(results, peak, options))


if __name__ == "__main__":
    main()
