"""ONNX Runtime and the standard's reference evaluator: what a case should give."""

import copy
import os
import warnings

os.environ.setdefault("ALLOW_RELEASED_ONNX_OPSET_ONLY", "0")

import numpy as np  # noqa: E402
import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

from . import values  # noqa: E402
from .draw import tensor_proto  # noqa: E402
from .values import EXOTIC, STRING, Map, Optional, Sequence, kind  # noqa: E402

NEWEST = 27  # the newest opset of which ONNX Runtime 1.31 knows the schemas
FLOAT = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
# Between these versions the same node means something else.
CHANGED = {"PRelu", "BatchNormalization", "Resize", "Upsample", "GroupNormalization", "Clip",
           "Dropout", "DFT", "TreeEnsembleRegressor", "AveragePool"}  # fmt: skip


class Refusal(Exception):
    """The oracle does not compute this; `lacks` if it has no kernel rather than an objection."""

    def __init__(self, message, lacks=False):
        super().__init__(message)
        self.lacks = lacks


def options():
    chosen = onnxruntime.SessionOptions()
    chosen.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    chosen.log_severity_level = 4
    chosen.intra_op_num_threads = 1
    return chosen


def plain(value):
    """As ONNX Runtime and the reference take values."""
    if isinstance(value, Sequence):
        return value.items
    if isinstance(value, Optional):
        return None if value.item is None else plain(value.item)
    if isinstance(value, Map):
        return value.items
    return value


def is_exotic(value):
    return isinstance(value, np.ndarray) and value.dtype in EXOTIC


def output_types(draw, model):
    """{output: TypeProto} as the schema and the standard's own inference see them."""
    found = {} if draw.shape_only else schema_types(draw)
    try:
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=False)
    except Exception:
        return found
    return found | {o.name: o.type for o in inferred.graph.output if is_known(o.type)}


def is_known(proto):
    """Whether a type is there, with elements that the standard has."""
    kind = proto.WhichOneof("value")
    if kind in ("sequence_type", "optional_type"):
        return is_known(getattr(proto, kind).elem_type)
    return kind is not None and (kind != "tensor_type" or proto.tensor_type.elem_type in TensorProto.DataType.values())


def schema_types(draw):
    """Types of outputs that the schema fixes, or binds to an operand's."""
    bound = {}
    for value, formal in zip(draw.operands, draw.schema.inputs):
        if isinstance(value, np.ndarray):
            bound[formal.type_str] = value.dtype
    found = {}
    for name, formal in zip(draw.node().output, draw.schema.outputs):
        dtype = values.TYPES.get(formal.type_str, bound.get(formal.type_str))
        if dtype is not None:
            found[name] = helper.make_tensor_type_proto(values.onnx_type(dtype), None)
    return found


def well_typed(draw):
    """Whether the operands' element types are such as the schema allows together."""
    if not draw.schema.inputs:
        return True
    bound = {}
    variadic = onnx.defs.OpSchema.FormalParameterOption.Variadic
    for index, value in enumerate(draw.operands):
        formal = draw.schema.inputs[min(index, len(draw.schema.inputs) - 1)]
        if not isinstance(value, np.ndarray):
            continue
        if index >= len(draw.schema.inputs) and formal.option != variadic:
            return False
        allowed = draw.types(formal.type_str)
        if allowed and value.dtype not in allowed:
            return False
        if formal.is_homogeneous and bound.setdefault(formal.type_str, value.dtype) != value.dtype:
            return False
    return True


def element(proto):
    """The numpy type of a tensor's TypeProto, None for others."""
    code = proto.tensor_type.elem_type if proto is not None else 0
    return values.numpy_type(code) if code else None


def onnxruntime_answer(draw, types):
    """[value] and ONNX Runtime's types, for the opset drawn, or one where the node means the same."""
    refusal = None
    for opset in opsets(draw):
        try:
            return run_onnxruntime(draw, opset, types)
        except Refusal as error:
            refusal = refusal or error
            if not error.lacks:
                break
    raise refusal


def single_answer(draw, types):
    """The same with numbers converted to f32, for which ONNX Runtime has most kernels, and results converted back."""
    sorts = ("float", "int", "uint") if draw.schema.domain == "ai.onnx.ml" else ("float",)
    dtypes = {v.dtype for v in draw.operands if isinstance(v, np.ndarray) and kind(v.dtype) in sorts}
    if not dtypes - {np.dtype(np.float32)} or np.dtype(np.float64) in dtypes and (draw.exact or draw.special):
        raise Refusal("nothing to convert", lacks=True)
    if any(str(t) == "float8_e8m0fnu" for t in dtypes) or not well_typed(draw):
        raise Refusal("operands of wrong types", lacks=True)
    converted = copy.copy(draw)
    converted.operands = [v.astype(np.float32) if isinstance(v, np.ndarray) and kind(v.dtype) in sorts else v
                          for v in draw.operands]  # fmt: skip
    wide = {n: FLOAT if kind(element(t) or STRING) == "float" else t for n, t in types.items()}
    results, protos = onnxruntime_answer(converted, wide)
    if any(isinstance(r, list) for r in results):
        raise Refusal("results that are no tensors", lacks=True)
    names = [o.name for o in converted.model().graph.output]
    return [typed(r, element(types.get(n))) for n, r in zip(names, results)], [
        types.get(n) or p for n, p in zip(names, protos)]  # fmt: skip


def opsets(draw):
    """The opset drawn, then the first of each later version that differs in element types only."""
    if draw.modern:
        return [draw.modern()[0]]
    domain, name = draw.schema.domain, draw.schema.name
    newest = NEWEST if domain == "" else 99
    chosen = [min(draw.opset, newest)] if draw.version <= newest else []
    if name in CHANGED:
        return chosen
    later = [s for s in versions(name, domain) if draw.version < s.since_version <= newest]
    for schema in later:
        if alike(draw.schema, schema):
            chosen.append(schema.since_version)
    return chosen or [newest]


_HISTORY = {}


def versions(name, domain):
    if not _HISTORY:
        for schema in onnx.defs.get_all_schemas_with_history():
            _HISTORY.setdefault((schema.domain, schema.name), []).append(schema)
        for found in _HISTORY.values():
            found.sort(key=lambda s: s.since_version)
    return _HISTORY.get((domain, name), [])


def alike(schema, other):
    def defaults(one):
        return {n: (a.required, a.default_value.SerializeToString()) for n, a in one.attributes.items()}

    return (defaults(schema) == defaults(other) and len(schema.inputs) == len(other.inputs)
            and schema.min_output == other.min_output)  # fmt: skip


def run_onnxruntime(draw, opset, types):
    constants = draw.constants | {i for i, v in enumerate(draw.operands) if is_exotic(v)}
    model = draw.model(constants, opset)
    if draw.modern:
        _, nodes, extra = draw.modern()
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in extra.items())
    widened = widen_outputs(model, types)
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options(), ["CPUExecutionProvider"])
    except Exception as error:
        text = str(error)
        raise Refusal(text, "NOT_IMPLEMENTED" in text or "No Op registered" in text or opset != draw.opset
                      or "Type Error: Type '" in text and opset == NEWEST < draw.opset)  # fmt: skip
    found = {o.name: o.type for o in session.get_outputs()}
    try:
        feeds = {n: fed(v) for n, v in draw.feeds(constants).items()}
        results = session.run(list(found), feeds)
    except Exception as error:
        raise Refusal(str(error), "NotImplemented" in str(error) or "NOT_IMPLEMENTED" in str(error))
    answers = [narrow(r, types.get(n), n in widened) for n, r in zip(found, results)]
    return answers, [types.get(n) or parse_type(t) for n, t in found.items()]


def fed(value):
    if isinstance(value, Map):
        return {k: v if value.value == STRING else value.value.type(v) for k, v in value.items.items()}
    return plain(value)


def widen_outputs(model, types):
    """Casts outputs of types that Python cannot be given; narrowing them afterwards is exact."""
    widened = set()
    for output in model.graph.output:
        dtype = element(types.get(output.name))
        if dtype is None or dtype not in EXOTIC:
            continue
        for node in model.graph.node:
            node.output[:] = [f"{o}_narrow" if o == output.name else o for o in node.output]
        wide = TensorProto.FLOAT if kind(dtype) == "float" else TensorProto.INT32
        model.graph.node.append(helper.make_node("Cast", [f"{output.name}_narrow"], [output.name], to=wide))
        widened.add(output.name)
    return widened


def narrow(result, proto, widened):
    return result.astype(element(proto)) if widened else tidy(result)


def tidy(result):
    """Text as objects, numbers as arrays."""
    if isinstance(result, np.ndarray) and result.dtype.kind in "USO":
        return np.array([s if isinstance(s, str) else s.decode() if isinstance(s, bytes) else str(s)
                         for s in result.reshape(-1)] or [], object).reshape(result.shape)  # fmt: skip
    if isinstance(result, list):
        return [tidy(r) for r in result]
    return np.asarray(result) if np.isscalar(result) else result


def parse_type(text):
    """A TypeProto from `seq(map(int64,tensor(float)))`."""
    if text.startswith("tensor("):
        return helper.make_tensor_type_proto(values.onnx_type(values.TYPES[text]), None)
    if text.startswith("seq("):
        return helper.make_sequence_type_proto(parse_type(text[4:-1]))
    if text.startswith("optional("):
        return helper.make_optional_type_proto(parse_type(text[9:-1]))
    if text.startswith("map("):
        key, rest = text[4:-1].split(",", 1)
        return helper.make_map_type_proto(values.onnx_type(values.TYPES[f"tensor({key})"]), parse_type(rest))
    return None


def reference_answer(draw, types):
    model = draw.model()
    names = [o.name for o in model.graph.output]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            evaluator = ReferenceEvaluator(model)
            results = evaluator.run(None, {n: plain(v) for n, v in draw.feeds().items()})
        except Exception as error:
            lacks = isinstance(error, NotImplementedError) or "No implementation" in str(error)
            raise Refusal(f"{type(error).__name__}: {error}", lacks)
        protos = [types.get(n) for n in names]
        return [typed(tidy(r), element(p)) for r, p in zip(results, protos)], protos


STEP = 1e-5


def differences_answer(draw, types):
    """Gradients by central differences of the reference's values."""
    if draw.schema.name != "Gradient" or draw.damaged:
        raise Refusal("no gradient", lacks=True)
    model = draw.model()
    del model.graph.node[-1]
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("total", TensorProto.DOUBLE, []))
    evaluator, feeds, found = ReferenceEvaluator(model), draw.feeds(), []
    for name in draw.attributes["xs"]:
        slope = np.zeros_like(feeds[name])
        for place in np.ndindex(slope.shape):
            ends = []
            for sign in (1, -1):
                moved = feeds[name].copy()
                moved[place] += sign * STEP
                ends.append(float(evaluator.run(None, feeds | {name: moved})[0]))
            slope[place] = (ends[0] - ends[1]) / (2 * STEP)
        found.append(slope)
    return found, [guess_type(slope) for slope in found]


def typed(result, dtype):
    """The reference may compute in another type than it declares."""
    if dtype is None or not isinstance(result, np.ndarray) or result.dtype == dtype:
        return result
    return tidy(result.astype(STRING)) if dtype == STRING else result.astype(dtype)


def guess_type(result):
    if isinstance(result, np.ndarray):
        return helper.make_tensor_type_proto(values.onnx_type(result.dtype), None)
    raise Refusal("no type for the output")


def serialized(value, proto=None):
    """A value as the backend suite's files hold it."""
    if isinstance(value, (Sequence, Optional, Map)):
        return structure(value, proto)
    if isinstance(value, (list, tuple, dict)) or value is None:
        return structure(value, proto)
    return tensor_proto(value).SerializeToString()


def structure(value, proto):
    """Sequences, optionals and maps as protobuf bytes."""
    sort = proto.WhichOneof("value")
    value = plain(value)
    if sort == "optional_type":
        inner = proto.optional_type.elem_type
        message = onnx.OptionalProto(name="")
        message.elem_type = {"tensor_type": 1, "sequence_type": 3, "map_type": 4}[inner.WhichOneof("value")]
        if value is None:
            message.elem_type = 0
        elif message.elem_type == 1:
            message.tensor_value.ParseFromString(serialized(value))
        else:
            message.sequence_value.ParseFromString(structure(value, inner))
        return message.SerializeToString()
    if sort == "map_type":
        return map_proto(value, proto)
    inner = proto.sequence_type.elem_type
    message = onnx.SequenceProto(name="")
    if inner.WhichOneof("value") == "map_type":
        message.elem_type = onnx.SequenceProto.MAP
        for item in value:
            message.map_values.add().ParseFromString(map_proto(item, inner))
    else:
        message.elem_type = onnx.SequenceProto.TENSOR
        for item in value:
            message.tensor_values.add().ParseFromString(serialized(tidy(item)))
    return message.SerializeToString()


def map_proto(items, proto):
    message = onnx.MapProto(name="", key_type=proto.map_type.key_type)
    if message.key_type == TensorProto.STRING:
        message.string_keys.extend(k.encode() for k in items)
    else:
        message.keys.extend(int(k) for k in items)
    dtype = element(proto.map_type.value_type)
    message.values.elem_type = onnx.SequenceProto.TENSOR
    for item in items.values():
        message.values.tensor_values.add().ParseFromString(serialized(np.array(item, dtype)))
    return message.SerializeToString()
