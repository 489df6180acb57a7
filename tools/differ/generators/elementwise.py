"""Operators that work element by element, with and without broadcasting."""

import numpy as np
from onnx import helper

from .. import values
from ..draw import Skip
from ..values import kind
from . import case

UNARY = ("Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Erf Exp Floor Log Neg Reciprocal Relu Round Sigmoid Sign "
         "Sin Sinh Softplus Softsign Sqrt Tan Tanh IsNaN Not BitwiseNot Identity Mish HardSwish").split()  # fmt: skip
EXACT = set("Abs Ceil Floor Neg Relu Round Sign IsNaN Not BitwiseNot Identity IsInf Clip Max Min And Or Xor Where "
            "Equal Greater GreaterOrEqual Less LessOrEqual BitwiseAnd BitwiseOr BitwiseXor BitShift ThresholdedRelu".split())  # fmt: skip


def first(draw):
    parameter = draw.schema.inputs[0].type_str
    return parameter, draw.type(parameter)


@case(*UNARY)
def unary(draw):
    parameter, dtype = first(draw)
    near = draw.schema.name in ("Acos", "Asin", "Atanh") and draw.chance(0.8)
    draw.tensor(parameter, draw.shape(), **({"low": -1, "high": 1} if near and kind(dtype) == "float" else {}))
    draw.exact = draw.schema.name in EXACT


@case("Elu", "LeakyRelu", "ThresholdedRelu", "Celu", "Selu", "HardSigmoid", "Gelu", "Swish", "Shrink", "IsInf")
def parametric(draw):
    parameter, _ = first(draw)
    draw.tensor(parameter, draw.shape())
    small = lambda: round(draw.random.uniform(0.1, 2), 3)  # noqa: E731
    draw.some(alpha=small(), gamma=small(), beta=small(), lambd=small(), bias=small())
    draw.some(approximate=draw.pick(["tanh", "none"]), detect_negative=draw.integer(0, 1),
              detect_positive=draw.integer(0, 1))  # fmt: skip
    if draw.version < 6:
        draw.some(consumed_inputs=[0])
    draw.exact = draw.schema.name in EXACT


@case("Clip")
def clip(draw):
    dtype = draw.type("T")
    draw.tensor("T", draw.shape())
    low, high = sorted(draw.random.uniform(-3, 3) for _ in range(2))
    if draw.chance(0.1):
        low, high = high, low
    draw.exact = True
    if draw.version < 11:
        return draw.some(min=low, max=high)
    if kind(dtype) == "uint":
        low, high = abs(low), abs(high)
    for bound in (low, high):
        draw.parameter(np.array(bound).astype(dtype) if draw.chance(0.7) else None)


def pair(draw, parameters=None):
    """Two operands that broadcast against each other (older versions: the second against axes of the first)."""
    inputs = draw.schema.inputs
    left, right = parameters or (inputs[0].type_str, inputs[1].type_str)
    dtype = draw.type(left)
    shape = draw.shape()
    if draw.has("broadcast") or draw.version < 7:
        return legacy_pair(draw, left, right, shape)
    draw.add(draw.array(dtype, draw.broadcast(shape)))
    return draw.add(draw.array(draw.type(right), draw.broadcast(shape)))


def legacy_pair(draw, left, right, shape):
    """Before opset 7: equal shapes, or `broadcast` with the axis at which the second operand's axes begin."""
    draw.add(draw.array(draw.type(left), shape))
    other = shape
    if draw.chance(0.6) and shape:
        begin = draw.integer(0, len(shape) - 1)
        end = draw.integer(begin, len(shape))
        other = shape[begin:end]
        draw.set(broadcast=1)
        if end < len(shape) or draw.chance():
            draw.set(axis=begin)
        padding = len(shape) - end
    second = draw.add(draw.array(draw.type(right), other))
    if draw.attributes.get("broadcast"):
        draw.modern = lambda: modern_pair(draw, other + (1,) * padding)
    if draw.version < 6:
        draw.some(consumed_inputs=[0, 0])
    return second


def modern_pair(draw, shape):
    """The same as nodes of opset 13."""
    reshape = helper.make_node("Reshape", [draw.names[1], "shape"], ["aligned"])
    node = helper.make_node(draw.schema.name, [draw.names[0], "aligned"], ["y0"])
    return 13, [reshape, node], {"shape": np.array(shape, np.int64)}


@case("Add", "Sub", "Mul", "And", "Or", "Xor", "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual",
      "BitwiseAnd", "BitwiseOr", "BitwiseXor")  # fmt: skip
def binary(draw):
    second = pair(draw)
    first_operand = draw.operands[0]
    if draw.schema.name in ("Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual") and draw.chance():
        if kind(second.dtype) in ("float", "int", "uint") and first_operand.dtype == second.dtype:
            draw.operands[0] = draw.array(second.dtype, first_operand.shape, 0, 2)
            draw.operands[1] = draw.array(second.dtype, second.shape, 0, 2)
    draw.exact = draw.schema.name in EXACT


def without_zero(array):
    return np.where(array == 0, np.ones((), array.dtype), array).astype(array.dtype)


@case("Div", "Mod")
def division(draw):
    if draw.schema.name == "Mod" and kind(draw.type("T")) == "float":
        draw.set(fmod=1)
    elif draw.schema.name == "Mod":
        draw.some(fmod=1)
    pair(draw)
    left, right = draw.operands
    if kind(left.dtype) != "float":
        draw.operands[1] = without_zero(right)
        low = values.integer_range(left.dtype)[0]
        # The least integer over −1 has no answer.
        draw.operands[0] = np.where(left == low, np.ones((), left.dtype), left).astype(left.dtype)


@case("Pow")
def power(draw):
    base = draw.type("T")
    pair(draw, ("T", draw.schema.inputs[1].type_str))
    exponent = draw.operands[1]
    if kind(base) != "float" or kind(exponent.dtype) != "float":
        small = draw.array(exponent.dtype, exponent.shape, 0, 3, special=False)
        draw.operands[1] = small
        if kind(base) != "float":
            draw.operands[0] = draw.array(base, draw.operands[0].shape, -4, 4, special=False)
            if kind(exponent.dtype) == "float":
                draw.operands[1] = np.round(small.astype(np.float64)).astype(exponent.dtype)
    elif draw.chance(0.7):
        draw.operands[0] = np.abs(draw.operands[0])


@case("BitShift")
def bit_shift(draw):
    dtype = draw.type("T")
    draw.set(direction=draw.pick(["LEFT", "RIGHT"]))
    pair(draw)
    draw.operands[0] = draw.array(dtype, draw.operands[0].shape, 0, 255)
    draw.operands[1] = draw.array(dtype, draw.operands[1].shape, 0, np.dtype(dtype).itemsize * 8 - 1, special=False)
    draw.exact = True


@case("PRelu")
def prelu(draw):
    shape = draw.shape()
    draw.tensor("T", shape)
    if draw.version >= 7:
        return draw.tensor("T", draw.broadcast(shape))
    count = shape[1] if len(shape) > 1 and draw.chance() else 1
    draw.tensor("T", (count,))
    if not shape:
        draw.operands[0] = draw.operands[0].reshape(1)
    draw.modern = lambda: modern_pair(draw, (count,) + (1,) * max(0, len(shape) - 2))


@case("Max", "Min", "Sum", "Mean")
def variadic(draw):
    dtype = draw.type("T")
    shape = draw.shape()
    for index in range(draw.integer(1, 4)):
        draw.add(draw.array(dtype, draw.broadcast(shape) if draw.version >= 8 else shape), f"x{index}")
    draw.exact = draw.schema.name in EXACT


@case("Where")
def where(draw):
    shape = draw.shape()
    draw.add(draw.array(np.bool_, draw.broadcast(shape)))
    for _ in range(2):
        draw.tensor("T", draw.broadcast(shape))
    draw.exact = True


def castable(array, target):
    """Keeps what has one right answer: no NaN or infinity to integers, nothing out of range."""
    if kind(array.dtype) == "float" and kind(target) in ("int", "uint"):
        low, high = values.integer_range(target)
        finite = np.nan_to_num(array.astype(np.float64), nan=1, posinf=2, neginf=-2)
        bounded = np.clip(finite, max(low, -1e6), min(high, 1e6))
        return bounded.astype(array.dtype)
    return array


@case("Cast")
def cast(draw):
    source, target = draw.type("T1"), draw.type("T2")
    array = castable(draw.array(source, draw.shape(), special=draw.chance(0.4)), target)
    if values.STRING in (source, target):
        array = text_operand(draw, source, target)
    draw.add(array)
    draw.exact = target != values.STRING
    to = values.onnx_type(target)
    draw.set(to=values.TYPES_NAMES[to] if draw.version < 6 else to)
    draw.some(saturate=draw.integer(0, 1), round_mode=draw.pick(["up", "down", "nearest"]))


def text_operand(draw, source, target):
    shape = draw.shape(high=2)
    if source == target:
        return draw.array(source, shape)
    if source == values.STRING:
        if kind(target) == "bool":
            raise Skip("no rule for strings as truth values")
        texts = ["1", "-2", "3.5", "1e2", "NaN", "INF", "-INF", "0"] if kind(target) == "float" else ["1", "7", "0"]
        return np.array([draw.pick(texts) for _ in range(int(np.prod(shape)))], dtype=object).reshape(shape)
    return draw.array(source, shape, 0, 3) if kind(source) != "float" else np.round(draw.array(source, shape) * 4) / 4


@case("CastLike")
def cast_like(draw):
    source, target = draw.type("T1"), draw.type("T2")
    array = castable(draw.array(source, draw.shape(), special=draw.chance(0.4)), target)
    if values.STRING in (source, target):
        array = text_operand(draw, source, target)
    draw.add(array)
    draw.add(draw.array(target, draw.shape(high=2)))
    draw.some(saturate=draw.integer(0, 1))
    draw.exact = target != values.STRING


@case("BitCast")
def bit_cast(draw):
    source = draw.type("T1", lambda t: t != values.STRING)
    width = values.bit_width(source)
    # Bytes other than 0 and 1 are no truth values.
    draw.type("T2", lambda t: kind(t) not in ("string", "bool") and values.bit_width(t) == width)
    draw.set(to=values.onnx_type(draw.bound["T2"]))
    draw.add(draw.array(source, draw.shape()))
    draw.exact = True


@case("Dropout")
def dropout(draw):
    draw.tensor(draw.schema.inputs[0].type_str, draw.shape())
    draw.some(ratio=0.3)
    if draw.version < 7:
        draw.set(is_test=1)
    if draw.version >= 12 and draw.chance():
        draw.parameter(np.array(0.4).astype(draw.type("T1")))
        if draw.chance():
            draw.parameter(np.array(draw.chance(0.3)))
            if draw.operands[2]:
                draw.shape_only = not draw.chance(0.2)
                if not draw.shape_only:
                    draw.operands[1] = np.zeros((), draw.type("T1"))
    draw.outputs = draw.integer(1, 2)
    draw.exact = True


@case("SwiGLU")
def swiglu(draw):
    shape = draw.shape(low=1)
    for index in range(len(draw.schema.inputs)):
        draw.tensor("T", shape, **{})
        if len(draw.operands) >= draw.schema.min_input and draw.chance(0.3) and index:
            break
    draw.some(alpha=1.3)


@case("Constant")
def constant(draw):
    array = draw.array(draw.pick(draw.types("T")), draw.shape())
    forms = [name for name in draw.schema.attributes if name != "sparse_value"]
    form = draw.pick(forms)
    plain = {"value": array, "value_float": 1.5, "value_floats": [1.0, -2.5], "value_int": 7, "value_ints": [3, -1],
             "value_string": "zoo", "value_strings": ["a", ""]}  # fmt: skip
    draw.attributes[form] = plain[form]
    draw.exact = True


@case("ConstantOfShape")
def constant_of_shape(draw):
    draw.parameter(np.array(draw.shape(), np.int64))
    if draw.chance(0.8):
        draw.attributes["value"] = draw.array(draw.type("T2"), (1,))
    draw.exact = True


@case("EyeLike")
def eye_like(draw):
    draw.tensor("T1", (draw.integer(1, 6), draw.integer(1, 6)))
    draw.some(k=draw.integer(-4, 4))
    if draw.chance() or draw.bound["T1"] not in draw.types("T2"):
        draw.attributes["dtype"] = values.onnx_type(draw.type("T2"))
    draw.exact = True


@case("Range")
def range_of_numbers(draw):
    dtype = draw.type("T")
    start, count, step = draw.integer(0, 9), draw.integer(0, 9), draw.integer(1, 3)
    if kind(dtype) != "uint" and draw.chance(0.4):
        step = -step
    limit = start + step * count
    scale = 1
    if kind(dtype) == "uint" and limit < 0:
        limit = 0
    if kind(dtype) == "float":
        scale = draw.pick([1, 0.5, 0.25])
    numbers = [number * scale for number in (start, limit, step)]
    if kind(dtype) == "float" and draw.chance(0.4):
        numbers = [draw.random.uniform(-3, 3), draw.random.uniform(-3, 3), draw.pick([0.1, 0.3, -0.1, -0.7])]
    for number in numbers:
        draw.parameter(np.array(number).astype(dtype))


@case("RandomNormal", "RandomUniform")
def random_tensor(draw):
    draw.set(shape=list(draw.shape(low=1)))
    if draw.chance():
        draw.set(dtype=values.onnx_type(draw.type("T")))
    draw.some(mean=1.0, scale=2.0, low=-1.0, high=3.0, seed=4.0)
    draw.shape_only = True


@case("RandomNormalLike", "RandomUniformLike", "Bernoulli")
def random_like(draw):
    only = (lambda t: kind(t) == "float") if draw.schema.name != "Bernoulli" else None
    draw.type("T1", only)
    draw.tensor("T1", draw.shape(), **({"low": 0, "high": 1} if draw.schema.name == "Bernoulli" else {}))
    if draw.chance() or draw.bound["T1"] not in draw.types("T2"):
        draw.set(dtype=values.onnx_type(draw.type("T2")))
    draw.some(seed=4.0)
    draw.shape_only = True


@case("Multinomial")
def multinomial(draw):
    draw.tensor("T1", (draw.integer(1, 3), draw.integer(1, 5)), special=False)
    draw.some(sample_size=draw.integer(1, 6), seed=4.0, dtype=values.onnx_type(draw.type("T2")))
    draw.shape_only = True


