"""Damage: what makes a model wrong, or odd. The oracles say which; nothing may crash."""

import numpy as np

from .values import kind


def mutate(draw):
    draw.pick([drop, resize, retype, extreme, nonsense])(draw)
    draw.modern = None


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
            draw.operands[index] = np.resize(value, [extent if i == axis else e for i, e in enumerate(value.shape)])
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
        changed.reshape(-1)[draw.integer(0, changed.size - 1)] = draw.pick([1000, -1000, 2**31 - 1, -(2**31)])
        draw.operands[index] = changed


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
