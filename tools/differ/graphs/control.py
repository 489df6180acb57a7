"""Subgraphs that use values of the graphs around them."""

import numpy as np
from onnx import helper

from ..draw import Skip, tensor_type
from . import general
from .builder import BOOL, F32, I64, Graph, Value

DEPTH = 2


def depth(g):
    return 0 if g.outer is None else 1 + depth(g.outer)


def declared(value, known):
    shape = value.shape if known or value.rank == 0 else None
    return helper.make_value_info(value.name, tensor_type(value.dtype, shape))


def keeping(g, x):
    """Some operators that keep the shape, with values from outside among their operands."""
    for _ in range(g.integer(1, 4)):
        form = g.pick(["unary", "binary", "captured", "nested"])
        if form == "nested" and depth(g) < DEPTH and g.chance(0.4):
            x = branch(g, x) if g.chance() else loop(g, x)[0]
        elif form == "captured":
            other = g.find(lambda v: v.dtype == F32 and v.rank <= x.rank and broadcasts(v.shape, x.shape))
            x = g.binary(g.pick(["Add", "Sub", "Mul"]), x, other if other is not None else general.operand(g, x.shape))
        elif form == "binary":
            x = g.binary(g.pick(["Add", "Mul", "Max"]), x, general.operand(g, x.shape))
        else:
            x = g.unary(g.pick(general.SMOOTH), x)
    return g.unary("Tanh", x)


def broadcasts(shape, target):
    return all(a in (1, b) for a, b in zip(shape[::-1], target[::-1]))


def finished(g, inputs, results, name, known=None):
    """The subgraph as ONNX has it; whether its values' shapes are declared is drawn."""
    known = g.chance() if known is None else known
    weights = [helper.make_tensor(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape, a.reshape(-1).tolist())
               for n, a in g.weights.items()]  # fmt: skip
    return helper.make_graph(g.nodes, name, [declared(v, known) for v in inputs], [declared(v, known) for v in results],
                             weights)  # fmt: skip


def condition(g):
    """A truth value: constant, from data, from a shape, or fed."""
    form = g.pick(["constant", "data", "shape", "fed"])
    if form == "fed" and not g.outer:
        return g.feed((), BOOL)
    if form == "constant":
        return g.weight(np.array(g.chance()))
    if form == "shape":
        x = general.real(g, lambda v: v.rank >= 1)
        count = g.hidden("Size", [x], ())
        return g.hidden("Greater", [count, g.weight(np.array(g.integer(1, 60), I64))], (), BOOL)
    # Sums of normalised values are zero but for rounding, which must not decide.
    x = g.hidden("Abs", [general.real(g)], (1,), F32)
    total = g.hidden("ReduceMean", [x], (), F32, keepdims=0)
    return g.hidden("Greater", [total, g.weight(np.float32(0.37))], (), BOOL)


def branch(g, x=None):
    x = x or general.real(g)
    test = condition(g)
    graphs = []
    for name in ("then_branch", "else_branch"):
        inner = Graph(None, g)
        # A branch may give back what is outside.
        result = inner.unary("Identity", x) if g.chance(0.15) else keeping(inner, x)
        graphs.append(finished(inner, [], [result], name))
    return g.node("If", [test], x.shape, then_branch=graphs[0], else_branch=graphs[1])


def loop(g, x=None):
    """A carried value and its history; the count is constant, fed or computed."""
    x = x or general.real(g, lambda v: v.size <= 1 << 10)
    count = g.integer(1, 4)
    trips = g.weight(np.array(count, I64))
    inner = Graph(None, g)
    step, going, state = Value(g.fresh("i"), (), I64), Value(g.fresh("c"), (), BOOL), Value(g.fresh("s"), x.shape)
    inner.pool.append(state)
    result = keeping(inner, state)
    if g.chance():
        number = inner.hidden("Cast", [step], (), F32, to=1)
        result = inner.binary("Add", result, number)
        result = inner.unary("Tanh", result)
    proceed = inner.unary("Identity", going)
    history = keeping(inner, result)
    if history.name == result.name:
        raise Skip("history is the state")
    body = finished(inner, [step, going, state], [proceed, result, history], "body")
    start = g.weight(np.array(True)) if g.chance(0.7) else None
    last, scanned = g.node("Loop", [trips, start, x], [x.shape, (count, *x.shape)], body=body)
    return last, scanned


def scan(g):
    x = general.real(g, lambda v: 2 <= v.rank <= 3)
    rows, shape = x.shape[0], x.shape[1:]
    inner = Graph(None, g)
    state, element = Value(g.fresh("s"), shape), Value(g.fresh("e"), shape)
    inner.pool += [state, element]
    result = keeping(inner, inner.binary("Add", state, element))
    history = keeping(inner, result)
    # ONNX Runtime needs the shapes of what a Scan gives.
    body = finished(inner, [state, element], [result, history], "body", known=True)
    start = g.weight(np.zeros(shape, np.float32))
    return g.node("Scan", [start, x], [shape, (rows, *shape)], body=body, num_scan_inputs=1)


MOTIFS = {branch: 2, loop: 2, scan: 1}
