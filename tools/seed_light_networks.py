#!/usr/bin/env python3
"""Give the light vision networks weights that make their outputs say something.

Usage: seed_light_networks.py LIGHT_FOLDER OUT_FOLDER

The light networks fill each weight with one constant, so that every class gets the same score. This writes copies
whose weights are drawn with a fixed seed and scaled by fan-in, for the networks of moderate size.
"""

import sys
import zlib
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

NETWORKS = ("densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet")


def draw(name, shape, use):
    """Weights for one parameter; `use` is the (operator, operand index) that reads it."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    kind, operand = use
    if kind in ("Conv", "Gemm", "MatMul") and operand == 1:
        fan_in = int(np.prod(shape[1:])) if kind != "MatMul" else shape[0]
        gain = np.sqrt(2) if kind == "Conv" else 0.1  # a flat softmax shows more than a saturated one
        return gain * rng.standard_normal(shape) / np.sqrt(max(fan_in, 1))
    if kind == "BatchNormalization":
        low, high = ((0.2, 0.5), (-0.2, 0.2), (-0.2, 0.2), (0.5, 1.5))[operand - 1]
        return rng.uniform(low, high, shape)
    if kind in ("Mul", "Unsqueeze"):
        return rng.uniform(0.7, 1.3, shape)
    return rng.uniform(-0.1, 0.1, shape)


def seeded(model):
    """The model with each ConstantOfShape of a known shape replaced by a drawn initializer."""
    graph = model.graph
    known = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    uses = {}
    for node in graph.node:
        for operand, name in enumerate(node.input):
            uses.setdefault(name, (node.op_type, operand))
    kept, shapes = [], set()
    for node in graph.node:
        if node.op_type != "ConstantOfShape" or node.input[0] not in known:
            kept.append(node)
            continue
        name, shape = node.output[0], known[node.input[0]].tolist()
        values = draw(name, shape, uses.get(name, ("", 0))).astype(np.float32)
        graph.initializer.append(numpy_helper.from_array(values, name))
        shapes.add(node.input[0])
    del graph.node[:]
    graph.node.extend(kept)
    drop = shapes - {name for node in kept for name in node.input}
    for field in (graph.input, graph.initializer):
        rest = [entry for entry in field if entry.name not in drop]
        del field[:]
        field.extend(rest)
    model.ir_version = max(model.ir_version, 4)
    return model


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = map(Path, sys.argv[1:])
    target.mkdir(parents=True, exist_ok=True)
    for network in NETWORKS:
        out = target / f"seeded_{network}.onnx"
        if not out.exists():
            onnx.save(seeded(onnx.load(source / f"light_{network}.onnx")), out)


if __name__ == "__main__":
    main()
