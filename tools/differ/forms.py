"""The same node in other surroundings: in a function, a branch, a loop or between other nodes; constants in other forms.

The oracle answers the plain model; what is written for zoo-tool means the same.
"""

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper


LOCAL = "local"


def dress(draw, model, protos):
    """Changes the model in place. Returns what was done, and values of inputs that came in, behind the others."""
    if draw.schema.name == "Gradient" or not all(o.type.WhichOneof("value") for o in model.graph.output):
        return "", {}
    wanted = draw.pick(["plain", "plain", "function", "branch", "loop", "neighbours"])
    done, feeds = [], {}
    if wanted != "plain":
        made = {"function": function, "branch": branch, "loop": loop, "neighbours": neighbours}[wanted](draw, model, protos)
        if made is not None:
            done.append(wanted)
            feeds = made
    if model.graph.initializer and draw.chance(0.4):
        done += constants(draw, model)
    return ", ".join(dict.fromkeys(done)), feeds


def opset(model):
    return next((i.version for i in model.opset_import if i.domain == ""), 1)


def allows(operator, model, protos):
    """Whether an operator takes all these types in this opset."""
    try:
        schema = onnx.defs.get_schema(operator, opset(model))
    except onnx.defs.SchemaError:
        return False
    allowed = {t for constraint in schema.type_constraints for t in constraint.allowed_type_strs}
    return all(type_text(proto) in allowed for proto in protos)


def type_text(proto):
    sort = proto.WhichOneof("value")
    if sort == "tensor_type":
        return f"tensor({TensorProto.DataType.Name(proto.tensor_type.elem_type).lower()})"
    if sort == "sequence_type":
        return f"seq({type_text(proto.sequence_type.elem_type)})"
    if sort == "optional_type":
        return f"optional({type_text(proto.optional_type.elem_type)})"
    return "map"


def only_tensors(protos):
    return all(p.WhichOneof("value") == "tensor_type" for p in protos)


def outputs_without_shapes(graph):
    found = []
    for output in graph.output:
        copy = onnx.ValueInfoProto()
        copy.CopyFrom(output)
        if copy.type.HasField("tensor_type"):
            copy.type.tensor_type.ClearField("shape")
        found.append(copy)
    return found


def is_read(model, name):
    return any(name in node.input for node in model.graph.node)


# In a function


def function(draw, model, protos):
    """All nodes in a function of the model; attributes of the node as the function's own, some with defaults."""
    if model.ir_version < 9:
        return None
    graph = model.graph
    names = [i.name for i in graph.input if is_read(model, i.name)]
    nodes = list(graph.node)
    for weight in list(graph.initializer):
        if draw.chance():
            names.append(weight.name)
        else:
            nodes.insert(0, helper.make_node("Constant", [], [weight.name], value=weight))
            graph.initializer.remove(weight)
    main = next(n for n in nodes if n.op_type == draw.schema.name and n.domain == draw.schema.domain)
    given, defaults = referring(draw, main)
    results = [o.name for o in graph.output]
    made = helper.make_function(LOCAL, "Case", names, results, nodes, list(model.opset_import),
                                [a.name for a in given], defaults)  # fmt: skip
    call = helper.make_node("Case", names, results, domain=LOCAL)
    call.attribute.extend(given)
    model.functions.append(made)
    if draw.chance(0.3):
        call = wrapped(model, call, given)
    del graph.node[:]
    graph.node.append(call)
    model.opset_import.append(helper.make_opsetid(LOCAL, 1))
    return {}


def referring(draw, node):
    """Makes attributes of a node refer to the function's: (what the call gives, what is a default)."""
    given, defaults, kept = [], [], []
    for attribute in node.attribute:
        if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) or draw.chance(0.4):
            kept.append(attribute)
            continue
        outer = AttributeProto()
        outer.CopyFrom(attribute)
        outer.name = f"its_{attribute.name}"
        (given if draw.chance(0.7) else defaults).append(outer)
        kept.append(AttributeProto(name=attribute.name, type=attribute.type, ref_attr_name=outer.name))
    del node.attribute[:]
    node.attribute.extend(kept)
    return given, defaults


def wrapped(model, call, given):
    """A function that calls the function, and the node that calls it."""
    inner = onnx.NodeProto()
    inner.CopyFrom(call)
    del inner.attribute[:]
    inner.attribute.extend(AttributeProto(name=a.name, type=a.type, ref_attr_name=a.name) for a in given)
    imports = [*model.opset_import, helper.make_opsetid(LOCAL, 1)]
    model.functions.append(helper.make_function(LOCAL, "Outer", list(call.input), list(call.output), [inner], imports,
                                                [a.name for a in given]))  # fmt: skip
    outer = helper.make_node("Outer", list(call.input), list(call.output), domain=LOCAL)
    outer.attribute.extend(given)
    return outer


# In a subgraph


def body(draw, model, names, inputs=(), before=(), first=()):
    """A graph of the model's nodes with its outputs under other names; it sees the outer values."""
    renamed = {o.name: n for o, n in zip(model.graph.output, names)}
    nodes = [*before]
    for node in model.graph.node:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.output[:] = [renamed.get(o, o) for o in node.output]
        copy.input[:] = [renamed.get(i, i) for i in node.input]
        nodes.append(copy)
    outputs = [*first]
    for output, name in zip(outputs_without_shapes(model.graph), names):
        output.name = name
        outputs.append(output)
    weights = [w for w in model.graph.initializer if draw.chance()]
    return helper.make_graph(nodes, "inner", list(inputs), outputs, weights)


def drop_unread(model, graphs):
    """Takes initializers out that every subgraph now has."""
    inside = [{w.name for w in graph.initializer} for graph in graphs]
    for weight in list(model.graph.initializer):
        if all(weight.name in names for names in inside):
            model.graph.initializer.remove(weight)


def branch(draw, model, protos):
    """In both branches of an If whose condition is constant, fed or computed."""
    if not allows("If", model, protos):
        return None
    names = [f"inner_{o.name}" for o in model.graph.output]
    graphs = [body(draw, model, names) for _ in range(2)]
    form, feeds, nodes = draw.pick(["constant", "fed", "computed"]), {}, []
    truth = np.array(draw.chance())
    if form == "constant":
        model.graph.initializer.append(numpy_helper.from_array(truth, "condition"))
    elif form == "fed":
        feeds["condition"] = truth
        model.graph.input.append(helper.make_tensor_value_info("condition", TensorProto.BOOL, []))
    else:
        model.graph.initializer.append(numpy_helper.from_array(truth, "opposite"))
        nodes.append(helper.make_node("Not", ["opposite"], ["condition"]))
    nodes.append(helper.make_node("If", ["condition"], [o.name for o in model.graph.output],
                                  then_branch=graphs[0], else_branch=graphs[1]))  # fmt: skip
    shared = [w for w in model.graph.initializer if w.name in ("condition", "opposite")]
    drop_unread(model, graphs)
    kept = {w.name for w in model.graph.initializer}
    model.graph.initializer.extend(w for w in shared if w.name not in kept)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return feeds


def loop(draw, model, protos):
    """Twice in a Loop that stacks the results, of which the second is taken."""
    if not only_tensors(protos) or not allows("Loop", model, protos) or not allows("Gather", model, protos):
        return None
    names = [f"inner_{o.name}" for o in model.graph.output]
    inputs = [helper.make_tensor_value_info("step", TensorProto.INT64, []),
              helper.make_tensor_value_info("going", TensorProto.BOOL, [])]  # fmt: skip
    before = [helper.make_node("Identity", ["going"], ["goes_on"])]
    first = [helper.make_tensor_value_info("goes_on", TensorProto.BOOL, [])]
    graph = body(draw, model, names, inputs, before, first)
    drop_unread(model, [graph])
    weights = [numpy_helper.from_array(np.array(2, np.int64), "trips"), numpy_helper.from_array(np.array(True), "begins"),
               numpy_helper.from_array(np.array(1, np.int64), "second")]  # fmt: skip
    feeds = {}
    if draw.chance(0.3):
        feeds["trips"] = np.array(2, np.int64)
        model.graph.input.append(helper.make_tensor_value_info("trips", TensorProto.INT64, []))
        weights.pop(0)
    model.graph.initializer.extend(weights)
    stacks = [f"stack_{n}" for n in names]
    nodes = [helper.make_node("Loop", ["trips", "begins"], stacks, body=graph)]
    nodes += [helper.make_node("Gather", [s, "second"], [o.name], axis=0) for s, o in zip(stacks, model.graph.output)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return feeds


# Between other nodes


def neighbours(draw, model, protos):
    """Operands that a node made, whose memory may be taken; results that a node reads."""
    if any(a.type == AttributeProto.GRAPH for n in model.graph.node for a in n.attribute):
        return None  # subgraphs read outer values under their own names
    fed = {n: v for n, v in draw.feeds().items() if isinstance(v, np.ndarray)}
    before, changed = [], False
    for name, value in fed.items():
        proto = next(i.type for i in model.graph.input if i.name == name)
        if not is_read(model, name) or draw.chance(0.2) or not allows("Gather", model, [proto]) or not value.ndim:
            continue
        for node in model.graph.node:
            node.input[:] = [f"made_{name}" if i == name else i for i in node.input]
        rows = np.arange(value.shape[0], dtype=np.int64)
        model.graph.initializer.append(numpy_helper.from_array(rows, f"rows_{name}"))
        before.append(helper.make_node("Gather", [name, f"rows_{name}"], [f"made_{name}"], axis=0))
        changed = True
    after = []
    if draw.chance(0.3) and allows("Identity", model, protos):
        for node in model.graph.node:
            renamed = {o.name for o in model.graph.output}
            node.output[:] = [f"before_{o}" if o in renamed else o for o in node.output]
        after = [helper.make_node("Identity", [f"before_{o.name}"], [o.name]) for o in model.graph.output]
        changed = True
    if not changed:
        return None
    nodes = [*before, *model.graph.node, *after]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return {}


# Constants


def constants(draw, model):
    """Initializers as nodes, with other fields of the message, or listed as inputs that nobody feeds."""
    done = []
    for weight in list(model.graph.initializer):
        form = draw.pick(["as it is", "node", "fields", "input"])
        if form == "node":
            model.graph.initializer.remove(weight)
            model.graph.node.insert(0, helper.make_node("Constant", [], [weight.name], value=weight))
        elif form == "fields" and weight.raw_data:
            in_fields(weight)
        elif form == "input":
            model.graph.input.append(helper.make_tensor_value_info(weight.name, weight.data_type, list(weight.dims)))
        if form != "as it is":
            done.append(f"constants as {form}")
    return done


def in_fields(weight):
    """Moves the bytes of a tensor into the fields of its type."""
    code, raw = weight.data_type, weight.raw_data
    if code in (TensorProto.FLOAT6E2M3, TensorProto.FLOAT6E3M2):
        raw = numpy_helper.to_array(weight).tobytes()  # packed in bytes, but not in fields
    wide = {TensorProto.FLOAT: ("float_data", np.float32), TensorProto.COMPLEX64: ("float_data", np.float32),
            TensorProto.DOUBLE: ("double_data", np.float64), TensorProto.COMPLEX128: ("double_data", np.float64),
            TensorProto.INT64: ("int64_data", np.int64), TensorProto.UINT64: ("uint64_data", np.uint64),
            TensorProto.UINT32: ("uint64_data", np.uint32), TensorProto.INT32: ("int32_data", np.int32),
            TensorProto.INT16: ("int32_data", np.int16), TensorProto.INT8: ("int32_data", np.int8)}  # fmt: skip
    two_bytes = (TensorProto.UINT16, TensorProto.FLOAT16, TensorProto.BFLOAT16)
    field, dtype = wide.get(code, ("int32_data", np.uint16 if code in two_bytes else np.uint8))
    weight.ClearField("raw_data")
    getattr(weight, field).extend(np.frombuffer(raw, dtype).tolist())
