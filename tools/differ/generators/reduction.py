"""Reductions over axes, and running sums."""

import numpy as np

from ..values import kind
from . import case
from .movement import integers

REDUCTIONS = "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare".split()


@case(*(f"Reduce{name}" for name in REDUCTIONS))
def reduce(draw):
    dtype = draw.type("T")
    shape = draw.shape()
    bounds = {"low": 0.1, "high": 2} if draw.schema.name == "ReduceLogSum" and kind(dtype) == "float" else {}
    if kind(dtype) in ("int", "uint"):
        small = draw.schema.name == "ReduceProd"
        bounds = {"low": 1 if "Log" in draw.schema.name else -2 if small else -20, "high": 2 if small else 20}
    draw.tensor("T", shape, special=draw.special and draw.schema.name in ("ReduceMax", "ReduceMin"), **bounds)
    draw.some(keepdims=draw.integer(0, 1), noop_with_empty_axes=draw.integer(0, 1))
    draw.exact = draw.schema.name in ("ReduceMax", "ReduceMin")
    axes = draw.axes(len(shape))
    if draw.version < 11:
        axes = [a % len(shape) for a in axes]
    if draw.has("axes"):
        return draw.set(axes=axes) if axes else None
    if axes or draw.chance():
        draw.parameter(integers(axes))


@case("ArgMax", "ArgMin")
def arg_extreme(draw):
    dtype = draw.type("T")
    shape = draw.shape(low=1, zero=0.02)
    array = draw.array(dtype, shape, special=False)
    if kind(dtype) in ("int", "uint") or draw.chance(0.3):
        array = draw.array(dtype, shape, 0, 3, special=False)
        array = np.round(array.astype(np.float64)).astype(dtype)
    draw.add(array)
    axis = draw.axis(len(shape), None if draw.version >= 11 else 0)
    draw.some(axis=axis, keepdims=draw.integer(0, 1), select_last_index=draw.integer(0, 1))
    draw.exact = True


@case("CumSum", "CumProd")
def cumulative(draw):
    dtype = draw.type("T")
    shape = draw.shape(low=1)
    product = draw.schema.name == "CumProd"
    draw.tensor("T", shape, special=False, **({"low": 0.5, "high": 1.5} if kind(dtype) == "float" and product else {}))
    axis = draw.axis(len(shape))
    draw.parameter(np.array([axis] if draw.chance(0.2) else axis, draw.type(draw.schema.inputs[1].type_str)))
    draw.some(exclusive=draw.integer(0, 1), reverse=draw.integer(0, 1))
