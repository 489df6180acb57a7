"""Random graphs: what the passes join, lay out anew and plan, in structures that nobody wrote down."""

import collections
import json

import numpy as np
import onnx
import onnxruntime

from .. import oracles
from ..draw import Skip, type_proto
from . import control, general, language, quantized, vision
from .builder import Graph

KINDS = {
    "vision": [vision],
    "quantized": [quantized],
    "mixed quantized": [quantized, vision],
    "language": [language],
    "general": [general],
    "control": [control, general],
    "mixed": [vision, language, general, control],
}
LARGEST = 1e4  # larger values make tolerances meaningless


def built(seed):
    """(kind, graph, model)"""
    for attempt in range(80):
        g = Graph(f"{seed}/{attempt}")
        kind = g.pick(KINDS)
        g.exact = kind == "quantized" and g.chance(0.6)
        try:
            grow(g, KINDS[kind], g.integer(2, 9))
            return kind, g, g.model()
        except Skip:
            continue
    raise Skip("nothing fits")


def grow(g, families, steps):
    motifs = collections.Counter()
    for family in families:
        total = sum(family.MOTIFS.values())
        motifs.update({motif: weight / total for motif, weight in family.MOTIFS.items()})
    for _ in range(steps):
        motif = g.random.choices(list(motifs), list(motifs.values()))[0]
        before = len(g.nodes), len(g.pool)
        try:
            motif(g)
        except Skip:
            if (len(g.nodes), len(g.pool)) != before:
                raise
    if len(g.nodes) < 2:
        raise Skip("too small")


def session(model):
    return onnxruntime.InferenceSession(model.SerializeToString(), oracles.options(), ["CPUExecutionProvider"])


def tolerance(g, kind, results):
    """(relative, absolute)"""
    if g.exact and not g.rough:
        return 0.0, 0.0
    largest = max((float(np.abs(r).max()) for r in results if r.dtype.kind == "f" and r.size), default=0.0)
    if "quantized" in kind or g.rough:
        return 0.0, 0.1 * largest + 0.02
    return 2e-3, 2e-4 * max(largest, 1.0)


def one(seed, index, folder):
    """Makes, answers and writes a graph; a row of the report."""
    kind, g, model = built(f"{seed}/{index}")
    row = {"index": index, "operator": kind, "domain": "graph", "since": g.opset, "case": describe(kind, model)}
    try:
        runner = session(model)
        sets = [(g.feeds(), runner.run(None, g.feeds()))]
    except Exception as error:
        raise Skip(f"ONNX Runtime: {' '.join(str(error).split())[:300]}") from None
    if any(r.dtype.kind == "f" and not (np.abs(r) < LARGEST).all() for r in sets[0][1]):
        raise Skip("values too large")
    other = g.other_feeds()
    try:
        sets.append((other, runner.run(None, other)))
    except Exception:
        pass  # the graph has constants of another number of rows
    for output, result in zip(model.graph.output, sets[0][1]):
        output.type.CopyFrom(type_proto(result, "none"))
    write(folder / str(index), model, sets)
    relative, absolute = tolerance(g, kind, [r for _, results in sets for r in results])
    (folder / str(index) / "data.json").write_text(json.dumps({"rtol": relative, "atol": absolute}))
    return row | {"oracle": "ort"}


def write(folder, model, sets):
    for number, (feeds, results) in enumerate(sets):
        place = folder / f"test_data_set_{number}"
        place.mkdir(parents=True, exist_ok=True)
        for kind, values in (("input", feeds.values()), ("output", results)):
            for i, value in enumerate(values):
                (place / f"{kind}_{i}.pb").write_bytes(oracles.serialized(np.asarray(value)))
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def describe(kind, model):
    names = ", ".join(node.op_type for node in model.graph.node if node.op_type != "Constant")
    return f"{kind} graph, opset {model.opset_import[0].version}: {names}"


__all__ = ["one", "onnx"]
