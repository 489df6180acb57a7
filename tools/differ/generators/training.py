"""Optimizers."""

import numpy as np
from onnx import helper

from . import case

STATES = {"Adagrad": 1, "Adam": 2, "Momentum": 1}


@case("Adagrad", "Adam", "Momentum", domain="ai.onnx.preview.training")
def optimizer(draw):
    name = draw.schema.name
    draw.add(np.array(draw.pick([0.1, 0.01])).astype(draw.type("T1")))
    draw.add(np.array(draw.integer(0, 3), np.int64))
    shapes = [draw.shape(high=3) for _ in range(draw.integer(1, 2))]
    for group in range(2 + STATES[name]):
        for shape in shapes:
            positive = {"low": 0, "high": 2} if group >= 2 else {}
            draw.add(draw.array(draw.type("T3"), shape, special=False, **positive))
    draw.outputs = len(shapes) * (1 + STATES[name])
    draw.some(norm_coefficient=0.01, epsilon=1e-4, decay_factor=0.1, norm_coefficient_post=0.02, alpha=0.8, beta=0.9)
    if name == "Momentum":
        draw.set(norm_coefficient=0.01, alpha=0.8, beta=0.9, mode=draw.pick(["standard", "nesterov"]))


UNARY = ["Tanh", "Sigmoid", "Exp", "Sin", "Neg", "Softplus", "Cos", "Atan"]
BINARY = ["Add", "Sub", "Mul"]


@case("Gradient", domain="ai.onnx.preview.training")
def gradient(draw):
    """The gradient of a sum of smooth functions of some operands, some of them held fixed."""
    shape = draw.shape(high=3, zero=0)
    count = draw.integer(1, 3)
    draw.special = False
    for index in range(count):
        draw.add(draw.array(np.float64, shape if draw.chance(0.6) else draw.broadcast(shape), -1, 1), f"x{index}", False)
    known, nodes = [f"x{index}" for index in range(count)], []
    for index in range(draw.integer(1, 5)):
        binary = draw.chance()
        operands = [draw.pick(known) for _ in range(2)] if binary else [draw.pick(known)]
        nodes.append(helper.make_node(draw.pick(BINARY if binary else UNARY), operands, [f"v{index}"]))
        known.append(f"v{index}")
    nodes.append(helper.make_node("ReduceSum", [known[-1]], ["total"], keepdims=0))
    draw.prelude = nodes
    wanted = draw.integer(1, count)
    draw.set(xs=[f"x{index}" for index in range(wanted)], y="total")
    if wanted < count:
        draw.set(zs=[f"x{index}" for index in range(wanted, count)])
    draw.outputs = wanted
    draw.tolerance = 1e-5, 1e-7
