#!/usr/bin/env python3
"""Check that .zoo files are small and lose nothing.

Usage: check_compression.py [--all]

Converts MiniLM (with --all: every fixture model) to .zoo and back to ONNX. MiniLM has to become at least 17.5 % smaller
at the default level; every initializer and every constant has to come back with the same type, shape and bits, and
ONNX Runtime has to give the same outputs, to the bit, for the recorded inputs.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

import oracle
from make_inputs import session

LEAST_SAVED = {"minilm.onnx": 17.5}


def tensors(graph, prefix=""):
    """{name: (type, shape, bytes)} of initializers and of Constant nodes, subgraphs included."""
    found = {}
    for tensor in graph.initializer:
        found[prefix + tensor.name] = contents(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                found |= tensors(attribute.g, f"{prefix}{node.output[0]}/{attribute.name}/")
            if node.op_type == "Constant" and attribute.name == "value":
                found[prefix + node.output[0]] = contents(attribute.t)
    return found


def contents(tensor):
    array = onnx.numpy_helper.to_array(tensor)
    return tensor.data_type, tuple(array.shape), array.tobytes()


def check(path, scratch, cases):
    """(per cent saved, what went wrong)"""
    packed, back = scratch / "model.zoo", scratch / "back.onnx"
    for source, target in ((path, packed), (packed, back)):
        result = oracle.run_tool("convert", source, target)
        if result.returncode:
            return 0.0, [f"convert to {target.name}: {(result.stderr.strip().splitlines() or ['no message'])[0]}"]
    saved = 100 * (1 - packed.stat().st_size / path.stat().st_size)
    problems = []
    before, after = (tensors(onnx.load(file).graph) for file in (path, back))
    lost = [name for name, value in before.items() if after.get(name) != value]
    if lost:
        problems.append(f"{len(lost)} of {len(before)} tensors differ, first '{lost[0]}'")
    least = LEAST_SAVED.get(path.name, -np.inf)
    if saved < least:
        problems.append(f"{saved:.2f} % saved, at least {least} % expected")
    ours, theirs = session(back), session(path)
    for case in cases:
        inputs = {name: np.load(oracle.fixtures() / file) for name, file in case["inputs"].items()}
        for a, b in zip(ours.run(None, inputs), theirs.run(None, inputs)):
            if a.tobytes() != b.tobytes():
                problems.append(f"{case['name']}: ONNX Runtime answers differently after the round trip")
                break
    return saved, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="every fixture model, not only MiniLM")
    options = parser.parse_args()
    oracle.announce()
    folder = oracle.fixtures()
    cases = json.loads((folder / "inputs/cases.json").read_text())
    models = sorted({case["model"] for case in cases}) if options.all else ["minilm.onnx"]
    failed = 0
    for model in models:
        with tempfile.TemporaryDirectory() as scratch:
            chosen = [case for case in cases if case["model"] == model][:2]
            saved, problems = check(folder / model, Path(scratch), chosen)
        failed += bool(problems)
        print(f"{'FAIL' if problems else 'ok  '} {model:<34} {saved:6.2f} % saved", flush=True)
        for problem in problems:
            print(f"     {problem}", flush=True)
    print(f"compression: {len(models) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
