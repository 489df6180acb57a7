#!/usr/bin/env python3
"""Run the ONNX backend suite through `zoo-tool verify`.

Usage: backend_suite.py [--only TEXT] [--update] [--through-zoo | --check]

Writes the suite's cases as folders (once, into the fixtures' folder), verifies each, and compares the outcome with
backend_exceptions.txt: one line a case that is known not to pass, `NAME: REASON`. A case that fails without a line
there fails the check, and so does a case that passes in spite of one. --update rewrites the file from this run.

--check asks `zoo-tool check` of every case's model, which must say "runs" if and only if the case then runs without
being refused, be its answer right or wrong.
"""

import argparse
import json
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("ALLOW_RELEASED_ONNX_OPSET_ONLY", "0")

import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import TensorProto, numpy_helper  # noqa: E402
from onnx.backend.test import loader  # noqa: E402

import oracle  # noqa: E402

EXCEPTIONS = Path(__file__).with_name("backend_exceptions.txt")
HEADER = "# Cases of the ONNX backend suite that do not pass, with the reason. Made by: tools/backend_suite.py --update\n"


def serialized(value, declared):
    kind = declared.type.WhichOneof("value")
    if isinstance(value, TensorProto):
        return value.SerializeToString()
    makers = {
        "sequence_type": numpy_helper.from_list,
        "optional_type": numpy_helper.from_optional,
        "map_type": numpy_helper.from_dict,
    }
    return makers.get(kind, numpy_helper.from_array)(value, declared.name).SerializeToString()


def write_cases(folder):
    """The generated cases as folders, each with its tolerances."""
    for case in loader.load_node_model_tests():
        target = folder / case.name
        (target / "test_data_set_0").mkdir(parents=True, exist_ok=True)
        (target / "model.onnx").write_bytes(case.model.SerializeToString())
        relative = case.rtol
        if any(v.type.tensor_type.elem_type == TensorProto.BFLOAT16 for v in case.model.graph.output):
            relative = max(relative, 2**-6)  # two bf16 ulps, as the suite's own runner allows
        (target / "data.json").write_text(json.dumps({"rtol": relative, "atol": case.atol}))
        for index, (inputs, outputs) in enumerate(case.data_sets):
            place = target / f"test_data_set_{index}"
            place.mkdir(exist_ok=True)
            graph = case.model.graph
            for kind, values, declared in (("input", inputs, graph.input), ("output", outputs, graph.output)):
                for i, (value, info) in enumerate(zip(values, declared)):
                    (place / f"{kind}_{i}.pb").write_bytes(serialized(value, info))
    (folder / "COMPLETE").write_text(onnx.__version__)


def link_cases(folder):
    """Links to the recorded cases, and folders for the real networks, as far as they are not there yet.

    The suite has the real networks with constants for weights, beside an output for the input that its own runner
    makes: 0 ... 1 in even steps.
    """
    data = Path(loader.DATA_DIR)
    for kind in ("pytorch-converted", "pytorch-operator", "simple"):
        for source in sorted((data / kind).iterdir()):
            if (source / "model.onnx").exists() and not (folder / source.name).exists():
                (folder / source.name).symlink_to(source)
    for source in sorted((data / "real").iterdir()):
        target = folder / source.name
        if not (source / "data.json").exists() or (target / "data.json").exists():
            continue
        light = data / "light" / f"light_{source.name.removeprefix('test_')}.onnx"
        graph = onnx.load(light).graph
        weights = {tensor.name for tensor in graph.initializer}
        image = next(value for value in graph.input if value.name not in weights)
        shape = [axis.dim_value for axis in image.type.tensor_type.shape.dim]
        values = (np.arange(np.prod(shape)).reshape(shape) / np.prod(shape)).astype(np.float32)
        place = target / "test_data_set_0"
        place.mkdir(parents=True, exist_ok=True)
        (place / "input_0.pb").write_bytes(serialized(values, image))
        (place / "output_0.pb").symlink_to(light.with_name(f"{light.stem}_output_0.pb"))
        (target / "model.onnx").symlink_to(light)
        (target / "data.json").write_text((source / "data.json").read_text())


def verify(batch, through_zoo):
    """{name: reason for not passing, or None}, in one process; one by one where that process dies."""
    tolerance = batch[0][1]
    flags = ["--json", "--relative", str(tolerance[0]), "--absolute", str(tolerance[1])]
    flags += ["--through-zoo"] if through_zoo else []
    result = oracle.run_tool("verify", *(path for path, _ in batch), *flags)
    try:
        reports = json.loads(result.stdout)
    except ValueError:
        if len(batch) == 1:
            lines = result.stderr.strip().splitlines() or [""]
            return {batch[0][0].name: f"crash (exit {result.returncode}): {lines[0]}"}
        halves = batch[: len(batch) // 2], batch[len(batch) // 2 :]
        return {name: reason for half in halves for name, reason in verify(half, through_zoo).items()}
    return {Path(report["path"]).name: complaint(report) for report in reports}


def says_runs(path):
    """Whether `zoo-tool check` promises that the case runs; a sentence if its answer is none."""
    result = oracle.run_tool("check", path, "--json")
    try:
        answer = json.loads(result.stdout)
        if result.returncode == (0 if answer["runs"] else 1):
            return answer["runs"], "; ".join(refusal["reason"] for refusal in answer["refusals"])
    except ValueError:
        pass
    # A file that cannot be read or makes no graph is refused before there is anything to list.
    return (False, result.stderr.strip()) if result.returncode == 1 else (None, f"exit {result.returncode}")


def compare_check(cases, outcome):
    """Prints where check and the run disagree; how many times they do."""
    with ThreadPoolExecutor(2) as pool:
        answers = dict(zip((path.name for path in cases), pool.map(says_runs, cases)))
    wrong = 0
    for name, (runs, reason) in sorted(answers.items()):
        ran = outcome[name] in (None, "differs")
        if runs is not ran:
            wrong += 1
            print(f"FAIL {name}: check says {'runs' if runs else reason}, but the case {outcome[name] or 'runs'}")
    refused = sum(not runs for runs, _ in answers.values())
    print(f"zoo-tool check: right for {len(answers) - wrong} of {len(answers)} cases, {refused} of which it refuses")
    return wrong


def complaint(report):
    if report.get("error"):
        message = report["error"].replace("\n", " ").split(report["path"])[-1].lstrip("/").split(": ", 1)[-1]
        missing = message.split("does not have: ")
        if len(missing) == 2:
            return "no operator " + re.sub(r", at nodes? .*?(;|\. Register|$)", r"\1", missing[1]).split(". Register")[0]
        return f"{report.get('code')}: {message[:160]}"
    wrong = [case for case in report["cases"] if not passes(case)]
    return "differs" if wrong else None


def passes(case):
    if "passes" in case:
        return case["passes"]
    return all(output["comparison"].get("matches") for output in case["outputs"])


def read_exceptions(path=EXCEPTIONS):
    if not path.exists():
        return {}
    lines = (line.strip() for line in path.read_text().splitlines())
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name contains TEXT")
    parser.add_argument("--update", action="store_true", help="rewrite backend_exceptions.txt")
    parser.add_argument("--through-zoo", action="store_true", help="convert each model to .zoo first")
    parser.add_argument("--check", action="store_true", help="compare what zoo-tool check says with what happens")
    options = parser.parse_args()
    oracle.announce()
    folders = cases(options.only)
    outcome = outcomes(folders, options.through_zoo)
    if options.check:
        sys.exit(1 if compare_check(folders, outcome) else 0)
    sys.exit(report(outcome, options))


def cases(only):
    """The folders of the cases whose names contain `only`."""
    folder = oracle.fixtures() / "backend"
    if not (folder / "COMPLETE").exists() or (folder / "COMPLETE").read_text() != onnx.__version__:
        folder.mkdir(parents=True, exist_ok=True)
        write_cases(folder)
    link_cases(folder)
    return sorted(path.parent for path in folder.glob("*/model.onnx") if only in path.parent.name)


def outcomes(folders, through_zoo):
    """{name of a case: reason for not passing, or None}"""
    by_tolerance = {}
    for path in folders:
        known = json.loads((path / "data.json").read_text()) if (path / "data.json").exists() else {}
        tolerance = known.get("rtol", 1e-3), known.get("atol", 1e-7)
        by_tolerance.setdefault(tolerance, []).append((path, tolerance))
    batches = [group[i : i + 64] for group in by_tolerance.values() for i in range(0, len(group), 64)]
    with ThreadPoolExecutor(2) as pool:
        parts = pool.map(lambda batch: verify(batch, through_zoo), batches)
        return {name: reason for part in parts for name, reason in part.items()}


def report(outcome, options):
    failed = {name: reason for name, reason in sorted(outcome.items()) if reason}
    if options.update:
        before = read_exceptions()
        kept = {n: r for n, r in before.items() if n not in outcome}
        # A difference gets its reason by hand, and keeps it.
        failed |= {n: before[n] for n, r in failed.items() if r == "differs" and n in before}
        lines = (f"{name}: {reason}\n" for name, reason in sorted((kept | failed).items()))
        EXCEPTIONS.write_text(HEADER + "".join(lines))
    known = read_exceptions()
    new = [name for name in failed if name not in known]
    # A draw of another generator can be right by chance.
    drawn = {name for name, reason in known.items() if reason.startswith("random numbers")}
    fixed = [name for name, reason in outcome.items() if not reason and name in known and name not in drawn]
    for name in new:
        print(f"FAIL {name}: {failed[name]}")
    for name in sorted(fixed):
        print(f"PASSES UNEXPECTEDLY {name}: take its line out of {EXCEPTIONS.name} ({known[name]})")
    print(f"backend suite: {len(outcome) - len(failed)} of {len(outcome)} cases pass, {len(failed)} are known not to"
          if not new else f"backend suite: {len(new)} cases fail without an exception")  # fmt: skip
    return 1 if new or fixed else 0


if __name__ == "__main__":
    main()
