#!/usr/bin/env python3
"""What a node costs in chains of small operators: to load, to plan, to run.

Usage: growth.py [--nodes COUNTS] [--rounds N] [--seconds S] [--peer-limit N]

A chain repeats Add, Tanh, Mul and Abs on 16 numbers. Loading ends with a session that is ready; the first run plans and packs
and is counted apart from the others. Costs that grow in proportion to the nodes are the same in all rows. ONNX Runtime is
measured beside, up to --peer-limit nodes: its loading takes time that grows faster.
"""

import argparse
import statistics
import tempfile
from argparse import Namespace
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

from compare import measure_peer, save_inputs
from workloads import bench


def chain(count, path):
    rng = np.random.default_rng(3)
    weights = [numpy_helper.from_array(rng.random(16, dtype=np.float32), name) for name in ("bias", "scale")]
    kinds = [("Add", ["bias"]), ("Tanh", []), ("Mul", ["scale"]), ("Abs", [])]
    nodes = []
    for i in range(count):
        kind, more = kinds[i % len(kinds)]
        nodes.append(helper.make_node(kind, [f"v{i}", *more], [f"v{i + 1}"]))
    ends = [helper.make_tensor_value_info(f"v{i}", TensorProto.FLOAT, [16]) for i in (0, count)]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return {"v0": rng.random(16, dtype=np.float32)}


def measure(count, options):
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = folder / "chain.onnx"
        inputs = chain(count, path)
        save_inputs(inputs, folder)
        settings = Namespace(threads=1, seconds=options.seconds)
        rounds = []
        for _ in range(options.rounds):
            ours = bench(path, list(inputs), folder, "--threads", 1, "--seconds", options.seconds)
            peer = measure_peer("onnxruntime", path, folder, settings) if count <= options.peer_limit else None
            rounds.append((ours, peer))
    return rounds


def row(count, rounds):
    each = lambda value, scale: statistics.median(value(r) for r in rounds) * scale / count  # noqa: E731
    load, plan = each(lambda r: r[0]["load_ms"], 1e3), each(lambda r: r[0]["first_run_ms"], 1e3)
    run = each(lambda r: r[0]["latency_ms"]["p50"], 1e6)
    cells = [f"{count:,}", f"{load:.1f}", f"{plan:.1f}", f"{run:.0f}"]
    if rounds[0][1] and "error" not in rounds[0][1]:
        ratio = statistics.median(r[0]["latency_ms"]["p50"] / r[1]["p50_ms"] for r in rounds)
        cells += [f"{each(lambda r: r[1]['load_ms'], 1e3):.1f}", f"{each(lambda r: r[1]['p50_ms'], 1e6):.0f}", f"{ratio:.2f}"]
    return "| " + " | ".join(cells + ["–"] * (7 - len(cells))) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", default="10,100,1000,10000,50000", help="lengths of the chains")
    parser.add_argument("--rounds", type=int, default=3, help="turns (default 3)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement (default 0.5)")
    parser.add_argument("--peer-limit", type=int, default=10000, help="the longest chain for ONNX Runtime")
    options = parser.parse_args()
    head = ["nodes", "load, µs a node", "first run, µs a node", "run, ns a node"]
    head += ["ONNX Runtime: load, µs", "run, ns", "run: ratio"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for count in map(int, options.nodes.split(",")):
        print(row(count, measure(count, options)), flush=True)


if __name__ == "__main__":
    main()
