#!/usr/bin/env python3
"""Random cases of every operator: the same answers as ONNX Runtime, or as the standard's reference evaluator.

Usage: differential.py [--graphs] [--seed N] [--count N] [--only OP,OP] [--index N] [--match PATTERN] [--keep FOLDER] …

Each case draws an operator version, its attributes, shapes and element types from a seed, and a form for the model: the
node alone, in a function, a branch or a loop, between others (differ/forms.py). ONNX Runtime answers it in a process of
its own, the reference evaluator where ONNX Runtime has no kernel; `zoo-tool verify` computes many at once.
With --graphs each case is a graph of several operators and two sets of inputs, which must give ONNX Runtime's results
optimised, as it is written, and after conversion to .zoo.

A difference that is not in differ/known_differences.txt fails the run. Numbers of cases are stable for a seed:
`--index` repeats one, `--keep` leaves the folders of those that failed, or of those that fit `--match`.
"""

import argparse
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import oracle
from differ import batch

KNOWN = Path(__file__).parent / "differ/known_differences.txt"
SILENCE = 60  # seconds without a new row after which a child is taken for hung
GRACE = 10  # seconds that a killed child has to end


def ask_oracles(indices, options, folder, which=""):
    """Rows of these cases. A child that dies or hangs is started again after the case at which it did."""
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / "rows.jsonl"
    journal.write_text("")
    rows, pending = {}, list(indices)
    while pending:
        end = run_child([str(folder), options.seed, which, "1" if options.damaged else "", options.only, *map(str, pending)], journal)
        begun = None
        for row in written(journal):
            if "begin" in row:
                begun = row
            else:
                rows[row["index"]] = row
        journal.write_text("")
        if begun is None:
            raise SystemExit(f"the oracle's process does not start: {end}")
        index = begun["begin"]
        rows.setdefault(index, {"index": index, "dead": f"{begun['operator']}: {end}"})
        pending = [i for i in pending if i not in rows]
    return rows


def written(journal):
    """The rows of a journal but for one that its writer did not finish."""
    return map(json.loads, journal.read_text(encoding="utf-8", errors="replace").split("\n")[:-1])


def run_child(arguments, journal):
    """How the child ended. It writes to a file, since whatever it leaves behind would keep a pipe open."""
    command = [sys.executable, "-m", "differ.batch", *arguments]
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        child = subprocess.Popen(
            command, cwd=Path(__file__).parent, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        if not ends(child, journal):
            stop(child)
            return f"no answer in {SILENCE} s"
        output.seek(0)
        if child.returncode == 1:
            raise SystemExit(output.read())
        return f"exit {child.returncode}: {first_trap(output.read())}"


def ends(child, journal):
    """Whether a child comes to an end by itself; new rows show that it is at work."""
    size, since = 0, time.monotonic()
    while time.monotonic() - since < SILENCE:
        try:
            child.wait(timeout=1)
            return True
        except subprocess.TimeoutExpired:
            grown = journal.stat().st_size
            if grown != size:
                size, since = grown, time.monotonic()
    return False


def stop(child):
    """Kills a child and what it started. Where the system cannot end it, it is left behind."""
    os.killpg(child.pid, signal.SIGKILL)
    try:
        child.wait(timeout=GRACE)
    except subprocess.TimeoutExpired:
        pass


def configurations(options):
    """The ways in which each case is computed: flags of `zoo-tool verify`."""
    chosen = [f for f, on in (("--through-zoo", options.through_zoo), ("--no-optimize", options.no_optimize)) if on]
    return [[], ["--no-optimize"], ["--through-zoo"]] if options.graphs and not chosen else [chosen]


def verify(paths, flags):
    """{path: report}; a batch in which zoo-tool dies or hangs is halved until the case is found."""
    if not paths:
        return {}
    patience = 30 + len(paths) // 5
    try:
        result = oracle.run_tool("verify", *paths, "--json", *flags, timeout=patience)
        return {Path(report["path"]): report for report in json.loads(result.stdout)}
    except (ValueError, subprocess.TimeoutExpired) as error:
        if len(paths) == 1:
            dead = isinstance(error, ValueError)
            reason = f"exit {result.returncode}: {first_trap(result.stderr)}" if dead else f"no answer in {patience} s"
            return {paths[0]: {"crash": reason}}
    middle = len(paths) // 2
    return verify(paths[:middle], flags) | verify(paths[middle:], flags)


def first_trap(text):
    lines = [line for line in text.splitlines() if "rror" in line] or text.splitlines() or [""]
    return lines[0][:200]


def judge(row, report):
    """(verdict, detail): same, differs, refused, crashed, missing, lenient."""
    if "crash" in report:
        return "crashed", report["crash"]
    error = (report.get("error") or "").split(": ", 1)[-1].replace("\n", " ")
    if row["oracle"] == "reference" and "damaged" in row["case"]:
        return "same", ""  # the reference checks little, and what it then computes has no meaning
    if row["oracle"] is None:
        return ("same", "") if error else ("lenient", row["refusal"])
    if "does not have" in error and "operator" in error:
        return "missing", error
    if error:
        return "refused", error
    for case in report["cases"]:
        for output in case["outputs"]:
            comparison = output["comparison"]
            if not comparison["matches"]:
                worst = comparison.get("worst") or {}
                return "differs", comparison.get("mismatch") or (
                    f"{output['name']} at {worst.get('index')}: got {worst.get('got')}, want {worst.get('want')}")
    return "same", ""


def second_opinion(failures, options, folder):
    """What the reference evaluator says about differences from ONNX Runtime."""
    asked = [row["index"] for row in failures if row["oracle"] != "reference" and row["verdict"] in ("differs", "refused")]
    if not asked:
        return
    rows = ask_oracles(asked, options, folder, "reference")
    reports = verify([folder / str(i) for i in asked if rows[i].get("oracle")], configurations(options)[0])
    for row in failures:
        other = rows.get(row["index"])
        if other is None:
            continue
        report = reports.get(folder / str(row["index"]))
        row["reference"] = "refuses" if report is None else (
            "agrees with us" if judge(other, report)[0] == "same" else "differs, too")


def run_chunk(indices, options, folder):
    rows = ask_oracles(indices, options, folder, "graphs" if options.graphs else "")
    asked = [i for i in indices if "case" in rows[i]]
    for flags in configurations(options):
        reports = verify([folder / str(i) for i in asked], flags)
        for row in (rows[i] for i in asked):
            if row.get("verdict", "same") == "same":
                row["verdict"], row["detail"] = judge(row, reports[folder / str(row["index"])])
                row["detail"] = " ".join([*flags, row["detail"]])
    failures = []
    for index in asked:
        row = rows[index]
        if row["verdict"] in ("differs", "refused", "crashed"):
            failures.append(row)
        fits = re.search(options.match, line(row)) if options.match else row in failures
        if options.keep and fits:
            kept = Path(options.keep) / f"{row['operator']}_{options.seed}_{index}"
            shutil.copytree(folder / str(index), kept, dirs_exist_ok=True)
            (kept / "case.txt").write_text(line(row) + "\n")
    if not options.graphs:
        second_opinion(failures, options, folder / "second")
    shutil.rmtree(folder, ignore_errors=True)
    return [rows[i] for i in indices]


def line(row):
    """What patterns of known differences are matched with, and what is printed."""
    opinion = f" [reference {row['reference']}]" if row.get("reference") else ""
    return f"{row['verdict']} from {row['oracle']}{opinion}: {row['case']}: {row['detail']}"


def known_differences():
    """[(compiled pattern, reason)]"""
    found = []
    for entry in KNOWN.read_text(encoding="utf-8").splitlines():
        if entry and not entry.startswith("#"):
            pattern, reason = entry.split("  # ", 1)
            found.append((re.compile(pattern), reason))
    return found


def report(rows, options, seconds):
    known = known_differences()
    explained, failures, lenient, dead, counts = collections.Counter(), [], [], [], {}
    for row in rows:
        if "case" not in row:
            kind = next(k for k in ("broken", "dead", "skipped") if k in row)
            counts.setdefault("–", collections.Counter())[kind] += 1
            if kind == "broken":
                failures.append(f"#{row['index']} broken generator: {row['broken']}")
            elif kind == "dead":
                dead.append(f"#{row['index']} {row['dead']}")
            continue
        verdict = row["verdict"]
        name = f"{row['domain']}.{row['operator']}".lstrip(".")
        asked = row.get("refusal") != "numbers without meaning"
        if verdict == "lenient" and asked and "damaged" in row["case"] and row["domain"] == "com.microsoft":
            verdict = "computed"  # the only oracle of these refuses it: a reason must say why it is computed here
        if verdict in ("differs", "refused", "crashed", "computed"):
            row["verdict"] = verdict
            text = line(row)
            # A crash is never somebody else's fault.
            reason = next((r for p, r in known if verdict != "crashed" and p.search(text)), None)
            if reason:
                explained[reason] += 1
                verdict = "oracle's fault"
            else:
                failures.append(f"#{row['index']} {text}")
        elif verdict == "lenient":
            lenient.append(f"#{row['index']} {row['case']}: {row['detail']}")
        counts.setdefault(name, collections.Counter())[verdict if row["oracle"] or verdict != "same" else "both refuse"] += 1
    print_counts(counts, options)
    for reason, number in explained.most_common():
        print(f"{number:6} known: {reason}")
    if options.lenient:
        print("Computed here, refused by the oracle:", *lenient, sep="\n  ")
    if dead:
        print("Cases at which the oracle's process died:", *dead, sep="\n  ")
    if failures:
        print("Differences without an explanation:", *failures, sep="\n  ")
    compared = sum(1 for row in rows if row.get("oracle"))
    print(f"{len(rows)} cases, {compared} compared, {len(lenient)} computed though the oracle refuses, "
          f"{sum(explained.values())} known differences, {len(failures)} unexplained; {seconds:.0f} s")  # fmt: skip
    return 1 if failures else 0


def print_counts(counts, options):
    total = collections.Counter()
    for name, verdicts in sorted(counts.items()):
        total.update(verdicts)
        if options.verbose:
            print(f"{name:40} " + ", ".join(f"{v} {k}" for k, v in verdicts.most_common()))
    print("all operators: " + ", ".join(f"{v} {k}" for k, v in total.most_common()))


def print_coverage(rows):
    """Each operator's cases by version, and what has none."""
    counts = collections.defaultdict(collections.Counter)
    for row in rows:
        if "case" in row:
            counts[row["domain"], row["operator"]][row["since"]] += 1
    bare = []
    for (domain, name), versions in sorted(batch.schemas().items()):
        cases = counts[domain, versions[0][0].name]
        label = f"{domain}.{name}".lstrip(".")
        print(f"{label:40} " + " ".join(f"{s.since_version}:{cases[s.since_version]}" for s, _ in versions))
        bare += [f"{label}-{s.since_version}" for s, _ in versions if not cases[s.since_version]]
    print(f"Operators without a generator: {', '.join(batch.without_generator()) or 'none'}")
    print(f"Versions without a case here: {', '.join(bare) or 'none'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", action="store_true", help="graphs of several operators instead of single ones")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--only", default="", metavar="OP,OP", help="operators by name")
    parser.add_argument("--index", type=int, action="append", help="only the case of this number")
    parser.add_argument("--match", metavar="PATTERN", help="cases to keep, by what is printed of them")
    parser.add_argument("--keep", metavar="FOLDER", help="leave the folders of failing cases there")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--through-zoo", action="store_true", help="convert each model to .zoo first")
    parser.add_argument("--no-optimize", action="store_true")
    parser.add_argument("--damaged", action="store_true", help="only cases with something wrong in them")
    parser.add_argument("--lenient", action="store_true", help="list what is computed though the oracle refuses it")
    parser.add_argument("--coverage", action="store_true", help="how many cases each version of each operator had")
    parser.add_argument("--verbose", action="store_true", help="counts of each operator")
    options = parser.parse_args()
    oracle.announce()
    started = time.monotonic()
    indices = options.index or list(range(options.count))
    step = max(1, min(400, -(-len(indices) // options.jobs)))
    with tempfile.TemporaryDirectory(prefix="differential-") as folder, ThreadPoolExecutor(options.jobs) as pool:
        chunks = [indices[i : i + step] for i in range(0, len(indices), step)]
        parts = pool.map(lambda c: run_chunk(c, options, Path(folder) / str(c[0])), chunks)
        rows = [row for part in parts for row in part]
    if options.coverage:
        print_coverage(rows)
    sys.exit(report(rows, options, time.monotonic() - started))


if __name__ == "__main__":
    main()
