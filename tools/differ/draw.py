"""One random case: an operator's schema, its operands and attributes, and the model made of them."""

import random

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from . import values
from .values import STRING, Map, Optional, Sequence

LATEST_ML = 5
LATEST = onnx.defs.onnx_opset_version()


class Skip(Exception):
    """What was drawn makes no case; the next number is drawn instead."""


class Choices:
    """Random choices, from the generator `self.random`."""

    def chance(self, probability=0.5):
        return self.random.random() < probability

    def pick(self, choices):
        return self.random.choice(list(choices))

    def integer(self, low, high):
        return self.random.randint(low, high)


class Draw(Choices):
    """What a generator fills in. Operands are added in the schema's order; `None` leaves one out."""

    def __init__(self, seed, schema, opset):
        self.random = random.Random(seed)
        self.numpy = np.random.default_rng(self.random.getrandbits(64))
        self.schema = schema
        self.version = schema.since_version
        self.opset = opset
        self.operands = []
        self.names = []
        self.constants = set()
        self.attributes = {}
        self.outputs = schema.min_output
        self.bound = {}
        self.special = self.random.random() < 0.15
        # Whether whole numbers without given bounds are any that their type holds.
        self.whole_range = self.random.random() < 0.1
        self.tolerance = None
        self.shape_only = False
        self.modern = None
        self.exact = False
        self.damaged = False
        # Whether what it gives is nobody's answer.
        self.meaningless = False
        # Whether operands that are left out at the end keep their places.
        self.keeps_empty = False
        # Nodes before the operator's own.
        self.prelude = []
        self.standard_opset = 18 if schema.domain == "ai.onnx.ml" else LATEST

    def has(self, attribute):
        return attribute in self.schema.attributes

    def types(self, parameter):
        """The element types that a type parameter may be, or a fixed type string's one."""
        if parameter in values.TYPES:
            return [values.TYPES[parameter]]
        for constraint in self.schema.type_constraints:
            if constraint.type_param_str == parameter:
                found = [values.TYPES[t] for t in constraint.allowed_type_strs if t in values.TYPES]
                return sorted(found, key=lambda t: values.onnx_type(t))
        return []

    def type(self, parameter, only=None):
        """The element type of a type parameter, drawn once; common ones more often."""
        if parameter not in self.bound:
            allowed = [t for t in self.types(parameter) if only is None or only(t)]
            if not allowed:
                raise Skip(f"no type for {parameter}")
            common = [t for t in allowed if t in (np.float32, np.int64)]
            self.bound[parameter] = self.pick(common if common and self.chance(0.35) else allowed)
        return self.bound[parameter]

    def extent(self, low=1, high=7):
        return self.pick([0, 1, 1, 2, 3, 4, 5, 8, 17, 33]) if low == 0 else self.integer(low, high)

    def shape(self, low=0, high=6, zero=0.06, largest=6):
        """A shape of rank low … high; rarely with an extent of zero, sometimes with a long last axis."""
        rank = self.integer(low, high) if self.chance(0.3) else self.integer(low, min(high, max(low, 4)))
        if high == 6 and self.chance(0.02):
            rank = self.integer(7, 8)
        extents = [self.integer(1, largest if rank < 4 else 4 if rank < 7 else 2) for _ in range(rank)]
        if rank and self.chance(zero):
            extents[self.integer(0, rank - 1)] = 0
        elif rank and self.chance(0.2):
            extents[-1] = self.pick([7, 15, 16, 17, 31, 33, 64, 65])
        elif 0 < rank < 4 and high >= 4 and self.chance(0.05):
            extents[self.integer(0, rank - 1)] = self.pick([100, 129, 257, 1000, 4099])
        return tuple(extents)

    def broadcast(self, shape):
        """A shape that broadcasts to `shape`."""
        shape = tuple(1 if self.chance(0.25) else e for e in shape)
        return shape[self.integer(0, len(shape)) :] if self.chance(0.3) else shape

    def axis(self, rank, low=None):
        return self.integer(-rank if low is None else low, rank - 1) if rank else 0

    def axes(self, rank, least=0):
        chosen = self.random.sample(range(rank), self.integer(min(least, rank), rank))
        return [a - rank if self.chance(0.3) else a for a in chosen]

    def array(self, dtype, shape, low=None, high=None, special=None):
        special = self.special if special is None else special
        if self.whole_range and low is None and values.kind(np.dtype(dtype)) in ("int", "uint"):
            low, high = values.integer_range(dtype)
        return values.elements(self.numpy, np.dtype(dtype), tuple(shape), low, high, special)

    # Filling in

    def add(self, value, name=None, constant=None):
        """Adds an operand; `constant` makes it an initializer (drawn when None)."""
        index = len(self.operands)
        self.operands.append(value)
        self.names.append("" if value is None else name or f"x{index}")
        if isinstance(value, np.ndarray) and (self.chance(0.25) if constant is None else constant):
            self.constants.add(index)
        return value

    def parameter(self, value):
        """Adds an operand that models usually hold as a constant: axes, shapes, counts."""
        return self.add(None if value is None else np.asarray(value), constant=self.chance(0.6))

    def tensor(self, parameter, shape, **bounds):
        return self.add(self.array(self.type(parameter), shape, **bounds))

    def set(self, **attributes):
        """Sets attributes that this version of the operator has."""
        for name, value in attributes.items():
            if value is not None and self.has(name):
                self.attributes[name] = value

    def some(self, **attributes):
        """Sets each with probability one half; else it keeps its default."""
        self.set(**{k: v for k, v in attributes.items() if self.chance()})

    # The model

    def node(self, opset=None):
        while self.names and not self.names[-1] and len(self.names) > self.schema.min_input and not self.keeps_empty:
            self.names.pop()
            self.operands.pop()
        outputs = [f"y{i}" for i in range(self.outputs)] if isinstance(self.outputs, int) else self.outputs
        node = helper.make_node(self.schema.name, self.names, outputs, domain=self.schema.domain)
        node.attribute.extend(attribute(name, value) for name, value in sorted(self.attributes.items()))
        return node

    def model(self, constants=None, opset=None, shapes="exact"):
        """The model, its operands in `constants` as initializers, its outputs without types."""
        constants = self.constants if constants is None else constants
        node = self.node()
        nodes, results = [*self.prelude, node], [o for o in node.output if o]
        if self.shape_only:
            results = [f"{o}_shape" for o in node.output if o]
            nodes += [helper.make_node("Shape", [o], [f"{o}_shape"]) for o in node.output if o]
        inputs, initializers, seen = [], [], set()
        for index, (name, value) in enumerate(zip(self.names, self.operands)):
            if value is None or name in seen:
                continue
            seen.add(name)
            if index in constants:
                initializers.append(tensor_proto(value, name))
            else:
                declared = shapes if shapes != "drawn" else ("exact", "symbolic", "none")[index % 3]
                inputs.append(helper.make_value_info(name, type_proto(value, declared, index)))
        outputs = [onnx.ValueInfoProto(name=o) for o in results]
        graph = helper.make_graph(nodes, "case", inputs, outputs, initializers)
        return helper.make_model(graph, opset_imports=self.imports(opset), ir_version=13 if LATEST > 25 else 10)

    def imports(self, opset=None):
        opset = self.opset if opset is None else opset
        if self.schema.domain == "":
            return [helper.make_opsetid("", opset)]
        return [helper.make_opsetid("", self.standard_opset), helper.make_opsetid(self.schema.domain, opset)]

    def feeds(self, constants=None):
        constants = self.constants if constants is None else constants
        pairs = enumerate(zip(self.names, self.operands))
        return {n: v for i, (n, v) in pairs if v is not None and i not in constants}

    def describe(self):
        operands = ", ".join("–" if v is None else brief(v) + ("c" if i in self.constants else "")
                             for i, v in enumerate(self.operands))  # fmt: skip
        attributes = ", ".join(f"{k}={short(v)}" for k, v in sorted(self.attributes.items()))
        domain = f"{self.schema.domain}." if self.schema.domain else ""
        domain = ("damaged " if self.damaged else "") + domain
        return f"{domain}{self.schema.name}-{self.version} opset {self.opset} ({operands}) {{{attributes}}}"


def attribute(name, value):
    if isinstance(value, np.ndarray):
        return helper.make_attribute(name, tensor_proto(value, name))
    if isinstance(value, (list, tuple)) and not value:
        return helper.make_attribute(name, [], attr_type=AttributeProto.INTS)
    if isinstance(value, AttributeProto):
        return value
    return helper.make_attribute(name, value)


def tensor_proto(array, name=""):
    if array.dtype == STRING:
        return helper.make_tensor(name, TensorProto.STRING, array.shape, [s.encode() for s in array.reshape(-1)])
    return numpy_helper.from_array(array, name)


def tensor_type(dtype, shape=None):
    return helper.make_tensor_type_proto(values.onnx_type(dtype), shape)


def type_proto(value, shapes, index=0):
    if isinstance(value, Sequence):
        return helper.make_sequence_type_proto(value.element)
    if isinstance(value, Optional):
        return helper.make_optional_type_proto(value.element)
    if isinstance(value, Map):
        return helper.make_map_type_proto(values.onnx_type(value.key), tensor_type(value.value, None))
    symbols = [f"d{index}_{axis}" for axis in range(value.ndim)]
    return tensor_type(value.dtype, {"exact": value.shape, "symbolic": symbols, "none": None}[shapes])


def brief(value):
    if isinstance(value, np.ndarray):
        small = f"={short(value.tolist())}" if value.size <= 6 and values.kind(value.dtype) != "string" else ""
        return f"{'string' if value.dtype == STRING else value.dtype}{list(value.shape)}{small}"
    if isinstance(value, Sequence):
        return "seq(" + ", ".join(brief(v) for v in value.items[:3]) + ")"
    if isinstance(value, Optional):
        return f"optional({'none' if value.item is None else brief(value.item)})"
    return f"map of {len(value.items)}"


def short(value):
    if isinstance(value, onnx.GraphProto):
        return "graph(" + ", ".join(n.op_type for n in value.node) + ")"
    if isinstance(value, np.ndarray):
        return brief(value)
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list) and len(value) > 10:
        return f"[{', '.join(map(short, value[:6]))}, … {len(value)}]"
    if isinstance(value, list):
        return f"[{', '.join(map(short, value))}]"
    return str(value)
