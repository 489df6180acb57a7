"""Pooling and resampling."""

import numpy as np

from ..draw import Skip
from ..values import kind
from . import case
from .convolution import spatial, windows
from .movement import integers


def image(draw, extents, largest=4):
    batch, depth = (0 if draw.chance(0.02) else draw.integer(1, 2)), draw.integer(1, largest)
    draw.tensor(draw.schema.inputs[0].type_str, (batch, depth, *extents), special=False)


@case("MaxPool", "AveragePool", "LpPool")
def pool(draw):
    name = draw.schema.name
    fixed = name == "LpPool" and draw.version < 2
    extents, kernel, strides, dilations = spatial(draw, rank=2 if fixed else None)
    if not draw.has("dilations"):
        dilations = [1] * len(kernel)
    image(draw, extents)
    windows(draw, kernel, strides, dilations)
    draw.set(kernel_shape=kernel)
    draw.some(ceil_mode=draw.integer(0, 1), count_include_pad=draw.integer(0, 1), p=draw.integer(1, 3))
    if draw.version < 2 and name == "LpPool":
        draw.attributes.pop("p", None)
    if name == "MaxPool":
        draw.exact = True
        draw.some(storage_order=draw.integer(0, 1))
        if len(draw.schema.outputs) > 1 and draw.chance(0.4):
            draw.outputs = 2


@case("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(draw):
    image(draw, [draw.integer(1, 6) for _ in range(draw.integer(1, 3))])
    draw.some(p=draw.integer(1, 3))
    if draw.version < 2:
        draw.attributes.pop("p", None)


@case("MaxUnpool")
def max_unpool(draw):
    rank = draw.integer(1, 2)
    extents = [draw.integer(1, 4) for _ in range(rank)]
    kernel = [draw.integer(1, 3) for _ in range(rank)]
    batch, depth = draw.integer(1, 2), draw.integer(1, 2)
    shape = (batch, depth, *extents)
    total = [e * k for e, k in zip(extents, kernel)]
    draw.tensor("T1", shape, special=False)
    count = int(np.prod(shape))
    draw.add(draw.numpy.permutation(batch * depth * int(np.prod(total)))[:count].reshape(shape).astype(np.int64))
    draw.set(kernel_shape=kernel, strides=kernel)
    if draw.chance(0.4):
        draw.parameter(integers([batch, depth] + [t + draw.integer(0, 2) for t in total]))
    draw.exact = True


def regions(draw, count, batch, width, height, scale, with_batch):
    """Boxes in image coordinates (before `spatial_scale`)."""
    left = draw.numpy.uniform(0, width * 0.6, count)
    top = draw.numpy.uniform(0, height * 0.6, count)
    boxes = np.stack([left, top, left + draw.numpy.uniform(0.5, width * 0.5, count),
                      top + draw.numpy.uniform(0.5, height * 0.5, count)], -1) / scale  # fmt: skip
    index = draw.numpy.integers(0, batch, count)
    return (np.concatenate([index[:, None], np.round(boxes)], -1), index) if with_batch else (boxes, index)


@case("MaxRoiPool", "RoiAlign")
def regions_of_interest(draw):
    batch, depth, height, width = draw.integer(1, 2), draw.integer(1, 3), draw.integer(4, 10), draw.integer(4, 10)
    align = draw.schema.name == "RoiAlign"
    parameter = draw.schema.inputs[0].type_str
    scale = draw.pick([1.0, 0.5, 0.25])
    draw.tensor(parameter, (batch, depth, height, width), special=False)
    boxes, index = regions(draw, draw.integer(1, 4), batch, width, height, scale, not align)
    draw.add(boxes.astype(draw.type(parameter)))
    draw.set(spatial_scale=scale)
    if not align:
        return draw.set(pooled_shape=[draw.integer(1, 3), draw.integer(1, 3)])
    draw.add(index.astype(np.int64))
    draw.some(output_height=draw.integer(1, 4), output_width=draw.integer(1, 4), sampling_ratio=draw.integer(0, 3))
    draw.some(mode=draw.pick(["avg", "max"]),
              coordinate_transformation_mode=draw.pick(["half_pixel", "output_half_pixel"]))  # fmt: skip


@case("Upsample")
def upsample(draw):
    mode = draw.pick(["nearest", "nearest" if draw.version < 7 else "linear"])
    extents = [draw.integer(1, 5), draw.integer(1, 5)]
    draw.tensor("T", (draw.integer(1, 2), draw.integer(1, 3), *extents), special=False)
    draw.some(mode="bilinear" if mode == "linear" and draw.version < 7 else mode)
    if kind(draw.bound["T"]) in ("int", "uint"):
        draw.tolerance = (0, 1)
    scales = [1.0, 1.0] + [draw.pick([1.0, 1.5, 2.0, 2.7]) for _ in range(2)]
    if draw.version < 7:
        return draw.set(height_scale=scales[2], width_scale=scales[3])
    if draw.version < 9:
        return draw.set(scales=scales)
    draw.parameter(np.float32(scales))


COORDINATES = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]


@case("Resize")
def resize(draw):
    dtype = draw.type(draw.schema.inputs[0].type_str)
    mode = draw.pick(["nearest", "linear", "cubic"] if draw.version >= 11 else ["nearest", "linear"])
    rank = draw.pick([1, 2, 3]) if mode != "cubic" else 2
    leading = (draw.integer(1, 2), draw.integer(1, 2)) if draw.chance(0.8) or mode == "cubic" else ()
    extents = [draw.integer(1, 6) for _ in range(rank)]
    array = draw.tensor(draw.schema.inputs[0].type_str, (*leading, *extents), special=False)
    draw.some(mode=mode)
    mode = draw.attributes.get("mode", "nearest")
    scales = [1.0] * len(leading) + [draw.pick([0.5, 0.6, 1.0, 1.5, 2.0, 3.0, 2.3]) for _ in extents]
    if kind(array.dtype) in ("int", "uint"):
        # Neither is it said whether halves are rounded or cut, nor whether large numbers are weighed in f32.
        largest = float(np.abs(array.astype(np.float64)).max(initial=0))
        draw.tolerance = (0, max(1, largest * 2.0**-22))
    if draw.version == 10:
        return draw.parameter(np.float32(scales))
    coordinate = draw.pick(COORDINATES + ["tf_crop_and_resize"] +
                           (["half_pixel_symmetric"] if draw.version >= 19 else []) +
                           (["tf_half_pixel_for_nn"] if draw.version == 11 else []))  # fmt: skip
    draw.some(coordinate_transformation_mode=coordinate)
    draw.some(nearest_mode=draw.pick(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]),
              exclude_outside=draw.integer(0, 1), cubic_coeff_a=draw.pick([-0.5, -0.75]), extrapolation_value=2.0)  # fmt: skip
    if mode != "nearest" and draw.chance(0.3):
        draw.set(antialias=1)
    if mode != "cubic":
        draw.attributes.pop("exclude_outside", None)
    crop = draw.attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize"
    axes = list(range(len(leading), array.ndim)) if draw.version >= 18 and draw.chance(0.3) else None
    finish_resize(draw, array, scales, axes, crop)


def finish_resize(draw, array, scales, axes, crop):
    """The operands after the first: region, scales or sizes."""
    chosen = axes if axes is not None else list(range(array.ndim))
    if axes is not None:
        draw.set(axes=[a - array.ndim if draw.chance(0.3) else a for a in axes])
    region = None
    if crop:
        region = [0.0 if scales[a] == 1 else draw.pick([0.0, 0.2, -0.1]) for a in chosen]
        region += [1.0 if scales[a] == 1 else draw.pick([1.0, 0.7, 1.2]) for a in chosen]
    if draw.version < 13 and region is None:
        region = []
    roi = None if region is None else np.array(region).astype(draw.type("T2"))
    draw.parameter(roi)
    if draw.chance(0.4):
        draw.add(np.zeros((0,), np.float32) if draw.version < 13 else None, constant=True)
        sizes = [max(1, int(array.shape[a] * scales[a])) for a in chosen]
        draw.parameter(integers(sizes))
        if draw.version >= 18 and draw.chance(0.3) and not crop:
            draw.set(keep_aspect_ratio_policy=draw.pick(["not_larger", "not_smaller", "stretch"]))
            if axes is None and array.ndim > 1:
                raise Skip("leading axes would be resized as well")
    else:
        draw.parameter(np.float32([scales[a] for a in chosen]))


@case("GridSample")
def grid_sample(draw):
    rank = 3 if draw.version >= 20 and draw.chance(0.3) else 2
    modes = ["bilinear", "nearest", "bicubic"] if draw.version < 20 else ["linear", "nearest", "cubic"]
    mode = draw.pick(modes if rank == 2 else modes[:2])
    batch, depth = draw.integer(1, 2), draw.integer(1, 2)
    draw.type("T1", lambda t: kind(t) == "float")
    draw.tensor("T1", (batch, depth, *(draw.integer(2, 5) for _ in range(rank))), special=False)
    parameter = draw.schema.inputs[1].type_str
    draw.tensor(parameter, (batch, *(draw.integer(1, 4) for _ in range(rank)), rank), low=-1.3, high=1.3, special=False)
    draw.set(mode=mode)
    draw.some(padding_mode=draw.pick(["zeros", "border", "reflection"]), align_corners=draw.integer(0, 1))
