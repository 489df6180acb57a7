"""Quantization."""

import numpy as np

from ..draw import Skip
from ..values import bit_width, kind, onnx_type
from . import case
from .matrix import product_shapes


def layout(draw, shape):
    """Shape of the scales: one, one along an axis, or one per block of an axis; sets `axis` and `block_size`."""
    form = draw.pick(["tensor", "axis", "block"]) if shape else "tensor"
    if form == "tensor" or not draw.has("axis"):
        return ()
    axis = draw.axis(len(shape))
    draw.set(axis=axis)
    if form == "block" and draw.has("block_size") and shape[axis] > 1:
        block = draw.integer(1, shape[axis])
        draw.set(block_size=block)
        blocks = list(shape)
        blocks[axis] = -(-shape[axis] // block)
        return tuple(blocks)
    if draw.version < 13 or shape[axis] == 0:
        draw.attributes.pop("axis", None)
        return ()
    return (shape[axis],)


@case("QuantizeLinear")
def quantize_linear(draw):
    shape = draw.shape(zero=0.02)
    source = draw.type(draw.schema.inputs[0].type_str)
    scale_type = draw.type(draw.schema.inputs[1].type_str) if draw.version >= 19 else np.dtype(np.float32)
    target = draw.type(draw.schema.outputs[0].type_str)
    if draw.version < 23 and "T1" == draw.schema.inputs[1].type_str:
        scale_type = source
    draw.add(draw.array(source, shape, -50 if kind(source) == "int" else None, 50, special=False)
             if kind(source) != "float" else (draw.array(source, shape, special=False) * 3).astype(source))  # fmt: skip
    scales = layout(draw, shape)
    if kind(scale_type) != "float" or str(scale_type) == "float8_e8m0fnu":
        draw.parameter(np.full(scales, draw.pick([1, 2])).astype(scale_type))
    else:
        draw.parameter(draw.array(scale_type, scales, 0.02, 0.3, special=False))
    if draw.has("output_dtype") and draw.chance(0.3):
        draw.set(output_dtype=onnx_type(target))
    elif target != np.uint8 or draw.chance(0.7):
        zero = np.zeros(scales, target) if bit_width(target) >= 32 or kind(target) == "float" else None
        draw.parameter(zero if zero is not None else draw.array(target, scales, special=False))
    draw.some(saturate=draw.integer(0, 1))
    if draw.chance(0.15):
        draw.set(precision=draw.pick([1, 10, 16]))
    # The quotient of two-byte floats may be rounded once more before it is quantized.
    draw.exact = source.itemsize > 2
    if not draw.exact:
        draw.tolerance = (0.13, 1) if kind(target) == "float" else (0, 1)


@case("DequantizeLinear")
def dequantize_linear(draw):
    shape = draw.shape(zero=0.02)
    source = draw.type(draw.schema.inputs[0].type_str)
    draw.tensor(draw.schema.inputs[0].type_str, shape, special=False)
    scales = layout(draw, shape)
    scale_type = draw.type(draw.schema.inputs[1].type_str)
    draw.parameter(draw.array(scale_type, scales, 0.02, 0.3, special=False) if str(scale_type) != "float8_e8m0fnu"
                   else np.full(scales, 2).astype(scale_type))  # fmt: skip
    if draw.chance(0.7):
        zero = bit_width(source) >= 32 or kind(source) == "float"
        draw.parameter(np.zeros(scales, source) if zero else draw.array(source, scales, special=False))
    if str(scale_type) == "float8_e8m0fnu" or draw.has("output_dtype") and draw.chance(0.3):
        draw.set(output_dtype=onnx_type(draw.pick(draw.types(draw.schema.outputs[0].type_str))))


@case("DynamicQuantizeLinear")
def dynamic_quantize_linear(draw):
    draw.tensor("T1", draw.shape(zero=0), special=False)
    draw.outputs = 3


@case("QLinearMatMul")
def qlinear_matmul(draw):
    left, right = product_shapes(draw)
    if 0 in left + right:
        raise Skip("empty product")
    inputs = draw.schema.inputs
    for place, shape in ((0, left), (3, right)):
        parameter = inputs[place].type_str
        draw.tensor(parameter, shape, low=-128, high=255, special=False)
        scale = inputs[place + 1].type_str
        scale_type = np.dtype(np.float32) if scale == "tensor(float)" else draw.type(scale)
        draw.parameter(draw.array(scale_type, (), 0.005, 0.05, special=False))
        draw.parameter(draw.array(draw.type(parameter), (), special=False))
    scale = inputs[6].type_str
    scale_type = np.dtype(np.float32) if scale == "tensor(float)" else draw.type(scale)
    draw.parameter(draw.array(scale_type, (), 0.05, 0.5, special=False))
    draw.parameter(draw.array(draw.type(inputs[7].type_str), (), special=False))
    draw.tolerance = (0, 1)


