#!/usr/bin/env python3
"""Compare what zoo-tool accepts with what the standard's schemas allow.

Usage: check_standard.py [--only OPERATOR]

Two lists that should be empty: versions of operators that `zoo-tool list --operators` does not name, and element types
that a schema allows and zoo-tool refuses. For the second, every kind of operand of each operator is tried with every
type, in cases of the suite (backend_suite.py writes them) whose elements are cast; whether the results are right is
not looked at. standard_exceptions.txt has one line a known refusal: `OPERATOR VARIABLE TYPE: REASON`.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("ALLOW_RELEASED_ONNX_OPSET_ONLY", "0")

import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import TensorProto, defs, helper, numpy_helper  # noqa: E402

import backend_suite  # noqa: E402
import oracle  # noqa: E402

EXCEPTIONS = Path(__file__).with_name("standard_exceptions.txt")
NEWEST = {"": 28, "ai.onnx.ml": 5}
# A refusal shows in any case; the first of many of one operator differ little.
CASES = 3


def missing_versions():
    listed = json.loads(oracle.run_tool("list", "--operators", "--json").stdout)
    have = {}
    for row in listed:
        domain = "" if row["domain"] == "ai.onnx" else row["domain"]
        have[domain, row["name"]] = {int(version) for version in str(row["opsets"]).split(",")}
    for schema in sorted(defs.get_all_schemas_with_history(), key=lambda s: (s.domain, s.name, s.since_version)):
        known = have.get((schema.domain, schema.name), set())
        if schema.deprecated or schema.since_version > NEWEST.get(schema.domain, 1):
            continue
        if schema.since_version not in known:
            yield f"{schema.domain or 'ai.onnx'}.{schema.name}, version {schema.since_version}"


def operands(schema, names):
    """(name of the value, formal parameter) of each operand that is there."""
    formal = list(schema)
    for index, name in enumerate(names):
        if name and formal:
            yield name, formal[min(index, len(formal) - 1)]


def cast(array, kind):
    if kind == TensorProto.STRING:
        return np.array([str(item) for item in array.ravel()], object).reshape(array.shape)
    if array.dtype == object:
        return np.ones(array.shape, helper.tensor_dtype_to_np_dtype(kind))
    target = helper.tensor_dtype_to_np_dtype(kind)
    unsigned = kind in (TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64)
    with np.errstate(all="ignore"):
        return (np.abs(array) if unsigned and array.dtype.kind in "fi" else array).astype(target)


def recast(folder, target, variable, kind):
    """A case with all operands of one type variable cast; False if it has none."""
    model = onnx.load(folder / "model.onnx")
    node = model.graph.node[0]
    schema = defs.get_schema(node.op_type, model_opset(model, node.domain), node.domain)
    pairs = list(operands(schema.inputs, node.input)) + list(operands(schema.outputs, node.output))
    changed = {name for name, formal in pairs if formal.type_str == variable}
    if not changed & set(node.input):
        return False
    place = target / "test_data_set_0"
    place.mkdir(parents=True, exist_ok=True)
    for field, values in (("input", model.graph.input), ("output", model.graph.output)):
        for index, value in enumerate(values):
            source = folder / "test_data_set_0" / f"{field}_{index}.pb"
            if not value.type.HasField("tensor_type") or not source.exists():
                return False
            tensor = TensorProto.FromString(source.read_bytes())
            if value.name in changed:
                value.type.tensor_type.elem_type = kind
                tensor = numpy_helper.from_array(cast(numpy_helper.to_array(tensor), kind), value.name)
            (place / f"{field}_{index}.pb").write_bytes(tensor.SerializeToString())
    (target / "model.onnx").write_bytes(model.SerializeToString())
    return True


def model_opset(model, domain):
    return next(entry.version for entry in model.opset_import if entry.domain == domain)


def cases(only):
    """{(domain, operator): folders of cases with that node alone}"""
    found = {}
    for path in sorted((oracle.fixtures() / "backend").glob("*/model.onnx")):
        model = onnx.load(path, load_external_data=False)
        if len(model.graph.node) != 1 or model.graph.initializer or model.functions:
            continue
        node = model.graph.node[0]
        if not only or node.op_type == only:
            found.setdefault((node.domain, node.op_type), []).append(path.parent)
    return found


def attempts(folder, only):
    """Writes the cases to try; {path: what is tried}."""
    tried = {}
    for (domain, name), folders in cases(only).items():
        version = max(model_opset(onnx.load(path / "model.onnx"), domain) for path in folders)
        schema = defs.get_schema(name, version, domain)
        for constraint in schema.type_constraints:
            for text in constraint.allowed_type_strs:
                if not text.startswith("tensor("):
                    continue
                kind = getattr(TensorProto, text[7:-1].upper())
                done = 0
                for source in folders:
                    target = folder / str(len(tried))
                    if recast(source, target, constraint.type_param_str, kind):
                        tried[target] = f"{name} {constraint.type_param_str} {text[7:-1]}"
                        done += 1
                    if done == CASES:
                        break
    return tried


def refused(only):
    with tempfile.TemporaryDirectory() as folder:
        tried = attempts(Path(folder), only)
        tolerance = (1e-3, 1e-7)
        outcome = {}
        for batch in batches(list(tried), 64):
            outcome |= backend_suite.verify([(path, tolerance) for path in batch], False)
        for path, what in tried.items():
            reason = outcome.get(path.name)
            if reason and reason != "differs":
                yield what, reason


def batches(items, size):
    return [items[i : i + size] for i in range(0, len(items), size)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="OPERATOR")
    options = parser.parse_args()
    oracle.announce()
    known = backend_suite.read_exceptions(EXCEPTIONS)
    gaps = list(missing_versions())
    for gap in gaps:
        print(f"NO VERSION {gap}")
    found = dict(refused(options.only))
    new = {what: reason for what, reason in found.items() if what not in known}
    for what, reason in sorted(new.items()):
        print(f"REFUSED {what}: {reason}")
    stale = [] if options.only else sorted(set(known) - set(found))
    for what in stale:
        print(f"NOT REFUSED {what}: take its line out of {EXCEPTIONS.name}")
    print(f"standard: {len(gaps)} versions missing, {len(found)} types refused, {len(found) - len(new)} of them known")
    sys.exit(1 if gaps or new or stale else 0)


if __name__ == "__main__":
    main()
