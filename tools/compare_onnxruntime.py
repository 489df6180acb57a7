#!/usr/bin/env python3
"""Compare zoo-tool with ONNX Runtime on the real models: same inputs, same outputs.

Usage: compare_onnxruntime.py [--all] [--only TEXT] [--jobs N] [--keep-going]

Runs `zoo-tool run` on the recorded cases (fetch_fixtures.py) from the .onnx file and from the .zoo file converted from
it, with 1 and 2 threads, with each instruction set of this CPU forced, with the graph optimised and as it is. Without
--all, a few cases of each model meet every one of these settings, but not every combination. Frames of speech carry
their state: what zoo-tool returned goes into its next frame. Prints one line a model and setting with the worst
difference, as a multiple of what is tolerated, and exits 1 if any is above 1.
"""

import argparse
import itertools
import json
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import oracle


def settings(everything):
    """(file form, threads, instruction set, optimised)"""
    sets = oracle.instruction_sets()
    if everything:
        return list(itertools.product(("onnx", "zoo"), (1, 2), sets, (True, False)))
    best = sets[-1]
    chosen = [("onnx", 1, best, True), ("zoo", 2, best, True), ("onnx", 2, best, False)]
    return chosen + [("zoo", 1, isa, True) for isa in sets[:-1]]


def chosen_groups(cases, everything, only):
    """Cases by group; without --all, of each group the first two and the last, or the first six frames."""
    groups = defaultdict(list)
    for case in cases:
        if only in case["name"] or only in case["model"]:
            groups[case["group"]].append(case)
    if everything:
        return groups
    few = lambda group: group[:6] if group[0]["carry"] else group[:2] + group[2:][-1:]  # noqa: E731
    return {name: few(group) for name, group in groups.items()}


def convert(model, folder, target):
    out = target / (str(model).replace("/", "-").removesuffix(".onnx") + ".zoo")
    result = oracle.run_tool("convert", folder / model, out)
    if result.returncode:
        return None, first_line(result.stderr)
    return out, ""


def first_line(text):
    return (text.strip().splitlines() or ["no message"])[0]


def run_group(group, path, setting, folder, scratch):
    """The worst ratio over a group of cases, and where it was."""
    _, threads, isa, optimised = setting
    carried, worst = {}, (0.0, "")
    for case in group:
        out = Path(tempfile.mkdtemp(dir=scratch))
        arguments = ["run", path, "--output-dir", out, "--output-format", "npy", "--threads", threads]
        for name, file in case["inputs"].items():
            arguments += ["--input", f"{name}={carried.get(name, folder / file)}"]
        result = oracle.run_tool(*arguments, *([] if optimised else ["--no-optimize"]), isa=isa)
        if result.returncode:
            return np.inf, f"{case['name']}: exit {result.returncode}: {first_line(result.stderr)}"
        for index, file in enumerate(case["outputs"]):
            got = out / f"output_{index}.npy"
            if not got.exists():
                return np.inf, f"{case['name']}: no {got.name}"
            ratio, sentence = oracle.difference(np.load(got), np.load(folder / file), case["kind"])
            if ratio > worst[0]:
                worst = ratio, f"{case['name']}: output {index} {sentence}"
        carried = {name: keep(out / f"output_{index}.npy", scratch) for index, name in case["carry"].items()}
        shutil.rmtree(out)
    return worst


def keep(path, scratch):
    copy = Path(tempfile.mkdtemp(dir=scratch)) / "carried.npy"
    shutil.copyfile(path, copy)
    return copy


def describe(setting):
    form, threads, isa, optimised = setting
    return f".{form:<4} {threads} thread{'s' if threads > 1 else ' '} {isa:<8} {'' if optimised else 'not '}optimised"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="every case in every combination of settings")
    parser.add_argument("--only", default="", metavar="TEXT", help="models or cases whose name contains TEXT")
    parser.add_argument("--jobs", type=int, default=2, help="how many runs at a time")
    options = parser.parse_args()
    oracle.announce()
    folder, started = oracle.fixtures(), time.monotonic()
    cases = json.loads((folder / "inputs/cases.json").read_text())
    for case in cases:
        case["carry"] = {int(index): name for index, name in case["carry"].items()}
    groups = chosen_groups(cases, options.all, options.only)
    if not groups:
        sys.exit(f"no case matches '{options.only}'")
    failures, total = [], 0
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(options.jobs) as pool:
        models = sorted({group[0]["model"] for group in groups.values()})
        converted = dict(zip(models, pool.map(lambda m: convert(m, folder, Path(scratch)), models)))
        work = [(name, setting) for name in groups for setting in settings(options.all)]

        def one(item):
            name, setting = item
            group = groups[name]
            path, complaint = folder / group[0]["model"], ""
            if setting[0] == "zoo":
                path, complaint = converted[group[0]["model"]]
            return (np.inf, complaint) if path is None else run_group(group, path, setting, folder, scratch)

        for (name, setting), (ratio, place) in zip(work, pool.map(one, work)):
            total += len(groups[name])
            mark = "ok  " if ratio <= 1 else "FAIL"
            print(f"{mark} {name:<36} {describe(setting):<38} {ratio:9.4f}", flush=True)
            if ratio > 1:
                failures.append((name, setting, ratio, place))
                print(f"     {place}", flush=True)
    print(f"{total} runs of {len(groups)} groups in {time.monotonic() - started:.0f} s")
    print(f"comparison: {len(work) - len(failures)} passed, {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
