"""Parts of image networks."""

import math

import numpy as np

from ..draw import Skip
from .builder import Value

CHANNELS = [1, 2, 3, 4, 8, 12, 16, 16, 17, 24, 32, 32, 40]


def image(g):
    found = g.find(lambda v: v.rank == 4 and v.dtype == np.float32 and v.shape[1] <= 64)
    if found is None or (not g.outer and g.chance(0.04)):
        channels = g.pick(CHANNELS)
        return g.feed((g.batch, channels, g.integer(1, 14), g.integer(1, 14)))
    return found


def extent(size, kernel, stride, dilation, pads):
    result = (size + pads - dilation * (kernel - 1) - 1) // stride + 1
    if result < 1:
        raise Skip("window larger than image")
    return result


def window(g, x, kernel, dilated=False):
    """Attributes of a sliding window and the extents that it leaves."""
    strides, dilations = [g.pick([1, 1, 1, 2, 3]) for _ in kernel], [1] * len(kernel)
    if g.chance(0.5):
        strides = [strides[0]] * len(kernel)
    if dilated and g.chance(0.15):
        dilations = [g.integer(1, 3) for _ in kernel]
    attributes = {"kernel_shape": kernel, "strides": strides}
    if dilated:
        attributes["dilations"] = dilations
    spatial = x.shape[2:]
    if g.chance(0.1) and dilations == [1] * len(kernel):
        attributes["auto_pad"] = g.pick(["SAME_UPPER", "SAME_LOWER"])
        return attributes, [-(-e // s) for e, s in zip(spatial, strides)]
    if g.chance(0.7):
        half = [d * (k - 1) // 2 for k, d in zip(kernel, dilations)]
        pads = half + [min(h, k - 1) for h, k in zip(half, kernel)]
    else:
        pads = [g.integer(0, k - 1) for k in kernel * 2]
    attributes["pads"] = pads
    count = len(kernel)
    return attributes, [extent(spatial[i], kernel[i], strides[i], dilations[i], pads[i] + pads[count + i])
                        for i in range(count)]  # fmt: skip


def conv_geometry(g, x):
    """(attributes, shape of weights, shape of the result)"""
    channels = x.shape[1]
    form = g.pick(["full", "full", "full", "point", "depthwise", "grouped"])
    kernel = [1, 1] if form == "point" else g.pick([[3, 3], [3, 3], [3, 3], [1, 1], [5, 5], [1, 3], [3, 1], [2, 2], [7, 7]])
    group, out = 1, g.pick(CHANNELS)
    if form == "depthwise":
        group, out = channels, channels * g.pick([1, 1, 1, 2])
    elif form == "grouped":
        group = g.pick([d for d in (1, 2, 4, 8) if channels % d == 0])
        out = group * g.integer(1, 16)
    attributes, spatial = window(g, x, kernel, dilated=True)
    if group > 1 or g.chance(0.3):
        attributes["group"] = group
    return attributes, [out, channels // group, *kernel], (x.shape[0], out, *spatial)


def conv(g, x=None):
    x = x or image(g)
    attributes, weights, shape = conv_geometry(g, x)
    fan = math.prod(weights[1:])
    operands = [x, g.weight(g.normal(weights, fan**-0.5))]
    if g.chance(0.6):
        operands.append(g.weight(g.normal(weights[:1])))
    return g.node("Conv", operands, shape, **attributes)


def batch_norm(g, x):
    c = (x.shape[1],)
    positive = lambda: g.weight(g.numpy.uniform(0.5, 1.5, c).astype(np.float32))  # noqa: E731
    operands = [x, positive(), g.weight(g.normal(c)), g.weight(g.normal(c)), positive()]
    return g.node("BatchNormalization", operands, x.shape, epsilon=g.pick([None, 1e-3]))


def affine(g, x):
    """Scale and shift of channels, as nodes of their own."""
    c = x.shape[1]
    shape = g.pick([(1, c, 1, 1), (c, 1, 1), (1,), ()])
    operand = lambda: g.weight(g.numpy.uniform(0.5, 1.5, shape).astype(np.float32))  # noqa: E731
    for operator in g.pick([["Mul", "Add"], ["Mul"], ["Add"], ["Sub", "Div"], ["Div"], ["Sub"]]):
        x = g.binary(operator, x, operand())
    return x


def activation(g, x):
    name = g.pick(["Relu", "Relu", "Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "Elu", "Silu",
                   "PRelu", "Softplus", "Mish", "HardSwishParts", "Selu", "Gelu"])  # fmt: skip
    if name == "Clip":
        low, high = g.pick([(0.0, 6.0), (-1.0, 1.0), (0.0, None), (None, 0.5)])
        bounds = [None if b is None else g.weight(np.float32(b)) for b in (low, high)]
        return g.node("Clip", [x, *bounds], x.shape)
    if name == "Silu":
        return g.binary("Mul", x, g.unary("Sigmoid", x))
    if name == "HardSwishParts":
        shifted = g.binary("Add", x, g.weight(np.float32(3)))
        clipped = g.node("Clip", [shifted, g.weight(np.float32(0)), g.weight(np.float32(6))], x.shape)
        return g.binary("Div", g.binary("Mul", x, clipped), g.weight(np.float32(6)))
    if name == "PRelu":
        return g.node("PRelu", [x, g.weight(g.normal(g.pick([(x.shape[1], 1, 1), (1,)]), 0.3))], x.shape)
    if name == "Mish":
        return g.binary("Mul", x, g.unary("Tanh", g.unary("Softplus", x)))
    if name == "HardSwish" and g.root.opset < 14 or name == "Gelu" and g.root.opset < 20:
        return g.unary("Relu", x)
    alpha = g.pick([0.1, 0.25, None]) if name in ("LeakyRelu", "HardSigmoid", "Elu") else None
    return g.unary(name, x, alpha=alpha)


def conv_block(g):
    x = conv(g)
    if g.chance():
        x = batch_norm(g, x)
    elif g.chance(0.3):
        x = affine(g, x)
    if g.chance(0.3):
        x = residual(g, x)
    if g.chance(0.7):
        x = activation(g, x)
    if g.chance(0.15):
        x = residual(g, x)


def residual(g, x=None):
    """The sum (or another combination) with a value of the same shape, or one that broadcasts."""
    x = x or image(g)
    other = g.find(lambda v: v.dtype == x.dtype and v.name != x.name and (v.shape == x.shape or (
        g.chance(0.3) and v.rank == 4 and np.all([a in (1, b) for a, b in zip(v.shape, x.shape)]))))  # fmt: skip
    if other is None:
        return x
    return g.binary(g.pick(["Add", "Add", "Add", "Mul", "Sub", "Max"]), x, other)


def conv_transpose(g):
    x = image(g)
    group = g.pick([d for d in (1, 1, 2, 4) if x.shape[1] % d == 0])
    out, kernel, stride = g.integer(1, 8), g.integer(1, 4), g.integer(1, 3)
    pad = g.integer(0, (kernel - 1) // 2)
    weights = g.normal((x.shape[1], out, kernel, kernel), x.shape[1] ** -0.5)
    operands = [x, g.weight(weights)] + ([g.weight(g.normal((out * group,)))] if g.chance() else [])
    spatial = [(e - 1) * stride + kernel - 2 * pad for e in x.shape[2:]]
    y = g.node("ConvTranspose", operands, (x.shape[0], out * group, *spatial), strides=[stride, stride],
               pads=[pad] * 4, group=group)  # fmt: skip
    return batch_norm(g, y) if g.chance(0.3) else y


def pool(g):
    x = image(g)
    if g.chance(0.25):
        operator = g.pick(["GlobalAveragePool", "GlobalAveragePool", "GlobalMaxPool"])
        return g.node(operator, [x], (*x.shape[:2], 1, 1))
    if g.chance(0.2):
        return g.reduce(g.pick(["ReduceMean", "ReduceMax"]), x, [2, 3], g.integer(0, 1))
    attributes, spatial = window(g, x, g.pick([[2, 2], [3, 3], [3, 3], [1, 2], [5, 5]]))
    if g.chance():
        return g.node("MaxPool", [x], (*x.shape[:2], *spatial), **attributes)
    return g.node("AveragePool", [x], (*x.shape[:2], *spatial), count_include_pad=g.integer(0, 1), **attributes)


def gate(g):
    """Squeeze and excitation."""
    x = image(g)
    squeezed = g.node("GlobalAveragePool", [x], (*x.shape[:2], 1, 1))
    if g.chance(0.3):
        squeezed = g.reduce("ReduceMean", x, [2, 3], 1)
    middle, channels = g.integer(1, 8), x.shape[1]
    for out, function in ((middle, "Relu"), (channels, g.pick(["Sigmoid", "HardSigmoid"]))):
        weights = g.weight(g.normal((out, squeezed.shape[1], 1, 1), 0.5))
        bias = [g.weight(g.normal((out,)))] if g.chance() else []
        squeezed = g.unary(function, g.node("Conv", [squeezed, weights, *bias], (x.shape[0], out, 1, 1), kernel_shape=[1, 1]))
    return g.binary("Mul", x, squeezed)


def concat(g):
    x = image(g)
    axis = g.pick([1, 1, 1, 2, 3])
    alike = [v for v in g.pool if v.rank == 4 and v.dtype == x.dtype
             and all(a == b for i, (a, b) in enumerate(zip(v.shape, x.shape)) if i != axis)]  # fmt: skip
    parts = [g.pick(alike) for _ in range(g.integer(1, 3))]
    if g.chance(0.8):
        parts.insert(g.integer(0, len(parts)), x)
    shape = list(x.shape)
    shape[axis] = sum(p.shape[axis] for p in parts)
    return g.node("Concat", parts, shape, axis=axis - 4 if g.chance(0.2) else axis)


def split(g):
    x = image(g)
    axis = g.pick([1, 1, 1, 2, 3])
    if x.shape[axis] < 2:
        raise Skip("nothing to split")
    first = x.shape[axis] // 2 if g.chance() else g.integer(1, x.shape[axis] - 1)
    sizes = [first, x.shape[axis] - first]
    shapes = [tuple(s if i == axis else e for i, e in enumerate(x.shape)) for s in sizes]
    parts = g.node("Split", [x, g.integers(sizes)], shapes, axis=axis)
    if g.chance():
        parts.reverse()
    if g.chance(0.6):
        parts[0] = activation(g, parts[0])
    return g.node("Concat", parts, x.shape, axis=axis) if g.chance() else parts[0]


def slice_(g, x=None):
    x = x or image(g)
    axis = g.integer(0, x.rank - 1)
    step = g.pick([1, 1, 2, -1])
    start, end = (g.integer(0, x.shape[axis]) for _ in range(2))
    kept = len(range(x.shape[axis])[start:end:step])
    if not kept:
        start, end, step, kept = 0, 2**31 - 1, 1, x.shape[axis]
    shape = [kept if i == axis else e for i, e in enumerate(x.shape)]
    return g.node("Slice", [x, *map(g.integers, ([start], [end], [axis], [step]))], shape, x.dtype)


def shuffle(g):
    x = image(g)
    n, c, h, w = x.shape
    groups = g.pick([d for d in (1, 2, 3, 4) if c % d == 0])
    spread = g.reshape(x, (n, groups, c // groups, h, w))
    return g.reshape(g.transpose(spread, [0, 2, 1, 3, 4]), x.shape)


def layout(g):
    """To channels-last and back, with something between."""
    x = image(g)
    y = g.transpose(x, [0, 2, 3, 1])
    if g.chance():
        y = g.binary(g.pick(["Add", "Mul"]), y, g.weight(g.normal((x.shape[1],))))
    if g.chance():
        y = g.unary(g.pick(["Relu", "Sigmoid"]), y)
    return g.transpose(y, [0, 3, 1, 2]) if g.chance(0.8) else y


def resize(g):
    x = image(g)
    if x.size > 1 << 13:
        raise Skip("large enough")
    factors = [1, 1, g.pick([1, 2, 2, 3]), g.pick([1, 2, 2, 3])]
    mode = g.pick(["nearest", "nearest", "linear", "cubic"])
    where = g.pick(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"])
    how = g.pick(["floor", "round_prefer_floor"]) if mode == "nearest" else None
    if mode == "nearest":
        where = "asymmetric"
    shape = [e * f for e, f in zip(x.shape, factors)]
    attributes = {"mode": mode, "coordinate_transformation_mode": where, "nearest_mode": how}
    if g.chance():
        return g.node("Resize", [x, None, g.weight(np.array(factors, np.float32))], shape, **attributes)
    return g.node("Resize", [x, None, None, g.integers(shape)], shape, **attributes)


def pad(g):
    x = image(g)
    pads = [0, 0, g.integer(0, 2), g.integer(0, 2)] + [0, 0, g.integer(0, 2), g.integer(0, 2)]
    mode = g.pick(["constant", "constant", "edge"])
    shape = [e + pads[i] + pads[4 + i] for i, e in enumerate(x.shape)]
    fill = [g.weight(np.float32(g.pick([0.0, 1.5])))] if mode == "constant" and g.chance() else []
    return g.node("Pad", [x, g.integers(pads), *fill], shape, mode=mode)


def normalization(g):
    x = image(g)
    c = (x.shape[1],)
    if x.shape[2] * x.shape[3] < 4:
        raise Skip("variance of nothing")
    scale, bias = g.weight(g.normal(c)), g.weight(g.normal(c))
    if g.root.opset >= 21 and g.chance():
        groups = g.pick([d for d in (1, 2, 4) if c[0] % d == 0])
        return g.node("GroupNormalization", [x, scale, bias], x.shape, num_groups=groups)
    return g.node("InstanceNormalization", [x, scale, bias], x.shape)


def group_norm_parts(g):
    """As exporters write group normalization before there was an operator."""
    x = image(g)
    n, c, h, w = x.shape
    groups = g.pick([d for d in (1, 2, 4) if c % d == 0])
    if c // groups * h * w < 4:
        raise Skip("variance of nothing")
    flat = g.reshape(x, (n, groups, c // groups * h * w))
    ones, zeros = np.ones(groups, np.float32), np.zeros(groups, np.float32)
    y = g.node("InstanceNormalization", [flat, g.weight(ones), g.weight(zeros)], flat.shape)
    y = g.reshape(y, x.shape)
    y = g.binary("Mul", y, g.weight(g.normal((c, 1, 1))))
    return g.binary("Add", y, g.weight(g.normal((c, 1, 1))))


def depth(g):
    x = image(g)
    if x.shape[1] % 4:
        raise Skip("no multiple of four channels")
    n, c, h, w = x.shape
    return g.node("DepthToSpace", [x], (n, c // 4, 2 * h, 2 * w), blocksize=2, mode=g.pick(["DCR", "CRD"]))


def head(g):
    """Flatten and classify."""
    x = image(g)
    flat = g.node("Flatten", [x], (x.shape[0], math.prod(x.shape[1:])), axis=1) if g.chance() else g.reshape(
        x, (x.shape[0], math.prod(x.shape[1:])))  # fmt: skip
    return dense(g, flat)


def dense(g, x=None):
    x = x or g.find(lambda v: v.rank == 2 and v.dtype == np.float32 and v.shape[1] <= 4096)
    if x is None:
        x = g.feed((g.batch, g.integer(1, 40)))
    k, n = x.shape[1], g.pick([1, 2, 5, 16, 17, 33])
    flipped = g.chance()
    w = g.weight(g.normal((n, k) if flipped else (k, n), k**-0.5))
    if g.chance(0.6):
        bias = [g.weight(g.normal(g.pick([(n,), (1, n), (1,)])))] if g.chance(0.8) else []
        y = g.node("Gemm", [x, w, *bias], (x.shape[0], n), transB=int(flipped), alpha=g.pick([None, None, 0.5]))
    else:
        y = g.node("MatMul", [x, g.transpose(w, [1, 0]) if flipped else w], (x.shape[0], n))
        y = g.binary("Add", y, g.weight(g.normal((n,)))) if g.chance(0.7) else y
    return g.unary(g.pick(["Relu", "Tanh", "Sigmoid"]), y) if g.chance() else y


def softmax(g):
    x = image(g)
    return g.unary("Softmax", x, axis=g.pick([1, -1, 2]))


def act(g):
    return activation(g, image(g))


def norm(g):
    return batch_norm(g, image(g))


def scale(g):
    return affine(g, image(g))


MOTIFS = {
    conv_block: 8, conv: 3, residual: 2, pool: 2, gate: 1, concat: 2, split: 1.5, slice_: 0.7, shuffle: 0.7, layout: 1, resize: 1,
    pad: 1, normalization: 0.7, group_norm_parts: 0.5, depth: 0.5, head: 0.8, dense: 0.8, softmax: 0.4, act: 1.5, norm: 0.7,
    scale: 0.7, conv_transpose: 0.7,
}  # fmt: skip

__all__ = ["MOTIFS", "Value"]
