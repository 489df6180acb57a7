#!/usr/bin/env python3
"""Sequences, optionals, maps and strings through control flow: many small models against an oracle.

Usage: check_values.py [--only TEXT] [--keep FOLDER]

Each model is run by ONNX Runtime, or by the standard's reference where that runtime lacks the case; then by
`zoo-tool verify`, from the .onnx file and after conversion to .zoo, and by `zoo-tool run` with .pb files in and out.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import oracle
from backend_suite import serialized, verify

F, I, B, S = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING
CASES = []


def tensor(kind, shape=None):
    return helper.make_tensor_type_proto(kind, shape)


def sequence(kind, shape=None):
    return helper.make_sequence_type_proto(tensor(kind, shape))


def optional(of):
    return helper.make_optional_type_proto(of)


def info(name, of):
    return helper.make_value_info(name, of)


def node(text, inputs, outputs, **attributes):
    domain = "ai.onnx.ml" if text in ("ZipMap", "DictVectorizer", "CastMap") else ""
    return helper.make_node(text, inputs.split(), outputs.split(), domain=domain, **attributes)


def graph(nodes, inputs, outputs, name="g", weights=()):
    given = [numpy_helper.from_array(np.array(value), key) for key, value in weights]
    return helper.make_graph(
        nodes, name, [info(k, t) for k, t in inputs], [info(k, t) for k, t in outputs], given)


def case(name, body, inputs, opset=21, reference=False, want=None):
    """Adds a model with the values of its inputs.

    `reference`: ONNX Runtime cannot run it; `want`: neither can the reference, these are the outputs.
    """
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(body, opset_imports=opsets, ir_version=10 if opset < 23 else 11)
    inputs = {k: np.asarray(v) if isinstance(v, np.generic) else v for k, v in inputs.items()}
    CASES.append((name, model, inputs, reference, want))


def floats(*shape):
    return (np.arange(np.prod(shape, dtype=int)).reshape(shape) * 0.5 - 1).astype(np.float32)


def strings(*values):
    return np.array(values, dtype=object)


# -- Loop


LOOP_HEAD = [("i", tensor(I, [])), ("go", tensor(B, []))]


def growing_loop_cases():
    grow = graph(
        [node("Cast", "i", "f", to=F), node("Add", "x f", "y"), node("SequenceInsert", "s y", "t"),
         node("Identity", "go", "on")],
        [*LOOP_HEAD, ("s", sequence(F))], [("on", tensor(B, [])), ("t", sequence(F))])  # fmt: skip
    for trips in (0, 1, 3):
        body = graph(
            [node("SequenceEmpty", "", "e", dtype=F), node("Loop", "n go0 e", "r", body=grow),
             node("SequenceLength", "r", "count")],
            [("n", tensor(I, [])), ("go0", tensor(B, [])), ("x", tensor(F, ["k"]))],
            [("r", sequence(F)), ("count", tensor(I, []))])  # fmt: skip
        case(f"loop-grows-a-sequence-{trips}", body,
             {"n": np.int64(trips), "go0": np.bool_(True), "x": floats(2)})  # fmt: skip
    names = graph(
        [node("SequenceInsert", "s w i", "t"), node("Less", "i limit", "on")],
        [*LOOP_HEAD, ("s", sequence(S))], [("on", tensor(B, [])), ("t", sequence(S))])  # fmt: skip
    for limit in (-1, 0, 2):
        body = graph(
            [node("Loop", "| go0 start".replace("|", "n"), "r", body=names)],
            [("n", tensor(I, [])), ("go0", tensor(B, [])), ("start", sequence(S)), ("w", tensor(S, ["k"])),
             ("limit", tensor(I, []))], [("r", sequence(S))])  # fmt: skip
        case(f"loop-inserts-strings-{limit}", body,
             {"n": np.int64(9), "go0": np.bool_(True), "start": [strings("a"), strings("b", "c")],
              "w": strings("new", ""), "limit": np.int64(limit)})  # fmt: skip


def stacking_loop_cases():
    stacked = graph(
        [node("Mul", "a two", "b"), node("Identity", "b", "out"), node("Identity", "go", "on"),
         node("Unsqueeze", "i zero", "at"), node("Gather", "words at", "word")],
        [*LOOP_HEAD, ("a", tensor(F, ["k"]))],
        [("on", tensor(B, [])), ("b", tensor(F, ["k"])), ("out", tensor(F, ["k"])), ("word", tensor(S, [1]))],
        weights=[("two", np.float32(2)), ("zero", np.array([0], np.int64))])  # fmt: skip
    for trips in (0, 1, 2):
        body = graph(
            [node("Loop", "n  a0".replace("  ", " go0 "), "last all said", body=stacked)],
            [("n", tensor(I, [])), ("go0", tensor(B, [])), ("a0", tensor(F, [2])), ("words", tensor(S, [3]))],
            [("last", tensor(F, [2])), ("all", tensor(F, ["t", 2])), ("said", tensor(S, ["t", 1]))])  # fmt: skip
        case(f"loop-stacks-strings-{trips}", body,
             {"n": np.int64(trips), "go0": np.bool_(True), "a0": floats(2), "words": strings("x", "y", "z")},
             reference=trips > 0, want=None if trips else [floats(2), floats(0, 2), strings().reshape(0, 1)])  # fmt: skip


def nested_loop_cases():
    inner = graph(
        [node("Add", "i j", "k"), node("Cast", "k", "f", to=F), node("SequenceInsert", "s f", "t"),
         node("Identity", "go2", "on2")],
        [("j", tensor(I, [])), ("go2", tensor(B, [])), ("s", sequence(F))],
        [("on2", tensor(B, [])), ("t", sequence(F))], "inner")  # fmt: skip
    outer = graph(
        [node("Loop", "n go s0", "s1", body=inner), node("Identity", "go", "on")],
        [*LOOP_HEAD, ("s0", sequence(F))], [("on", tensor(B, [])), ("s1", sequence(F))], "outer")  # fmt: skip
    body = graph(
        [node("SequenceEmpty", "", "e", dtype=F), node("Loop", "n go0 e", "r", body=outer),
         node("ConcatFromSequence", "r", "all", axis=0, new_axis=1)],
        [("n", tensor(I, [])), ("go0", tensor(B, []))], [("all", tensor(F, ["t"]))])  # fmt: skip
    case("loop-in-loop", body, {"n": np.int64(3), "go0": np.bool_(True)})


def optional_loop_cases():
    maybe = graph(
        [node("OptionalHasElement", "o", "has"), node("Identity", "go", "on"), node("Optional", "x", "p")],
        [*LOOP_HEAD, ("o", optional(tensor(F)))],
        [("on", tensor(B, [])), ("p", optional(tensor(F))), ("has", tensor(B, []))])  # fmt: skip
    body = graph(
        [node("Loop", "n go0 o0", "r had", body=maybe), node("OptionalGetElement", "r", "y")],
        [("n", tensor(I, [])), ("go0", tensor(B, [])), ("o0", optional(tensor(F))), ("x", tensor(F, [2]))],
        [("y", tensor(F)), ("had", tensor(B, ["t"]))])  # fmt: skip
    given = {"n": np.int64(2), "go0": np.bool_(True), "x": floats(2)}
    case("loop-carries-an-optional", body, {**given, "o0": None}, want=[floats(2), np.array([False, True])])
    case("loop-carries-a-full-optional", body, {**given, "o0": floats(3)}, want=[floats(2), np.array([True, True])])


# -- If


def if_cases():
    def branches(first, second, of, inputs, given, name, opset=21, reference=False):
        for choice in (True, False):
            body = graph(
                [node("If", "c", "r", then_branch=graph(first, [], [("p", of)], "then"),
                      else_branch=graph(second, [], [("q", of)], "else"))],
                [("c", tensor(B, [])), *inputs], [("r", of)])  # fmt: skip
            case(f"{name}-{choice}", body, {"c": np.bool_(choice), **given}, opset, reference)

    pair = [("a", tensor(F, ["n"])), ("b", tensor(F, ["m"]))]
    both = {"a": floats(2), "b": floats(3)}
    branches([node("SequenceConstruct", "a b", "p")], [node("SequenceConstruct", "b", "q")], sequence(F),
             pair, both, "if-gives-sequences")  # fmt: skip
    branches([node("Identity", "a", "p")], [node("Unsqueeze", "b zero", "q")], tensor(F),
             [*pair, ("zero", tensor(I, [1]))], {**both, "zero": np.array([0])}, "if-gives-ranks")  # fmt: skip
    words = [("v", tensor(S, ["n"])), ("w", tensor(S, ["m"]))]
    said = {"v": strings("ä", "b"), "w": strings("", "long word", "c")}
    branches([node("Identity", "v", "p")], [node("Concat", "v w", "q", axis=0)], tensor(S), words, said,
             "if-gives-strings")  # fmt: skip
    branches([node("Optional", "a", "p")], [node("Optional", "", "q", type=tensor(F))], optional(tensor(F)),
             pair, both, "if-gives-optionals")  # fmt: skip
    branches([node("SequenceConstruct", "a b", "s"), node("Optional", "s", "p")],
             [node("Optional", "", "q", type=sequence(F))], optional(sequence(F)), pair, both,
             "if-gives-optional-sequences")  # fmt: skip
    branches([node("SequenceConstruct", "v w", "p")], [node("SequenceEmpty", "", "q", dtype=S)], sequence(S),
             words, said, "if-gives-sequences-of-strings")  # fmt: skip


# -- Scan


def scan_cases():
    def body(shape):
        one = tensor(F, shape)
        return graph(
            [node("Add", "s x", "sum0"), node("Identity", "sum0", "sum"), node("Add", "x x", "twice")],
            [("s", one), ("x", one)], [("sum0", one), ("sum", one), ("twice", one)])  # fmt: skip

    for version in (9, 11, 16):
        for axis, direction, out_axis, out_direction in [
            (0, 0, 0, 0), (1, 0, 0, 1), (2, 1, 1, 0), (-1, 1, -1, 1), (-2, 0, 2, 1), (1, 1, 2, 0),
        ]:  # fmt: skip
            if version < 11 and (axis < 0 or out_axis < 0):
                continue
            x = floats(2, 3, 4)
            state = floats(*np.take(x, 0, axis).shape)
            model = graph(
                [node("Scan", "s0 x", "last all twice", body=body(state.shape), num_scan_inputs=1, scan_input_axes=[axis],
                      scan_input_directions=[direction], scan_output_axes=[out_axis, 0],
                      scan_output_directions=[out_direction, 1 - out_direction])],
                [("s0", tensor(F, state.shape)), ("x", tensor(F, [2, 3, 4]))],
                [("last", tensor(F, None)), ("all", tensor(F, None)), ("twice", tensor(F, None))])  # fmt: skip
            case(f"scan-{version}-{axis}-{direction}-{out_axis}-{out_direction}", model, {"s0": state, "x": x}, version)
    for direction in (0, 1):
        for lengths in (None, np.array([3, 1], np.int64), np.array([2, 3], np.int64)):
            inputs = [("s0", tensor(F, [2, 2])), ("x", tensor(F, [2, 3, 2]))]
            given = {"s0": floats(2, 2), "x": floats(2, 3, 2)}
            if lengths is not None:
                inputs = [("lengths", tensor(I, [2])), *inputs]
                given = {"lengths": lengths, **given}
            scan = helper.make_node(
                "Scan", ["lengths" if lengths is not None else "", "s0", "x"], ["last", "all", "twice"],
                body=body([2]), num_scan_inputs=1, directions=[direction])  # fmt: skip
            model = graph([scan], inputs, [("last", tensor(F, [2, 2])), ("all", tensor(F, [2, 3, 2])),
                                           ("twice", tensor(F, [2, 3, 2]))])  # fmt: skip
            name = "all" if lengths is None else "-".join(map(str, lengths))
            case(f"scan-8-{direction}-{name}", model, given, 8)


# -- Sequences


def sequence_cases():
    pieces = [floats(2), floats(3), floats(0)]
    words = [strings("a"), strings("b", "c")]
    at = [("s", sequence(F)), ("i", tensor(I, []))]
    for index in (-3, -1, 0, 2):
        given = {"s": pieces, "i": np.int64(index)}
        case(f"at-{index}", graph([node("SequenceAt", "s i", "y")], at, [("y", tensor(F))]), given)
        case(f"erase-{index}", graph([node("SequenceErase", "s i", "y")], at, [("y", sequence(F))]), given)
    for index in (-3, 0, 3):
        case(f"insert-{index}", graph([node("SequenceInsert", "s x i", "y")], [*at, ("x", tensor(F))], [("y", sequence(F))]),
             {"s": pieces, "i": np.int64(index), "x": floats(1, 2)})  # fmt: skip
    case("erase-last", graph([node("SequenceErase", "s", "y")], at[:1], [("y", sequence(F))]), {"s": pieces})
    case("of-strings", graph(
        [node("SequenceInsert", "s w", "t"), node("SequenceLength", "t", "n"),
         node("ConcatFromSequence", "t", "all", axis=0)],
        [("s", sequence(S)), ("w", tensor(S))], [("t", sequence(S)), ("n", tensor(I, [])), ("all", tensor(S))]),
        {"s": words, "w": strings("d")}, reference=True)  # fmt: skip
    for keeps in (0, 1):
        case(f"split-ones-{keeps}", graph([node("SplitToSequence", "x", "y", axis=1, keepdims=keeps)],
             [("x", tensor(F, [2, 3]))], [("y", sequence(F))]), {"x": floats(2, 3)})  # fmt: skip
    for parts in (np.int64(2), np.int64(5), np.array([1, 0, 4], np.int64)):
        case(f"split-{parts}", graph([node("SplitToSequence", "x n", "y", axis=-1)],
             [("x", tensor(F, [2, 5])), ("n", tensor(I, list(parts.shape)))], [("y", sequence(F))]),
             {"x": floats(2, 5), "n": parts})  # fmt: skip
    case("split-strings", graph([node("SplitToSequence", "x", "y", keepdims=0)], [("x", tensor(S, [2, 2]))], [("y", sequence(S))]),
         {"x": strings("a", "b", "c", "d").reshape(2, 2)}, reference=True)  # fmt: skip
    for of, value in ((sequence(F), pieces), (sequence(S), words), (sequence(F), [])):
        case(f"identity-{len(value)}-{of.sequence_type.elem_type.tensor_type.elem_type}",
             graph([node("Identity", "s", "y")], [("s", of)], [("y", of)]), {"s": value}, reference=not value)  # fmt: skip
    body = graph([node("Add", "x k", "y"), node("Shape", "x", "n")], [("x", tensor(F)), ("k", tensor(F))],
                 [("y", tensor(F)), ("n", tensor(I))])  # fmt: skip
    for name, k, of in (("tensor", floats(1), tensor(F)), ("sequence", [floats(1), floats(3), floats(1)], sequence(F))):
        case(f"map-with-{name}", graph([node("SequenceMap", "s k", "t n", body=body)], [("s", sequence(F)), ("k", of)],
             [("t", sequence(F)), ("n", sequence(I))]), {"s": pieces, "k": k}, reference=True)  # fmt: skip
    case("map-strings", graph(
        [node("SequenceMap", "s", "t", body=graph([node("StringConcat", "x x", "y")], [("x", tensor(S))], [("y", tensor(S))]))],
        [("s", sequence(S))], [("t", sequence(S))]), {"s": words}, reference=True)  # fmt: skip
    case("map-captures", graph(
        [node("SequenceMap", "s", "t", body=graph([node("Mul", "x scale", "y")], [("x", tensor(F))], [("y", tensor(F))]))],
        [("s", sequence(F)), ("scale", tensor(F, [1]))], [("t", sequence(F))]),
        {"s": pieces, "scale": floats(1)}, want=[[-p for p in pieces]])  # fmt: skip


# -- Optionals and maps


def other_cases():
    for of, value in ((tensor(F), floats(2)), (tensor(F), None), (sequence(F), [floats(2), floats(1)]), (sequence(F), None)):
        kind = of.WhichOneof("value").split("_")[0]
        case(f"has-{kind}-{value is not None}", graph([node("OptionalHasElement", "o", "y")],
             [("o", optional(of))], [("y", tensor(B, []))]), {"o": value}, 18, reference=True)  # fmt: skip
        case(f"passes-optional-{kind}-{value is not None}", graph([node("Identity", "o", "y")],
             [("o", optional(of))], [("y", optional(of))]), {"o": value}, 18, want=[value])  # fmt: skip
        if value is not None:
            case(f"gets-{kind}", graph([node("OptionalGetElement", "o", "y")], [("o", optional(of))], [("y", of)]),
                 {"o": value}, 18, reference=True)  # fmt: skip
            case(f"gets-plain-{kind}", graph([node("OptionalGetElement", "o", "y")], [("o", of)], [("y", of)]), {"o": value}, 18)
    case("zip-map", graph([node("ZipMap", "x", "y", classlabels_strings=["a", "b", "c"])], [("x", tensor(F, [2, 3]))],
         [("y", helper.make_sequence_type_proto(helper.make_map_type_proto(S, tensor(F))))]), {"x": floats(2, 3)})  # fmt: skip
    case("zip-map-numbers", graph([node("ZipMap", "x", "y", classlabels_int64s=[7, 5])], [("x", tensor(F, [2, 2]))],
         [("y", helper.make_sequence_type_proto(helper.make_map_type_proto(I, tensor(F))))]), {"x": floats(2, 2)})  # fmt: skip
    case("map-in", graph([node("DictVectorizer", "m", "y", int64_vocabulary=[3, 1, 2])],
         [("m", helper.make_map_type_proto(I, tensor(F)))], [("y", tensor(F))]), {"m": {k: np.float32(k / 2) for k in (1, 3, 9)}})  # fmt: skip


# -- Running


def expected(model, inputs, by_reference):
    if by_reference:
        return ReferenceEvaluator(model).run(None, inputs)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [single(value) for value in session.run(None, inputs)]


def single(value):
    """The numbers of maps as f32, which Python's are not."""
    if isinstance(value, dict):
        return {k: np.float32(v) for k, v in value.items()}
    return [single(v) for v in value] if isinstance(value, list) else value


def plain(value):
    """A value as lists, tuples and scalars, to compare."""
    if isinstance(value, np.ndarray):
        return value.shape, [str(x) if value.dtype == object else x for x in value.ravel().tolist()]
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): float(v) for k, v in value.items()}
    return value if value is None else ((), [value.item() if hasattr(value, "item") else value])


def parsed(data, declared):
    kind = declared.type.WhichOneof("value")
    proto, read = {
        "sequence_type": (onnx.SequenceProto, numpy_helper.to_list), "map_type": (onnx.MapProto, numpy_helper.to_dict),
        "optional_type": (onnx.OptionalProto, numpy_helper.to_optional),
    }.get(kind, (onnx.TensorProto, numpy_helper.to_array))  # fmt: skip
    message = proto()
    message.ParseFromString(data)
    return read(message)


def same(a, b):
    a, b = plain(a), plain(b)
    if isinstance(a, tuple) and isinstance(b, tuple) and a[1] and not isinstance(a[1][0], (str, bytes)):
        return a[0] == b[0] and np.allclose(a[1], b[1], rtol=1e-5, atol=1e-6)
    return str(a).replace("b'", "'") == str(b).replace("b'", "'")


def run_tool(folder, model, outputs):
    """What is wrong with what `zoo-tool run` writes; None if nothing is."""
    given = [x for i, v in enumerate(model.graph.input)
             for x in ("--input", f"{v.name}={folder}/test_data_set_0/input_{i}.pb")]  # fmt: skip
    target = folder / "out"
    result = oracle.run_tool("run", folder / "model.onnx", *given, "--output-dir", target, "--output-format", "pb")
    if result.returncode:
        return result.stderr.strip()
    for index, (declared, want) in enumerate(zip(model.graph.output, outputs)):
        if model.graph.output[index].type.WhichOneof("value") == "sequence_type" and "zip" in folder.name:
            continue  # onnx cannot read a sequence of maps back
        got = parsed((target / f"output_{index}.pb").read_bytes(), declared)
        if not same(got, want):
            return f"output {index}: {plain(got)} instead of {plain(want)}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", metavar="FOLDER", help="leave the cases there")
    options = parser.parse_args()
    oracle.announce()
    loops = (growing_loop_cases, stacking_loop_cases, nested_loop_cases, optional_loop_cases)
    for make in (*loops, if_cases, scan_cases, sequence_cases, other_cases):
        make()
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(check(Path(options.keep or temporary), [c for c in CASES if options.only in c[0]]))


def check(root, cases):
    failed, folders = {}, []
    for name, model, inputs, by_reference, want in cases:
        try:
            outputs = want or expected(model, inputs, by_reference)
        except Exception as error:  # whatever an oracle throws
            failed[f"{name} (oracle)"] = f"{type(error).__name__} {error}"[:300]
            continue
        folder = root / name
        place = folder / "test_data_set_0"
        place.mkdir(parents=True, exist_ok=True)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        recordable = True
        for kind, values, declared in (
            ("input", [inputs[v.name] for v in model.graph.input], model.graph.input),
            ("output", outputs, model.graph.output),
        ):
            for i, (value, what) in enumerate(zip(values, declared)):
                try:
                    data = serialized(np.asarray(value) if what.type.HasField("tensor_type") else value, what)
                except (TypeError, ValueError, NotImplementedError):
                    recordable = False
                    continue
                (place / f"{kind}_{i}.pb").write_bytes(data)
        if recordable:
            folders.append((folder, (1e-5, 1e-6)))
        problem = run_tool(folder, model, outputs)
        if problem:
            failed[f"{name} (run)"] = problem
    for through_zoo in (False, True):
        for name, reason in verify(folders, through_zoo).items():
            if reason:
                failed[f"{name} (verify{', through .zoo' if through_zoo else ''})"] = reason
    for name, reason in sorted(failed.items()):
        print(f"FAIL {name}: {reason}")
    print(f"values: {len(cases)} models, {len(folders)} recorded, {len(failed)} differences")
    return 1 if failed else 0


if __name__ == "__main__":
    main()
