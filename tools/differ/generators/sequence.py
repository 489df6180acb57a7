"""Sequences and optionals."""

import numpy as np
import onnx

from .. import values
from ..draw import tensor_type
from ..values import Optional, Sequence
from . import case
from .movement import integers


def element_type(draw):
    common = [np.dtype(t) for t in (np.float32, np.int64, np.float64, np.int32, np.bool_, np.uint8)]
    return draw.pick(common + [values.STRING])


def sequence(draw, dtype, least=0, same_rank=None):
    count = draw.integer(least, 4)
    items = [draw.array(dtype, draw.shape(high=3) if same_rank is None else same_rank()) for _ in range(count)]
    return draw.add(Sequence(items, tensor_type(dtype)))


@case("SequenceConstruct")
def construct(draw):
    dtype = element_type(draw)
    for index in range(draw.integer(1, 4)):
        draw.add(draw.array(dtype, draw.shape(high=3)), f"x{index}")
    draw.exact = True


@case("SequenceEmpty")
def empty(draw):
    draw.some(dtype=values.onnx_type(element_type(draw)))


@case("SequenceLength")
def length(draw):
    sequence(draw, element_type(draw))


def position(draw, low, high):
    draw.parameter(np.array(draw.integer(low, high), draw.pick([np.int32, np.int64])))


@case("SequenceAt", "SequenceErase")
def at(draw):
    count = len(sequence(draw, element_type(draw), 1).items)
    if draw.schema.name == "SequenceAt" or draw.chance(0.7):
        position(draw, -count, count - 1)
    draw.exact = True


@case("SequenceInsert")
def insert(draw):
    dtype = element_type(draw)
    count = len(sequence(draw, dtype).items)
    draw.add(draw.array(dtype, draw.shape(high=3)))
    if draw.chance(0.7):
        position(draw, -count, count)
    draw.exact = True


@case("ConcatFromSequence")
def concat(draw):
    stack = draw.integer(0, 1)
    shape = list(draw.shape(low=1, high=3))
    axis = draw.axis(len(shape) + stack)

    def item():
        extents = list(shape)
        if not stack:
            extents[axis] = draw.integer(1, 3)
        return extents

    sequence(draw, element_type(draw), 1, item)
    draw.set(axis=axis)
    draw.some(new_axis=stack)
    if stack:
        draw.set(new_axis=stack)
    draw.exact = True


@case("SplitToSequence")
def split(draw):
    shape = list(draw.shape(low=1, high=4, zero=0))
    axis = draw.axis(len(shape))
    draw.tensor("T", shape)
    draw.some(axis=axis)
    extent = shape[draw.attributes.get("axis", 0)]
    form = draw.pick(["none", "scalar", "parts"])
    kind = draw.type("I")
    if form == "scalar":
        draw.parameter(np.array(draw.integer(1, extent), kind))
    elif form == "parts":
        first = draw.integer(0, extent)
        draw.parameter(integers([first, extent - first], kind))
    draw.some(keepdims=draw.integer(0, 1))
    draw.exact = True


@case("Optional")
def optional(draw):
    dtype = element_type(draw)
    draw.exact = True
    if draw.chance(0.3):
        attribute = onnx.AttributeProto(name="type", type=onnx.AttributeProto.TYPE_PROTO)
        attribute.tp.CopyFrom(tensor_type(dtype))
        draw.attributes["type"] = attribute
    elif draw.chance():
        sequence(draw, dtype)
    else:
        draw.add(draw.array(dtype, draw.shape(high=3)))


@case("OptionalGetElement", "OptionalHasElement")
def optional_element(draw):
    dtype = element_type(draw)
    draw.exact = True
    item, element = draw.array(dtype, draw.shape(high=3)), tensor_type(dtype)
    if draw.chance(0.4):
        item = Sequence([item], tensor_type(dtype))
        element = onnx.helper.make_sequence_type_proto(tensor_type(dtype))
    if draw.schema.name == "OptionalHasElement" and draw.chance(0.4):
        item = None
    draw.add(Optional(item, element))
