"""Random cases for the operators of com.microsoft: one function per operator, which draws one case."""

from dataclasses import dataclass, field

import numpy as np

F32 = np.float32
FLOAT = (2e-4, 2e-5)  # relative, absolute
STEP = (0.0, 1.0)


@dataclass
class Case:
    op: str
    inputs: list  # (name, array or None)
    attributes: dict = field(default_factory=dict)
    outputs: tuple = (True,)
    constants: set = field(default_factory=set)
    tolerance: tuple = FLOAT
    domain: str = "com.microsoft"
    opset: int = 21
    shared: dict = field(default_factory=dict)  # outputs that ONNX Runtime writes into the memory of inputs


_MAKERS = []


def makers():
    return list(_MAKERS)


def maker(name):
    def register(function):
        _MAKERS.append((name, function))
        return function

    return register


# Drawing


def extents(g, rank, low=1, high=7):
    return [int(n) for n in g.integers(low, high + 1, rank)]


def real(g, *shape, scale=1.0):
    return (g.standard_normal(shape) * scale).astype(F32)


def eight(g, *shape, signed=None):
    signed = g.random() < 0.5 if signed is None else signed
    kind = np.int8 if signed else np.uint8
    info = np.iinfo(kind)
    return g.integers(info.min, info.max + 1, shape).astype(kind)


def positive(g, *shape, low=0.01, high=0.1):
    """Scales; now and then powers of 2, which make ties."""
    if g.random() < 0.3:
        return (2.0 ** g.integers(-7, -3, shape)).astype(F32)
    return g.uniform(low, high, shape).astype(F32)


def zero(g, kind, *shape):
    info = np.iinfo(kind)
    middle = 0 if info.min < 0 else 128
    return g.integers(middle - 60, middle + 60, shape).astype(kind)


def pick(g, *choices):
    return choices[int(g.integers(len(choices)))]


def coin(g, chance=0.5):
    return bool(g.random() < chance)


def some(g, names):
    """Which inputs are constants."""
    return {name for name in names if coin(g)}


def broadcastable(g, shape):
    other = [n if coin(g, 0.7) else 1 for n in shape]
    return other[int(g.integers(len(other) + 1)) :] if coin(g, 0.3) else other


# Quantized


def qlinear_binary(op):
    def make(g):
        shape = extents(g, int(g.integers(0, 5)), 1, 9)
        a = eight(g, *shape)
        b = eight(g, *broadcastable(g, shape), signed=a.dtype == np.int8)
        if coin(g):
            a, b = b, a
        inputs = [("a", a), ("sa", positive(g)), ("za", zero(g, a.dtype)), ("b", b), ("sb", positive(g))]
        inputs += [("zb", zero(g, a.dtype)), ("sc", positive(g)), ("zc", zero(g, a.dtype))]
        return Case(op, inputs, constants=some(g, "sa za sb zb sc zc b".split()), tolerance=STEP)

    return make


maker("QLinearAdd")(qlinear_binary("QLinearAdd"))
maker("QLinearMul")(qlinear_binary("QLinearMul"))


@maker("QLinearConcat")
def _(g):
    rank = int(g.integers(1, 5))
    axis = int(g.integers(-rank, rank))
    shape = extents(g, rank)
    signed = coin(g)
    kind = np.int8 if signed else np.uint8
    inputs = [("ys", positive(g)), ("yz", zero(g, kind))]
    for i in range(int(g.integers(1, 5))):
        shape[axis] = int(g.integers(1, 6))
        inputs += [(f"x{i}", eight(g, *shape, signed=signed)), (f"s{i}", positive(g)), (f"z{i}", zero(g, kind))]
    names = [n for n, _ in inputs if n[0] in "ysz"]
    return Case("QLinearConcat", inputs, {"axis": axis}, constants=some(g, names), tolerance=STEP)


def pool_attributes(g, spatial):
    kernel = extents(g, len(spatial), 1, 3)
    attributes = {"kernel_shape": kernel}
    if coin(g):
        attributes["strides"] = extents(g, len(spatial), 1, 3)
    if coin(g):
        attributes["pads"] = [int(g.integers(0, k)) for k in kernel * 2]
    elif coin(g, 0.3):
        attributes["auto_pad"] = pick(g, "SAME_UPPER", "SAME_LOWER", "VALID")
    return attributes


@maker("QLinearAveragePool")
def _(g):
    spatial = extents(g, int(g.integers(1, 4)), 3, 8)
    batch = extents(g, 2, 1, 4)
    last = coin(g, 0.3)
    x = eight(g, *([batch[0], *spatial, batch[1]] if last else [*batch, *spatial]))
    attributes = pool_attributes(g, spatial) | {"count_include_pad": int(coin(g)), "channels_last": int(last)}
    if coin(g):
        attributes["ceil_mode"] = 0
    inputs = [("x", x), ("xs", positive(g)), ("xz", zero(g, x.dtype)), ("ys", positive(g)), ("yz", zero(g, x.dtype))]
    return Case("QLinearAveragePool", inputs, attributes, constants=some(g, "xs xz ys yz".split()), tolerance=STEP)


@maker("QLinearGlobalAveragePool")
def _(g):
    spatial = extents(g, int(g.integers(1, 4)), 1, 9)
    batch = extents(g, 2, 1, 5)
    last = coin(g)
    x = eight(g, *([batch[0], *spatial, batch[1]] if last else [*batch, *spatial]))
    inputs = [("x", x), ("xs", positive(g)), ("xz", zero(g, x.dtype)), ("ys", positive(g)), ("yz", zero(g, x.dtype))]
    return Case("QLinearGlobalAveragePool", inputs, {"channels_last": int(last)}, constants=some(g, "xs xz".split()), tolerance=STEP)


def qlinear_unary(op):
    def make(g):
        x = eight(g, *extents(g, int(g.integers(0, 4)), 1, 20))
        inputs = [("x", x), ("xs", positive(g)), ("xz", zero(g, x.dtype)), ("ys", positive(g)), ("yz", zero(g, x.dtype))]
        attributes = {"alpha": float(F32(g.uniform(-0.5, 0.9)))} if op == "QLinearLeakyRelu" and coin(g) else {}
        return Case(op, inputs, attributes, constants=some(g, "xs xz ys yz".split()), tolerance=STEP)

    return make


maker("QLinearLeakyRelu")(qlinear_unary("QLinearLeakyRelu"))
maker("QLinearSigmoid")(qlinear_unary("QLinearSigmoid"))


@maker("QLinearSoftmax")
def _qlinear_softmax(g):
    rank = int(g.integers(1, 5))
    x = eight(g, *extents(g, rank, 1, 9))
    scale = F32(1 / 256) if coin(g, 0.7) else positive(g, low=0.004, high=0.05)
    low = np.array(np.iinfo(x.dtype).min, x.dtype)
    inputs = [("x", x), ("xs", positive(g)), ("xz", zero(g, x.dtype)), ("ys", np.asarray(scale)), ("yz", low)]
    attributes = {"axis": int(g.integers(-rank, rank)), "opset": pick(g, 11, 13)}
    if np.prod(x.shape[attributes["axis"] :][: 1 if attributes["opset"] == 13 else None]) < 2:
        return _qlinear_softmax(g)  # of one element ONNX Runtime's weights are infinite, its result 0
    return Case("QLinearSoftmax", inputs, attributes, constants=some(g, "xs xz ys yz".split()), tolerance=STEP)


@maker("QLinearWhere")
def _(g):
    shape = extents(g, int(g.integers(1, 4)))
    x = eight(g, *broadcastable(g, shape))
    y = eight(g, *shape, signed=x.dtype == np.int8)
    inputs = [("c", g.random(shape) < 0.5), ("x", x), ("xs", positive(g)), ("xz", zero(g, x.dtype))]
    inputs += [("y", y), ("ys", positive(g)), ("yz", zero(g, x.dtype)), ("zs", positive(g)), ("zz", zero(g, x.dtype))]
    return Case("QLinearWhere", inputs, constants=set("xs xz ys yz zs zz".split()), tolerance=STEP)


@maker("QGemm")
def _(g):
    m, n, k = extents(g, 3, 1, 40)
    ta, tb = coin(g, 0.3), coin(g)
    a = eight(g, *((k, m) if ta else (m, k)))
    b = eight(g, *((n, k) if tb else (k, n)), signed=True if a.dtype == np.int8 else None)
    lines = (n,) if coin(g) else ()
    inputs = [("a", a), ("sa", positive(g)), ("za", zero(g, a.dtype)), ("b", b), ("sb", positive(g, *lines))]
    inputs += [("zb", zero(g, b.dtype, *lines))]
    c = pick(g, None, [n], [1, n], [m, n], [m, 1], [1])
    inputs += [("c", None if c is None else g.integers(-5000, 5000, c).astype(np.int32))]
    if coin(g, 0.7):
        inputs += [("sy", positive(g, low=k * 0.1, high=k * 0.5)), ("zy", zero(g, a.dtype))]
    attributes = {"transA": int(ta), "transB": int(tb)}
    if coin(g, 0.3):
        attributes["alpha"] = float(F32(g.uniform(0.5, 2)))
    tolerance = STEP if len(inputs) > 7 else FLOAT
    return Case("QGemm", inputs, attributes, constants=some(g, "sa za b sb zb c sy zy".split()), tolerance=tolerance)


def integer_product(g, dynamic):
    m, n, k = extents(g, 3, 1, 40)
    batch = extents(g, int(g.integers(0, 3)), 1, 3)
    a = real(g, *batch, m, k) if dynamic else eight(g, *batch, m, k)
    right = [] if coin(g, 0.7) else batch
    b = eight(g, *right, k, n, signed=True if a.dtype == np.int8 else None)
    lines = (n,) if coin(g) and not right else ()
    zeros = None if coin(g, 0.3) else zero(g, b.dtype, *lines)
    bias = real(g, n) if coin(g) else None
    if dynamic:
        return [("a", a), ("b", b), ("sb", positive(g, *lines)), ("zb", zeros), ("bias", bias)]
    za = None if coin(g, 0.3) else zero(g, a.dtype)
    return [("a", a), ("b", b), ("sa", positive(g)), ("sb", positive(g, *lines)), ("za", za), ("zb", zeros), ("bias", bias)]


@maker("MatMulIntegerToFloat")
def _(g):
    return Case("MatMulIntegerToFloat", integer_product(g, False), constants=some(g, "b sa sb za zb bias".split()))


@maker("DynamicQuantizeMatMul")
def _(g):
    return Case("DynamicQuantizeMatMul", integer_product(g, True), constants=some(g, "b sb zb bias".split()))


@maker("MatMulInteger16")
def _(g):
    m, n, k = extents(g, 3, 1, 9)
    a, b = (g.integers(-300, 300, s).astype(np.int16) for s in ((m, k), (k, n)))
    return Case("MatMulInteger16", [("a", a), ("b", b)])


def axis_scales(g, shape):
    """(axis, shape of scales)"""
    if coin(g):
        return None, ()
    axis = int(g.integers(0, len(shape)))
    return axis, (shape[axis],)


@maker("QuantizeLinear")
def _(g):
    shape = extents(g, int(g.integers(1, 5)))
    axis, lines = axis_scales(g, shape)
    kind = pick(g, np.uint8, np.int8, np.uint16, np.int16)
    inputs = [("x", real(g, *shape, scale=3)), ("s", positive(g, *lines)), ("z", zero(g, kind, *lines))]
    attributes = {} if axis is None else {"axis": axis}
    return Case("QuantizeLinear", inputs, attributes, constants=some(g, "s z".split()), tolerance=STEP)


@maker("DequantizeLinear")
def _(g):
    shape = extents(g, int(g.integers(1, 5)))
    axis, lines = axis_scales(g, shape)
    kind = pick(g, np.uint8, np.int8, np.uint16, np.int16, np.int32)
    info = np.iinfo(kind)
    x = g.integers(info.min, info.max, shape).astype(kind)
    inputs = [("x", x), ("s", positive(g, *lines)), ("z", zero(g, kind, *lines) * (kind != np.int32))]
    attributes = {} if axis is None else {"axis": axis}
    return Case("DequantizeLinear", inputs, attributes, constants=some(g, "s z".split()))


# Products


@maker("FusedMatMul")
def _(g):
    m, n, k = extents(g, 3, 1, 20)
    batch = extents(g, int(g.integers(0, 3)), 1, 3)
    flags = {name: int(coin(g, 0.3)) for name in ("transA", "transB", "transBatchA", "transBatchB")}
    if not batch:
        flags["transBatchA"] = flags["transBatchB"] = 0

    def operand(rows, columns, side):
        rows, columns = (columns, rows) if flags["trans" + side] else (rows, columns)
        return [rows, *batch, columns] if flags["transBatch" + side] else [*batch, rows, columns]

    kind = pick(g, F32, F32, np.float64)
    inputs = [("a", real(g, *operand(m, k, "A")).astype(kind)), ("b", real(g, *operand(k, n, "B")).astype(kind))]
    return Case("FusedMatMul", inputs, flags | {"alpha": float(F32(g.uniform(0.1, 2)))}, constants=some(g, ["b"]))


@maker("TransposeMatMul")
def _(g):
    m, n, k = extents(g, 3, 1, 20)
    ta, tb = coin(g), coin(g)
    inputs = [("a", real(g, *((k, m) if ta else (m, k)))), ("b", real(g, *((n, k) if tb else (k, n))))]
    return Case("TransposeMatMul", inputs, {"transA": int(ta), "transB": int(tb)}, constants=some(g, ["b"]))


@maker("FusedGemm")
def _(g):
    m, n, k = extents(g, 3, 1, 30)
    ta, tb = coin(g), coin(g)
    c = pick(g, None, [n], [m, n], [m, 1], [])
    inputs = [("a", real(g, *((k, m) if ta else (m, k)))), ("b", real(g, *((n, k) if tb else (k, n))))]
    inputs += [("c", None if c is None else real(g, *c))]
    attributes = {"transA": int(ta), "transB": int(tb), "alpha": float(F32(g.uniform(0.5, 2)))}
    attributes |= {"beta": float(F32(g.uniform(0.5, 2))) if coin(g) else 1.0}
    attributes |= pick(g, {"activation": "Relu"}, {"activation": "Tanh"}, {"activation": "Sigmoid"},
                       {"activation": "LeakyRelu", "activation_alpha": 0.25},
                       {"activation": "HardSigmoid", "activation_alpha": 0.25, "activation_beta": 0.4})
    return Case("FusedGemm", inputs, attributes, constants=some(g, "bc"))


@maker("FusedConv")
def _(g):
    spatial = extents(g, int(g.integers(1, 3)), 4, 10)
    group = pick(g, 1, 1, 2)
    batch, per_in, per_out = extents(g, 3, 1, 5)
    kernel = extents(g, len(spatial), 1, 3)
    x = real(g, batch, per_in * group, *spatial)
    w = real(g, per_out * group, per_in, *kernel)
    attributes = {"group": group, "kernel_shape": kernel}
    attributes |= pick(g, {"activation": "Relu"}, {"activation": "Tanh"}, {"activation": "Sigmoid"},
                       {"activation": "LeakyRelu", "activation_params": [0.25]},
                       {"activation": "Clip", "activation_params": [-0.5, 1.5]},
                       {"activation": "HardSigmoid", "activation_params": [0.25, 0.4]})
    result = [batch, per_out * group, *(s - k + 1 for s, k in zip(spatial, kernel))]
    inputs = [("x", x), ("w", w), ("b", real(g, per_out * group) if coin(g) else None)]
    if coin(g):
        inputs += [("z", real(g, *result))]
    return Case("FusedConv", inputs, attributes, constants=some(g, "wb"))


# Activations and normalisation


def biased(op, optional):
    def make(g):
        shape = extents(g, int(g.integers(1, 4)), 1, 30)
        bias = None if optional and coin(g) else real(g, shape[-1])
        return Case(op, [("x", real(g, *shape, scale=2)), ("b", bias)], constants=some(g, "b"))

    return make


maker("FastGelu")(biased("FastGelu", True))
maker("BiasGelu")(biased("BiasGelu", False))


@maker("QuickGelu")
def _(g):
    return Case("QuickGelu", [("x", real(g, *extents(g, 3, 1, 9), scale=2))], {"alpha": 1.5} if coin(g) else {})


@maker("Gelu")
def _(g):
    return Case("Gelu", [("x", real(g, *extents(g, 3, 1, 9), scale=2))])


@maker("ScaledSiLU")
def _(g):
    scale = np.asarray(F32(g.uniform(0.3, 2))) if coin(g) else None
    return Case("ScaledSiLU", [("x", real(g, *extents(g, 3, 1, 9))), ("s", scale)], {"alpha": 1.5} if coin(g) else {})


@maker("EmbedLayerNormalization")
def _(g):
    batch, time = extents(g, 2, 1, 6)
    size = int(g.integers(1, 20))
    ids = g.integers(0, 11, (batch, time)).astype(np.int32)
    has_segments = coin(g)
    segments = g.integers(0, 2, (batch, time)).astype(np.int32) if has_segments else None
    inputs = [("ids", ids), ("segments", segments), ("words", real(g, 11, size)), ("places", real(g, 8, size))]
    inputs += [("kinds", real(g, 2, size) if has_segments else None), ("gamma", real(g, size)), ("beta", real(g, size))]
    mask = (g.random((batch, time)) < 0.7).astype(np.int32) if coin(g) else None
    places = g.integers(0, 8, (pick(g, 1, batch), time)).astype(np.int32) if coin(g) else None
    inputs += [("mask", mask), ("positions", places)]
    outputs = (True, True, coin(g))
    return Case("EmbedLayerNormalization", inputs, {"epsilon": 1e-5}, outputs, some(g, "words places kinds gamma beta".split()))


@maker("QEmbedLayerNormalization")
def _(g):
    batch, time = extents(g, 2, 1, 6)
    size = int(g.integers(1, 20))
    signed = coin(g)
    kind = np.int8 if signed else np.uint8
    has_segments = coin(g)
    segments = g.integers(0, 2, (batch, time)).astype(np.int32) if has_segments else None
    inputs = [("ids", g.integers(0, 11, (batch, time)).astype(np.int32)), ("segments", segments)]
    inputs += [("words", eight(g, 11, size, signed=signed)), ("places", eight(g, 8, size, signed=signed))]
    inputs += [("kinds", eight(g, 2, size, signed=signed) if has_segments else None)]
    inputs += [("gamma", eight(g, size, signed=signed)), ("beta", eight(g, size, signed=signed))]
    inputs += [("mask", (g.random((batch, time)) < 0.7).astype(np.int32) if coin(g) else None)]
    for kinds in (lambda: positive(g), lambda: zero(g, kind)):
        for part in "wpkgb":
            inputs += [(f"q{len(inputs)}", kinds() if part != "k" or has_segments else None)]
    names = {n for n, _ in inputs} - {"ids", "segments", "mask"}
    return Case("QEmbedLayerNormalization", inputs, {"epsilon": 1e-5}, (True, True), names)


def skip_norm(op):
    def make(g):
        batch, time, size = extents(g, 3, 1, 9)
        kind = pick(g, F32, F32, np.float64, np.float16)
        shape = [batch, time, size] if coin(g, 0.8) else [time, size]
        skip = shape if coin(g, 0.7) or len(shape) < 3 else pick(g, [1, time, size], [time, size])
        inputs = [("x", real(g, *shape)), ("skip", real(g, *skip)), ("gamma", real(g, size))]
        if op == "SkipLayerNormalization":
            inputs += [("beta", real(g, size) if coin(g) else None)]
        inputs += [("bias", real(g, size) if coin(g) else None)]
        inputs = [(n, None if v is None else v.astype(kind)) for n, v in inputs]
        outputs = (True, False, False, coin(g))
        tolerance = (2e-2, 2e-2) if kind == np.float16 else FLOAT
        return Case(op, inputs, {"epsilon": 1e-5}, outputs, some(g, "gamma beta bias".split()), tolerance)

    return make


maker("SkipLayerNormalization")(skip_norm("SkipLayerNormalization"))
maker("SkipSimplifiedLayerNormalization")(skip_norm("SkipSimplifiedLayerNormalization"))


@maker("SimplifiedLayerNormalization")
def _(g):
    shape = extents(g, int(g.integers(1, 4)), 1, 9)
    axis = int(g.integers(-len(shape), len(shape)))
    inputs = [("x", real(g, *shape)), ("scale", real(g, *shape[axis:]))]
    attributes = {"axis": axis, "epsilon": 1e-5, "stash_type": 1}
    return Case("SimplifiedLayerNormalization", inputs, attributes, (True, coin(g)), some(g, ["scale"]), domain="")


# Attention


def masked(mask):
    """Where all keys of a row are hidden, what remains of the scores beside -10000 is rounded to 1/1000."""
    return FLOAT if mask is None else (2e-3, 1e-3)


@maker("Attention")
def _(g):
    batch, time, heads, size, past = (int(g.integers(1, n)) for n in (4, 7, 4, 6, 5))
    past = past if coin(g, 0.4) else 0
    total, hidden, width = time + past, heads * size, int(g.integers(1, 12))
    sizes = [hidden, hidden, hidden]
    attributes = {"num_heads": heads, "unidirectional": int(coin(g, 0.4))}
    if not past and coin(g, 0.3):
        sizes = [hidden, hidden, heads * int(g.integers(1, 6))]
        attributes["qkv_hidden_sizes"] = sizes
    mask = pick(g, None, [batch], [2 * batch], [batch, total], [batch, time, total])
    if mask == [batch]:
        mask = g.integers(1, total + 1, mask)
    elif mask == [2 * batch]:
        mask = np.concatenate([g.integers(max(1, total // 2), total + 1, batch), g.integers(0, max(1, total // 2), batch)])
    elif mask is not None:
        mask = g.random(mask) < 0.7
    inputs = [("x", real(g, batch, time, width)), ("w", real(g, width, sum(sizes))), ("b", real(g, sum(sizes)))]
    inputs += [("mask", None if mask is None else mask.astype(np.int32))]
    inputs += [("past", real(g, 2, batch, heads, past, size) if past else None)]
    inputs += [("bias", real(g, pick(g, 1, batch), pick(g, 1, heads), time, total) if coin(g, 0.3) else None)]
    if coin(g, 0.3):
        attributes["scale"] = 0.3
    if coin(g, 0.3):
        attributes["mask_filter_value"] = -5000.0
    outputs = (True, bool(past) or (sizes[2] == hidden and coin(g)))
    return Case("Attention", inputs, attributes, outputs, some(g, ["w", "b"]), masked(mask))


@maker("QAttention")
def _(g):
    batch, time, heads, size = (int(g.integers(1, n)) for n in (4, 7, 4, 6))
    past = int(g.integers(1, 5)) if coin(g, 0.4) else 0
    total, hidden, width = time + past, heads * size, int(g.integers(1, 12))
    x, w = eight(g, batch, time, width, signed=False), eight(g, width, 3 * hidden)
    lines = (3 * hidden,) if coin(g) else (1,)
    inputs = [("x", x), ("w", w), ("b", real(g, 3 * hidden)), ("xs", positive(g)), ("ws", positive(g, *lines))]
    mask = g.integers(1, total + 1, batch).astype(np.int32) if coin(g) else None
    inputs += [("mask", mask), ("xz", zero(g, x.dtype)), ("wz", zero(g, w.dtype, *lines))]
    if w.dtype == np.int8 and coin(g):
        inputs[-1] = ("wz", np.zeros(lines, np.int8))
    inputs += [("past", real(g, 2, batch, heads, past, size) if past else None)]
    attributes = {"num_heads": heads, "unidirectional": int(coin(g, 0.4))}
    constants = some(g, "w b xs ws xz wz".split())
    return Case("QAttention", inputs, attributes, (True, bool(past)), constants, tolerance=(2e-3, 2e-4))


@maker("MultiHeadAttention")
def _(g):
    batch, time, keys, heads, size, vsize = (int(g.integers(1, n)) for n in (4, 7, 7, 4, 6, 6))
    form = pick(g, "plain", "plain", "cross", "packed", "packed_kv", "past")
    if form in ("packed", "packed_kv", "past"):
        vsize = size
    if form in ("packed", "past"):
        keys = time
    past = int(g.integers(1, 5)) if form == "past" else 0
    total, hidden = keys + past, heads * size
    bias = real(g, 2 * hidden + heads * vsize) if coin(g) and form in ("plain", "packed", "past") else None
    if form == "packed":
        inputs = [("q", real(g, batch, time, heads, 3, size)), ("k", None), ("v", None)]
    elif form == "packed_kv":
        inputs = [("q", real(g, batch, time, hidden)), ("k", real(g, batch, keys, heads, 2, size)), ("v", None)]
    elif form == "cross":
        inputs = [("q", real(g, batch, time, hidden)), ("k", real(g, batch, heads, keys, size))]
        inputs += [("v", real(g, batch, heads, keys, vsize))]
    else:
        inputs = [("q", real(g, batch, time, hidden)), ("k", real(g, batch, keys, hidden))]
        inputs += [("v", real(g, batch, keys, heads * vsize))]
    mask = pick(g, None, None, [batch], [batch, total], [batch, time, total])
    if mask is not None:
        mask = g.integers(1, total + 1, mask) if len(mask) == 1 else g.random(mask) < 0.7
        mask = mask.astype(np.int32)
    added = real(g, pick(g, 1, batch), pick(g, 1, heads), time, total) if coin(g, 0.3) else None
    inputs += [("b", bias), ("mask", mask), ("bias", added)]
    if past:
        inputs += [("pk", real(g, batch, heads, past, size)), ("pv", real(g, batch, heads, past, size))]
    attributes = {"num_heads": heads, "unidirectional": int(coin(g, 0.3))}
    if coin(g, 0.3):
        attributes["scale"] = 0.3
    outputs = (True, True, True) if past else (True,)
    return Case("MultiHeadAttention", inputs, attributes, outputs, some(g, ["b"]), masked(mask))


@maker("GroupQueryAttention")
def _(g):
    kind = pick(g, F32, F32, np.float16)
    batch, shared, factor, half = (int(g.integers(1, n)) for n in (4, 4, 4, 5))
    heads, size = shared * factor, 8 * half
    is_first = coin(g)
    time = int(g.integers(1, 7)) if is_first or (batch == 1 and coin(g, 0.3)) else 1
    if is_first:
        before, total = np.zeros(batch, int), time
        room = int(g.integers(0, 9)) if coin(g) else None
        room = None if room is not None and room < time else room
    else:
        before = g.integers(1, 8, batch)
        total = int(before.max()) + time
        room = int(before.max()) + int(g.integers(0, 5))
    present = max(room or 0, total)
    cast = lambda x: None if x is None else x.astype(kind)
    if coin(g, 0.4):
        inputs = [("q", cast(real(g, batch, time, (heads + 2 * shared) * size))), ("k", None), ("v", None)]
    else:
        inputs = [("q", cast(real(g, batch, time, heads * size)))]
        inputs += [(n, cast(real(g, batch, time, shared * size))) for n in "kv"]
    inputs += [(n, cast(real(g, batch, shared, room, size)) if room else None) for n in ("pk", "pv")]
    inputs += [("last", (before + time - 1).astype(np.int32)), ("total", np.array([total], np.int32))]
    attributes = {"num_heads": heads, "kv_num_heads": shared}
    if coin(g):
        attributes |= {"do_rotary": 1, "rotary_interleaved": int(coin(g))}
        angles = np.outer(np.arange(32), 1 / 7.0 ** np.arange(size // 2))
        inputs += [("cos", cast(np.cos(angles))), ("sin", cast(np.sin(angles)))]
    else:
        inputs += [("cos", None), ("sin", None)]
    inputs += [("positions", None)]
    bias = cast(real(g, pick(g, 1, batch), pick(g, 1, heads), time, total)) if coin(g, 0.2) and present == total else None
    inputs += [("bias", bias), ("sink", cast(real(g, heads)) if coin(g, 0.2) else None)]
    if coin(g, 0.3):
        attributes["softcap"] = 2.5
    if coin(g, 0.3):
        attributes["local_window_size"] = int(g.integers(1, 6))
    if coin(g, 0.2) and inputs[-1][1] is None:
        attributes["smooth_softmax"] = 1
    if coin(g, 0.3):
        attributes["scale"] = 0.3
    tolerance = (2e-2, 5e-3) if kind == np.float16 else FLOAT
    return Case("GroupQueryAttention", inputs, attributes, (True, True, True), some(g, ["cos", "sin", "total"]), tolerance)


@maker("RotaryEmbedding")
def _(g):
    kind = pick(g, F32, F32, np.float16)
    batch, heads, time, half = (int(g.integers(1, n)) for n in (4, 4, 6, 5))
    size = 4 * half
    attributes = {"interleaved": int(coin(g))}
    turned = size
    if coin(g):
        attributes["num_heads"] = heads
        if coin(g):
            turned = 2 * half
            attributes["rotary_embedding_dim"] = turned
    angles = np.outer(np.arange(16), 1 / 7.0 ** np.arange(turned // 2))
    x = real(g, *pick(g, [batch, time, heads * size], [batch, heads, time, size])).astype(kind)
    positions = g.integers(0, 16, (batch, time)) if coin(g) else g.integers(0, 10, 1)
    inputs = [("x", x), ("p", positions.astype(np.int64)), ("cos", np.cos(angles).astype(kind)), ("sin", np.sin(angles).astype(kind))]
    tolerance = (2e-2, 5e-3) if kind == np.float16 else FLOAT
    return Case("RotaryEmbedding", inputs, attributes, constants=some(g, ["cos", "sin"]), tolerance=tolerance)


# Weights of a few bits


def packed(g, bits, *shape):
    """Codes of `bits` bits, side by side along the last axis."""
    rows = int(np.prod(shape[:-1]))
    size = -(-shape[-1] * bits // 8)
    return g.integers(0, 256, (rows, size)).astype(np.uint8).reshape(*shape[:-1], size)


@maker("MatMulNBits")
def _(g):
    kind = pick(g, F32, F32, F32, np.float16)
    bits, block = pick(g, 2, 4, 4, 8), pick(g, 16, 32, 64, 128)
    n, k, m = int(g.integers(1, 150)), int(g.integers(1, 300)), pick(g, 1, 1, 3, 17)
    if bits == 2 or kind == np.float16:
        k = -(-k // block) * block
    blocks = -(-k // block)
    a = real(g, *([] if coin(g) else [2]), m, k).astype(kind)
    inputs = [("a", a), ("b", g.integers(0, 256, (n, blocks, block * bits // 8)).astype(np.uint8))]
    inputs += [("scales", g.uniform(0.001, 0.01, (n, blocks)).astype(kind))]
    zeros = pick(g, None, "codes", "real")
    if zeros == "codes":
        zeros = packed(g, bits, n, blocks)
    elif zeros == "real":
        zeros = g.uniform(0, 2**bits, (n, blocks)).astype(kind)
    inputs += [("zeros", zeros), ("g_idx", None), ("bias", real(g, n).astype(kind) if coin(g) else None)]
    attributes = {"K": k, "N": n, "bits": bits, "block_size": block}
    if coin(g):
        attributes["accuracy_level"] = pick(g, 0, 1)
    tolerance = (2e-2, 2e-2) if kind == np.float16 or bits == 8 else (2e-4, 2e-4)
    return Case("MatMulNBits", inputs, attributes, constants=set("b scales zeros bias".split()), tolerance=tolerance)


@maker("MatMulBnb4")
def _(g):
    block, kind = pick(g, 16, 32, 64), pick(g, 0, 1)
    n, k, m = int(g.integers(1, 150)), int(g.integers(1, 100)), pick(g, 1, 3, 17)
    attributes = {"K": k, "N": n, "block_size": block, "quant_type": kind}
    # ONNX Runtime puts the elements of a matrix that is not transposed in another order than it says.
    inputs = [("a", real(g, m, k)), ("b", g.integers(0, 256, (n * k + 1) // 2).astype(np.uint8))]
    inputs += [("absmax", g.uniform(0.01, 0.1, (n * k + block - 1) // block).astype(F32))]
    return Case("MatMulBnb4", inputs, attributes, constants={"b", "absmax"})


@maker("GatherBlockQuantized")
def _(g):
    bits, block = pick(g, 2, 4, 8), pick(g, 16, 32)
    rows, columns = int(g.integers(1, 9)), block * int(g.integers(1, 4))
    middle = extents(g, int(g.integers(0, 2)), 1, 4)
    shape = [rows, *middle, columns]
    data = packed(g, bits, *shape)
    axis = pick(g, len(shape) - 1, -1) if not middle or coin(g, 0.8) else len(shape) - 1
    scales = g.uniform(0.01, 0.1, [*shape[:-1], -(-columns // block)]).astype(pick(g, F32, np.float16))
    indices = g.integers(-rows, rows, extents(g, int(g.integers(0, 3)))).astype(pick(g, np.int32, np.int64))
    zeros = packed(g, bits, *shape[:-1], columns // block) if coin(g) else None
    inputs = [("data", data), ("indices", indices), ("scales", scales), ("zeros", zeros)]
    attributes = {"bits": bits, "block_size": block, "gather_axis": 0, "quantize_axis": axis}
    tolerance = (2e-3, 1e-4) if scales.dtype == np.float16 else FLOAT
    return Case("GatherBlockQuantized", inputs, attributes, constants={"data", "scales", "zeros"}, tolerance=tolerance)


@maker("DynamicQuantizeLSTM")
def _(g):
    time, batch, width, hidden = (int(g.integers(1, n)) for n in (6, 4, 9, 9))
    direction = pick(g, "forward", "reverse", "bidirectional")
    count = 2 if direction == "bidirectional" else 1
    w = eight(g, count, width, 4 * hidden)
    r = eight(g, count, hidden, 4 * hidden, signed=w.dtype == np.int8)
    lines = [count, 4 * hidden] if coin(g) else [count]
    zeros = [np.zeros(lines, w.dtype) if w.dtype == np.int8 else np.full(lines, g.integers(100, 156)).astype(w.dtype)]
    zeros += [zeros[0]]
    if len(lines) == 1:
        zeros = [zero(g, w.dtype, *lines) for _ in range(2)]
    inputs = [("x", real(g, time, batch, width)), ("w", w), ("r", r), ("b", real(g, count, 8 * hidden) if coin(g) else None)]
    # In a batch ONNX Runtime lets sequences that have ended run on, which moves the range of the quantized state.
    lengths = g.integers(1, time + 1, batch).astype(np.int32) if batch == 1 and coin(g) else None
    inputs += [("lengths", lengths)]
    state = lambda: real(g, count, batch, hidden) if coin(g) else None
    inputs += [("h", state()), ("c", state()), ("p", real(g, count, 3 * hidden) if coin(g, 0.3) else None)]
    scale = lambda: positive(g, *lines, low=0.002, high=0.006)
    inputs += [("ws", scale()), ("wz", zeros[0]), ("rs", scale()), ("rz", zeros[1])]
    attributes = {"hidden_size": hidden, "direction": direction}
    if coin(g, 0.2):
        attributes["clip"] = 1.5
    constants = some(g, ["w", "r"]) | {"ws", "wz", "rs", "rz"}
    return Case("DynamicQuantizeLSTM", inputs, attributes, (True, True, True), constants, tolerance=(1e-3, 5e-4))


@maker("QLinearConv")
def _(g):
    batch, per_in, per_out = extents(g, 3, 1, 5)
    group = pick(g, 1, 1, 2)
    spatial = extents(g, 2, 4, 8)
    kernel = extents(g, 2, 1, 3)
    last = coin(g)
    channels = per_in * group
    x = eight(g, *([batch, *spatial, channels] if last else [batch, channels, *spatial]))
    w = eight(g, per_out * group, per_in, *kernel, signed=True if x.dtype == np.int8 else None)
    lines = (per_out * group,) if coin(g) else ()
    inputs = [("x", x), ("xs", positive(g)), ("xz", zero(g, x.dtype)), ("w", w), ("ws", positive(g, *lines))]
    inputs += [("wz", np.zeros(lines, w.dtype) if lines else zero(g, w.dtype))]
    inputs += [("ys", positive(g, low=1, high=3)), ("yz", zero(g, x.dtype))]
    inputs += [("b", g.integers(-999, 999, per_out * group).astype(np.int32) if coin(g) else None)]
    attributes = {"group": group, "channels_last": int(last), "strides": extents(g, 2, 1, 2)}
    return Case("QLinearConv", inputs, attributes, constants=set("w xs xz ws wz ys yz b".split()), tolerance=STEP)


@maker("NhwcMaxPool")
def _(g):
    spatial = extents(g, int(g.integers(1, 3)), 3, 8)
    x = eight(g, int(g.integers(1, 4)), *spatial, int(g.integers(1, 6)))
    return Case("NhwcMaxPool", [("x", x)], pool_attributes(g, spatial), tolerance=(0.0, 0.0))


@maker("ConvTransposeWithDynamicPads")
def _(g):
    batch, channels, out = extents(g, 3, 1, 4)
    kernel, spatial = extents(g, 2, 2, 4), extents(g, 2, 2, 6)
    inputs = [("x", real(g, batch, channels, *spatial)), ("w", real(g, channels, out, *kernel))]
    inputs += [("pads", g.integers(0, 2, 4).astype(np.int64)), ("b", real(g, out) if coin(g) else None)]
    attributes = {"kernel_shape": kernel, "strides": extents(g, 2, 1, 3)}
    return Case("ConvTransposeWithDynamicPads", inputs, attributes, constants=some(g, ["w", "pads", "b"]))


# Shapes and early operators


@maker("ExpandDims")
def _(g):
    x = real(g, *extents(g, int(g.integers(0, 4))))
    axis = np.array(g.integers(-x.ndim - 1, x.ndim + 1), np.int32)
    return Case("ExpandDims", [("x", x), ("axis", axis)], constants={"axis"})


@maker("UnfoldTensor")
def _(g):
    x = real(g, *extents(g, int(g.integers(1, 4)), 3, 7))
    dim = int(g.integers(-x.ndim, x.ndim))
    return Case("UnfoldTensor", [("input", x)], {"dim": dim, "size": int(g.integers(1, 4)), "step": int(g.integers(1, 4))})


@maker("Unique")
def _(g):
    return Case("Unique", [("x", g.integers(0, 6, g.integers(1, 12)).astype(F32))], outputs=(True, True, True))


@maker("Pad")
def _(g):
    x = real(g, *extents(g, int(g.integers(1, 4)), 3, 6))
    pads = g.integers(0, 3, pick(g, [2 * x.ndim], [1, 2 * x.ndim])).astype(np.int64)
    mode = pick(g, "constant", "reflect", "edge")
    value = pick(g, None, np.asarray(F32(2.5)), np.array([2.5], F32)) if mode == "constant" else None
    return Case("Pad", [("x", x), ("pads", pads), ("value", value)], {"mode": mode}, constants=some(g, ["pads", "value"]))


@maker("Range")
def _(g):
    kind = pick(g, np.int32, np.int64, F32, np.float64, np.int16)
    form = (lambda v: np.array([v], kind)) if coin(g) else (lambda v: np.array(v, kind))
    inputs = [("start", form(g.integers(0, 4))), ("limit", form(g.integers(4, 12)))]
    inputs += [("delta", form(g.integers(1, 3)) if coin(g) else None)]
    return Case("Range", inputs, constants=some(g, ["start", "limit", "delta"]))


@maker("Trilu")
def _(g):
    x = real(g, *extents(g, int(g.integers(2, 4))))
    k = np.array(g.integers(-2, 3), np.int64) if coin(g) else None
    return Case("Trilu", [("x", x), ("k", k)], {"upper": int(coin(g))})


@maker("GatherND")
def _(g):
    shape = extents(g, 3, 2, 4)
    depth = int(g.integers(1, 4))
    indices = np.stack([g.integers(0, n, (3, 2)) for n in shape[:depth]], -1).astype(np.int64)
    return Case("GatherND", [("x", real(g, *shape)), ("i", indices)])


@maker("GridSample")
def _(g):
    n, c, h, w = extents(g, 4, 1, 5)
    grid = g.uniform(-1.3, 1.3, (n, *extents(g, 2, 1, 4), 2)).astype(F32)
    attributes = {"mode": pick(g, "bilinear", "nearest", "bicubic"), "align_corners": int(coin(g))}
    attributes["padding_mode"] = pick(g, "zeros", "border", "reflection")
    return Case("GridSample", [("x", real(g, n, c, h, w)), ("grid", grid)], attributes, tolerance=(1e-3, 1e-4))


def early(op, opset, attributes):
    def make(g):
        drawn = {name: float(F32(g.uniform(0.5, 2))) for name in attributes}
        return Case(op, [("x", real(g, 2, 3, 4, 5))], drawn, domain="", opset=opset)

    maker(op)(make)


early("Affine", 9, ["alpha", "beta"])
early("ParametricSoftplus", 9, ["alpha", "beta"])
early("Scale", 9, ["scale"])
early("ScaledTanh", 9, ["alpha", "beta"])


@maker("ImageScaler")
def _(g):
    bias = [float(F32(b)) for b in g.uniform(-1, 1, 3)]
    return Case("ImageScaler", [("x", real(g, 2, 3, 4, 5))], {"scale": 1.5, "bias": bias}, domain="", opset=9)


@maker("Crop")
def _(g):
    attributes = {"border": [int(n) for n in g.integers(0, 3, 4)]}
    if coin(g):
        attributes["scale"] = [int(n) for n in g.integers(1, 4, 2)]
    return Case("Crop", [("x", real(g, 2, 3, 7, 8))], attributes, domain="", opset=9)


@maker("DynamicSlice")
def _(g):
    axes = np.array([1, 2], np.int64) if coin(g) else None
    count = 2 if axes is not None else 3
    starts, ends = g.integers(0, 2, count).astype(np.int64), g.integers(3, 6, count).astype(np.int64)
    return Case("DynamicSlice", [("x", real(g, 4, 5, 6)), ("s", starts), ("e", ends), ("a", axes)], domain="", opset=9)


# Others


@maker("Inverse")
def _(g):
    n = int(g.integers(1, 7))
    x = real(g, *extents(g, int(g.integers(0, 3)), 1, 3), n, n) + 3 * np.eye(n, dtype=F32)
    return Case("Inverse", [("x", x.astype(pick(g, F32, np.float64)))], tolerance=(2e-3, 2e-3))


@maker("CDist")
def _(g):
    m, k, n = extents(g, 3, 1, 9)
    kind = pick(g, F32, np.float64)
    inputs = [("a", real(g, m, n).astype(kind)), ("b", real(g, k, n).astype(kind))]
    return Case("CDist", inputs, {"metric": pick(g, "sqeuclidean", "euclidean")}, tolerance=(1e-3, 1e-3))


@maker("CropAndResize")
def _(g):
    n, c, parts = extents(g, 3, 1, 4)
    h, w = extents(g, 2, 2, 8)
    rois = np.sort(g.uniform(-0.1, 1.1, (parts, 2, 2)), axis=1).reshape(parts, 4).astype(F32)
    inputs = [("x", real(g, n, c, h, w)), ("rois", rois), ("batch", g.integers(0, n, parts).astype(np.int32))]
    inputs += [("size", g.integers(1, 6, 2).astype(np.int32))]
    attributes = {"mode": pick(g, "bilinear", "nearest"), "extrapolation_value": 0.5}
    return Case("CropAndResize", inputs, attributes, constants=some(g, ["size"]))


@maker("NGramRepeatBlock")
def _(g):
    batch, time = extents(g, 2, 1, 9)
    inputs = [("ids", g.integers(0, 4, (batch, time)).astype(np.int64)), ("scores", real(g, batch, 5))]
    return Case("NGramRepeatBlock", inputs, {"ngram_size": int(g.integers(1, 4))})


@maker("BifurcationDetector")
def _(g):
    source = g.integers(0, 4, g.integers(1, 9)).astype(np.int64)
    previous = int(g.integers(0, len(source) + 1))
    predicted = None
    if coin(g, 0.7):
        predicted = np.concatenate([source[previous:], g.integers(0, 4, 1)])
        if coin(g) and len(predicted) > 1:
            predicted[g.integers(len(predicted))] = 9
    inputs = [("src", source), ("cur", g.integers(0, 4, g.integers(1, 6)).astype(np.int64))]
    inputs += [("previous", pick(g, np.array([previous]), np.array(previous))), ("pred", predicted)]
    return Case("BifurcationDetector", inputs, {"min_ngram_size": 1, "max_ngram_size": 3}, (True, True))


@maker("DynamicTimeWarping")
def _(g):
    shape = extents(g, 2, 1, 9)
    x = real(g, *([1] if coin(g) else []), *shape)
    return Case("DynamicTimeWarping", [("x", np.abs(x))], tolerance=(0.0, 0.0))


@maker("MurmurHash3")
def _(g):
    kind = pick(g, np.int32, np.uint32, np.int64, np.uint64, F32, np.float64, object)
    shape = extents(g, int(g.integers(0, 3)))
    if kind is object:
        words = ["", "a", "ab", "abc", "abcd", "zebra and lion", "\u00e9t\u00e9"]
        x = np.array([pick(g, *words) for _ in range(int(np.prod(shape)))], object).reshape(shape)
    else:
        x = (g.standard_normal(shape) * 1000).astype(kind)
    positive = int(coin(g))
    return Case("MurmurHash3", [("x", x)], {"positive": positive, "seed": int(g.integers(0, 99))}, tolerance=(0.0, 0.0))


def ties(op):
    """Every pair of codes, with scales that quantizers choose: ties must be broken as ONNX Runtime breaks them."""

    def make(g):
        kind = pick(g, np.uint8, np.int8)
        info = np.iinfo(kind)
        codes = np.arange(info.min, info.max + 1).astype(kind)
        a, b = codes[:, None], codes[None, :]
        if coin(g, 0.3):
            b = b[:, :1] + kind(g.integers(0, 127))
        # Written out: for broadcast operands ONNX Runtime has other kernels.
        a, b = (np.ascontiguousarray(v) for v in np.broadcast_arrays(a, b)) if b.size > 1 else (a[:, 0], b[0])
        scale = lambda: np.asarray(F32(F32(g.choice([0.5, 1, 2, 3, 6])) / F32(255)))
        inputs = [("a", a), ("sa", scale()), ("za", zero(g, kind)), ("b", b), ("sb", scale()), ("zb", zero(g, kind))]
        inputs += [("sc", scale()), ("zc", zero(g, kind))]
        return Case(op, inputs, constants={"sa", "za", "sb", "zb", "sc", "zc"}, tolerance=(0.0, 0.0))

    maker(f"{op}Ties")(make)


ties("QLinearAdd")
ties("QLinearMul")


# Experts


def experts(g, quantized):
    tokens, count = int(g.integers(1, 9)), int(g.integers(2, 6))
    hidden, inner = 32 * int(g.integers(1, 3)), 32 * int(g.integers(1, 3))
    activation = pick(g, "relu", "gelu", "silu", "identity", "swiglu")
    rows = 2 * inner if activation == "swiglu" else inner
    attributes = {"k": int(g.integers(1, count)), "activation_type": activation}
    attributes["normalize_routing_weights"] = int(coin(g))
    if activation == "swiglu":
        attributes |= {"swiglu_fusion": 1, "activation_alpha": 1.702, "activation_beta": 1.0}
        if coin(g):
            attributes["swiglu_limit"] = 0.5
    shape = [tokens, hidden] if coin(g) else [1, tokens, hidden]
    inputs = [("x", real(g, *shape)), ("router", real(g, tokens, count))]
    bits = 4
    block = pick(g, 0, 16, 32) if quantized else 0
    if block:
        attributes["block_size"] = block
    for name, n, k in (("fc1", rows, hidden), ("fc2", hidden, inner)):
        if quantized:
            inputs += [(name, g.integers(0, 256, (count, n, k * bits // 8)).astype(np.uint8))]
            lines = [count, n] + ([k // block] if block else [])
            inputs += [(name + "s", g.uniform(0.005, 0.02, lines).astype(F32))]
        else:
            inputs += [(name, real(g, count, n, k, scale=0.1))]
        inputs += [(name + "b", real(g, count, n, scale=0.1) if coin(g) else None)]
    return inputs, attributes, {n for n, _ in inputs if n.startswith("fc")}


@maker("MoE")
def _(g):
    inputs, attributes, weights = experts(g, False)
    return Case("MoE", inputs, attributes, constants=weights if coin(g) else set(), tolerance=(1e-3, 1e-4))


@maker("QMoE")
def _(g):
    inputs, attributes, weights = experts(g, True)
    if coin(g, 0.3):
        router = dict(inputs)["router"]
        inputs += [(f"none{i}", None) for i in range(6)] + [("weights", np.abs(real(g, *router.shape)))]
    attributes["expert_weight_bits"] = 4
    return Case("QMoE", inputs, attributes, constants=weights, tolerance=(2e-3, 1e-3))


# Text


@maker("Tokenizer")
def _(g):
    words = ["", "a", "ab cd", "Hello  World", "x-y z", "\u00e9t\u00e9 1 2", "abcabc", "  ", "one,two;three"]
    x = np.array([pick(g, *words) for _ in range(4)], object).reshape(pick(g, [4], [2, 2], [1, 4]))
    attributes = {"pad_value": "#", "mark": int(coin(g)), "mincharnum": pick(g, 1, 1, 2)}
    separators = pick(g, [" "], ["[ ]+", "-"], ["a", "ab"], [",|;", " "], [""], None)
    if separators is None:
        attributes["tokenexp"] = pick(g, "[a-z]+", "[a-zA-Z0-9_]{2,}", "a|ab", ".", "[^ ]+")
    else:
        attributes["separators"] = separators
    return Case("Tokenizer", [("x", x)], attributes, tolerance=(0.0, 0.0))


# Streams, gates and hashes


HALF = (2e-2, 5e-3)


def small_kind(g):
    return pick(g, F32, F32, np.float16)


def tolerance_of(kind):
    return HALF if kind == np.float16 else FLOAT


@maker("GatedRMSNorm")
def _(g):
    kind, size = small_kind(g), int(g.integers(1, 9))
    shape = [*extents(g, int(g.integers(1, 3)), 1, 4), size * int(g.integers(1, 4))]
    inputs = [("x", real(g, *shape).astype(kind)), ("scale", real(g, size).astype(kind)), ("gate", real(g, *shape).astype(kind))]
    attributes = {"activation": pick(g, "silu", "swish", "sigmoid")} | ({"epsilon": 1e-3} if coin(g) else {})
    return Case("GatedRMSNorm", inputs, attributes, constants=some(g, ["scale"]), tolerance=tolerance_of(kind))


@maker("GatedAdd")
def _(g):
    kind, shape = small_kind(g), extents(g, int(g.integers(1, 4)), 1, 8)
    inputs = [("x", real(g, *shape).astype(kind)), ("y", real(g, *shape).astype(kind))]
    inputs += [("gate", real(g, *shape[:-1], 1).astype(kind))]
    return Case("GatedAdd", inputs, tolerance=tolerance_of(kind))


@maker("LinearAttentionGate")
def _(g):
    kind, shape = small_kind(g), extents(g, 3, 1, 6)
    has_beta = coin(g)
    inputs = [("a", real(g, *shape, scale=3).astype(kind)), ("bias", real(g, shape[2])), ("scale", -np.abs(real(g, shape[2])))]
    inputs += [("b", real(g, *shape).astype(kind) if has_beta else None)]
    return Case("LinearAttentionGate", inputs, outputs=(True, has_beta), constants=some(g, ["bias", "scale"]), tolerance=tolerance_of(kind))


def streams(g):
    """(shape, lead, streams, size, attributes) of streams with an axis of their own or without."""
    lead, count, size = extents(g, int(g.integers(1, 3)), 1, 4), int(g.integers(1, 5)), int(g.integers(1, 9))
    if coin(g):
        return [*lead, count, size], lead, count, size, {}
    return [*lead, count * size], lead, count, size, {"num_branches": count}


@maker("BranchwiseRMSNorm")
def _(g):
    kind = small_kind(g)
    shape, _lead, count, size, attributes = streams(g)
    scale = pick(g, None, [size], [count, size], [count * size])
    inputs = [("x", real(g, *shape).astype(kind))]
    inputs += [("scale", None if scale is None else real(g, *scale).astype(pick(g, F32, np.float16)))]
    return Case("BranchwiseRMSNorm", inputs, attributes | {"epsilon": 1e-4}, constants=some(g, ["scale"]), tolerance=tolerance_of(kind))


@maker("HyperConnectionPreMix")
def _(g):
    kind = small_kind(g)
    shape, lead, count, size, attributes = streams(g)
    mix = pick(g, [*lead, count], [*lead, count, 1], [*lead, count, size])
    inputs = [("x", real(g, *shape).astype(kind)), ("mix", real(g, *mix).astype(pick(g, F32, np.float16)))]
    attributes |= {"reduction_scale": 0.5} if coin(g) else {}
    return Case("HyperConnectionPreMix", inputs, attributes, tolerance=tolerance_of(kind))


@maker("HyperConnectionPostMix")
def _(g):
    kind, gates = small_kind(g), pick(g, F32, np.float16)
    shape, lead, count, size, attributes = streams(g)
    post = pick(g, [*lead, count], [*lead, count, 1], [*lead, count, size])
    inputs = [("x", real(g, *shape).astype(kind)), ("block", real(g, *lead, size).astype(kind))]
    inputs += [("post", real(g, *post).astype(gates))]
    inputs += [("mix", real(g, *lead, count, count).astype(gates) if coin(g) else None)]
    return Case("HyperConnectionPostMix", inputs, attributes, tolerance=tolerance_of(kind))


@maker("EngramGate")
def _(g):
    kind = small_kind(g)
    batch, time, count, size = extents(g, 4, 1, 5)
    cast = lambda *shape: real(g, *shape).astype(kind)
    has_norm = coin(g)
    inputs = [("key", cast(batch, time, count, size)), ("query", cast(batch, time, count, size))]
    inputs += [("value", cast(batch, time, size)), ("ks", cast(count, size)), ("qs", cast(count, size))]
    inputs += [("cs", cast(count, size) if has_norm else None)]
    return Case("EngramGate", inputs, {"epsilon": 1e-4} if coin(g) else {}, (True, has_norm), some(g, ["ks", "qs", "cs"]), tolerance_of(kind))


@maker("NGramHashMapping")
def _(g):
    kind = pick(g, np.int32, np.int64)
    batch, time, longest, heads = (int(g.integers(low, n)) for low, n in ((1, 4), (1, 9), (2, 5), (1, 4)))
    columns = (longest - 1) * heads
    whole = lambda low, high, *shape: g.integers(low, high, shape).astype(kind)
    inputs = [("ids", whole(-3, 12, batch, time)), ("m", whole(1, 2**31 - 1, longest + int(g.integers(0, 2))))]
    inputs += [("sizes", whole(1, 1000, columns)), ("past", whole(0, 12, batch, longest - 1) if coin(g) else None)]
    inputs += [("offsets", whole(0, 5000, columns) if coin(g) else None)]
    has_end = coin(g)
    inputs += [("eos", np.array(g.integers(0, 12), kind) if has_end else None)]
    inputs += [("segments", np.sort(g.integers(0, 3, (batch, time)), 1).astype(np.int32) if coin(g, 0.4) else None)]
    attributes = {"max_ngram_size": longest, "n_head_per_ngram": heads, "pad_id": int(g.integers(0, 12))}
    attributes["reset_on_eos"] = int(has_end and coin(g))
    return Case("NGramHashMapping", inputs, attributes, (True, coin(g)), some(g, ["m", "sizes", "offsets"]), tolerance=(0.0, 0.0))


@maker("MRotaryEmbedding")
def _(g):
    kind = small_kind(g)
    batch, heads, time = (int(g.integers(1, n)) for n in (4, 4, 6))
    sections = [int(g.integers(1, 4)) for _ in range(3)]
    half = sum(sections)
    attributes = {"interleaved": int(coin(g)), "mrope_section": sections, "mrope_layout": 0}
    if coin(g):
        sections = [int(g.integers(2, 5))] * 3
        half, attributes["mrope_section"], attributes["mrope_layout"] = sum(sections), sections, 1
    size = 2 * half
    if coin(g):
        attributes["num_heads"] = heads
        if coin(g):
            size, attributes["rotary_embedding_dim"] = size + 4, 2 * half
    angles = np.outer(np.arange(16), 1 / 7.0 ** np.arange(half))
    x = real(g, *pick(g, [batch, time, heads * size], [batch, heads, time, size])).astype(kind)
    inputs = [("x", x), ("p", g.integers(0, 16, (3, batch, time))), ("cos", np.cos(angles).astype(kind))]
    inputs += [("sin", np.sin(angles).astype(kind))]
    return Case("MRotaryEmbedding", inputs, attributes, constants=some(g, ["cos", "sin"]), tolerance=tolerance_of(kind))


@maker("CausalConvWithState")
def _(g):
    batch, time, taps, step = (int(g.integers(1, n)) for n in (4, 8, 5, 4))
    last = coin(g, 0.4)
    channels = extents(g, int(g.integers(1, 3)) if last else 1, 1, 4)
    count = int(np.prod(channels))
    shape = [batch, time, *channels] if last else [batch, count, time]
    length = (taps - 1) * step
    state = [batch, length, *channels] if last else [batch, count, length]
    inputs = [("x", real(g, *shape)), ("w", real(g, count, 1, taps)), ("b", real(g, count) if coin(g) else None)]
    inputs += [("past", real(g, *state) if coin(g) else None)]
    attributes = {"ndim": 1, "dilation": step, "channels_last": int(last)}
    attributes["activation"] = pick(g, "none", "silu", "swish")
    return Case("CausalConvWithState", inputs, attributes, (True, True), some(g, ["w", "b"]))


@maker("LinearAttention")
def _(g):
    batch, time, few, factor, ks, vs = (int(g.integers(1, n)) for n in (3, 6, 4, 4, 6, 6))
    rule = pick(g, "linear", "gated", "delta", "gated_delta")
    heads, shared = (few * factor, few) if coin(g, 0.7) else (few, few * factor)
    keys = pick(g, *(n for n in range(1, shared + 1) if shared % n == 0)) if coin(g, 0.3) else shared
    inputs = [("q", real(g, batch, time, heads * ks)), ("k", real(g, batch, time, keys * ks))]
    inputs += [("v", real(g, batch, time, shared * vs))]
    inputs += [("past", real(g, batch, shared, ks, vs) if coin(g) else None)]
    decay = -np.abs(real(g, batch, time, shared * pick(g, 1, ks))) if "gated" in rule else None
    beta = g.random((batch, time, pick(g, 1, shared))).astype(F32) if "delta" in rule else None
    inputs += [("decay", decay), ("beta", beta)]
    attributes = {"q_num_heads": heads, "kv_num_heads": shared, "update_rule": rule}
    attributes |= {"scale": 0.7} if coin(g) else {}
    return Case("LinearAttention", inputs, attributes, (True, True))


# Words, pools and blocks


@maker("WordConvEmbedding")
def _(g):
    words, length, filters, size, alphabet = extents(g, 5, 3, 7)
    window = int(g.integers(1, 4))
    text = g.integers(0, alphabet, (words, length))
    for row in text:
        row[int(g.integers(0, length + 1)) :] = 0
    # ONNX Runtime writes nothing for a word without characters.
    text[:, 0] = np.maximum(text[:, 0], 1)
    inputs = [("text", text.astype(np.int32)), ("w", real(g, filters, 1, window, size)), ("b", real(g, filters))]
    inputs += [("c", real(g, alphabet, size))]
    return Case("WordConvEmbedding", inputs, {"embedding_size": filters} if coin(g) else {}, constants=some(g, ["w", "b", "c"]))


@maker("MaxpoolWithMask")
def _(g):
    spatial = extents(g, int(g.integers(1, 4)), 3, 7)
    batch = extents(g, 2, 1, 4)
    x = real(g, *batch, *spatial)
    # Of several planes ONNX Runtime takes others than those that stand in their places.
    mask = (g.random((1, 1, *spatial)) < 0.8).astype(np.int32)
    attributes = pool_attributes(g, spatial)
    return Case("MaxpoolWithMask", [("x", x), ("m", mask)], attributes)


@maker("MatMulFpQ4")
def _(g):
    kind = pick(g, 0, 1)
    block, zeros = 32, kind == 1
    k, n, m = int(g.integers(1, 150)), int(g.integers(1, 60)), pick(g, 1, 3, 17)
    blocks = []
    for _ in range(n * -(-k // block)):
        part = F32(g.uniform(0.001, 0.01)).tobytes() + (bytes([int(g.integers(0, 16))]) if zeros else b"")
        blocks.append(part + g.integers(0, 256, block // 2).astype(np.uint8).tobytes())
    inputs = [("a", real(g, m, k)), ("b", np.frombuffer(b"".join(blocks), np.uint8)), ("shape", np.array([k, n], np.int64))]
    return Case("MatMulFpQ4", inputs, {"blk_quant_type": kind}, constants={"b", "shape"}, tolerance=(2e-4, 2e-4))


@maker("SparseAttention")
def _(g):
    kind, block = small_kind(g), 16
    batch, shared, factor, half, layouts = (int(g.integers(1, n)) for n in (3, 3, 3, 4, 3))
    heads, size = shared * factor * layouts, 16 * half
    shared *= layouts
    is_first = coin(g)
    time = int(g.integers(1, 40)) if is_first else 1
    room = block * int(g.integers(3, 5))
    # Where lengths differ ONNX Runtime gives packed operands other results than the same ones apart.
    before = np.full(batch, 0 if is_first else g.integers(1, room - 1))
    cast = lambda x: x.astype(kind)
    if coin(g, 0.4):
        inputs = [("q", cast(real(g, batch, time, (heads + 2 * shared) * size))), ("k", None), ("v", None)]
    else:
        inputs = [("q", cast(real(g, batch, time, heads * size)))]
        inputs += [(n, cast(real(g, batch, time, shared * size))) for n in "kv"]
    inputs += [(n, cast(real(g, batch, shared, room, size))) for n in ("pk", "pv")]
    rows, columns = [], []
    for _ in range(layouts):
        lines = [[c for c in range(r + 1) if c == r or coin(g)] for r in range(room // block)]
        rows.append(np.cumsum([0] + [len(line) for line in lines]))
        columns.append(sum(lines, []))
    width = max(map(len, columns))
    inputs += [("rows", np.array(rows, np.int32)), ("columns", np.array([c + [-1] * (width - len(c)) for c in columns], np.int32))]
    lengths = before + time
    inputs += [("total", np.array([lengths.max()], np.int32)), ("lengths", lengths.astype(np.int32))]
    attributes = {"num_heads": heads, "kv_num_heads": shared, "sparse_block_size": block}
    if coin(g):
        attributes |= {"do_rotary": 1, "rotary_interleaved": int(coin(g))}
        angles = np.outer(np.arange(room), 1 / 7.0 ** np.arange(size // 2))
        inputs += [("cos", cast(np.cos(angles))), ("sin", cast(np.sin(angles)))]
    if coin(g, 0.3):
        attributes["scale"] = 0.3
    shared_memory = {"y1": "pk", "y2": "pv"}
    return Case("SparseAttention", inputs, attributes, (True, True, True), tolerance=tolerance_of(kind), shared=shared_memory)


@maker("GroupQueryAttention, quantized cache")
def _(g):
    bits, kind = pick(g, 4, 8), small_kind(g)
    batch, shared, factor, half = (int(g.integers(1, n)) for n in (4, 4, 4, 4))
    size, is_first = 8 * half, coin(g)
    time = int(g.integers(1, 6)) if is_first else 1
    before = np.zeros(batch, int) if is_first else g.integers(1, 8, batch)
    total = int(before.max()) + time
    room = total + int(g.integers(0, 5))
    cast = lambda *shape: real(g, *shape).astype(kind)
    inputs = [("q", cast(batch, time, shared * factor * size)), *((n, cast(batch, time, shared * size)) for n in "kv")]
    width, codes = (size, np.int8) if bits == 8 else (size // 2, np.uint8)
    inputs += [(n, g.integers(0, 256, (batch, shared, room, width)).astype(np.uint8).view(codes)) for n in ("pk", "pv")]
    inputs += [("last", (before + time - 1).astype(np.int32)), ("total", np.array([total], np.int32))]
    inputs += [(n, None) for n in ("cos", "sin", "positions", "bias", "sink")]
    modes = [pick(g, "PER_TENSOR", "PER_CHANNEL") for _ in range(2)]
    for name, mode in zip(("ks", "vs"), modes):
        inputs += [(name, positive(g, *([1, shared, 1, size] if mode == "PER_CHANNEL" else [1]), low=0.02, high=0.3))]
    attributes = {"num_heads": shared * factor, "kv_num_heads": shared, "kv_cache_bit_width": bits}
    attributes |= {"k_quant_type": modes[0], "v_quant_type": modes[1]}
    if coin(g, 0.3):
        attributes["local_window_size"] = int(g.integers(1, 6))
    return Case("GroupQueryAttention", inputs, attributes, (True, True, True), some(g, ["ks", "vs"]), tolerance_of(kind))


@maker("DecoderMaskedMultiHeadAttention")
def _(g):
    batch, heads, size, room = (int(g.integers(low, n)) for low, n in ((1, 4), (1, 4), (1, 6), (2, 9)))
    # ONNX Runtime's processors take neither packed operands nor an output of scores.
    hidden, form = heads * size, pick(g, "self", "self", "cross")
    past = int(g.integers(0, room)) if form != "cross" else 0
    total = room if form == "cross" else past + 1
    inputs = [("q", real(g, batch, 1, hidden))]
    if form == "cross":
        inputs += [(n, real(g, batch, heads, room, size)) for n in "kv"]
    else:
        inputs += [(n, real(g, batch, 1, hidden)) for n in "kv"]
    mask = (g.random((batch, total)) < 0.7).astype(np.int32) if coin(g) else None
    bias = real(g, pick(g, 1, batch), pick(g, 1, heads), 1, total) if coin(g, 0.3) and form != "cross" else None
    inputs += [("mask", mask), ("added", bias)]
    attributes = {"num_heads": heads}
    if form != "cross":
        inputs += [(n, real(g, batch, heads, room, size)) for n in ("pk", "pv")]
        inputs += [("past", np.array([past], np.int32)), ("beams", None), ("places", None)]
        inputs += [("b", real(g, 3 * hidden) if coin(g) else None)]
        attributes["past_present_share_buffer"] = 1
    if coin(g, 0.3):
        attributes["scale"] = 0.3
    outputs = (True, form != "cross", form != "cross")
    shared = {} if form == "cross" else {"y1": "pk", "y2": "pv"}
    return Case("DecoderMaskedMultiHeadAttention", inputs, attributes, outputs, some(g, ["past"]), masked(mask), shared=shared)


# Images in blocks of channels


def blocked(op):
    def make(g):
        n, h, w, blocks = (int(g.integers(1, m)) for m in (3, 9, 9, 3))
        x = real(g, n, 16 * blocks, h, w)
        attributes = {}
        if op in ("MaxPool", "AveragePool"):
            attributes = {"kernel_shape": extents(g, 2, 1, min(3, h, w)), "strides": extents(g, 2, 1, 3)}
        elif op == "Upsample":
            mode = pick(g, "nearest", "linear")
            attributes = {"scales": [1, 1, *extents(g, 2, 1, 3)], "mode": mode}
            if mode == "linear":
                attributes["coordinate_transformation_mode"] = pick(g, "asymmetric", "align_corners", "half_pixel")
        elif op == "ReorderInput":
            last = coin(g)
            x = real(g, *([n, h, w, 4 * blocks] if last else [n, 4 * blocks, h, w]))
            attributes = {"channels_last": int(last)}
        elif op == "ReorderOutput":
            attributes = {"channels": 16 * blocks - int(g.integers(0, 16)), "channels_last": int(coin(g))}
        return Case(op, [("x", x)], attributes, domain="com.microsoft.nchwc")

    return make


for _op in ("AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "ReorderInput", "ReorderOutput", "Upsample"):
    maker(f"nchwc.{_op}")(blocked(_op))


@maker("nchwc.Conv")
def _(g):
    n, h, w, blocks, more = (int(g.integers(1, m)) for m in (3, 9, 9, 3, 3))
    kernel, form = extents(g, 2, 1, min(3, h, w)), pick(g, "blocks", "depthwise", "few")
    channels = 16 * blocks if form != "few" else int(g.integers(1, 8))
    filters = 16 * blocks if form == "depthwise" else 16 * more
    inputs = [("x", real(g, n, channels, h, w)), ("w", real(g, filters, 1 if form == "depthwise" else channels, *kernel))]
    inputs += [("b", real(g, filters) if coin(g) else None)]
    attributes = {"kernel_shape": kernel, "group": channels if form == "depthwise" else 1, "pads": [0, 0, 0, 0]}
    if coin(g):
        attributes["activation"] = pick(g, "Relu", "LeakyRelu", "Clip", "Tanh", "HardSigmoid")
        attributes["activation_params"] = {"LeakyRelu": [0.1], "Clip": [-0.5, 0.7], "HardSigmoid": [0.2, 0.5]}.get(attributes["activation"], [])
        if not attributes["activation_params"]:
            del attributes["activation_params"]
    inputs += [("sum", real(g, n, filters, h - kernel[0] + 1, w - kernel[1] + 1) if coin(g) else None)]
    return Case("Conv", inputs, attributes, constants={"w", "b"}, domain="com.microsoft.nchwc")
