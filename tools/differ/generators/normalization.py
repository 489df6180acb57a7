"""Normalizations, softmax, losses."""

import numpy as np
from onnx import helper

from . import case


@case("Softmax", "LogSoftmax", "Hardmax")
def softmax(draw):
    shape = draw.shape(low=1)
    parameter = draw.schema.inputs[0].type_str
    draw.tensor(parameter, shape, special=False)
    low = -len(shape) if draw.version >= 11 else 0
    draw.some(axis=draw.axis(len(shape), low))
    if len(shape) < 2 and draw.version < 13 and "axis" not in draw.attributes:
        draw.set(axis=0)
    if draw.version < 13:
        draw.modern = lambda: modern_softmax(draw)


def modern_softmax(draw):
    """Before opset 13 all axes from `axis` on are one."""
    nodes = [helper.make_node("Shape", [draw.names[0]], ["shape"]),
             helper.make_node("Flatten", [draw.names[0]], ["flat"], axis=draw.attributes.get("axis", 1)),
             helper.make_node(draw.schema.name, ["flat"], ["result"], axis=1),
             helper.make_node("Reshape", ["result", "shape"], ["y0"], allowzero=1)]  # fmt: skip
    return 14, nodes, {}


@case("LayerNormalization", "RMSNormalization")
def layer_normalization(draw):
    shape = draw.shape(low=1, zero=0.02)
    axis = draw.axis(len(shape))
    rms = draw.schema.name == "RMSNormalization"
    scale = draw.schema.inputs[1].type_str
    draw.tensor("T", shape, special=False)
    draw.some(axis=axis, epsilon=1e-3)
    if draw.chance(0.1):
        draw.set(stash_type=1)
    tail = shape[draw.attributes.get("axis", -1) :]
    draw.tensor(scale, tail if not rms or draw.chance(0.7) else draw.broadcast(tail), special=False)
    if not rms and draw.chance(0.7):
        draw.tensor(scale, tail, special=False)
    if not rms and draw.chance(0.3):
        draw.outputs = 3


def channel_image(draw, parameter="T", group=1, least=1):
    depth = group * draw.integer(1, 3)
    spatial = [draw.integer(1, 5) for _ in range(draw.integer(least, 3))]
    draw.tensor(parameter, (draw.integer(1, 3), depth, *spatial), special=False)
    return depth


@case("InstanceNormalization", "GroupNormalization")
def group_normalization(draw):
    instance = draw.schema.name == "InstanceNormalization"
    group = draw.integer(1, 3)
    depth = channel_image(draw, "T", 1 if instance else group)
    count = group if not instance and draw.version < 21 else depth
    for _ in range(2):
        draw.tensor("T", (count,), special=False)
    draw.set(num_groups=group)
    draw.some(epsilon=1e-2)


@case("BatchNormalization")
def batch_normalization(draw):
    depth = channel_image(draw, least=0 if draw.version >= 7 else 1)
    parameters = [i.type_str for i in draw.schema.inputs]
    for index in range(1, 5):
        draw.add(draw.array(draw.type(parameters[index]), (depth,), 0.1, 2, special=False), f"x{index}")
    draw.some(epsilon=1e-2, momentum=0.7)
    if draw.version < 6:
        draw.set(consumed_inputs=[0, 0, 0, 1, 1])
    if draw.version < 7:
        draw.set(is_test=1)
    if draw.version == 7 or draw.version < 7:
        draw.some(spatial=1)
    if draw.has("training_mode") and draw.chance(0.4):
        draw.set(training_mode=1)
        draw.outputs = draw.pick([1, 3])


@case("LRN")
def lrn(draw):
    channel_image(draw, "T", 3)
    draw.set(size=draw.integer(1, 5))
    draw.some(alpha=0.01, beta=0.6, bias=1.5)


@case("LpNormalization")
def lp_normalization(draw):
    shape = draw.shape(low=1)
    draw.tensor("T", shape, special=False)
    draw.some(axis=draw.axis(len(shape)), p=draw.integer(1, 2))


@case("MeanVarianceNormalization")
def mean_variance(draw):
    shape = (draw.integer(1, 3), draw.integer(1, 3), draw.integer(2, 5), draw.integer(2, 5))
    draw.tensor("T", shape, special=False)
    draw.some(axes=sorted(draw.random.sample(range(4), draw.integer(1, 4))))


@case("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")
def loss(draw):
    batch, classes = draw.integer(1, 4), draw.integer(1, 5)
    rest = [draw.integer(1, 3) for _ in range(draw.integer(0, 3))]
    draw.tensor("T", (batch, classes, *rest), special=False)
    labels = draw.numpy.integers(0, classes, (batch, *rest)).astype(draw.type("Tind"))
    ignore = draw.pick([None, None, -1, 0, 255])
    if ignore is not None:
        labels = np.where(draw.numpy.random(labels.shape) < 0.3, ignore, labels).astype(labels.dtype)
        draw.set(ignore_index=ignore)
    draw.add(labels)
    if draw.chance():
        draw.tensor("T", (classes,), low=0.1, high=1, special=False)
    draw.some(reduction=draw.pick(["none", "mean", "sum"]))
    if draw.schema.name == "SoftmaxCrossEntropyLoss":
        draw.outputs = draw.integer(1, 2)
