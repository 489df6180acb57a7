"""Convolutions."""

import math

import numpy as np

from . import case


def spatial(draw, rank=None, largest=9):
    """Rank, extents, kernel, strides, dilations and pads (or auto_pad) of a sliding window that fits."""
    rank = rank or draw.pick([1, 2, 2, 2, 2, 3])
    kernel = [draw.integer(1, 4 if rank < 3 else 2) for _ in range(rank)]
    dilations = [draw.pick([1, 1, 1, 2]) for _ in range(rank)]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    extents = [draw.integer(r, max(r, largest if rank < 3 else 5)) for r in reach]
    if draw.chance(0.1):
        extents[-1] += draw.pick([16, 31, 32])
    if draw.chance(0.05) and rank < 3:
        extents = [e + draw.integer(15, 50) for e in extents]
    strides = [draw.pick([1, 1, 2, 3]) for _ in range(rank)]
    return extents, kernel, strides, dilations


def windows(draw, kernel, strides, dilations):
    """Sets the attributes of a window; each may keep its default."""
    rank = len(kernel)
    if any(d != 1 for d in dilations) and draw.has("dilations"):
        draw.set(dilations=dilations)
    draw.some(strides=strides)
    if draw.chance(0.25):
        draw.set(auto_pad=draw.pick(["SAME_UPPER", "SAME_LOWER", "VALID"]))
        if "SAME" in draw.attributes.get("auto_pad", ""):
            # What SAME means together with dilations differs between editions of the standard.
            draw.attributes.pop("dilations", None)
            # Steps longer than the kernel make the padding negative: some operators of ONNX Runtime cut, others do not.
            if any(s > k for s, k in zip(draw.attributes.get("strides", []), kernel)):
                draw.attributes.pop("strides")
    elif draw.chance(0.6):
        most = 1 if "Conv" in draw.schema.name and draw.chance(0.1) else -1
        draw.set(pads=[draw.integer(0, max(0, kernel[i % rank] + most)) for i in range(rank * 2)])


def channels(draw):
    """(group, input channels of a group, output channels of a group), depthwise and tile-sized ones included."""
    if draw.chance(0.2):
        return draw.pick([2, 3, 8, 16, 17]), 1, draw.pick([1, 1, 2])
    if draw.chance(0.08):
        return draw.pick([1, 1, 2]), draw.pick([24, 32, 48]), draw.pick([24, 33, 64])
    return draw.pick([1, 1, 1, 2, 3]), draw.pick([1, 2, 3, 4, 8, 16, 17]), draw.pick([1, 2, 3, 5, 16, 17, 32])


@case("Conv")
def conv(draw):
    extents, kernel, strides, dilations = spatial(draw)
    group, inputs, outputs = channels(draw)
    batch = 0 if draw.chance(0.03) else draw.integer(1, 2)
    draw.tensor("T", (batch, group * inputs, *extents), special=False)
    draw.tensor("T", (group * outputs, inputs, *kernel), special=False)
    if draw.chance():
        draw.tensor("T", (group * outputs,), special=False)
    windows(draw, kernel, strides, dilations)
    draw.some(kernel_shape=kernel)
    if group > 1:
        draw.set(group=group)


@case("ConvTranspose")
def conv_transpose(draw):
    extents, kernel, strides, dilations = spatial(draw, largest=6)
    group, inputs, outputs = channels(draw)
    draw.tensor("T", (draw.integer(1, 2), group * inputs, *extents), special=False)
    draw.tensor("T", (group * inputs, outputs, *kernel), special=False)
    if draw.chance():
        draw.tensor("T", (group * outputs,), special=False)
    windows(draw, kernel, strides, dilations)
    strides = draw.attributes.get("strides", [1] * len(kernel))
    dilations = draw.attributes.get("dilations", [1] * len(kernel))
    draw.some(kernel_shape=kernel)
    if draw.chance(0.3):
        draw.set(output_padding=[draw.integer(0, max(s, d) - 1) for s, d in zip(strides, dilations)])
    if draw.chance(0.15):
        extra = draw.attributes.get("output_padding", [0] * len(kernel))
        draw.attributes.pop("pads", None)
        draw.set(output_shape=[
            s * (e - 1) + o + (k - 1) * d + 1 - draw.integer(0, min(2, k - 1))
            for e, k, s, d, o in zip(extents, kernel, strides, dilations, extra)
        ])  # fmt: skip
    if group > 1:
        draw.set(group=group)


@case("ConvInteger")
def conv_integer(draw):
    extents, kernel, strides, dilations = spatial(draw)
    group, inputs, outputs = channels(draw)
    draw.exact = True
    draw.tensor("T1", (draw.integer(1, 2), group * inputs, *extents), low=-128, high=255, special=False)
    draw.tensor("T2", (group * outputs, inputs, *kernel), low=-128, high=255, special=False)
    if draw.chance(0.7):
        draw.parameter(draw.array(draw.type("T1"), (), special=False))
        if draw.chance(0.7):
            zeros = (group * outputs,) if draw.chance(0.2) else ()
            draw.parameter(draw.array(draw.type("T2"), zeros, special=False))
    windows(draw, kernel, strides, dilations)
    if group > 1:
        draw.set(group=group)


@case("QLinearConv")
def qlinear_conv(draw):
    extents, kernel, strides, dilations = spatial(draw)
    group, inputs, outputs = channels(draw)
    scale = lambda shape=(): draw.array(np.float32, shape, 0.005, 0.05, special=False)  # noqa: E731
    draw.tensor("T1", (draw.integer(1, 2), group * inputs, *extents), low=-128, high=255, special=False)
    draw.parameter(scale())
    draw.parameter(draw.array(draw.type("T1"), (), special=False))
    weights = draw.array(draw.type("T2"), (group * outputs, inputs, *kernel), -128, 255, special=False)
    draw.add(weights, constant=draw.chance(0.8))
    per_channel = (group * outputs,) if draw.chance() else ()
    draw.parameter(scale(per_channel))
    zero = draw.array(draw.type("T2"), per_channel, special=False)
    draw.parameter(np.full_like(zero, zero.reshape(-1)[0]) if draw.chance(0.8) else zero)
    draw.parameter(draw.array(np.float32, (), 0.05, 0.5, special=False))
    draw.parameter(draw.array(draw.type("T3"), (), special=False))
    if draw.chance():
        draw.parameter(draw.array(np.int32, (group * outputs,), -1000, 1000, special=False))
    windows(draw, kernel, strides, dilations)
    if group > 1:
        draw.set(group=group)
    draw.tolerance = (0, 1)


@case("DeformConv")
def deform_conv(draw):
    extents, kernel, strides, dilations = spatial(draw, rank=2, largest=7)
    group, inputs, outputs = draw.pick([1, 1, 2]), draw.integer(1, 3), draw.integer(1, 3)
    batch, offset_group = draw.integer(1, 2), draw.pick([1, 1, group])
    pads = [draw.integer(0, 1) for _ in range(4)] if draw.chance() else [0] * 4
    size = [(e + pads[i] + pads[i + 2] - (k - 1) * d - 1) // s + 1
            for i, (e, k, s, d) in enumerate(zip(extents, kernel, strides, dilations))]  # fmt: skip
    draw.special = False
    draw.tensor("T", (batch, group * inputs, *extents))
    draw.tensor("T", (group * outputs, inputs, *kernel))
    draw.tensor("T", (batch, offset_group * math.prod(kernel) * 2, *size))
    draw.add(draw.array(draw.bound["T"], (group * outputs,)) if draw.chance() else None)
    if draw.chance():
        draw.tensor("T", (batch, offset_group * math.prod(kernel), *size), low=0, high=1)
    draw.set(strides=strides, dilations=dilations, pads=pads, group=group, offset_group=offset_group)


@case("CausalConvWithState")
def causal_conv(draw):
    batch, width, length, kernel = draw.integer(1, 2), draw.integer(1, 4), draw.integer(1, 6), draw.integer(2, 4)
    draw.special = False
    draw.tensor("T", (batch, width, length))
    draw.tensor("T", (width, 1, kernel))
    draw.add(draw.array(draw.bound["T"], (width,)) if draw.chance() else None)
    if draw.chance():
        draw.tensor("T", (batch, width, kernel - 1))
    draw.some(activation=draw.pick(["none", "silu", "swish"]))
    draw.outputs = 2


