#!/usr/bin/env python3
"""Compare the operators of com.microsoft with ONNX Runtime on random cases.

Usage: contributed_operators.py [--only TEXT] [--cases N] [--seed N] [--keep FOLDER]

Each case is one node with random attributes, shapes, types and data, some of its inputs constants. ONNX Runtime computes
the expected outputs; `zoo-tool verify` replays them, many cases per process. A case that ONNX Runtime refuses is drawn
again. Quantized outputs may be one step off where a tie is broken another way; `exact` says how many were not.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

import contributed_cases
import generation_cases  # noqa: F401: adds its cases to those above
import oracle

MS = "com.microsoft"
BLOCKS = "com.microsoft.nchwc"
ATTEMPTS = 40


def model_of(case):
    """A model of one node; its inputs are those of the case that are no constants."""
    names = [name if value is not None else "" for name, value in case.inputs]
    outputs = [f"y{i}" if wanted else "" for i, wanted in enumerate(case.outputs)]
    node = helper.make_node(case.op, names, outputs, domain=case.domain, **case.attributes)
    fed = {n: v for n, v in case.inputs if v is not None and n not in case.constants}
    infos = [helper.make_tensor_value_info(n, element_type(v, case), list(v.shape)) for n, v in fed.items()]
    weights = [tensor(v, n, case) for n, v in case.inputs if v is not None and n in case.constants]
    results = [helper.make_empty_tensor_value_info(n) for n in outputs if n]
    graph = helper.make_graph([node], "case", infos, results, weights)
    imports = [helper.make_opsetid("", case.opset), helper.make_opsetid(MS, 1)]
    imports += [helper.make_opsetid(BLOCKS, 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10), fed


def element_type(value, case):
    return helper.np_dtype_to_tensor_dtype(value.dtype)


def tensor(value, name, case):
    return numpy_helper.from_array(value, name)


def session(model):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(runner, fed, case):
    """The outputs, where the case says so in the memory of an input."""
    if not case.shared:
        return runner.run(None, fed)
    binding = runner.io_binding()
    values = {name: ort.OrtValue.ortvalue_from_numpy(np.array(value)) for name, value in fed.items()}
    for name, value in values.items():
        binding.bind_ortvalue_input(name, value)
    for output in runner.get_outputs():
        if output.name in case.shared:
            binding.bind_ortvalue_output(output.name, values[case.shared[output.name]])
        else:
            binding.bind_output(output.name)
    runner.run_with_iobinding(binding)
    return binding.copy_outputs_to_cpu()


def write(case, folder):
    """The case as a folder of the backend suite's layout; False if ONNX Runtime refuses it."""
    model, fed = model_of(case)
    try:
        runner = session(model)
        results = run(runner, fed, case)
    except Exception as error:  # the runtime has no exception of its own
        return str(error).splitlines()[0]
    for info, result, kind in zip(model.graph.output, results, runner.get_outputs()):
        info.CopyFrom(helper.make_tensor_value_info(info.name, element_type(result, case), [None] * result.ndim))
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    for kind, values in (("input", fed.values()), ("output", results)):
        for index, value in enumerate(values):
            (data / f"{kind}_{index}.pb").write_bytes(numpy_helper.from_array(value).SerializeToString())
    return None


def verify(batch):
    """[(path, complaint or None)] of cases that share a tolerance; one by one where the process dies."""
    relative, absolute = batch[0][1].tolerance
    flags = ["--json", "--relative", str(relative), "--absolute", str(absolute)]
    result = oracle.run_tool("verify", *(path for path, _ in batch), *flags)
    try:
        reports = json.loads(result.stdout)
    except ValueError:
        if len(batch) == 1:
            lines = [line for line in result.stderr.splitlines() if line.strip()] or [""]
            return [(batch[0][0], f"crash (exit {result.returncode}): {lines[0]}")]
        half = len(batch) // 2
        return verify(batch[:half]) + verify(batch[half:])
    return [(Path(report["path"]), complaint(report)) for report in reports]


def complaint(report):
    if report.get("error"):
        return f"{report.get('code')}: {report['error'].splitlines()[0]}"
    for case in report["cases"]:
        for output in case["outputs"]:
            comparison = output["comparison"]
            if not comparison.get("matches"):
                return f"output '{output['name']}': {comparison.get('mismatch') or comparison.get('worst')}"
    return None


def draw(name, maker, count, seed, folder):
    """(path, case) of `count` cases of one operator, and why cases were refused."""
    drawn, refused = [], Counter()
    generator = np.random.default_rng([seed, *name.encode()])
    for index in range(count):
        for _ in range(ATTEMPTS):
            case = maker(generator)
            path = folder / f"{name}-{index}"
            reason = write(case, path)
            if reason is None:
                drawn.append((path, case))
                break
            refused[reason[:300]] += 1
    return drawn, refused


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="operators whose name contains TEXT")
    parser.add_argument("--cases", type=int, default=12, metavar="N", help="cases per operator")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", metavar="FOLDER", help="write the cases there and leave them")
    parser.add_argument("--refused", action="store_true", help="say what ONNX Runtime refused")
    options = parser.parse_args()
    oracle.announce()
    folder = Path(options.keep or tempfile.mkdtemp(prefix="contributed-"))
    if options.keep and folder.exists():
        shutil.rmtree(folder)
    try:
        sys.exit(check(options, folder))
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def check(options, folder):
    cases, groups = {}, defaultdict(list)
    missing = []
    for name, maker in contributed_cases.makers():
        if options.only.lower() not in name.lower():
            continue
        drawn, refused = draw(name, maker, options.cases, options.seed, folder)
        if len(drawn) < options.cases:
            missing.append(name)
        if refused and (options.refused or len(drawn) < options.cases):
            reason, times = refused.most_common(1)[0]
            print(f"{name}: {len(drawn)} cases; ONNX Runtime refused {times}: {reason}")
        for path, case in drawn:
            cases[path] = case
            groups[case.tolerance].append((path, case))
    batches = [group[i : i + 100] for group in groups.values() for i in range(0, len(group), 100)]
    with ThreadPoolExecutor(2) as pool:
        outcome = [pair for part in pool.map(verify, batches) for pair in part]
    failed = [(path, reason) for path, reason in outcome if reason]
    for path, reason in sorted(failed):
        case = cases[path]
        shapes = {n: f"{v.dtype}{list(v.shape)}" for n, v in case.inputs if v is not None}
        plain = {name: value for name, value in case.attributes.items() if not hasattr(value, "node")}
        print(f"FAIL {path.name} {plain} {shapes}\n     {reason.split(path.name)[-1]}")
    print(f"{len(outcome) - len(failed)} of {len(outcome)} cases equal ONNX Runtime {ort.__version__}")
    return 1 if failed or missing else 0


if __name__ == "__main__":
    main()
