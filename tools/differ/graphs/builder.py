"""A graph under construction: values with their shapes, from which later operators take their operands."""

import math
import random
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .. import values
from ..draw import Choices, Skip, tensor_type

F32 = np.dtype(np.float32)
I64 = np.dtype(np.int64)
BOOL = np.dtype(bool)


@dataclass(frozen=True)
class Value:
    name: str
    shape: tuple
    dtype: np.dtype = F32

    @property
    def rank(self):
        return len(self.shape)

    @property
    def size(self):
        return math.prod(self.shape)


class Graph(Choices):
    """The main graph, or with `outer` a subgraph that sees the outer one's values."""

    def __init__(self, seed, outer=None):
        self.random = outer.random if outer else random.Random(seed)
        self.numpy = outer.numpy if outer else np.random.default_rng(self.random.getrandbits(64))
        self.outer = outer
        self.root = outer.root if outer else self
        self.nodes, self.weights, self.inputs, self.used = [], {}, {}, set()
        self.pool = list(outer.pool) if outer else []
        if outer is None:
            self.count = 0
            self.opset = self.pick([13, 14, 16, 17, 18, 19, 20, 21, 22])
            self.batch = self.integer(1, 3)
            self.exact = False
            self.rough = False

    # Values

    def fresh(self, prefix="v"):
        self.root.count += 1
        return f"{prefix}{self.root.count}"

    def find(self, fits):
        """A value that fits: often the newest, otherwise any, so that values have several readers; None without."""
        found = [v for v in self.pool if fits(v)]
        if not found:
            return None
        return found[-1] if self.chance(0.65) else self.pick(found)

    def normal(self, shape, scale=1.0):
        return (self.numpy.standard_normal(shape) * scale).astype(F32)

    def feed(self, shape, dtype=F32, low=None, high=None):
        """A new input of the graph."""
        if self.outer:
            raise Skip("inputs belong to the main graph")
        name = self.fresh("x")
        array = self.normal(shape) if dtype == F32 else values.elements(self.numpy, dtype, tuple(shape), low, high)
        self.inputs[name] = (array, low, high)
        return self.keep(Value(name, tuple(shape), np.dtype(dtype)))

    def weight(self, array):
        """A constant: an initializer, or now and then a node."""
        array = np.asarray(array)
        name = self.fresh("w")
        if self.chance(0.1):
            self.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array, name)))
        elif self.outer and self.chance():
            self.root.weights[name] = array
        else:
            self.weights[name] = array
        return Value(name, array.shape, array.dtype)

    def integers(self, numbers):
        return self.weight(np.array(numbers, I64).reshape(-1))

    def keep(self, value):
        self.pool.append(value)
        return value

    # Nodes

    def node(self, operator, operands, shapes, dtypes=F32, domain="", **attributes):
        """Adds a node; its outputs as values, one without a list if `shapes` is one shape."""
        several = any(isinstance(shape, tuple) for shape in shapes)
        shapes = shapes if several else [shapes]
        dtypes = dtypes if isinstance(dtypes, list) else [dtypes] * len(shapes)
        results = [Value(self.fresh(), tuple(s), np.dtype(t)) for s, t in zip(shapes, dtypes)]
        names = ["" if o is None else o.name for o in operands]
        self.root.used.update(names)
        attributes = {k: v for k, v in attributes.items() if v is not None}
        self.nodes.append(helper.make_node(operator, names, [r.name for r in results], domain=domain, **attributes))
        for value in results:
            if value.size == 0 or value.size > 1 << 18:
                raise Skip("too large or empty")
            self.keep(value)
        return results if several else results[0]

    def unary(self, operator, x, **attributes):
        return self.node(operator, [x], x.shape, x.dtype, **attributes)

    def binary(self, operator, a, b, dtype=None):
        """Two operands in either order if that makes no difference."""
        shape = np.broadcast_shapes(a.shape, b.shape)
        if operator in ("Add", "Mul") and self.chance(0.3):
            a, b = b, a
        return self.node(operator, [a, b], shape, dtype or a.dtype)

    def scalar(self, number, dtype=F32):
        return self.weight(np.array([number] if self.chance(0.3) else number, dtype))

    def transpose(self, x, order):
        return self.node("Transpose", [x], [x.shape[i] for i in order], x.dtype, perm=order)

    def reshape(self, x, shape):
        """To a constant shape, one whose first extent is taken from the operand, or one computed from its shape."""
        shape = list(shape)
        form = self.pick(["constant", "zero", "minus", "computed"])
        target = list(shape)
        if form == "minus":
            target[self.integer(0, len(target) - 1)] = -1
        elif form == "zero" and x.rank and target and target[0] == x.shape[0]:
            target[0] = 0
        elif form == "computed" and x.rank and target and target[0] == x.shape[0]:
            return self.node("Reshape", [x, self.shape_of(x, target)], shape, x.dtype)
        return self.node("Reshape", [x, self.integers(target)], shape, x.dtype)

    def shape_of(self, x, target):
        """`target` with its first extent read from `x`, as exporters write it."""
        whole = self.hidden("Shape", [x], (x.rank,))
        index = self.weight(np.array(0, I64))
        first = self.hidden("Gather", [whole, index], (), axis=0)
        rows = self.hidden("Unsqueeze", [first, self.integers([0])], (1,))
        return self.hidden("Concat", [rows, self.integers(target[1:])], (len(target),), axis=0)

    def hidden(self, operator, operands, shape, dtype=I64, **attributes):
        """A node whose result is not offered to others."""
        value = self.node(operator, operands, shape, dtype, **attributes)
        self.pool.remove(value)
        return value

    def reduce(self, operator, x, axes, keepdims=1):
        shape = [1 if i in axes else e for i, e in enumerate(x.shape) if keepdims or i not in axes]
        axes = [a - x.rank if self.chance(0.3) else a for a in axes]
        if self.root.opset >= 18 or operator == "ReduceSum":
            return self.node(operator, [x, self.integers(axes)], shape, x.dtype, keepdims=keepdims)
        return self.node(operator, [x], shape, x.dtype, axes=axes, keepdims=keepdims)

    # The model

    def leaves(self):
        return [v for v in self.pool if v.name not in self.used and v.name not in self.inputs]

    def model(self):
        """The model, its outputs without types: all that nobody reads, and some that somebody does."""
        results = self.leaves()
        results += [v for v in self.pool if v not in results and v.name not in self.inputs and self.chance(0.12)]
        if not results:
            raise Skip("no result")
        form = self.pick(["exact", "symbolic", "none"])
        inputs = [helper.make_value_info(n, self.declared(n, a, form)) for n, (a, _, _) in self.inputs.items()]
        weights = [numpy_helper.from_array(a, n) for n, a in self.weights.items()]
        outputs = [onnx.ValueInfoProto(name=v.name) for v in results]
        graph = helper.make_graph(self.nodes, "graph", inputs, outputs, weights)
        imports = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=10)
        self.fixed = form == "exact"
        return model

    def declared(self, name, array, form):
        if form == "none" and self.chance(0.7):
            return tensor_type(array.dtype, [None] * array.ndim)
        symbols = [f"{name}_{axis}" for axis in range(array.ndim)]
        if array.ndim and array.shape[0] == self.batch:
            symbols = ["batch", *(array.shape[1:] if self.chance() else symbols[1:])]
        return tensor_type(array.dtype, symbols if form == "symbolic" else array.shape)

    def feeds(self):
        return {name: array for name, (array, _, _) in self.inputs.items()}

    def other_feeds(self):
        """Other numbers; where shapes are open another number of rows, too."""
        rows = self.batch if self.fixed else self.integer(1, 4)
        found = {}
        for name, (array, low, high) in self.inputs.items():
            shape = (rows, *array.shape[1:]) if array.ndim and array.shape[0] == self.batch else array.shape
            found[name] = self.normal(shape) if array.dtype == F32 else values.elements(
                self.numpy, array.dtype, shape, low, high)  # fmt: skip
        return found
