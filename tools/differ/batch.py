"""Makes cases and asks the oracles, in a process that may die: ONNX Runtime can crash."""

import json
import resource
import sys
import traceback
from pathlib import Path

import numpy as np
import onnx

from . import forms, generators, graphs, oracles, tolerance
from .generators import contributed
from .draw import LATEST, LATEST_ML, Draw, Skip, type_proto
from .mutation import mutate
from .oracles import Refusal

ORACLES = {
    "ort": oracles.onnxruntime_answer,
    "ort in f32": oracles.single_answer,
    "differences": oracles.differences_answer,
    "reference": oracles.reference_answer,
}
DAMAGE = 0.06  # the share of cases that are damaged, unless all are
MEMORY = 6 << 30  # address space of the process


def schemas(only=None):
    """Every schema version that has a generator: [(schema, first opset after it)], by operator."""
    registry = generators.load()
    found = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        key = schema.domain, schema.name
        if key in registry and (only is None or schema.name in only) and not schema.deprecated:
            found.setdefault(key, []).append(schema)
    table = {}
    for (domain, name), versions in sorted(found.items()):
        versions.sort(key=lambda s: s.since_version)
        newest = {"": LATEST, "ai.onnx.ml": LATEST_ML}.get(domain, 1)
        ends = [v.since_version for v in versions[1:]] + [newest + 1]
        table[domain, name] = [(v, e) for v, e in zip(versions, ends)]
    for key, schema in contributed.SCHEMAS.items():
        if only is None or schema.name in only:
            table[key] = [(schema, 2)]
    return table


def without_generator():
    registry = generators.load()
    return sorted({f"{s.domain}.{s.name}".lstrip(".") for s in onnx.defs.get_all_schemas_with_history()
                   if (s.domain, s.name) not in registry and not s.deprecated})  # fmt: skip


def drawn(seed, index, table, damage=DAMAGE):
    """Case number `index`: each operator in turn, its newer versions more often; damaged with that probability."""
    key = list(table)[index % len(table)]
    versions = table[key]
    generators_of = generators.load()
    for attempt in range(50):
        draw = Draw(f"{seed}/{index}/{attempt}", versions[0][0], 1)
        schema, end = versions[-1] if draw.chance(0.4) else draw.pick(versions)
        draw = Draw(f"{seed}/{index}/{attempt}/drawn", schema, draw.integer(schema.since_version, end - 1))
        try:
            generators_of[key](draw)
            vary(draw)
            if draw.chance(damage):
                mutate(draw)
                draw.damaged = True
            # numpy makes scalars of arrays without axes.
            draw.operands = [np.asarray(v) if isinstance(v, np.generic) else v for v in draw.operands]
            return draw
        except Skip:
            continue
    raise Skip(f"{key}: nothing fits")


# Their operands fit together in ways that one operand twice would break.
DIFFERENT = {"Pow", "Div", "Mod", "BitShift", "Range", "SequenceInsert", "Adagrad", "Adam", "Momentum", "Gradient"}


def vary(draw):
    """What every operator allows: one operand twice, results that nobody wants, empty names at the end."""
    if is_contributed(draw):
        return
    places = [i for i, v in enumerate(draw.operands) if isinstance(v, np.ndarray)]
    pairs = [(i, j) for i in places for j in places if i < j and alike(draw.operands[i], draw.operands[j])]
    if pairs and draw.schema.name not in DIFFERENT and draw.modern is None and draw.chance(0.08):
        i, j = draw.pick(pairs)
        draw.operands[j], draw.names[j] = draw.operands[i], draw.names[i]
        draw.constants -= {i, j}
    every = draw.modern is not None or draw.schema.name == "Gradient"
    if isinstance(draw.outputs, int) and draw.outputs > 1 and not every and draw.chance(0.15):
        names = [f"y{i}" if draw.chance() else "" for i in range(draw.outputs)]
        if any(names):
            draw.outputs = names
    draw.keeps_empty = draw.chance(0.1)
    optional = onnx.defs.OpSchema.FormalParameterOption.Optional
    while draw.keeps_empty and draw.modern is None and len(draw.operands) < len(draw.schema.inputs):
        if draw.schema.inputs[len(draw.operands)].option != optional:
            break
        draw.add(None)


def alike(a, b):
    return a.dtype == b.dtype and a.shape == b.shape


def answer(draw, oracle=None):
    """(oracle's name, results, types, tolerance) or the refusals of both."""
    try:
        types = oracles.output_types(draw, draw.model())
    except Exception as error:
        raise Refusal(f"no model: {error}") from None
    refusals = []
    for name, ask in ORACLES.items():
        if oracle not in (None, name) or name != "ort" and is_contributed(draw):
            continue
        try:
            results, protos = ask(draw, types)
            protos = [p or oracles.guess_type(r) for p, r in zip(protos, results)]
            if any(r is None and p.WhichOneof("value") != "optional_type" for r, p in zip(results, protos)):
                raise Refusal("no value")
            return name, results, protos
        except Refusal as error:
            refusals.append(f"{name}{' lacks it' if error.lacks else ''}: {first_line(error)}")
            if name == "ort" and oracle is None and is_invalid(draw):
                break
    raise Refusal(" | ".join(refusals))


def is_contributed(draw):
    """Whether ONNX Runtime alone knows the operator."""
    return isinstance(draw.schema, contributed.ContributedSchema)


def is_invalid(draw):
    """Whether the standard's own checker refuses the model, too."""
    try:
        if not oracles.well_typed(draw):
            return True
        model = draw.model()
        onnx.checker.check_node(model.graph.node[0], checker_context(model))
        onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        return False
    except Exception:
        return True


def checker_context(model):
    context = onnx.checker.C.CheckerContext()
    context.ir_version = model.ir_version
    context.opset_imports = {i.domain: i.version for i in model.opset_import}
    return context


def first_line(error):
    return " ".join(str(error).split())[:600]


def write(draw, folder, results, protos, oracle=None):
    """The case in the layout of the backend suite; says in which form the model is written."""
    place = folder / "test_data_set_0"
    place.mkdir(parents=True, exist_ok=True)
    model = draw.model(shapes="drawn" if draw.chance() else "exact")
    for output, proto in zip(model.graph.output, protos or declared(draw, model)):
        if proto is not None:
            output.type.CopyFrom(proto)
    form, more = forms.dress(draw, model, protos) if protos and all(protos) else ("", {})
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    for index, value in enumerate([*draw.feeds().values(), *more.values()]):
        (place / f"input_{index}.pb").write_bytes(oracles.serialized(value, type_proto(value, "none")))
    for index, (value, proto) in enumerate(zip(results, protos or [])):
        (place / f"output_{index}.pb").write_bytes(oracles.serialized(value, proto))
    relative, absolute = tolerance.of(draw, results, oracle)
    (folder / "data.json").write_text(json.dumps({"rtol": relative, "atol": absolute}))
    return form


def declared(draw, model):
    types = oracles.output_types(draw, model)
    return [types.get(o.name) for o in model.graph.output]


def one(seed, index, table, folder, oracle=None, damage=DAMAGE):
    """Makes, answers and writes a case; a row of the report."""
    draw = drawn(seed, index, table, damage)
    row = {"index": index, "operator": draw.schema.name, "domain": draw.schema.domain, "since": draw.version,
           "case": draw.describe()}  # fmt: skip
    try:
        if draw.meaningless:
            raise Refusal("numbers without meaning")
        name, results, protos = answer(draw, oracle)
    except Refusal as error:
        row |= {"oracle": None, "refusal": str(error)}
        results, protos = [], None
    else:
        row["oracle"] = name
    form = write(draw, folder / str(index), results, protos, row["oracle"])
    if form:
        row["case"] += f" ({form})"
    return row


def main():
    """`batch.py FOLDER SEED ORACLE DAMAGE ONLY INDEX…`: rows as JSON lines in FOLDER/rows.jsonl, `begin` before each.

    ORACLE `graphs` makes random graphs instead of single operators.
    """
    # What asks for more is refused by the oracles instead of slowing the machine.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    folder, seed, oracle, damage, only = sys.argv[1:6]
    folder, oracle, damage, only = Path(folder), oracle or None, float(damage or DAMAGE), only.split(",")
    table = None if oracle == "graphs" else schemas(set(only) if only != [""] else None)
    with open(folder / "rows.jsonl", "a", encoding="utf-8") as rows:
        for index in map(int, sys.argv[6:]):
            operator = list(table)[index % len(table)][1] if table else "graph"
            print(json.dumps({"begin": index, "operator": operator}), file=rows, flush=True)
            try:
                row = one(seed, index, table, folder, oracle, damage) if table else graphs.one(seed, index, folder)
            except Skip as reason:
                row = {"index": index, "skipped": str(reason)}
            except Exception:
                row = {"index": index, "broken": traceback.format_exc()}
            print(json.dumps(row), file=rows, flush=True)


if __name__ == "__main__":
    main()
