"""RNN, GRU, LSTM."""

import numpy as np
from onnx import helper

from . import case

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
ACTIVATIONS = {"RNN": 1, "GRU": 2, "LSTM": 3}
FUNCTIONS = ["Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu",
             "Softsign", "Softplus"]  # fmt: skip
COEFFICIENTS = {"Affine": 2, "LeakyRelu": 1, "ThresholdedRelu": 1, "ScaledTanh": 2, "HardSigmoid": 2, "Elu": 1}


@case("RNN", "GRU", "LSTM")
def recurrent(draw):
    name = draw.schema.name
    gates = GATES[name]
    steps, batch = draw.integer(1, 5), draw.integer(1, 3)
    inputs, hidden = draw.integer(1, 5), draw.pick([1, 2, 3, 4, 8, 17])
    direction = draw.pick(["forward", "reverse", "bidirectional"])
    ways = 2 if direction == "bidirectional" else 1
    draw.some(direction=direction)
    direction = draw.attributes.get("direction", "forward")
    ways = 2 if direction == "bidirectional" else 1
    by_batch = draw.has("layout") and draw.chance(0.2)
    if by_batch:
        draw.set(layout=1)
    states = (batch, ways, hidden) if by_batch else (ways, batch, hidden)
    draw.special = False
    draw.tensor("T", (batch, steps, inputs) if by_batch else (steps, batch, inputs))
    draw.add(draw.array(draw.bound["T"], (ways, gates * hidden, inputs), -0.5, 0.5), constant=draw.chance(0.7))
    draw.add(draw.array(draw.bound["T"], (ways, gates * hidden, hidden), -0.5, 0.5), constant=draw.chance(0.7))
    optional = [
        (ways, 2 * gates * hidden),
        "lengths",
        states,
        *([states, (ways, 3 * hidden)] if name == "LSTM" else []),
    ]
    for shape in optional:
        if draw.chance(0.45):
            draw.add(None)
        elif shape == "lengths":
            draw.parameter(np.array([draw.integer(0 if draw.chance(0.1) else 1, steps) for _ in range(batch)], np.int32))
        else:
            draw.add(draw.array(draw.bound["T"], shape, -0.5, 0.5))
    draw.set(hidden_size=hidden)
    draw.some(linear_before_reset=draw.integer(0, 1))
    if draw.chance(0.15):
        draw.set(input_forget=draw.integer(0, 1))
    if draw.chance(0.2):
        draw.set(clip=0.5)
    if draw.version < 7:
        draw.set(output_sequence=1)
    if draw.chance(0.3):
        activations(draw, ACTIVATIONS[name] * ways)
    if by_batch:
        draw.modern = lambda: by_time(draw)
    draw.outputs = draw.pick([1, 2, 2, ["", "y1"]] if name != "LSTM" else [1, 2, 3, 3, ["", "y1"], ["", "", "y2"]])


def by_time(draw):
    """`layout` 1 as operands and results transposed: ONNX Runtime has layout 0 only."""
    swapped = {0: [1, 0, 2], 5: [1, 0, 2], 6: [1, 0, 2]}
    node = draw.node()
    nodes = []
    for index, order in swapped.items():
        if index < len(node.input) and node.input[index]:
            nodes.append(helper.make_node("Transpose", [node.input[index]], [f"t{index}"], perm=order))
            node.input[index] = f"t{index}"
    after = []
    for index, name in enumerate(list(node.output)):
        if name:
            node.output[index] = f"{name}_by_time"
            order = [2, 0, 1, 3] if index == 0 else [1, 0, 2]
            after.append(helper.make_node("Transpose", [f"{name}_by_time"], [name], perm=order))
    for attribute in list(node.attribute):
        if attribute.name == "layout":
            node.attribute.remove(attribute)
    return draw.opset if draw.opset < 22 else 22, [*nodes, node, *after], {}


def activations(draw, count):
    names = [draw.pick(FUNCTIONS) for _ in range(count)]
    if draw.chance(0.2):
        names = [n.lower() for n in names]
    alpha = [0.4 for n in names if COEFFICIENTS.get(n, 0) > 0]
    beta = [0.3 for n in names if COEFFICIENTS.get(n, 0) > 1]
    draw.set(activations=names)
    if any(n.islower() for n in names):
        return
    draw.set(activation_alpha=alpha or None, activation_beta=beta or None)
