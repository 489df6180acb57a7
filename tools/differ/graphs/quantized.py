"""Networks whose values pass through pairs of QuantizeLinear and DequantizeLinear, or through integer operators.

With scales that are powers of two all sums are exact in f32, so that results must be equal to the bit; with other scales
a rounding may fall the other way, which later layers spread.
"""

import math

import numpy as np

from ..draw import Skip
from . import vision

INT8, UINT8 = np.dtype(np.int8), np.dtype(np.uint8)


def scale(g, near):
    number = 2.0 ** round(math.log2(near)) if g.root.exact else near * g.numpy.uniform(0.7, 1.4)
    return np.float32(number)


class Codes:
    """Scale and zero point of a value."""

    def __init__(self, g, near=1 / 32, dtype=None, zero=None):
        self.dtype = dtype or g.pick([UINT8, UINT8, INT8])
        self.number = scale(g, near)
        middle = 128 if self.dtype == UINT8 else 0
        self.scale = g.weight(self.number)
        self.zero = g.weight(np.array(zero if zero is not None else g.pick([middle, middle, middle + 7, middle - 20]),
                                      self.dtype))  # fmt: skip

    def quantize(self, g, x):
        return g.hidden("QuantizeLinear", [x, self.scale, self.zero], x.shape, self.dtype)

    def dequantize(self, g, x):
        return g.node("DequantizeLinear", [x, self.scale, self.zero], x.shape)


def known_codes(g):
    if not hasattr(g.root, "codes"):
        g.root.codes = {}
    return g.root.codes


def rounded(g, x, codes=None):
    """The value after a pair."""
    codes = codes or Codes(g)
    y = codes.dequantize(g, codes.quantize(g, x))
    known_codes(g)[y.name] = codes
    return y


def image(g):
    """A value that has been rounded, and its codes."""
    known = known_codes(g)
    x = g.find(lambda v: v.name in known and v.rank == 4 and v.shape[1] <= 64)
    if x is None or (not g.outer and g.chance(0.04)):
        x = rounded(g, g.feed((g.batch, g.pick(vision.CHANNELS), g.integer(1, 12), g.integer(1, 12))))
    return x, known[x.name]


def weights(g, shape, axis):
    """Dequantized weights with one scale, or one for each output channel, and the scales."""
    codes = g.numpy.integers(-127 if g.chance(0.9) else -128, 128, shape).astype(np.int8)
    fan = math.prod(shape) // shape[axis]
    lines = g.chance(0.7)
    count = shape[axis] if lines else 1
    numbers = np.array([scale(g, fan**-0.5 / 64) for _ in range(count)], np.float32)
    numbers = numbers if lines else numbers.reshape(())
    zero = g.weight(np.zeros(numbers.shape, np.int8))
    attributes = {"axis": axis} if lines else {}
    y = g.hidden("DequantizeLinear", [g.weight(codes), g.weight(numbers), zero], shape, np.float32, **attributes)
    return y, numbers


def bias(g, count, numbers, codes):
    scales = (codes.number * numbers).astype(np.float32)
    integers = g.weight(g.numpy.integers(-2000, 2000, count).astype(np.int32))
    attributes = {"axis": 0} if scales.ndim else {}
    zero = g.weight(np.zeros(scales.shape, np.int32))
    return g.hidden("DequantizeLinear", [integers, g.weight(scales), zero], (count,), np.float32, **attributes)


def finish(g, y, near=1 / 32):
    """An activation, a residual, and the rounding."""
    if g.chance(0.25):
        y = sum_with_another(g, y)
    name = g.pick([None, None, "Relu", "Relu", "Clip", "LeakyRelu"])
    if name == "Clip":
        y = g.node("Clip", [y, g.weight(np.float32(0)), g.weight(np.float32(6))], y.shape)
    elif name:
        y = g.unary(name, y, alpha=0.125 if name == "LeakyRelu" else None)
    return rounded(g, y, Codes(g, near)) if g.chance(0.92) else y


def sum_with_another(g, y):
    known = known_codes(g)
    other = g.find(lambda v: v.name in known and v.shape == y.shape)
    return y if other is None else g.binary("Add", y, other)


def conv(g):
    x, codes = image(g)
    attributes, shape, result = vision.conv_geometry(g, x)
    w, numbers = weights(g, shape, 0)
    operands = [x, w] + ([bias(g, shape[0], numbers, codes)] if g.chance(0.6) else [])
    y = g.node("Conv", operands, result, **attributes)
    return finish(g, y)


def dense(g):
    known = known_codes(g)
    x = g.find(lambda v: v.name in known and v.rank in (2, 3) and v.shape[-1] <= 512)
    if x is None:
        rank = g.pick([2, 3])
        x = rounded(g, g.feed((g.batch, *([g.integer(1, 6)] if rank == 3 else []), g.integer(1, 40))))
    k, n = x.shape[-1], g.pick([1, 3, 8, 16, 17, 33])
    if x.rank == 2 and g.chance():
        flipped = g.integer(0, 1)
        w, numbers = weights(g, (n, k) if flipped else (k, n), 0 if flipped else 1)
        operands = [x, w] + ([bias(g, n, numbers, known[x.name])] if g.chance(0.7) else [])
        y = g.node("Gemm", operands, (x.shape[0], n), transB=flipped)
    else:
        w, numbers = weights(g, (k, n), 1)
        y = g.node("MatMul", [x, w], (*x.shape[:-1], n))
        if g.chance():
            y = g.binary("Add", y, bias(g, n, numbers, known[x.name]))
    return finish(g, y)


def product(g):
    """Both operands are computed."""
    known = known_codes(g)
    a = g.find(lambda v: v.name in known and v.rank in (3, 4) and v.shape[-1] <= 64)
    if a is None:
        a = rounded(g, g.feed((g.batch, g.integer(1, 5), g.integer(1, 20))))
    order = [*range(a.rank - 2), a.rank - 1, a.rank - 2]
    b = g.transpose(a, order)
    if g.chance():
        b = rounded(g, b, known[a.name])
    y = g.node("MatMul", [a, b], (*a.shape[:-1], a.shape[-2]))
    return finish(g, y, 1 / 4)


def add(g):
    known = known_codes(g)
    x, _ = image(g)
    other = g.find(lambda v: v.name in known and v.shape == x.shape and v.name != x.name)
    if other is None:
        other = rounded(g, g.weight(g.normal((1, x.shape[1], 1, 1))))
    y = g.binary(g.pick(["Add", "Add", "Mul"]), x, other)
    return finish(g, y, 1 / 16)


def concat(g):
    known = known_codes(g)
    x, codes = image(g)
    alike = [v for v in g.pool if v.name in known and v.rank == 4
             and all(a == b for i, (a, b) in enumerate(zip(v.shape, x.shape)) if i != 1)]  # fmt: skip
    parts = [g.pick(alike) for _ in range(g.integer(1, 3))] + [x]
    shape = list(x.shape)
    shape[1] = sum(p.shape[1] for p in parts)
    y = g.node("Concat", parts, shape, axis=1)
    return rounded(g, y, codes if g.chance() else None)


def pool(g):
    x, codes = image(g)
    form = g.pick(["max", "max", "average", "global", "mean"])
    if form in ("max", "average"):
        attributes, spatial = vision.window(g, x, g.pick([[2, 2], [3, 3]]))
        operator = "MaxPool" if form == "max" else "AveragePool"
        y = g.node(operator, [x], (*x.shape[:2], *spatial), **attributes)
    elif form == "global":
        y = g.node("GlobalAveragePool", [x], (*x.shape[:2], 1, 1))
    else:
        y = g.reduce("ReduceMean", x, [2, 3], 1)
    g.root.rough |= form != "max"  # means are no multiples of powers of two
    return rounded(g, y, codes if g.chance() else None)


def function(g):
    x, codes = image(g)
    name = g.pick(["Sigmoid", "Tanh", "HardSwish", "LeakyRelu", "Relu", "Softmax", "Silu", "HardSigmoid"])
    if name == "Silu":
        inner = g.unary("Sigmoid", x)
        y = g.binary("Mul", x, rounded(g, inner, Codes(g, 1 / 256, UINT8, 0)) if g.chance(0.7) else inner)
    elif name == "HardSwish" and g.root.opset < 14:
        y = g.unary("Relu", x)
    else:
        y = g.unary(name, x, axis=1 if name == "Softmax" else None)
    g.root.rough |= name not in ("LeakyRelu", "Relu")
    return rounded(g, y, Codes(g, 1 / 128)) if g.chance(0.9) else y


def move(g):
    """What only moves elements, between two pairs of the same codes or of others."""
    x, codes = image(g)
    form = g.pick(["transpose", "reshape", "slice", "pad", "resize", "flatten", "depth"])
    if form == "transpose":
        y = g.transpose(x, g.pick([[0, 2, 3, 1], [0, 1, 3, 2], [1, 0, 2, 3]]))
    elif form == "reshape":
        y = g.reshape(x, (x.shape[0], x.shape[1] * x.shape[2], x.shape[3]))
    elif form == "flatten":
        y = g.node("Flatten", [x], (x.shape[0], math.prod(x.shape[1:])), axis=1)
    elif form == "slice":
        y = vision.slice_(g, x)
    elif form == "depth":
        if x.shape[1] % 4:
            raise Skip("no multiple of four channels")
        n, c, h, w = x.shape
        y = g.node("DepthToSpace", [x], (n, c // 4, 2 * h, 2 * w), blocksize=2)
    elif form == "pad":
        shape = [*x.shape[:2], x.shape[2] + 2, x.shape[3] + 1]
        y = g.node("Pad", [x, g.integers([0, 0, 1, 0, 0, 0, 1, 1])], shape)
    else:
        shape = [*x.shape[:2], x.shape[2] * 2, x.shape[3] * 2]
        y = g.node("Resize", [x, None, g.weight(np.array([1, 1, 2, 2], np.float32))], shape, mode="nearest",
                   coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip
    return rounded(g, y, codes if g.chance(0.7) else None)


def dynamic(g):
    """A product whose left operand is quantized when it is known, as ONNX Runtime's quantizer writes it."""
    g.root.rough = True
    x = g.find(lambda v: v.rank in (2, 3) and v.dtype == np.float32 and v.shape[-1] <= 256)
    if x is None:
        x = g.feed((g.batch, g.integer(2, 30)))
    codes, number, zero = g.node("DynamicQuantizeLinear", [x], [x.shape, (), ()], [UINT8, np.float32, UINT8])
    for value in (codes, number, zero):
        g.pool.remove(value)
    k, n = x.shape[-1], g.pick([1, 4, 16, 17])
    w = g.weight(g.numpy.integers(-127, 128, (k, n)).astype(np.int8))
    lines = g.chance()
    wide = g.weight(np.full((n,) if lines else (), scale(g, k**-0.5 / 64), np.float32))
    zeros = g.weight(np.zeros((n,) if lines and g.chance() else (), np.int8))
    sums = g.hidden("MatMulInteger", [codes, w, zero, zeros], (*x.shape[:-1], n), np.int32)
    real = g.hidden("Cast", [sums], sums.shape, np.float32, to=1)
    factor = g.hidden("Mul", [number, wide], wide.shape, np.float32)
    y = g.binary("Mul", real, factor)
    if g.chance(0.7):
        y = g.binary("Add", y, g.weight(g.normal((n,))))
    return y


def qlinear_conv(g):
    """The operator itself, between pairs."""
    x, codes = image(g)
    attributes, shape, result = vision.conv_geometry(g, x)
    kernel = g.weight(g.numpy.integers(-127, 128, shape).astype(np.int8))
    number = g.weight(scale(g, math.prod(shape[1:]) ** -0.5 / 64))
    out = Codes(g)
    operands = [codes.quantize(g, x), codes.scale, codes.zero, kernel, number, g.weight(np.array(0, np.int8)), out.scale,
                out.zero]  # fmt: skip
    if g.chance():
        operands.append(g.weight(g.numpy.integers(-2000, 2000, shape[0]).astype(np.int32)))
    if codes.dtype != out.dtype:
        raise Skip("types of operand and result differ")
    y = out.dequantize(g, g.hidden("QLinearConv", operands, result, out.dtype, **attributes))
    known_codes(g)[y.name] = out
    return y


def back(g):
    """A value that is not rounded, or is no longer, becomes one that is."""
    x = vision.image(g)
    return rounded(g, x)


MOTIFS = {conv: 7, dense: 2, product: 1, add: 3, concat: 2, pool: 2, function: 1.5, move: 2.5, dynamic: 1, qlinear_conv: 0.7,
          back: 1}  # fmt: skip
