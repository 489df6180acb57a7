"""Operators that move elements and change shapes."""

import math

import numpy as np

from .. import values
from ..draw import Skip
from . import case


def integers(numbers, dtype=np.int64):
    return np.array(numbers, dtype).reshape(-1)


def operand(draw, shape):
    draw.exact = True
    return draw.tensor(draw.schema.inputs[0].type_str, shape)


def regroup(draw, size):
    """Extents with the product `size`."""
    extents = []
    for prime in (2, 2, 2, 3, 3, 5):
        if size and size % prime == 0 and draw.chance():
            extents.append(prime)
            size //= prime
    extents.insert(draw.integer(0, len(extents)), size)
    return extents


@case("Reshape")
def reshape(draw):
    array = operand(draw, draw.shape())
    target = regroup(draw, array.size)
    if array.size and draw.chance():
        target[draw.integer(0, len(target) - 1)] = -1
    if array.size == 0:
        target = draw.pick([[0], list(array.shape), [0, 3], [-1, 2]])
        if draw.has("allowzero") and draw.chance(0.7):
            draw.set(allowzero=1)
            target = [e for e in target if e != -1]
    elif draw.chance(0.2) and array.ndim and draw.version >= 5:
        target = [0, -1]
    if draw.version < 5:
        return draw.set(shape=target)
    draw.parameter(integers(target))


@case("Flatten")
def flatten(draw):
    array = operand(draw, draw.shape(low=0 if draw.version > 1 else 1))
    low = -array.ndim if draw.version >= 11 else 0
    draw.some(axis=draw.integer(low, array.ndim))


@case("Transpose")
def transpose(draw):
    array = operand(draw, draw.shape())
    order = list(range(array.ndim))
    draw.random.shuffle(order)
    draw.some(perm=order)


@case("Squeeze", "Unsqueeze")
def squeeze(draw):
    shape = list(draw.shape(high=4))
    grow = draw.schema.name == "Unsqueeze"
    count = draw.integer(1 if grow else 0, 2)
    rank = len(shape) + count
    axes = sorted(draw.random.sample(range(rank), count))
    if not grow:
        for axis in axes:
            shape.insert(axis, 1)
    operand(draw, shape)
    if draw.version >= 11:
        axes = [a - rank if draw.chance(0.3) else a for a in axes]
        draw.random.shuffle(axes)
    if not grow and (not axes or draw.chance(0.2)):
        return
    if draw.has("axes"):
        return draw.set(axes=axes)
    draw.parameter(integers(axes))


@case("Identity", "Shape", "Size")
def whole(draw):
    array = operand(draw, draw.shape())
    draw.some(start=draw.integer(-array.ndim - 2, array.ndim + 1), end=draw.integer(-array.ndim - 2, array.ndim + 1))


@case("Expand")
def expand(draw):
    shape = draw.shape()
    operand(draw, draw.broadcast(shape))
    draw.parameter(integers(draw.broadcast(shape) if draw.chance(0.3) else shape))


@case("Concat")
def concat(draw):
    shape = list(draw.shape(low=1))
    axis = draw.axis(len(shape), None if draw.version >= 11 else 0)
    draw.exact = True
    for index in range(draw.integer(1, 4)):
        shape[axis] = draw.pick([0, 1, 2, 3, 16])
        draw.add(draw.array(draw.type("T"), shape), f"x{index}")
    draw.set(axis=axis)
    if draw.version < 4 and axis == 1:
        draw.attributes.pop("axis")


@case("Split")
def split(draw):
    count = draw.integer(1, 4)
    shape = list(draw.shape(low=1))
    axis = draw.axis(len(shape), None if draw.version >= 11 else 0)
    sizes = [draw.integer(0, 4) for _ in range(count)]
    equal = draw.chance(0.4)
    if equal:
        sizes = [draw.integer(1, 3)] * count
        if draw.version >= 18 and sizes[-1] > 1 and draw.chance(0.3):
            sizes[-1] -= 1
    shape[axis] = sum(sizes)
    operand(draw, shape)
    draw.outputs = count
    draw.some(axis=axis)
    if "axis" not in draw.attributes and axis not in (0, -len(shape)):
        draw.set(axis=axis)
    if equal:
        draw.set(num_outputs=count)
    elif draw.has("split"):
        draw.set(split=sizes)
    else:
        draw.parameter(integers(sizes))


@case("Slice")
def slice_(draw):
    array = operand(draw, draw.shape(low=1))
    rank = array.ndim
    axes = draw.random.sample(range(rank), draw.integer(1, rank))
    extreme = [-(2**63), -(2**31), -1000, 1000, 2**31 - 1, 2**63 - 1]
    starts, ends, steps = [], [], []
    for axis in axes:
        extent = array.shape[axis]
        for bounds in (starts, ends):
            bounds.append(draw.pick(extreme) if draw.chance(0.15) else draw.integer(-extent - 2, extent + 2))
        steps.append(draw.pick([1, 1, 1, 2, 3, -1, -2, 2**31, -(2**31)]))
    plain = draw.chance(0.3)
    if plain:
        axes = list(range(len(axes)))
    elif draw.version >= 10:
        axes = [a - rank if draw.chance(0.3) else a for a in axes]
    if draw.version < 10:
        draw.set(starts=starts, ends=ends, axes=None if plain else axes)
        return
    dtype = draw.type("Tind")
    low, high = values.integer_range(dtype)
    fit = lambda numbers: integers([min(max(n, low), high) for n in numbers], dtype)  # noqa: E731
    draw.parameter(fit(starts))
    draw.parameter(fit(ends))
    with_steps = draw.chance(0.7)
    if not plain or with_steps:
        draw.parameter(None if plain else fit(axes))
    if with_steps:
        draw.parameter(fit(steps))


@case("Pad")
def pad(draw):
    array = operand(draw, draw.shape(low=1, high=5, zero=0.03))
    rank = array.ndim
    mode = draw.pick(["constant", "constant", "reflect", "edge"] + (["wrap"] if draw.version >= 19 else []))
    draw.some(mode=mode)
    mode = draw.attributes.get("mode", "constant")
    axes = draw.axes(rank, 1) if draw.version >= 18 and draw.chance(0.3) else None
    padded = [array.shape[a] for a in axes] if axes is not None else list(array.shape)
    least = {"reflect": lambda e: max(e - 1, 0), "edge": lambda e: 3 if e else 0, "wrap": lambda e: e}
    limit = least.get(mode, lambda e: 3)
    pads = [draw.integer(0, min(limit(e), 4)) for e in padded * 2]
    if draw.chance(0.2 if mode == "constant" else 0.05):
        place = draw.integer(0, len(pads) - 1)
        pads[place] = -draw.integer(0, padded[place % len(padded)] // 2)
    if draw.version < 11:
        draw.set(pads=pads, paddings=pads)
        return draw.some(value=1.5)
    draw.parameter(integers(pads))
    fill = draw.array(array.dtype, (), special=False)
    draw.parameter(fill if draw.chance() else None)
    if axes is not None:
        draw.parameter(integers(axes, draw.type("Tind")))


@case("Tile")
def tile(draw):
    array = operand(draw, draw.shape(low=0 if draw.version >= 6 else 1, high=4))
    if draw.version < 6:
        dtype = draw.bound["T"]
        draw.parameter(np.array(draw.integer(1, 3)).astype(dtype))
        return draw.parameter(np.array(draw.integer(0, array.ndim - 1)).astype(dtype))
    draw.parameter(integers([draw.pick([0, 1, 1, 2, 3]) for _ in range(array.ndim)]))


@case("DepthToSpace", "SpaceToDepth")
def blocks(draw):
    size = draw.integer(1, 3)
    n, c, h, w = draw.integer(0 if draw.chance(0.05) else 1, 3), draw.integer(1, 3), draw.integer(1, 4), draw.integer(1, 4)
    deep = draw.schema.name == "DepthToSpace"
    operand(draw, (n, c * size * size, h, w) if deep else (n, c, h * size, w * size))
    draw.set(blocksize=size)
    draw.some(mode=draw.pick(["DCR", "CRD"]))


@case("CenterCropPad")
def center_crop_pad(draw):
    array = operand(draw, draw.shape(low=1))
    axes = draw.axes(array.ndim, 1) if draw.chance() else None
    count = array.ndim if axes is None else len(axes)
    draw.parameter(integers([draw.integer(0, 8) for _ in range(count)], draw.type("Tind")))
    draw.set(axes=axes)


@case("Trilu")
def trilu(draw):
    operand(draw, draw.shape(low=2))
    draw.some(upper=draw.integer(0, 1))
    if draw.chance():
        draw.parameter(np.array(draw.integer(-6, 6), np.int64))


@case("ReverseSequence")
def reverse_sequence(draw):
    array = operand(draw, draw.shape(low=2, zero=0))
    batch, time = draw.pick([(0, 1), (1, 0)])
    draw.parameter(integers([draw.integer(1, array.shape[time]) for _ in range(array.shape[batch])]))
    if batch == 0 or draw.chance():
        draw.set(batch_axis=batch, time_axis=time)


@case("AffineGrid")
def affine_grid(draw):
    flat = draw.chance()
    n = draw.integer(1, 2)
    draw.tensor("T1", (n, 2, 3) if flat else (n, 3, 4))
    draw.parameter(integers([n, 1] + [draw.integer(2, 5) for _ in range(2 if flat else 3)]))
    draw.some(align_corners=draw.integer(0, 1))


@case("Col2Im")
def col2im(draw):
    rank = draw.integer(1, 3)
    image = [draw.integer(3, 6) for _ in range(rank)]
    block = [draw.integer(1, 3) for _ in range(rank)]
    pads = [draw.integer(0, 1) for _ in range(rank * 2)] if draw.chance() else [0] * (rank * 2)
    strides = [draw.integer(1, 2) for _ in range(rank)]
    dilations = [draw.integer(1, 2) if b == 1 else 1 for b in block]
    counts = [
        (image[i] + pads[i] + pads[rank + i] - dilations[i] * (block[i] - 1) - 1) // strides[i] + 1 for i in range(rank)
    ]
    operand(draw, (draw.integer(1, 2), draw.integer(1, 3) * math.prod(block), math.prod(counts)))
    draw.exact = False
    draw.parameter(integers(image))
    draw.parameter(integers(block))
    draw.set(pads=pads, strides=strides, dilations=dilations)


@case("TensorScatter")
def tensor_scatter(draw):
    batch, length, update = draw.integer(1, 3), draw.integer(2, 6), draw.integer(1, 2)
    middle, last = draw.shape(high=1, zero=0), draw.integer(1, 4)
    operand(draw, (batch, *middle, length, last))
    draw.tensor("T", (batch, *middle, update, last))
    mode = draw.pick(["linear", "circular"])
    high = length - update if mode == "linear" else length - 1
    if draw.chance(0.8):
        draw.parameter(integers([draw.integer(0, high) for _ in range(batch)]))
    draw.set(mode=mode)
    draw.some(axis=-2 if draw.chance() else len(middle) + 1)
    if not math.prod(draw.operands[0].shape):
        raise Skip("empty cache")
