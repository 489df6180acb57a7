#!/usr/bin/env python3
"""Latency of quantized models over that of the f32 models they were made of, both in this runtime.

Usage: quantized.py [--rounds N] [--seconds S] [--threads N] [--only TEXT]

Quantizes the f32 workloads of compare.py that have weights with `zoo-tool quantize`, dynamically, statically
(calibrated on the workload's own input) and weights only, and measures both forms in turn, each in a process of its
own. A ratio is the median over the rounds; below 1 the quantized model is faster.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np

import compare
from workloads import WEIGHTED, WORKLOADS, oracle


def quantized(model, inputs, mode, folder):
    """The path of the quantized model; None if there is nothing to quantize."""
    path = folder / f"{mode}.zoo"
    arguments = ["quantize", model, path, "--mode", mode]
    if mode == "static":
        sample = folder / "samples" / "one"
        for name, value in inputs.items():
            file = sample / f"{name}.npy"
            file.parent.mkdir(parents=True, exist_ok=True)
            np.save(file, value)
        arguments += ["--calibration", folder / "samples"]
    result = oracle.run_tool(*arguments)
    if result.returncode:
        raise SystemExit(result.stderr)
    return None if "nothing was changed" in result.stdout else path


def measure(workload, options, made):
    model, inputs = workload.make(made)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        compare.save_inputs(inputs, folder)
        forms = {mode: quantized(model, inputs, mode, folder) for mode in options.modes}
        rounds = []
        for _ in range(options.rounds):
            paths = {"f32": model, **{mode: path for mode, path in forms.items() if path}}
            rounds.append({k: compare.measure_ours(p, list(inputs), folder, options) for k, p in paths.items()})
    failed = [f"{form}: {r[form]['error']}" for r in rounds for form in r if "error" in r[form]]
    if failed:
        raise SystemExit(f"{workload.name}: {failed[0]}")
    ratio = lambda mode: statistics.median(r[mode]["p50_ms"] / r["f32"]["p50_ms"] for r in rounds)  # noqa: E731
    return {mode: ratio(mode) for mode, path in forms.items() if path}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="turns (default 3)")
    parser.add_argument("--seconds", type=float, default=1, help="of each measurement (default 1)")
    parser.add_argument("--threads", type=int, default=1, help="threads of all (default 1)")
    parser.add_argument("--only", default="", metavar="TEXT", help="workloads whose name contains TEXT")
    options = parser.parse_args()
    options.modes = ("dynamic", "static", "weight-only")
    made = oracle.fixtures() / "benchmarks"
    made.mkdir(exist_ok=True)
    print("| workload | " + " | ".join(options.modes) + " |\n|" + "---|" * (1 + len(options.modes)))
    slowest = 0
    names = {workload.name for workload in WEIGHTED}
    candidates = [w for w in WORKLOADS if w.precision == "f32" and w.name not in names] + WEIGHTED
    for workload in candidates:
        if options.only.lower() not in workload.name.lower():
            continue
        ratios = measure(workload, options, made)
        if not ratios:
            continue
        slowest = max([slowest, *ratios.values()])
        cells = [f"{ratios[mode]:.2f}" if mode in ratios else "–" for mode in options.modes]
        print(f"| {workload.name} | " + " | ".join(cells) + " |", flush=True)
    print(f"\nat worst {slowest:.2f} × the f32 model")


if __name__ == "__main__":
    main()
