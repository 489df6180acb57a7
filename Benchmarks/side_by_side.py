#!/usr/bin/env python3
"""Compare latencies with ONNX Runtime's, in turns, on one thread.

Usage: side_by_side.py [--rounds N] [--seconds S] [--threads N] [--only TEXT]

Each round runs ONNX Runtime, then zoo-tool, for a short while on the same model and inputs, so that what else the
machine does hits both alike. Prints the median over rounds of both medians, their ratio (below 1: zoo-tool is
faster), and the limit that the ratio has to keep. Exits with 1 if one does not.
ZOO_FIXTURES names the folder of the real models, ZOO_TOOL the program (default: the release build).
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402

import oracle  # noqa: E402

# Case of the fixtures (or a registered model), and the ratio that it has to keep.
LIMITS = {"minilm-tokens-128": 1.5, "ocr-rec-320": 1.5, "light-resnet50": 1.5, "digits": 1.0}


def load(name, folder, scratch):
    """(path of the ONNX model, zoo-tool's arguments, inputs for ONNX Runtime)"""
    cases = json.loads((folder / "inputs/cases.json").read_text())
    for case in cases:
        if case["name"].startswith(name):
            files = {key: folder / file for key, file in case["inputs"].items()}
            arguments = [part for key, file in files.items() for part in ("--input", f"{key}={file}")]
            model = folder / case["model"]
            return model, arguments, {key: np.load(file) for key, file in files.items()}
    model = Path(scratch) / f"{name}.onnx"
    converted = oracle.run_tool("convert", name, model)
    if converted.returncode:
        raise SystemExit(f"{name}: no such case, nor a registered model: {converted.stderr.strip()}")
    session = onnxruntime.InferenceSession(str(model))
    numbers = np.random.default_rng(1)
    inputs = {}
    for parameter in session.get_inputs():
        shape = [extent if isinstance(extent, int) else 1 for extent in parameter.shape]
        inputs[parameter.name] = numbers.random(shape, dtype=np.float32)
    arguments = []
    for key, value in inputs.items():
        np.save(Path(scratch) / f"{key}.npy", value)
        arguments += ["--input", f"{key}={Path(scratch) / key}.npy"]
    return model, arguments, inputs


def measure_theirs(session, inputs, seconds):
    times, end = [], time.perf_counter() + seconds
    session.run(None, inputs)
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        session.run(None, inputs)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def measure_ours(model, arguments, seconds, threads):
    result = oracle.run_tool(
        "bench", model, *arguments, "--threads", threads, "--seconds", seconds, "--json"
    )
    if result.returncode:
        raise SystemExit(f"{model}: {result.stderr.strip()}")
    return json.loads(result.stdout)["latency_ms"]["p50"]


def compare(name, options, folder, scratch):
    model, arguments, inputs = load(name, folder, scratch)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    session = onnxruntime.InferenceSession(str(model), settings)
    theirs_all, ours_all = [], []
    for _ in range(options.rounds):
        theirs_all.append(measure_theirs(session, inputs, options.seconds))
        ours_all.append(measure_ours(model, arguments, options.seconds, options.threads))
    theirs, ours = statistics.median(theirs_all), statistics.median(ours_all)
    ratio = statistics.median(b / a for a, b in zip(theirs_all, ours_all))
    print(f"{name:20} ONNX Runtime {theirs:9.4f} ms   zoo-tool {ours:9.4f} ms   ratio {ratio:5.2f}"
          f"   limit {LIMITS[name]:.1f}", flush=True)  # fmt: skip
    return ratio <= LIMITS[name]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="turns (default 7)")
    parser.add_argument("--seconds", type=float, default=1, help="of each turn (default 1)")
    parser.add_argument("--threads", type=int, default=1, help="threads of both (default 1)")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name contains TEXT")
    options = parser.parse_args()
    kept = True
    with tempfile.TemporaryDirectory() as scratch:
        for name in LIMITS:
            if options.only in name:
                kept &= compare(name, options, oracle.fixtures(), scratch)
    sys.exit(not kept)


if __name__ == "__main__":
    main()
