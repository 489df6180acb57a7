"""Damage: what makes a model wrong, or odd. The oracles say which; nothing may crash."""

import math

import numpy as np
import onnx

from .draw import Skip
from .values import STRING, kind

# What a legal answer may take: a single integer asks for gigabytes, which shows nothing and slows all else.
LARGEST = 1 << 22


def mutate(draw):
    # What changes one operand changes no other.
    draw.names = [n and f"{n}_{i}" if n in draw.names[:i] else n for i, n in enumerate(draw.names)]
    draw.pick([drop, resize, retype, extreme, nonsense, wild])(draw)
    draw.modern = None
    bound(draw)


def bound(draw):
    """Skips a case whose results would be large, if it is legal at all."""
    if any(draw.operands[i].size > LARGEST for i in tensors(draw)) or largest_output(draw) > LARGEST:
        raise Skip("results too large")


def largest_output(draw):
    """Elements of the largest result, as far as the standard's inference sees it when all operands are constants."""
    try:
        model = draw.model(set(tensors(draw)))
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=False, data_prop=True)
    except Exception:
        return 0
    shapes = [[axis.dim_value for axis in output.type.tensor_type.shape.dim] for output in inferred.graph.output]
    return max((math.prod(shape) for shape in shapes), default=0)


def tensors(draw):
    return [i for i, v in enumerate(draw.operands) if isinstance(v, np.ndarray)]


def drop(draw):
    if draw.operands:
        draw.operands.pop()
        draw.names.pop()


def resize(draw):
    """One axis longer or shorter by one, or gone."""
    for index in tensors(draw)[:1] if draw.chance() else tensors(draw)[1:2]:
        value = draw.operands[index]
        if value.ndim and draw.chance(0.7):
            axis = draw.integer(0, value.ndim - 1)
            extent = max(0, value.shape[axis] + draw.pick([-1, 1]))
            shape = [extent if i == axis else e for i, e in enumerate(value.shape)]
            if value.dtype == STRING and not value.size:
                value = np.array([""], object)  # numpy would fill it with numbers
            draw.operands[index] = np.resize(value, shape)
        else:
            draw.operands[index] = value.reshape(-1)


def retype(draw):
    for index in tensors(draw)[-1:]:
        if kind(draw.operands[index].dtype) in ("int", "uint", "float", "bool"):
            target = draw.pick([np.int32, np.float64, np.uint8, np.float16])
            with np.errstate(all="ignore"):
                draw.operands[index] = draw.operands[index].astype(target)


def extreme(draw):
    """An integer far out of range."""
    whole = [i for i in tensors(draw) if draw.operands[i].dtype in (np.int64, np.int32) and draw.operands[i].size]
    if whole:
        index = draw.pick(whole)
        changed = draw.operands[index].copy()
        far = [1000, -1000] + ([2**31 - 1, -(2**31)] if draw.schema.inputs else [])  # without a schema nothing bounds them
        changed.reshape(-1)[draw.integer(0, changed.size - 1)] = draw.pick(far)
        draw.operands[index] = changed


def wild(draw):
    """Floats that are no places, sizes or factors: what comes out has no meaning, but memory must hold it."""
    floats = [i for i in tensors(draw) if kind(draw.operands[i].dtype) == "float" and draw.operands[i].size]
    if not floats or draw.schema.name == "Loop":
        raise Skip("no floats, or a loop that they would keep from ending")
    index = draw.pick(floats)
    changed = draw.operands[index].copy()
    for _ in range(draw.integer(1, 3)):
        with np.errstate(all="ignore"):
            changed.reshape(-1)[draw.integer(0, changed.size - 1)] = draw.pick([np.nan, np.inf, -np.inf, 1e30, -1e30, 3e9, -3e9])
    draw.operands[index] = changed
    draw.meaningless = True


def nonsense(draw):
    """An attribute with a value that nobody expects."""
    if draw.attributes:
        name = draw.pick(sorted(draw.attributes))
        value = draw.attributes[name]
        if isinstance(value, int):
            draw.attributes[name] = draw.pick([-1, 99, -99, 2**31, 0])
        elif isinstance(value, str):
            draw.attributes[name] = "nonsense"
        elif isinstance(value, list) and value and draw.chance():
            draw.attributes[name] = value[:-1]
        elif isinstance(value, list) and value and isinstance(value[0], int):
            draw.attributes[name] = [draw.pick([-1, 0, 99])] + value[1:]
