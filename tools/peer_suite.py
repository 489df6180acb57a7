#!/usr/bin/env python3
"""How many cases of the ONNX backend suite other runtimes pass: same cases, same tolerances, counted by one script.

Usage: peer_suite.py [RUNTIME…] [--only TEXT] [--list]

RUNTIME is onnxruntime, openvino, tract or reference (onnx's own, in Python); all that are installed by default. The
cases are the folders that backend_suite.py made. Each runtime works in a process of its own, which is started anew after
a crash, so that a crash costs one case; so does a case that takes more than a minute. The figures go to
docs/suite.json, from which support_table.py takes them. --list prints the cases that fail instead.
"""

import argparse
import json
import os
import select
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("ALLOW_RELEASED_ONNX_OPSET_ONLY", "0")

import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import OptionalProto, SequenceProto, TensorProto, numpy_helper  # noqa: E402

import oracle  # noqa: E402

FIGURES = oracle.REPOSITORY / "docs/suite.json"
SECONDS = 60


def read(path, info):
    """The value of a .pb file, by the type that the model declares."""
    kind, data = info.type.WhichOneof("value"), path.read_bytes()
    if kind == "sequence_type":
        return numpy_helper.to_list(SequenceProto.FromString(data))
    if kind == "optional_type":
        return numpy_helper.to_optional(OptionalProto.FromString(data))
    if kind == "map_type":
        return numpy_helper.to_dict(onnx.MapProto.FromString(data))
    return numpy_helper.to_array(TensorProto.FromString(data))


def onnxruntime_answer(path, inputs, model):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    known = {"float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
             "bool", "object", "complex64", "complex128"}  # fmt: skip
    if all(not isinstance(v, np.ndarray) or v.dtype.name in known or v.dtype.kind in "US" for v in inputs.values()):
        return session.run(None, inputs)
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    make = onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type
    values = {name: make(value, types[name]) for name, value in inputs.items()}
    return [value.numpy() for value in session.run_with_ort_values(None, values)]


def openvino_answer(path, inputs, model):
    import openvino

    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    result = compiled({port.any_name: inputs[port.any_name] for port in compiled.inputs})
    # Eight-bit floats come as their bits.
    return [EightBits(result[port]) if result[port].dtype == np.uint8 else result[port] for port in compiled.outputs]


class EightBits:
    """Bytes that stand for elements of whatever eight-bit type is expected."""

    def __init__(self, array):
        self.array = array

    def expected_as(self, want):
        is_float = want.dtype.name.startswith("float8")
        return self.array.view(want.dtype) if is_float else self.array


def tract_answer(path, inputs, model):
    import tract

    kinds = {"float32": "f32", "float64": "f64", "float16": "f16", "bool": "bool"}
    kinds |= {f"{kind}{bits}": f"{kind[0]}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
    loaded = tract.onnx().load(path)
    names = [loaded.input_name(index) for index in range(loaded.input_count())]
    for index, name in enumerate(names):
        value = inputs[name]
        loaded.set_input_fact(index, ",".join([*map(str, value.shape), kinds[value.dtype.name]]))
    runnable = loaded.into_model().into_runnable()
    return [value.to_numpy() for value in runnable.run([tract.Tensor.from_numpy(inputs[name]) for name in names])]


def reference_answer(path, inputs, model):
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(model).run(None, inputs)


RUNTIMES = {
    "onnxruntime": onnxruntime_answer,
    "openvino": openvino_answer,
    "tract": tract_answer,
    "reference": reference_answer,
}


def compare(got, want, rtol, atol):
    """As the suite's own runner does; raises what differs."""
    if want is None:
        assert got is None
    elif isinstance(want, dict):
        assert list(got) == list(want)
        compare(list(got.values()), list(want.values()), rtol, atol)
    elif isinstance(want, list):
        assert len(got) == len(want)
        for a, b in zip(got, want):
            compare(a, b, rtol, atol)
    else:
        want = np.asarray(want)
        got = got.expected_as(want) if isinstance(got, EightBits) else np.asarray(got)
        assert got.shape == want.shape, f"shape {got.shape}, expected {want.shape}"
        if want.dtype.kind in "OUS":
            assert got.astype(str).tolist() == want.astype(str).tolist()
            return
        assert got.dtype == want.dtype, f"type {got.dtype}, expected {want.dtype}"
        if want.dtype.name == "bfloat16":
            rtol = max(rtol, 2**-6)
        if want.dtype.kind not in "fciub?":
            got, want = got.astype(np.float64), want.astype(np.float64)
        np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)


def run_case(runtime, folder):
    model = onnx.load(folder / "model.onnx")
    known = json.loads((folder / "data.json").read_text()) if (folder / "data.json").exists() else {}
    for data in sorted(folder.glob("test_data_set_*")):
        pairs = {}
        for kind, declared in (("input", model.graph.input), ("output", model.graph.output)):
            files = ((data / f"{kind}_{index}.pb", info) for index, info in enumerate(declared))
            pairs[kind] = {info.name: read(file, info) for file, info in files if file.exists()}
        answers = RUNTIMES[runtime](str(folder / "model.onnx"), pairs["input"], model)
        compare(list(answers), list(pairs["output"].values()), known.get("rtol", 1e-3), known.get("atol", 1e-7))


def work(runtime):
    """Answers each folder on standard input with a line: what is wrong, or nothing."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            run_case(runtime, Path(line.rstrip("\n")))
            wrong = ""
        except BaseException as error:  # a panic is none of Exception's
            wrong = (str(error).strip().splitlines() or [repr(error)])[0] or repr(error)
        print(json.dumps(wrong), file=channel, flush=True)


class Worker:
    def __init__(self, runtime):
        self.runtime, self.process = runtime, None

    def ask(self, folder):
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, __file__, "--work", self.runtime], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True)  # fmt: skip
        try:
            self.process.stdin.write(f"{folder}\n")
            self.process.stdin.flush()
            ready, _, _ = select.select([self.process.stdout], [], [], SECONDS)
            line = self.process.stdout.readline() if ready else ""
        except OSError:
            line = ""
        if line:
            return json.loads(line)
        self.process.kill()
        code = self.process.wait()
        self.process = None
        return f"crash (exit {code})" if ready else f"no answer in {SECONDS} s"


def version(runtime):
    import importlib.metadata

    return importlib.metadata.version("onnx" if runtime == "reference" else runtime)


def is_installed(runtime):
    import importlib.util

    return importlib.util.find_spec("onnx" if runtime == "reference" else runtime) is not None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runtimes", nargs="*", metavar="RUNTIME")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name contains TEXT")
    parser.add_argument("--list", action="store_true", help="print the cases that fail; write nothing")
    parser.add_argument("--work", choices=RUNTIMES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options.work)
    folder = oracle.fixtures() / "backend"
    cases = sorted(path.parent for path in folder.glob("*/model.onnx") if options.only in path.parent.name)
    if not cases:
        raise SystemExit(f"{folder}: no cases; run tools/backend_suite.py first")
    for runtime in options.runtimes or RUNTIMES:
        if not is_installed(runtime):
            print(f"{runtime}: not installed, not counted")
            continue
        worker = Worker(runtime)
        wrong = {case.name: worker.ask(case) for case in cases}
        failed = {name: reason for name, reason in wrong.items() if reason}
        print(f"{runtime} {version(runtime)}: {len(cases) - len(failed)} of {len(cases)} cases pass", flush=True)
        if options.list:
            for name, reason in failed.items():
                print(f"  {name}: {reason[:160]}")
        elif not options.only:
            figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
            figures[runtime] = {"version": version(runtime), "passed": len(cases) - len(failed), "cases": len(cases)}
            FIGURES.parent.mkdir(exist_ok=True)
            FIGURES.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
