#!/usr/bin/env python3
"""Latency, load time and memory beside ONNX Runtime, OpenVINO and tract.

Usage: compare.py [--rounds N] [--seconds S] [--threads N] [--only TEXT] [--peers NAMES] [--out FOLDER]

Each measurement is a process of its own, on the same model file and inputs. A round measures every runtime once, in
turn, so what else the machine does hits all alike; a figure is the median over rounds of the medians within, and a
ratio the median over rounds of this round's ratio. Ratios are ours over the peer's: below 1 this is faster.
Prints a table and, with --out, writes results.json and results.svg.
ZOO_FIXTURES names the folder of the real models, ZOO_TOOL the program (default: the release build).
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from workloads import WORKLOADS, bench, models_folder

PEERS = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "tract": "tract"}


def measure_peer(runtime, model, inputs, options):
    command = [sys.executable, Path(__file__).with_name("peers.py"), runtime, model, inputs / "inputs.npz"]
    command += ["--threads", options.threads, "--seconds", options.seconds]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=900)
    lines = result.stdout.strip().splitlines()
    return json.loads(lines[-1]) if lines else {"error": f"ended with {result.returncode}"}


def measure_ours(model, names, inputs, options):
    report = bench(model, names, inputs, "--threads", options.threads, "--seconds", options.seconds)
    if "error" in report:
        return report
    latency = report["latency_ms"]
    return {
        "load_ms": report["load_ms"],
        "p50_ms": latency["p50"],
        "min_ms": latency["min"],
        "runs": report["runs"],
        "peak_rss_bytes": report["peak_rss_bytes"],
    }


def save_inputs(inputs, folder):
    np.savez(folder / "inputs.npz", **inputs)
    for i, value in enumerate(inputs.values()):
        np.save(folder / f"{i}.npy", value)


def summary(rounds, runtime):
    """Medians over the rounds, or the error of the one that failed."""
    results = [r[runtime] for r in rounds]
    failed = next((r for r in results if "error" in r), None)
    return failed or {key: statistics.median(r[key] for r in results) for key in results[0]}


def compare(workload, options, made):
    model, inputs = workload.make(made)
    peers = [p for p in options.peers if p != "tract" or options.threads == 1]
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch)
        save_inputs(inputs, saved)
        rounds, broken = [], {}
        for _ in range(options.rounds):
            one = {"zoo": measure_ours(model, list(inputs), saved, options)}
            for peer in peers:
                one[peer] = broken.get(peer) or measure_peer(peer, model, saved, options)
                if "error" in one[peer]:
                    broken[peer] = one[peer]
            rounds.append(one)
    result = {"name": workload.name, "precision": workload.precision, "threads": options.threads}
    result |= {runtime: summary(rounds, runtime) for runtime in ("zoo", *peers)}
    result["ratios"] = {
        peer: statistics.median(r["zoo"]["p50_ms"] / r[peer]["p50_ms"] for r in rounds)
        for peer in peers
        if "error" not in result["zoo"] and "error" not in result[peer]
    }
    return result


def cell(result, runtime):
    figures = result.get(runtime, {"error": ""})
    return "–" if "error" in figures else f"{figures['p50_ms']:.3f}"


def table(results, peers):
    head = ["workload", "this", *(PEERS[p] for p in peers), *(f"/ {PEERS[p]}" for p in peers)]
    rows = [
        [r["name"], cell(r, "zoo"), *(cell(r, p) for p in peers)]
        + [f"{r['ratios'][p]:.2f}" if p in r["ratios"] else "–" for p in peers]
        for r in results
    ]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def closing(results):
    """Mean ratio to the better of ONNX Runtime and OpenVINO, for each precision."""
    lines = []
    for precision in dict.fromkeys(r["precision"] for r in results):
        ratios = [
            max(r["ratios"][p] for p in ("onnxruntime", "openvino") if p in r["ratios"])
            for r in results
            if r["precision"] == precision and {"onnxruntime", "openvino"} & r["ratios"].keys()
        ]
        if ratios:
            lines.append(
                f"{precision}: {geometric_mean(ratios):.2f} × the better of ONNX Runtime and OpenVINO "
                f"(geometric mean of {len(ratios)}), at worst {max(ratios):.2f} ×"
            )
    return "\n".join(lines)


def draw(results, peers, path):
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 0.45 * len(results) + 1.2))
    height = 0.8 / len(peers)
    for index, peer in enumerate(peers):
        rows = [(i, r["ratios"][peer]) for i, r in enumerate(results) if peer in r["ratios"]]
        places = [i + (index - (len(peers) - 1) / 2) * height for i, _ in rows]
        axes.barh(places, [ratio for _, ratio in rows], height, label=f"over {PEERS[peer]}")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(results)), [r["name"] for r in results])
    axes.invert_yaxis()
    axes.set_xlabel("latency, ratio of medians (below 1: faster)")
    axes.legend(loc="lower right", fontsize="small")
    figure.tight_layout()
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="turns (default 5)")
    parser.add_argument("--seconds", type=float, default=1, help="of each measurement (default 1)")
    parser.add_argument("--threads", type=int, default=1, help="threads of all (default 1)")
    parser.add_argument("--only", default="", metavar="TEXT", help="workloads whose name contains TEXT")
    parser.add_argument("--peers", default=",".join(PEERS), help=f"of {', '.join(PEERS)} (default all)")
    parser.add_argument("--out", type=Path, help="folder for results.json and results.svg")
    options = parser.parse_args()
    options.peers = options.peers.split(",")
    made = models_folder()
    results = []
    for workload in WORKLOADS:
        if options.only.lower() in workload.name.lower():
            results.append(compare(workload, options, made))
            print(table(results[-1:], options.peers).splitlines()[-1], flush=True)
    print("\nmilliseconds, and ratios\n" + table(results, options.peers) + "\n\n" + closing(results))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        draw(results, options.peers, options.out / "results.svg")


if __name__ == "__main__":
    main()
