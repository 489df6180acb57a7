"""Parts of transformers, as exporters write them."""

import math

import numpy as np

from ..draw import Skip
from . import vision
from .builder import I64

F32 = np.dtype(np.float32)


def states(g):
    found = g.find(lambda v: v.rank == 3 and v.dtype == F32 and v.shape[2] % 4 == 0 and v.shape[2] <= 64)
    if found is None or (not g.outer and g.chance(0.05)):
        return g.feed((g.batch, g.integer(1, 9), g.pick([4, 8, 12, 16, 32, 48])))
    return found


def linear(g, x=None, width=None, biased=None):
    x = x or states(g)
    k, n = x.shape[-1], width or g.pick([4, 8, 16, 16, 32, 48, 64])
    w = g.weight(g.normal((k, n), k**-0.5))
    if g.chance(0.15):
        w = g.transpose(g.weight(g.normal((n, k), k**-0.5)), [1, 0])
    y = g.node("MatMul", [x, w], (*x.shape[:-1], n))
    if biased if biased is not None else g.chance(0.7):
        y = g.binary("Add", y, g.weight(g.normal((n,))))
    return y


def moment(g, operator, x):
    return g.reduce(operator, x, [x.rank - 1], 1)


def layer_norm(g):
    x = states(g)
    if g.chance(0.3):
        x = residual(g, x)
    if g.chance(0.3) and g.root.opset >= 17:
        operands = [x, g.weight(g.normal((x.shape[-1],))), g.weight(g.normal((x.shape[-1],)))][: g.integer(2, 3)]
        return g.node("LayerNormalization", operands, x.shape, axis=-1, epsilon=g.pick([None, 1e-6]))
    mean = moment(g, "ReduceMean", x)
    centred = g.binary("Sub", x, mean)
    again = g.binary("Sub", x, mean) if g.chance(0.2) else centred
    form = g.pick(["Pow", "Mul", "Mul", "Pow"])
    square = g.node("Pow", [centred, g.weight(np.float32(2))], x.shape) if form == "Pow" else g.binary(
        "Mul", centred, centred)  # fmt: skip
    shifted = g.binary("Add", moment(g, "ReduceMean", square), g.weight(np.float32(g.pick([1e-5, 1e-6, 1e-12]))))
    root = g.unary("Sqrt", shifted)
    if g.chance(0.2):
        y = g.binary("Mul", again, g.unary("Reciprocal", root))
    else:
        y = g.binary("Div", again, root)
    return scaled(g, y)


def scaled(g, y):
    width = y.shape[-1]
    if g.chance(0.9):
        y = g.binary("Mul", y, g.weight(g.normal((width,))))
    if g.chance(0.8):
        y = g.binary("Add", y, g.weight(g.normal((width,))))
    return y


def rms_norm(g):
    x = states(g)
    square = g.node("Pow", [x, g.weight(np.float32(2))], x.shape) if g.chance() else g.binary("Mul", x, x)
    shifted = g.binary("Add", moment(g, "ReduceMean", square), g.weight(np.float32(1e-5)))
    root = g.unary("Sqrt", shifted)
    y = g.binary("Div", x, root) if g.chance() else g.binary("Mul", x, g.unary("Reciprocal", root))
    return g.binary("Mul", y, g.weight(g.normal((x.shape[-1],))))


def gelu(g):
    x = states(g)
    form = g.pick(["erf", "erf", "tanh", "quick", "silu", "operator"])
    half, one = g.weight(np.float32(0.5)), g.weight(np.float32(1))
    if form == "operator" and g.root.opset >= 20:
        return g.unary("Gelu", x, approximate=g.pick([None, "tanh"]))
    if form == "silu":
        return g.binary("Mul", x, g.unary("Sigmoid", x))
    if form == "quick":
        return g.binary("Mul", x, g.unary("Sigmoid", g.binary("Mul", x, g.weight(np.float32(1.702)))))
    if form == "tanh":
        cube = g.node("Pow", [x, g.weight(np.float32(3))], x.shape)
        inner = g.binary("Add", x, g.binary("Mul", cube, g.weight(np.float32(0.044715))))
        t = g.unary("Tanh", g.binary("Mul", inner, g.weight(np.float32(math.sqrt(2 / math.pi)))))
        return g.binary("Mul", g.binary("Mul", x, half), g.binary("Add", t, one))
    e = g.binary("Div", x, g.weight(np.float32(math.sqrt(2)))) if g.chance() else g.binary(
        "Mul", x, g.weight(np.float32(math.sqrt(0.5))))  # fmt: skip
    e = g.binary("Add", g.unary("Erf", e), one)
    return g.binary("Mul", g.binary("Mul", x, half), e) if g.chance() else g.binary("Mul", g.binary("Mul", x, e), half)


def heads_of(g, x, heads, order=(0, 2, 1, 3)):
    n, length, width = x.shape
    return g.transpose(g.reshape(x, (n, length, heads, width // heads)), list(order))


def attention(g):
    x = states(g)
    n, length, width = x.shape
    heads = g.pick([h for h in (1, 2, 4) if width % h == 0])
    size = width // heads
    source = g.find(lambda v: v.rank == 3 and v.dtype == F32 and v.shape[0] == n and v.shape[2] == width)
    source = source if source is not None and g.chance(0.3) else x
    q, k, v = projections(g, x, source, width)
    q, v = heads_of(g, q, heads), heads_of(g, v, heads)
    if g.chance():
        k = heads_of(g, k, heads, (0, 2, 3, 1))
    else:
        k = g.transpose(heads_of(g, k, heads), [0, 1, 3, 2])
    factor = np.float32(size**-0.5)
    form = g.pick(["after", "after", "divide", "before", "both", "none"])
    if form == "before":
        q = g.binary("Mul", q, g.weight(factor))
    elif form == "both":
        q, k = (g.binary("Mul", t, g.weight(np.float32(size**-0.25))) for t in (q, k))
    scores = g.node("MatMul", [q, k], (n, heads, length, source.shape[1]))
    if form == "after":
        scores = g.binary("Mul", scores, g.weight(factor))
    elif form == "divide":
        scores = g.binary("Div", scores, g.weight(np.float32(size**0.5)))
    scores = masked(g, scores)
    weights = g.unary("Softmax", scores, axis=g.pick([-1, 3]))
    y = g.node("MatMul", [weights, v], (n, heads, length, size))
    y = g.reshape(g.transpose(y, [0, 2, 1, 3]), (n, length, width))
    if g.chance(0.7):
        y = linear(g, y, width)
    return g.binary("Add", y, x) if g.chance(0.7) else y


def projections(g, x, source, width):
    if source is x and g.chance(0.3):
        joined = linear(g, x, 3 * width)
        shape = (*joined.shape[:2], width)
        return g.node("Split", [joined, g.integers([width] * 3)], [shape] * 3, axis=g.pick([-1, 2]))
    return linear(g, x, width), linear(g, source, width), linear(g, source, width)


def masked(g, scores):
    n, heads, rows, columns = scores.shape
    form = g.pick(["none", "none", "add", "causal", "where", "constant"])
    if form == "none":
        return scores
    if form == "add" and not g.outer:
        return g.binary("Add", scores, g.feed(g.pick([(n, 1, 1, columns), (n, 1, rows, columns), (n, heads, rows, columns)])))
    upper = np.triu(np.ones((rows, columns), bool), 1)
    if form == "where":
        low = g.weight(np.float32(g.pick([-1e9, -10000.0, -3.4028234e38])))
        return g.node("Where", [g.weight(~upper), scores, low], scores.shape)
    if form == "constant":
        return g.binary("Add", scores, g.weight(g.normal(g.pick([(heads, rows, columns), (1, 1, rows, columns)]))))
    return g.binary("Add", scores, g.weight(np.where(upper, np.float32(-10000), np.float32(0))))


def residual(g, x=None):
    x = x or states(g)
    other = g.find(lambda v: v.shape == x.shape and v.dtype == F32 and v.name != x.name)
    return g.binary("Add", x, other if other is not None else x)


def embedding(g):
    rows, width = g.integer(3, 20), g.pick([8, 16, 32])
    ids = g.find(lambda v: v.dtype == I64 and v.rank == 2 and v.name in g.inputs)
    length = ids.shape[1] if ids is not None else g.integer(1, 9)
    if ids is None:
        ids = g.feed((g.batch, length), I64, 0, 2)
    y = g.node("Gather", [g.weight(g.normal((rows, width))), ids], (*ids.shape, width), axis=0)
    return g.binary("Add", y, g.weight(g.normal((1, length, width)))) if g.chance() else y


def swiglu(g):
    x = states(g)
    inner = g.pick([8, 16, 32])
    gate, up = linear(g, x, inner, False), linear(g, x, inner, False)
    y = g.binary("Mul", g.binary("Mul", gate, g.unary("Sigmoid", gate)), up)
    return linear(g, y, x.shape[-1], False)


def rotary(g):
    """x·cos + rotate_half(x)·sin"""
    x = states(g)
    n, length, width = x.shape
    half = width // 2
    parts = [g.node("Slice", [x, *map(g.integers, ([a], [b], [2]))], (n, length, half)) for a, b in ((0, half), (half, width))]
    turned = g.node("Concat", [g.unary("Neg", parts[1]), parts[0]], x.shape, axis=g.pick([-1, 2]))
    angles = g.numpy.uniform(-2, 2, (length, width)).astype(np.float32)
    cosine, sine = g.weight(np.cos(angles)), g.weight(np.sin(angles))
    return g.binary("Add", g.binary("Mul", x, cosine), g.binary("Mul", turned, sine))


def pooler(g):
    x = states(g)
    n, _, width = x.shape
    if g.chance():
        first = g.node("Gather", [x, g.weight(np.array(0, I64))], (n, width), axis=1)
    else:
        first = g.reduce("ReduceMean", x, [1], 0)
    return vision.dense(g, first)


def einsum(g):
    x = states(g)
    n, length, width = x.shape
    form = g.pick(["bsh,hk->bsk", "bsh,bth->bst", "bsh,h->bs", "bsh,bsh->bh"])
    other = {"bsh,hk->bsk": (width, 8), "bsh,h->bs": (width,)}.get(form)
    operand = g.weight(g.normal(other, width**-0.5)) if other else x
    shape = {"bsh,hk->bsk": (n, length, 8), "bsh,bth->bst": (n, length, length), "bsh,h->bs": (n, length),
             "bsh,bsh->bh": (n, width)}[form]  # fmt: skip
    return g.node("Einsum", [x, operand], shape, equation=form)


def conv_over_time(g):
    """A convolution of rank 1 between transposes."""
    x = states(g)
    n, length, width = x.shape
    y = g.transpose(x, [0, 2, 1])
    kernel, group = g.pick([1, 3]), g.pick([1, 1, width])
    out = g.pick([8, 16]) if group == 1 else width
    w = g.weight(g.normal((out, width // group, kernel), (kernel * width // group) ** -0.5))
    y = g.node("Conv", [y, w], (n, out, length), kernel_shape=[kernel], pads=[kernel // 2] * 2, group=group)
    return g.transpose(y, [0, 2, 1]) if g.chance(0.8) else y


def half(g):
    """Through half precision and back."""
    if g.root.exact:
        raise Skip("not exact")
    g.root.rough = True
    x = states(g)
    y = g.node("Cast", [x], x.shape, np.float16, to=10)
    return g.node("Cast", [y], x.shape, to=1)


def folded(g):
    """Batch and time as one axis, a product, and back."""
    x = states(g)
    n, length, width = x.shape
    flat = g.node("Reshape", [x, g.integers([-1, width])], (n * length, width))
    y = vision.dense(g, flat)
    return g.reshape(y, (n, length, y.shape[-1]))


def recurrent(g):
    x = states(g)
    name = g.pick(["LSTM", "GRU", "RNN"])
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[name]
    n, length, width = x.shape
    hidden, ways = g.pick([4, 8, 16]), g.integer(1, 2)
    y = g.transpose(x, [1, 0, 2])
    weight = lambda k: g.weight(g.normal((ways, gates * hidden, k), k**-0.5))  # noqa: E731
    operands = [y, weight(width), weight(hidden)] + ([g.weight(g.normal((ways, 2 * gates * hidden)))] if g.chance() else [])
    shapes = [(length, ways, n, hidden), (ways, n, hidden)] + ([(ways, n, hidden)] if name == "LSTM" else [])
    direction = "bidirectional" if ways == 2 else g.pick(["forward", "reverse"])
    y = g.node(name, operands, shapes, hidden_size=hidden, direction=direction)[0]
    return g.reshape(g.transpose(y, [2, 0, 1, 3]), (n, length, ways * hidden))


MOTIFS = {linear: 3, layer_norm: 4, rms_norm: 1.5, gelu: 3, attention: 4, residual: 2, embedding: 1, swiglu: 1, rotary: 1,
          pooler: 1, einsum: 0.7, conv_over_time: 0.7, half: 0.4, folded: 0.7, recurrent: 0.5}  # fmt: skip
