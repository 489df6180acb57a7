"""Operators with subgraphs."""

import numpy as np
from onnx import helper

from ..draw import tensor_type
from ..values import Sequence
from . import case
from .movement import integers

FLOAT = np.dtype(np.float32)


def value(name, dtype=FLOAT):
    return helper.make_value_info(name, tensor_type(dtype))


def constant(name, array):
    return helper.make_node("Constant", [], [name], value=helper.make_tensor(
        name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape, array.reshape(-1).tolist()))  # fmt: skip


@case("If")
def branch(draw):
    dtype = draw.pick([FLOAT, np.dtype(np.int64), np.dtype(np.float64)])
    shape = draw.shape(high=3)
    draw.add(np.array([draw.chance()]) if draw.chance() else np.array(draw.chance()))

    def graph(name, operator):
        nodes = [constant("k", draw.array(dtype, draw.broadcast(shape), special=False)),
                 helper.make_node(operator, ["k", "k"], ["r"])]  # fmt: skip
        return helper.make_graph(nodes, name, [], [value("r", dtype)])

    draw.set(then_branch=graph("then", "Add"), else_branch=graph("else", draw.pick(["Mul", "Sub"])))


@case("Loop")
def loop(draw):
    """A running sum that stops by count or condition, with a scan output."""
    shape = draw.shape(high=2)
    limit = draw.integer(0, 5)
    draw.parameter(np.array([limit] if draw.chance(0.3) else limit, np.int64) if draw.chance(0.8) else None)
    draw.add(np.array(draw.chance(0.9)) if draw.chance(0.7) or not draw.operands[0] is None else None)
    draw.add(draw.array(FLOAT, shape, 0.1, 1, special=False), "x2")
    if draw.operands[0] is None and draw.operands[1] is None:
        draw.operands[0], draw.names[0] = np.array(limit, np.int64), "x0"
    nodes = [
        helper.make_node("Cast", ["i"], ["fi"], to=1),
        helper.make_node("Add", ["a", "a"], ["next"]),
        helper.make_node("Add", ["next", "fi"], ["scanned"]),
        constant("stop", np.float32(draw.pick([3, 100, 1e9]))),
        constant("axes", np.array([0], np.int64)),
        helper.make_node("ReduceMax", ["next"], ["top"], keepdims=0),
        helper.make_node("Less", ["top", "stop"], ["go"]),
    ]
    outputs = [value("go", np.dtype(bool)), value("next")]
    if draw.chance(0.7):
        outputs.append(value("scanned"))
    body = helper.make_graph(nodes, "body", [value("i", np.dtype(np.int64)), value("c", np.dtype(bool)), value("a")],
                             outputs)  # fmt: skip
    draw.attributes["body"] = body
    draw.outputs = len(outputs) - 1


@case("Scan")
def scan(draw):
    """A running sum over rows, with a second scanned operand, directions and axes."""
    old = draw.version < 9
    rows, width, batch = draw.integer(1, 4), draw.integer(1, 3), draw.integer(1, 2)
    two = draw.chance(0.4)
    state, scanned = (width,), [rows, width]
    if old:
        draw.add(None if draw.chance() else integers([draw.integer(1, rows) for _ in range(batch)]))
        state, scanned = (batch, width), [batch, rows, width]
    draw.special = False
    draw.add(draw.array(FLOAT, state), "s")
    axes = [draw.pick([0, 1, -1]) if not old else 0 for _ in range(1 + two)]
    for index in range(1 + two):
        shape = scanned if axes[index] == 0 else [width, rows]
        draw.add(draw.array(FLOAT, shape), f"z{index}")
    nodes = [helper.make_node("Add", ["s_in", "e0"], ["partial"]),
             helper.make_node("Add" if not two else "Mul", ["partial", "e1" if two else "e0"], ["s_out"]),
             helper.make_node("Sub", ["s_out", "e0"], ["e_out"])]  # fmt: skip
    inputs = [value("s_in"), value("e0")] + ([value("e1")] if two else [])
    draw.attributes["body"] = helper.make_graph(nodes, "body", inputs, [value("s_out"), value("e_out")])
    draw.set(num_scan_inputs=1 + two)
    directions = [draw.integer(0, 1) for _ in range(1 + two)]
    draw.some(directions=directions, scan_input_directions=directions, scan_output_directions=[draw.integer(0, 1)])
    draw.some(scan_output_axes=[draw.pick([0, 1, -1])])
    if any(axes):
        draw.set(scan_input_axes=axes)
    draw.outputs = 2


@case("SequenceMap")
def sequence_map(draw):
    count = draw.integer(1, 3)
    second = draw.pick(["none", "sequence", "tensor"])
    items = lambda: Sequence([draw.array(FLOAT, (2,), special=False) for _ in range(count)], tensor_type(FLOAT))  # noqa: E731
    draw.add(items())
    if second == "sequence":
        draw.add(items())
    elif second == "tensor":
        draw.add(draw.array(FLOAT, (2,), special=False))
    names = ["a"] + (["b"] if second != "none" else [])
    nodes = [helper.make_node("Add", ["a", names[-1]], ["r"]), helper.make_node("Neg", ["r"], ["q"])]
    count_out = draw.integer(1, 2)
    draw.attributes["body"] = helper.make_graph(nodes, "body", [value(n) for n in names],
                                                [value(n) for n in ["r", "q"][:count_out]])  # fmt: skip
    draw.outputs = count_out
