#!/usr/bin/env python3
"""Writes docs/OPERATORS.md: every operator with its opsets, element types and kernels, and the suite's figures.

Usage: support_table.py [--check]

Operators and opsets come from the registry (`zoo-tool list --operators`). Element types are found by asking `zoo-tool
check` about a case of the ONNX backend suite for the operator, with each type that the standard allows its first input
in turn, or about cases that differential.py draws where the suite has none; kernels are those that `zoo-tool inspect
--plan` shows for these cases. Figures of other runtimes are what
peer_suite.py left in docs/suite.json. --check only compares the table's operators and opsets with the registry's.
"""

import argparse
import json
import re
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import onnx
from onnx import TensorProto

import backend_suite
import oracle
from differ import batch
from differ.draw import Skip, type_proto

TABLE = oracle.REPOSITORY / "docs/OPERATORS.md"
FIGURES = oracle.REPOSITORY / "docs/suite.json"
TYPES = {
    "float": "f32", "double": "f64", "float16": "f16", "bfloat16": "bf16", "float8e4m3fn": "f8e4m3fn",
    "float8e4m3fnuz": "f8e4m3fnuz", "float8e5m2": "f8e5m2", "float8e5m2fnuz": "f8e5m2fnuz", "float8e8m0": "f8e8m0",
    "float4e2m1": "f4e2m1", "float6e2m3": "f6e2m3", "float6e3m2": "f6e3m2", "int2": "i2", "int4": "i4", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64",
    "uint2": "u2", "uint4": "u4", "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64", "bool": "bool",
    "string": "string", "complex64": "c64", "complex128": "c128",
}  # fmt: skip
PEERS = [("onnxruntime", "ONNX Runtime"), ("openvino", "OpenVINO"), ("tract", "tract"),
         ("reference", "the standard's reference, in Python")]  # fmt: skip
DRAWS = 60  # random cases of an operator that the suite lacks
ROW = re.compile(r"^\| `([^`]+)` \| ([\d, ]+) \|", re.M)


def registered():
    """{(domain, name): opsets} without the operators that only passes make."""
    rows = json.loads(oracle.run_tool("list", "--operators", "--json").stdout)
    return {(row["domain"], row["name"]): row["opsets"] for row in rows if row["domain"] != "zoo"}


def templates():
    """{(domain, name): models of one node, the newest opset first}"""
    found = defaultdict(list)
    for path in sorted((oracle.fixtures() / "backend").glob("*/model.onnx")):
        model = onnx.load(path)
        if len(model.graph.node) == 1:
            node = model.graph.node[0]
            found[node.domain or "ai.onnx", node.op_type].append((path, model))
    for models in found.values():
        models.sort(key=lambda entry: -max(opset.version for opset in entry[1].opset_import))
    return found


def variants(model):
    """(type, model) for each element type that the standard allows the first operand."""
    node = model.graph.node[0]
    version = next(o.version for o in model.opset_import if (o.domain or "") == node.domain)
    try:
        schema = onnx.defs.get_schema(node.op_type, version, node.domain)
    except onnx.defs.SchemaError:
        return
    values = {value.name: value for value in [*model.graph.input, *model.graph.output]}
    bound = defaultdict(list)
    for formals, actuals in ((schema.inputs, node.input), (schema.outputs, node.output)):
        for index, name in enumerate(actuals):
            if formals and name in values:
                bound[formals[min(index, len(formals) - 1)].type_str].append(values[name])
    formal = (schema.inputs or schema.outputs)[0].type_str
    allowed = next((c.allowed_type_strs for c in schema.type_constraints if c.type_param_str == formal), [formal])
    names = [text[7:-1] for text in allowed if text.startswith("tensor(")]
    for name in (name for name in TYPES if name in names):
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        wanted = {value.name for value in bound[formal]}
        for value in [*copy.graph.input, *copy.graph.output]:
            if value.name in wanted and value.type.WhichOneof("value") == "tensor_type":
                value.type.tensor_type.elem_type = TensorProto.DataType.Value(name.upper())
        yield name, copy


def examine(models, folder):
    """(types that are accepted in at least one of some cases, kernels that the cases' f32 forms run on)"""
    accepted, names = set(), set()
    for index, (case, model) in enumerate(models[:3]):
        path = Path(folder) / f"{model.graph.node[0].op_type}-{index}.onnx"
        for name, variant in variants(model):
            if name in accepted and name != "float":
                continue
            path.write_bytes(variant.SerializeToString())
            if oracle.run_tool("check", path).returncode == 0:
                accepted.add(name)
                if name == "float":
                    names |= kernels(variant, case.parent, path)
        names |= set() if names else kernels(model, case.parent, path)
        path.unlink(missing_ok=True)
    return [TYPES[name] for name in TYPES if name in accepted], sorted(names)


def drawn_models(key, table):
    """(name of the element type of the first operand, or else of the result, model) of random cases."""
    for index in range(DRAWS):
        try:
            draw = batch.drawn("support", index, {key: table[key]})
        except Skip:
            continue
        if draw.damaged or draw.operands and draw.operands[0] is None:
            continue
        model = draw.model()
        types = batch.oracles.output_types(draw, model)
        for output in model.graph.output:
            output.type.CopyFrom(types.get(output.name, output.type))
        # What has no operands names the type of its result.
        proto = type_proto(draw.operands[0], "exact") if draw.operands else onnx.helper.make_tensor_type_proto(
            draw.attributes.get("dtype", TensorProto.FLOAT), None)  # fmt: skip
        yield element_name(proto), model


def element_name(proto):
    """The element type of a tensor, or of what a sequence, optional or map holds; `maps` of maps."""
    kind = proto.WhichOneof("value")
    if kind == "tensor_type":
        return TensorProto.DataType.Name(proto.tensor_type.elem_type).lower()
    return element_name(proto.map_type.value_type if kind == "map_type" else getattr(proto, kind).elem_type)


def examine_drawn(key, table, folder):
    """What `examine` finds, from random cases."""
    accepted, names = set(), set()
    path = Path(folder) / f"{key[0]}-{key[1]}.onnx"
    for name, model in drawn_models(key, table) if key in table else ():
        if name in accepted:
            continue
        path.write_bytes(model.SerializeToString())
        if oracle.run_tool("check", path).returncode == 0:
            accepted.add(name)
            names = kernels(model, Path(folder), path) if name == "float" or not names else names
    path.unlink(missing_ok=True)
    return [TYPES[name] for name in TYPES if name in accepted], sorted(names)


def with_constants(model, case):
    """The model with the case's integers (axes, shapes, pads) as constants, which graphs usually have them as."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for index, value in enumerate(model.graph.input):
        file = case / f"test_data_set_0/input_{index}.pb"
        if index and value.type.tensor_type.elem_type == TensorProto.INT64 and file.exists():
            copy.graph.initializer.append(TensorProto.FromString(file.read_bytes()))
            copy.graph.initializer[-1].name = value.name
            copy.graph.input.remove(value)
    return copy


def kernels(model, case, path):
    """The names of the kernels that a model is planned with, without the instruction set; `path` is overwritten."""
    path.write_bytes(with_constants(model, case).SerializeToString())
    result = oracle.run_tool("inspect", path, "--plan", "--no-optimize", "--json")
    plan = json.loads(result.stdout).get("plan") if result.returncode == 0 else None
    names = (step["kernel"] for step in (plan or {}).get("steps", []))
    return {re.sub(r"_(avx512|avx2|vnni|neon|portable)\b", "", name) for name in names}


# Kernels of C with vector instructions, by name; those of f32 say so, binary ones are named after their function.
FAST = re.compile(
    r"_f32|gemm|qconv|quantize|_u8|_s8|transpose|concat|gather|cast_|^reduce|"
    r"^(add|sub|mul|div|min|max|pow|prelu|equal|less|less_or_equal|greater|greater_or_equal)$")  # fmt: skip


def speed(names):
    """`fast`, `plain`, or that there is nothing to do."""
    fast = [name for name in names if FAST.search(name)]
    if fast:
        return "fast: " + ", ".join(f"`{name}`" for name in fast)
    return "none needed" if "alias" in names else "plain" if names else "–"


def rows(folder):
    cases, table = templates(), batch.schemas()
    entries = sorted(registered().items(), key=lambda entry: (entry[0][0] != "ai.onnx", entry[0]))

    def row(entry):
        key, opsets = entry
        models = cases.get(key, [])
        types, names = examine(models, folder)
        if not types:
            types, names = examine_drawn(("" if key[0] == "ai.onnx" else key[0], key[1]), table, folder)
        return key[0], f"| `{key[1]}` | {opsets} | {', '.join(types) or '–'} | {speed(names)} |"

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(row, entries))


def figures():
    """A row for each runtime: this one's figures are measured now."""
    outcome = backend_suite.outcomes(backend_suite.cases(""), through_zoo=False)
    passed = sum(not reason for reason in outcome.values())
    version = oracle.run_tool("--version").stdout.strip()
    lines = [f"| this, {version} | {passed:,} of {len(outcome):,} |"]
    known = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for key, name in PEERS:
        if key in known:
            peer = known[key]
            lines.append(f"| {name} {peer['version']} | {peer['passed']:,} of {peer['cases']:,} |")
    return lines


def document(folder):
    parts = [
        "# Operators", "",
        "Made by `tools/support_table.py` from the registry; do not edit. `zoo-tool check MODEL` says whether a model runs,",
        "and which nodes are in its way if not.", "", "## Cases of the ONNX backend suite that pass", "",
        f"onnx {onnx.__version__}, cases with a model file, the same tolerances for all, counted by `tools/backend_suite.py` and",
        "`tools/peer_suite.py`.", "", "| runtime | passes |", "|---|---|", *figures(), "",
    ]  # fmt: skip
    by_domain = defaultdict(list)
    for domain, line in rows(folder):
        by_domain[domain].append(line)
    parts += [
        "## What the columns say", "",
        "- **opsets**: the versions in which the operator changed; each stands for all up to the next.",
        "- **types**: element types of the first operand that are accepted, of those that the standard allows; where",
        "  the suite has no case of the operator alone, those of random cases.",
        "- **kernel**: *fast* kernels use the vector instructions of the processor, *plain* ones do not; *none needed* where the",
        "  bytes stay where they are. Other types of a fast operator may run on plain kernels.", "",
    ]  # fmt: skip
    for domain, lines in by_domain.items():
        parts += [f"## {domain} ({len(lines)})", "", "| operator | opsets | types | kernel |", "|---|---|---|---|", *lines, ""]
    return "\n".join(parts)


def is_current():
    text = TABLE.read_text() if TABLE.exists() else ""
    found, domain = {}, None
    for line in text.splitlines():
        if match := re.match(r"## (\S+) \(\d+\)$", line):
            domain = match[1]
        elif match := ROW.match(line):
            found[domain, match[1]] = match[2]
    wanted = registered()
    for key in sorted(wanted.keys() | found.keys()):
        if wanted.get(key) != found.get(key):
            print(f"FAIL {key[0]} {key[1]}: opsets {wanted.get(key)} here, {found.get(key)} in {TABLE.name}")
    print(f"{TABLE.name} is current" if wanted == found else f"{TABLE.name} is not current: run tools/support_table.py")
    return wanted == found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare the table with the registry")
    options = parser.parse_args()
    if options.check:
        sys.exit(0 if is_current() else 1)
    oracle.announce()
    with tempfile.TemporaryDirectory() as folder:
        TABLE.parent.mkdir(exist_ok=True)
        TABLE.write_text(document(folder))
    print(f"wrote {TABLE}")


if __name__ == "__main__":
    main()
