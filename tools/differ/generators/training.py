"""Optimizers."""

import numpy as np

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
