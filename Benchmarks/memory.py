#!/usr/bin/env python3
"""Peak memory of a run beside ONNX Runtime, and beside what the model needs.

Usage: memory.py [--only TEXT] [--threads N]

For each workload, in megabytes: the peak resident size of `zoo-tool bench`, of ONNX Runtime's process, and of what that added
to the interpreter with the library loaded; what is needed at least: weights, which are all constants that other values meet,
decoded, those of bodies and the tables of trees included, and activations, the largest sum of other tensors alive at once when
the file's nodes run in their order; and the limit 1.15 × weights + activations + 16 MB.
"""

import argparse
import tempfile
from argparse import Namespace
from pathlib import Path

import onnx

from compare import measure_peer, save_inputs
from workloads import WORKLOADS, bench, models_folder


def element_bytes(type_):
    tensor = type_.tensor_type
    count = 1
    for dimension in tensor.shape.dim:
        if not dimension.HasField("dim_value"):
            return 0
        count *= dimension.dim_value
    return count * onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).itemsize


def sizes_of(graph):
    """Bytes of each tensor whose extents can be told beforehand."""
    sizes = {v.name: element_bytes(v.type) for v in [*graph.input, *graph.value_info, *graph.output]}
    return sizes | {t.name: onnx.numpy_helper.to_array(t).nbytes for t in graph.initializer}


def constants_of(graph):
    """Names of what does not depend on the inputs."""
    known = {""} | {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if not bodies(node) and all(name in known for name in node.input):
            known.update(node.output)
    return known


def bodies(node):
    return [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]


def reads(node):
    """Names of what a node reads, its bodies included."""
    return {*node.input}.union(*(reads(inner) for body in bodies(node) for inner in body.node))


def table_bytes(node):
    """Of lists in attributes, such as the trees of an ensemble."""
    return sum(4 * len(a.floats) + 8 * len(a.ints) for a in node.attribute)


def weight_bytes(graph):
    sizes, known = sizes_of(graph), constants_of(graph)
    total, met = 0, {value.name for value in graph.output}
    for node in graph.node:
        total += sum(weight_bytes(body) for body in bodies(node))
        if set(node.output) <= known:
            constants = (a.t for a in node.attribute if node.op_type == "Constant" and a.name == "value")
            sizes |= {node.output[0]: onnx.numpy_helper.to_array(tensor).nbytes for tensor in constants}
            continue
        total += table_bytes(node)
        met |= reads(node)
    return total + sum(sizes.get(name, 0) for name in known & met)


def inferred_graph(model, inputs):
    for entry in model.graph.input:
        if entry.name in inputs:
            del entry.type.tensor_type.shape.dim[:]
            for extent in inputs[entry.name].shape:
                entry.type.tensor_type.shape.dim.add().dim_value = extent
    return onnx.shape_inference.infer_shapes(model, data_prop=True).graph


def activation_bytes(graph):
    """The most bytes of tensors alive at once; those whose extents cannot be told beforehand do not count."""
    known = constants_of(graph)
    sizes = {name: size for name, size in sizes_of(graph).items() if name not in known}
    last = {name: index for index, node in enumerate(graph.node) for name in node.input}
    last |= {value.name: len(graph.node) for value in graph.output}
    alive = most = sum(sizes.get(value.name, 0) for value in graph.input)
    for index, node in enumerate(graph.node):
        alive += sum(sizes.get(name, 0) for name in node.output)
        most = max(most, alive)
        alive -= sum(sizes.get(name, 0) for name in {*node.input, *node.output} if last.get(name, index) == index)
    return most


def measure(workload, options):
    path, inputs = workload.make(models_folder())
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch)
        save_inputs(inputs, saved)
        ours = bench(path, list(inputs), saved, "--threads", options.threads, "--seconds", 0.2)
        theirs = measure_peer("onnxruntime", path, saved, Namespace(threads=options.threads, seconds=0.2))
    graph = inferred_graph(onnx.load(path), inputs)
    return ours, theirs, weight_bytes(graph), activation_bytes(graph)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="workloads whose name contains TEXT")
    parser.add_argument("--threads", type=int, default=1, help="threads of both (default 1)")
    options = parser.parse_args()
    head = ["workload", "this", "ONNX Runtime", "without Python", "/ ONNX Runtime", "weights", "activations", "limit", "/ limit"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    worst = 0
    for workload in WORKLOADS:
        if options.only.lower() not in workload.name.lower():
            continue
        ours, theirs, weights, activations = measure(workload, options)
        if "error" in ours or "error" in theirs:
            print(f"| {workload.name} | {ours.get('error', '')} {theirs.get('error', '')} |", flush=True)
            continue
        peak, other = ours["peak_rss_bytes"] / 1e6, theirs["peak_rss_bytes"] / 1e6
        limit = (1.15 * weights + activations + (16 << 20)) / 1e6
        worst = max(worst, peak / limit)
        cells = [f"{x:.1f}" for x in (peak, other, other - theirs["library_rss_bytes"] / 1e6)] + [f"{peak / other:.2f}"]
        cells += [f"{weights / 1e6:.1f}", f"{activations / 1e6:.1f}", f"{limit:.1f}", f"{peak / limit:.2f}"]
        print("| " + " | ".join([workload.name, *cells]) + " |", flush=True)
    print(f"\nat worst {worst:.2f} of the limit")


if __name__ == "__main__":
    main()
