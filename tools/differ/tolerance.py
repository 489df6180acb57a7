"""How far results may be from the oracle's, and why.

Moving, choosing and comparing elements, whole numbers, strings and truth values are exact. A function of one element
may be some units in the last place off (other approximations of exp, tanh, erf). Sums of products depend on the order
of adding, so that the error is in proportion to the largest values, not to the single result.
"""

import numpy as np

from .values import Map, Optional, Sequence, kind

# Some units in the last place, as a share of the value: (pointwise, sums).
UNITS = {
    "float64": (1e-12, 1e-10),
    "float32": (2e-5, 1e-4),
    "float16": (2e-3, 4e-3),
    "bfloat16": (1.6e-2, 3.2e-2),
    "float8": (0.13, 0.26),
    "complex64": (2e-5, 1e-4),
    "complex128": (1e-12, 1e-10),
}
POINTWISE = set(
    "Acos Acosh Add Asin Asinh Atan Atanh Celu Cos Cosh Div Elu Erf Exp Gelu HardSigmoid HardSwish LeakyRelu Log Mish "
    "Mod Mul PRelu Pow Reciprocal Selu Shrink Sigmoid Sin Sinh Softplus Softsign Sqrt Sub SwiGLU Swish Tan Tanh Range "
    "DequantizeLinear".split()
)
# Where single precision is prescribed or customary though the result is wider: the oracle's double is computed in f32.
SINGLE = {"Normalizer", "Scaler", "LinearRegressor", "SVMRegressor", "LpNormalization", "MelWeightMatrix", "Gelu",
          "Range", "LRN", "Resize", "Upsample", "BlackmanWindow", "HammingWindow", "HannWindow", "Shrink", "HardSwish", "Erf",
          "Attention", "FlexAttention", "Adam", "Adagrad", "Momentum", "LayerNormalization", "GroupNormalization", "RMSNormalization"}  # fmt: skip
# Each step rounds to the narrow type in one of the two implementations.
LONG = {"RNN", "GRU", "LSTM", "Attention", "LinearAttention", "Loop", "Scan"}
# Rows of nearly equal elements have a variance that is all rounding.
NORMALIZING = {"GroupNormalization", "InstanceNormalization", "LayerNormalization", "MeanVarianceNormalization",
               "BatchNormalization"}  # fmt: skip


def arrays(value):
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, (list, tuple)):
        return [a for v in value for a in arrays(v)]
    if isinstance(value, Sequence):
        return arrays(value.items)
    if isinstance(value, Optional):
        return arrays(value.item)
    if isinstance(value, (Map, dict)):
        items = value.items if isinstance(value, Map) else value
        return [np.array(list(items.values()))]
    return []


def widest(draw, found):
    """The coarsest of the floating-point types that took part."""
    taking_part = found + [a for v in draw.operands for a in arrays(v)]
    names = {str(a.dtype) for a in taking_part if kind(a.dtype) in ("float", "complex")}
    shares = [UNITS.get(n, UNITS["float8"]) for n in names]
    return max(shares) if shares else UNITS["float32"]


def of(draw, results, oracle=None):
    """(relative, absolute)"""
    found = arrays(results)
    if draw.tolerance is not None:
        # It is that of the type that was drawn; damage may have made another one of it.
        narrow = draw.damaged and any(a.dtype == np.float16 for a in found)
        least = UNITS["float16"][1] if narrow else 0.0
        return tuple(max(share, least) for share in draw.tolerance)
    if draw.exact or all(kind(a.dtype) not in ("float", "complex") for a in found):
        return 0.0, 0.0
    pointwise, sums = widest(draw, found)
    if draw.schema.name in SINGLE or oracle == "ort in f32":
        pointwise, sums = max(pointwise, UNITS["float32"][0]), max(sums, UNITS["float32"][1])
    if draw.schema.name in NORMALIZING:
        sums *= 20
    if draw.schema.name in LONG:
        pointwise, sums = pointwise * 4, sums * 4
    if draw.schema.name in POINTWISE:
        return pointwise, pointwise * 0.05
    largest = 0.0
    for array in [*found, *(a for v in draw.operands for a in arrays(v))]:
        if kind(array.dtype) in ("float", "complex") and array.size:
            wide = np.abs(array.astype(np.complex128))
            largest = max(largest, float(wide[np.isfinite(wide)].max(initial=0)))
    return sums, sums * 0.1 * min(max(largest, 1e-2), 1e6)
