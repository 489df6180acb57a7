"""Operators that read or write at indices."""

import math

import numpy as np

from .. import values
from ..values import kind
from . import case
from .movement import integers, operand


def places(draw, shape, extent, dtype=np.int64, negative=True):
    """Indices into an axis of `extent`, some of them negative."""
    low = -extent if negative and draw.chance() else 0
    return draw.numpy.integers(low, extent, shape).astype(dtype) if extent else np.zeros((0, *shape[1:]), dtype)


@case("Gather")
def gather(draw):
    array = operand(draw, draw.shape(low=1, zero=0.03))
    axis = draw.axis(array.ndim)
    draw.add(places(draw, draw.shape(high=3), array.shape[axis], draw.type("Tind"), draw.version >= 11))
    draw.some(axis=axis)
    if "axis" not in draw.attributes:
        draw.operands[1] = places(draw, draw.shape(high=2), array.shape[0], draw.type("Tind"), draw.version >= 11)


@case("GatherElements")
def gather_elements(draw):
    array = operand(draw, draw.shape(low=1, zero=0.03))
    axis = draw.axis(array.ndim)
    shape = [draw.integer(1, e) if e else 0 for e in array.shape]
    shape[axis] = draw.integer(0, 5) if array.shape[axis] else 0
    draw.add(places(draw, shape, array.shape[axis], draw.type("Tind")).reshape(shape))
    draw.set(axis=axis)


def tuples(draw, array, batch, depth, count):
    """Index tuples of `depth` into the axes after `batch`."""
    columns = [places(draw, count, array.shape[batch + i]).reshape(count) for i in range(depth)]
    return np.stack(columns, -1) if columns else np.zeros((*count, 0), np.int64)


@case("GatherND")
def gather_nd(draw):
    array = operand(draw, draw.shape(low=1, zero=0))
    batch = draw.integer(0, array.ndim - 1) if draw.has("batch_dims") and draw.chance(0.4) else 0
    depth = draw.integer(1, array.ndim - batch)
    count = array.shape[:batch] + draw.shape(high=2, zero=0)
    draw.add(tuples(draw, array, batch, depth, count))
    draw.set(batch_dims=batch)


@case("ScatterND")
def scatter_nd(draw):
    array = operand(draw, draw.shape(low=1, zero=0))
    depth = draw.integer(1, array.ndim)
    reduction = draw.pick(["none", "add", "mul", "max", "min"]) if numeric(array) else "none"
    draw.some(reduction=reduction)
    count = draw.shape(high=2, zero=0)
    indices = tuples(draw, array, 0, depth, count)
    if draw.attributes.get("reduction", "none") == "none":
        indices = unique_tuples(draw, array, depth, count)
    draw.add(indices)
    draw.tensor("T", indices.shape[:-1] + array.shape[depth:])
    draw.exact = draw.attributes.get("reduction", "none") not in ("add", "mul")


def numeric(array):
    return kind(array.dtype) in ("float", "int", "uint")


def unique_tuples(draw, array, depth, count):
    """Each place at most once: the order of writes has no meaning."""
    total, wanted = math.prod(array.shape[:depth]), math.prod(count)
    if wanted > total:
        count, wanted = (total,), total
    flat = draw.numpy.permutation(total)[:wanted]
    return np.stack(np.unravel_index(flat, array.shape[:depth]), -1).astype(np.int64).reshape(*count, depth)


@case("ScatterElements", "Scatter")
def scatter_elements(draw):
    array = operand(draw, draw.shape(low=1, zero=0))
    axis = draw.axis(array.ndim)
    shape = [draw.integer(1, e) for e in array.shape]
    reduction = draw.pick(["none", "add", "mul", "max", "min"]) if numeric(array) else "none"
    draw.some(reduction=reduction)
    draw.set(axis=axis)
    if draw.attributes.get("reduction", "none") == "none":
        shape[axis] = min(shape[axis], array.shape[axis])
        order = np.argsort(draw.numpy.random([array.shape[axis] if i == axis % array.ndim else e
                                               for i, e in enumerate(shape)]), axis)  # fmt: skip
        indices = np.take(order, range(shape[axis]), axis)
    else:
        shape[axis] = draw.integer(1, 5)
        indices = places(draw, shape, array.shape[axis])
    draw.add(indices.astype(draw.type("Tind")))
    draw.tensor("T", shape)
    draw.exact = draw.attributes.get("reduction", "none") not in ("add", "mul")


@case("OneHot")
def one_hot(draw):
    depth = draw.integer(1, 6)
    indices = draw.shape(high=3)
    t1, t2 = draw.type("T1"), draw.type("T2")
    low = -depth - 1 if kind(t1) != "uint" and draw.version >= 11 and draw.chance() else 0
    draw.add(draw.array(t1, indices, low, depth + 1, special=False))
    if kind(t1) == "float":
        draw.operands[0] = np.round(draw.operands[0].astype(np.float64)).astype(t1)
    draw.parameter(np.full((1,) if draw.chance() else (), depth).astype(t2))
    draw.parameter(draw.array(draw.type("T3"), (2,), special=False))
    draw.some(axis=draw.integer(-len(indices) - 1, len(indices)))
    draw.exact = kind(draw.bound["T3"]) not in ("complex", "float")  # computed as off + (on - off) * mask


@case("Compress")
def compress(draw):
    array = operand(draw, draw.shape(low=1))
    axis = draw.axis(array.ndim, None if draw.version >= 11 else 0) if draw.chance(0.7) else None
    extent = array.size if axis is None else array.shape[axis]
    draw.add(draw.numpy.integers(0, 2, extent if draw.chance(0.7) else draw.integer(0, extent)).astype(bool))
    draw.set(axis=axis)


@case("NonZero")
def non_zero(draw):
    dtype = draw.type("T")
    operand(draw, draw.shape())
    if kind(dtype) in ("int", "uint", "float"):
        draw.operands[0] = draw.array(dtype, draw.operands[0].shape, 0, 2)
        if kind(dtype) == "float":
            draw.operands[0] = np.floor(draw.operands[0].astype(np.float64)).astype(dtype)


@case("Unique")
def unique(draw):
    dtype = draw.type("T")
    array = operand(draw, draw.shape(low=1))
    if dtype != values.STRING:
        bounds = {} if kind(dtype) == "bool" else {"low": 0, "high": 3}
        coarse = draw.array(dtype, array.shape, **bounds)
        draw.operands[0] = np.round(coarse.astype(np.float64)).astype(dtype) if kind(dtype) == "float" else coarse
    draw.some(axis=draw.axis(array.ndim), sorted=draw.integer(0, 1))
    draw.outputs = draw.integer(1, 4)


@case("ArrayFeatureExtractor", domain="ai.onnx.ml")
def array_feature_extractor(draw):
    array = operand(draw, draw.shape(low=1, high=3, zero=0))
    draw.add(draw.numpy.integers(0, array.shape[-1], (1, draw.integer(1, 4)) if draw.chance() else draw.integer(1, 4)))


@case("NonMaxSuppression")
def non_max_suppression(draw):
    batch, boxes, classes = draw.integer(1, 2), draw.pick([0, 1, 5, 12, 40]), draw.integer(1, 3)
    draw.exact = True
    corners = draw.array(np.float32, (batch, boxes, 4), 0, 1, special=False)
    draw.add(corners)
    draw.add(draw.array(np.float32, (batch, classes, boxes), -0.5, 1, special=False))
    draw.some(center_point_box=draw.integer(0, 1))
    for value in (np.array([draw.pick([0, 1, 3, 100])], np.int64), np.float32([draw.pick([0, 0.3, 0.5, 1])]),
                  np.float32([draw.pick([-1, 0, 0.25])])):  # fmt: skip
        if draw.chance(0.15):
            break
        draw.parameter(value if draw.chance(0.6) else value.reshape(()))


@case("TopK")
def top_k(draw):
    dtype = draw.type("T")
    array = operand(draw, draw.shape(low=1))
    if kind(dtype) != "float" or draw.chance(0.3):
        # Ties: the lower index comes first.
        ties = draw.array(dtype, array.shape, 0, 4, special=False)
        draw.operands[0] = np.round(ties.astype(np.float64)).astype(dtype) if kind(dtype) == "float" else ties
    elif draw.special:
        draw.operands[0] = draw.array(dtype, array.shape, special=False)
    axis = draw.axis(array.ndim, None if draw.version >= 11 else 0)
    count = draw.integer(0 if draw.chance(0.1) else min(1, array.shape[axis]), array.shape[axis])
    draw.set(axis=axis)
    if draw.version < 10:
        draw.set(k=count)
    else:
        draw.parameter(integers([count]))
    draw.some(largest=draw.integer(0, 1))
    if draw.chance(0.2):
        draw.set(sorted=1)
    draw.outputs = 2
