"""Random elements of every ONNX type, and values that are not tensors."""

from dataclasses import dataclass

import ml_dtypes
import numpy as np
from onnx import TensorProto, helper

STRING = np.dtype(object)
FLOATS = [np.dtype(t) for t in (np.float32, np.float64, np.float16, ml_dtypes.bfloat16)]
FLOAT8 = [
    np.dtype(getattr(ml_dtypes, name))
    for name in ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")
]
PACKED = [
    np.dtype(getattr(ml_dtypes, name))
    for name in ("int4", "uint4", "int2", "uint2", "float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn")
]
# What ONNX Runtime's Python interface cannot take or give as numpy arrays.
EXOTIC = {np.dtype(ml_dtypes.bfloat16), *FLOAT8, *PACKED, np.dtype(ml_dtypes.float8_e8m0fnu)}


@dataclass
class Sequence:
    """A list of values of one type."""

    items: list
    element: object


@dataclass
class Optional:
    """A value or None, of type `element` (an onnx TypeProto)."""

    item: object
    element: object


@dataclass
class Map:
    """{key: value}, with element types of keys and values."""

    items: dict
    key: np.dtype
    value: np.dtype


def onnx_type(dtype):
    return TensorProto.STRING if dtype == STRING else helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def numpy_type(code):
    return STRING if code == TensorProto.STRING else np.dtype(helper.tensor_dtype_to_np_dtype(code))


def type_string(dtype):
    """`tensor(float)` as schemas write it."""
    return f"tensor({TensorProto.DataType.Name(onnx_type(dtype)).lower()})"


TYPES = {
    f"tensor({TensorProto.DataType.Name(code).lower()})": numpy_type(code)
    for code in TensorProto.DataType.values()
    if code != TensorProto.UNDEFINED
}


def kind(dtype):
    """float, int, uint, bool, complex or string."""
    if dtype == STRING:
        return "string"
    if dtype.kind in "fiubc":
        return {"f": "float", "i": "int", "u": "uint", "b": "bool", "c": "complex"}[dtype.kind]
    return {"i": "int", "u": "uint"}.get(dtype.name[0], "float")


def integer_range(dtype):
    return int(ml_dtypes.iinfo(dtype).min), int(ml_dtypes.iinfo(dtype).max)


WORDS = ["", "a", "b", "Zoo", "zoo", "ab c", "é", "ß", "日本", "I", "İ", "x y  z", "0", "-1", "3.5", "nan", "1e3", "A,b"]


def specials(dtype):
    """Values at which arithmetic is odd."""
    if kind(dtype) == "float":
        info = ml_dtypes.finfo(dtype)
        return [np.nan, np.inf, -np.inf, -0.0, 0.0, float(info.max), float(info.min),
                float(info.smallest_subnormal), float(info.tiny), 0.5, -0.5, 1.5, 2.5]  # fmt: skip
    low, high = integer_range(dtype)
    return [low, high, 0, 1, high - 1, low + 1]


def elements(generator, dtype, shape, low=None, high=None, special=False):
    """Random elements. Floats are normal unless a range is given; integers fill small ranges whole.

    With `special` about a fifth of the elements are NaN, infinite, extreme, or zero of either sign.
    """
    sort = kind(dtype)
    if sort == "string":
        return np.array([WORDS[i] for i in generator.integers(0, len(WORDS), int(np.prod(shape)))] or [],
                        dtype=object).reshape(shape)  # fmt: skip
    if sort == "bool":
        return np.asarray(generator.integers(0, 2, shape), bool)
    if sort == "complex":
        return np.asarray(generator.normal(0, 1, shape) + 1j * generator.normal(0, 1, shape), dtype)
    if sort == "float":
        wide = generator.normal(0, 1.5, shape) if low is None else generator.uniform(low, high, shape)
        wide = np.asarray(wide)
    else:
        least, most = integer_range(dtype)
        least = max(least, -100 if low is None else int(low))
        most = min(most, 100 if high is None else int(high))
        drawn_as = np.uint64 if sort == "uint" else np.int64
        wide = np.asarray(generator.integers(least, most, shape, drawn_as, endpoint=True))
    with np.errstate(all="ignore"):
        values = np.asarray(wide.astype(dtype))
    if special and values.size:
        odd = np.array(specials(dtype), dtype=object)
        flat = values.reshape(-1)  # a view: the array is contiguous
        for place in np.flatnonzero(generator.random(flat.size) < 0.2):
            flat[place] = odd[generator.integers(0, len(odd))]
    return values


TYPES_NAMES = {code: TensorProto.DataType.Name(code) for code in TensorProto.DataType.values()}


def bit_width(dtype):
    if kind(dtype) in ("int", "uint"):
        return int(ml_dtypes.iinfo(dtype).bits)
    if kind(dtype) == "float":
        return int(ml_dtypes.finfo(dtype).bits)
    return np.dtype(dtype).itemsize * 8
