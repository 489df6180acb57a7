#!/usr/bin/env python3
"""Throughput of many callers of one session over that of one caller that has all threads.

Usage: callers.py [--callers N] [--rounds N] [--seconds S] [--only TEXT] [--all]

Measures each workload with one caller, with N callers (default 8), and with N callers whose runs have one thread each; in
turns, each in a process of its own. A ratio is the median over the rounds of the runs a second over those of the one caller;
1 or more is as good. Memory shows that weights are held once: what N callers need beyond one is their activations.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from compare import save_inputs
from workloads import WORKLOADS, bench, models_folder

# Of each kind one: microseconds, many small steps, products, convolutions, no f32 at all.
USUAL = ("digits, batch 1", "MiniLM, 16", "MiniLM, 128", "ResNet-50", "ShuffleNet", "silero", "500 trees, batch 1")


def measure(workload, options):
    model, inputs = workload.make(models_folder())
    forms = {"one": [], "many": ["--callers", options.callers]}
    forms["many, one thread each"] = [*forms["many"], "--threads", 1]
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch)
        save_inputs(inputs, saved)
        return [
            {form: bench(model, list(inputs), saved, "--seconds", options.seconds, *extra) for form, extra in forms.items()}
            for _ in range(options.rounds)
        ]


def row(workload, rounds):
    median = lambda value: statistics.median(value(r) for r in rounds)  # noqa: E731
    rate = lambda form: lambda r: r[form]["runs_per_second"] / r["one"]["runs_per_second"]  # noqa: E731
    memory = lambda form: median(lambda r: r[form]["peak_rss_bytes"]) / 1e6  # noqa: E731
    speed = median(lambda r: r["one"]["runs_per_second"])
    ratios = [median(rate("many")), median(rate("many, one thread each"))]
    cells = [workload.name, f"{speed:.1f}", *(f"{r:.2f}" for r in ratios), f"{memory('one'):.0f}", f"{memory('many'):.0f}"]
    return ratios[0], "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--callers", type=int, default=8, help="how many (default 8)")
    parser.add_argument("--rounds", type=int, default=3, help="turns (default 3)")
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement (default 2)")
    parser.add_argument("--only", default="", metavar="TEXT", help="workloads whose name contains TEXT")
    parser.add_argument("--all", action="store_true", help="all workloads, not one of each kind")
    options = parser.parse_args()
    n = options.callers
    head = ["workload", "one caller, runs/s", f"{n} callers / one", f"{n} with one thread / one", "MB, one", f"MB, {n}"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    ratios = []
    for workload in WORKLOADS:
        if not options.all and not workload.name.startswith(USUAL):
            continue
        if options.only.lower() in workload.name.lower():
            ratio, line = row(workload, measure(workload, options))
            ratios.append(ratio)
            print(line, flush=True)
    if ratios:
        print(f"\n{n} callers reach at least {min(ratios):.2f} of what one with all threads does")


if __name__ == "__main__":
    main()
