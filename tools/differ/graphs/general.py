"""Operators of all kinds on values of any rank, whole numbers and truth values among them."""

import math

import numpy as np

from ..draw import Skip
from .builder import BOOL, F32, I64

I32 = np.dtype(np.int32)
SMOOTH = ["Tanh", "Sigmoid", "Relu", "Neg", "Abs", "Erf", "Softsign", "Sin", "Cos", "Identity", "Softplus", "Elu", "Atan"]


def real(g, fits=lambda v: True):
    found = g.find(lambda v: v.dtype == F32 and v.rank <= 5 and v.size <= 1 << 14 and fits(v))
    if found is None or (not g.outer and g.chance(0.05)):
        rank = g.integer(1, 4)
        made = g.feed((g.batch, *(g.integer(1, 6) for _ in range(rank - 1))))
        if not fits(made):
            raise Skip("nothing fits")
        return made
    return found


def whole(g):
    found = g.find(lambda v: v.dtype == I64 and v.size <= 1 << 12)
    if found is None:
        return g.feed((g.batch, g.integer(1, 6)), I64, -9, 9)
    return found


def unary(g, x=None):
    return g.unary(g.pick(SMOOTH), x or real(g))


def positive(g):
    """Functions of positive numbers."""
    x = g.binary("Add", g.unary("Abs", real(g)), g.weight(np.float32(0.5)))
    return g.unary(g.pick(["Sqrt", "Log", "Reciprocal"]), x)


def operand(g, shape):
    """A constant that broadcasts to a shape."""
    kept = [e if g.chance(0.7) else 1 for e in shape]
    return g.weight(g.normal(kept[g.integer(0, len(kept)) :] if g.chance(0.4) else kept))


def binary(g, x=None):
    x = x or real(g)
    fits = lambda v: v.dtype == F32 and v.rank <= 5 and all(  # noqa: E731
        a == b or 1 in (a, b) for a, b in zip(v.shape[::-1], x.shape[::-1]))
    other = g.find(fits) if g.chance(0.6) else None
    other = other or operand(g, x.shape)
    operator = g.pick(["Add", "Sub", "Mul", "Max", "Min"])
    if g.chance(0.15):
        third = operand(g, x.shape)
        shape = np.broadcast_shapes(x.shape, other.shape, third.shape)
        return g.node(g.pick(["Max", "Min", "Sum", "Mean"]), [x, other, third], shape)
    return g.binary(operator, x, other)


def chain_of_constants(g):
    """Constants that are computed from constants."""
    a = g.weight(g.normal((g.integer(1, 6),)))
    b = g.unary(g.pick(SMOOTH), g.binary("Mul", a, g.weight(np.float32(0.5))))
    x = real(g)
    return g.binary("Mul", x, g.reduce("ReduceMean", b, [0], 0))


def compare(g):
    x = real(g)
    y = operand(g, x.shape)
    condition = g.binary(g.pick(["Less", "Greater", "LessOrEqual", "GreaterOrEqual"]), x, y, BOOL)
    if g.chance(0.3):
        condition = g.unary("Not", condition)
    if g.chance(0.3):
        condition = g.binary(g.pick(["And", "Or", "Xor"]), condition, condition)
    return g.node("Where", [condition, x, y] if g.chance() else [condition, y, x], x.shape)


def reduction(g):
    x = real(g, lambda v: v.rank >= 1)
    axes = sorted(g.random.sample(range(x.rank), g.integer(1, x.rank)))
    operator = g.pick(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare"])
    return g.reduce(operator, x, axes, g.integer(0, 1))


def slice_(g):
    from . import vision

    return vision.slice_(g, real(g, lambda v: v.rank >= 1))


def transpose(g):
    x = real(g, lambda v: v.rank >= 2)
    order = list(range(x.rank))
    g.random.shuffle(order)
    y = g.transpose(x, order)
    if g.chance(0.3):
        y = g.unary(g.pick(SMOOTH), y)
    return g.transpose(y, [order.index(i) for i in range(x.rank)]) if g.chance(0.3) else y


def reshape(g):
    x = real(g, lambda v: v.rank >= 1)
    if g.chance(0.3) and x.rank >= 2:
        return g.reshape(x, (x.shape[0], math.prod(x.shape[1:])))
    shape, rest = [], x.size
    for prime in (2, 2, 3, 5):
        if rest % prime == 0 and g.chance():
            shape.append(prime)
            rest //= prime
    shape.insert(g.integer(0, len(shape)), rest)
    return g.reshape(x, shape)


def squeeze(g):
    x = real(g, lambda v: v.rank <= 4)
    ones = [i for i, e in enumerate(x.shape) if e == 1]
    if ones and g.chance():
        axis = g.pick(ones)
        return g.node("Squeeze", [x, g.integers([axis])], x.shape[:axis] + x.shape[axis + 1 :])
    axis = g.integer(0, x.rank)
    return g.node("Unsqueeze", [x, g.integers([axis])], (*x.shape[:axis], 1, *x.shape[axis:]))


def concat(g):
    x = real(g, lambda v: v.rank >= 1)
    axis = g.integer(0, x.rank - 1)
    fits = lambda v: v.dtype == F32 and v.rank == x.rank and all(  # noqa: E731
        a == b for i, (a, b) in enumerate(zip(v.shape, x.shape)) if i != axis)
    parts = [x] + [g.find(fits) for _ in range(g.integer(1, 3))]
    if g.chance(0.3):
        parts.append(g.weight(g.normal(x.shape)))
    g.random.shuffle(parts)
    shape = list(x.shape)
    shape[axis] = sum(p.shape[axis] for p in parts)
    return g.node("Concat", parts, shape, axis=axis - x.rank if g.chance(0.3) else axis)


def split(g):
    x = real(g, lambda v: v.rank >= 1 and max(v.shape) >= 2)
    axis = int(np.argmax(x.shape))
    count = g.integer(2, min(3, x.shape[axis]))
    sizes = [x.shape[axis] // count] * count
    sizes[-1] += x.shape[axis] - sum(sizes)
    shapes = [tuple(s if i == axis else e for i, e in enumerate(x.shape)) for s in sizes]
    return g.node("Split", [x, g.integers(sizes)], shapes, axis=axis)


def gather(g):
    x = real(g, lambda v: v.rank >= 1)
    axis = g.integer(0, x.rank - 1)
    extent = x.shape[axis]
    indices = g.weight(g.numpy.integers(-extent, extent, g.pick([(), (1,), (3,), (2, 2)])).astype(g.pick([I64, I32])))
    return g.node("Gather", [x, indices], x.shape[:axis] + indices.shape + x.shape[axis + 1 :], axis=axis)


def expand(g):
    x = real(g)
    shape = tuple(g.integer(2, 3) if e == 1 and g.chance() else e for e in x.shape)
    shape = (g.integer(1, 2), *shape) if g.chance(0.3) and x.rank < 5 else shape
    return g.node("Expand", [x, g.integers(shape)], shape)


def tile(g):
    x = real(g, lambda v: v.rank >= 1)
    times = [g.pick([1, 1, 2]) for _ in x.shape]
    return g.node("Tile", [x, g.integers(times)], [e * t for e, t in zip(x.shape, times)])


def pad(g):
    x = real(g, lambda v: v.rank >= 1)
    pads = [g.integer(0, 1) for _ in range(2 * x.rank)]
    shape = [e + pads[i] + pads[x.rank + i] for i, e in enumerate(x.shape)]
    return g.node("Pad", [x, g.integers(pads)], shape, mode=g.pick(["constant", "edge"]))


def cast(g):
    """To whole numbers and back."""
    x = real(g)
    wide = g.binary("Mul", x, g.weight(np.float32(4)))
    target = g.pick([I64, I32])
    y = g.node("Cast", [wide], x.shape, target, to=7 if target == I64 else 6)
    y = g.binary(g.pick(["Add", "Mul", "Sub"]), y, g.weight(np.array(3, target)))
    return g.node("Cast", [y], x.shape, to=1)


def integers(g):
    x = whole(g)
    other = g.weight(np.array(g.integer(1, 5), I64))
    y = g.binary(g.pick(["Add", "Mul", "Sub", "Div", "Mod"]), x, other)
    return g.node("Cast", [y], y.shape, to=1) if g.chance(0.6) else y


def matmul(g):
    x = real(g, lambda v: v.rank >= 2)
    if g.chance(0.3):
        order = [*range(x.rank - 2), x.rank - 1, x.rank - 2]
        return g.node("MatMul", [x, g.transpose(x, order)], (*x.shape[:-1], x.shape[-2]))
    n = g.pick([1, 3, 8, 16, 17])
    return g.node("MatMul", [x, g.weight(g.normal((x.shape[-1], n), x.shape[-1] ** -0.5))], (*x.shape[:-1], n))


def softmax(g):
    x = real(g, lambda v: v.rank >= 1)
    return g.unary(g.pick(["Softmax", "LogSoftmax"]), x, axis=g.integer(-x.rank, x.rank - 1))


def cumulative(g):
    x = real(g, lambda v: v.rank >= 1)
    axis = g.weight(np.array(g.integer(0, x.rank - 1), I64))
    return g.node("CumSum", [x, axis], x.shape, exclusive=g.integer(0, 1), reverse=g.integer(0, 1))


def top(g):
    x = real(g, lambda v: v.rank >= 1)
    k = g.integer(1, x.shape[-1])
    shape = (*x.shape[:-1], k)
    best, _ = g.node("TopK", [x, g.integers([k])], [shape, shape], [F32, I64], axis=-1)
    return best


def extents(g):
    """Numbers computed from a shape take part in what is computed."""
    x = real(g, lambda v: v.rank >= 1)
    whole = g.hidden("Shape", [x], (x.rank,))
    count = g.hidden("ReduceProd", [whole], (), keepdims=0) if g.root.opset < 18 or g.chance() else g.hidden("Size", [x], ())
    if g.chance():
        filled = g.node("ConstantOfShape", [whole], x.shape)
        return g.binary("Add", x, filled)
    return g.binary("Div", x, g.hidden("Cast", [count], (), F32, to=1))


MOTIFS = {unary: 4, binary: 5, positive: 1, chain_of_constants: 1, compare: 1.5, reduction: 2, slice_: 1.5, transpose: 2, reshape: 2,
          squeeze: 1, concat: 2, split: 1, gather: 1, expand: 0.7, tile: 0.5, pad: 0.7, cast: 0.8, integers: 1, matmul: 1.5,
          softmax: 1, cumulative: 0.3, top: 0.3, extents: 1}  # fmt: skip
