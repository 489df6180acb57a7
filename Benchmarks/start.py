#!/usr/bin/env python3
"""What a start costs: a process that answers one question, and a session of a large model.

Usage: start.py [--rounds N]

The process reads the digit in a picture, with `zoo-tool run digits --image` and with Python and ONNX Runtime (imports, reads
the picture with Pillow, scales it, runs the same model); compared is the processor time of each, user and system, in turns.
The session is MiniLM's: from the path of a .zoo file until it is ready, against ONNX Runtime's from the .onnx file, with
warm caches. Ratios are ours over the other's.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from argparse import Namespace
from pathlib import Path

from compare import measure_peer, save_inputs
from workloads import WORKLOADS, bench, models_folder, oracle

PICTURE = oracle.REPOSITORY / "Examples" / "Data" / "digit-7.png"

PYTHON = """
import sys
import numpy, onnxruntime
from PIL import Image
picture = Image.open(sys.argv[2]).convert("L").resize((28, 28))
pixels = 1 - numpy.asarray(picture, dtype=numpy.float32).reshape(1, 1, 28, 28) / 255
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
scores = session.run(None, {session.get_inputs()[0].name: pixels})[0]
print(scores.argmax(), scores.max())
"""


def processor_time(command):
    """Milliseconds of a process, user and system."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    command = [str(part) for part in command]
    process = os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
    return (usage.ru_utime + usage.ru_stime) * 1e3


def processes(rounds):
    model = models_folder() / "digits.onnx"
    converted = oracle.run_tool("convert", "digits", model)
    if converted.returncode:
        raise SystemExit(converted.stderr)
    ours = [oracle.zoo_tool(), "run", "digits", "--image", PICTURE]
    theirs = [sys.executable, "-c", PYTHON, model, PICTURE]
    return [(processor_time(ours), processor_time(theirs)) for _ in range(rounds)]


def sessions(rounds):
    workload = next(w for w in WORKLOADS if w.name == "MiniLM, 16 tokens")
    path, inputs = workload.make(models_folder())
    compact = models_folder() / "minilm.zoo"
    subprocess.run([oracle.zoo_tool(), "convert", str(path), str(compact)], check=True, stdout=subprocess.DEVNULL)
    settings = Namespace(threads=1, seconds=0)
    times = []
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch)
        save_inputs(inputs, saved)
        for _ in range(rounds):
            ours = bench(compact, list(inputs), saved, "--threads", 1, "--seconds", 0)
            times.append((ours["load_ms"], measure_peer("onnxruntime", path, saved, settings)["load_ms"]))
    return times


def row(name, times):
    ours, theirs = (statistics.median(column) for column in zip(*times))
    ratio = statistics.median(a / b for a, b in times)
    return f"| {name} | {ours:.1f} | {theirs:.1f} | {ratio:.3f} (1/{1 / ratio:.1f}) |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="turns (default 15)")
    options = parser.parse_args()
    print("| | this, ms | ONNX Runtime, ms | ratio |\n|---|---|---|---|")
    print(row("run digits, whole process, processor time", processes(options.rounds)), flush=True)
    print(row("MiniLM, until the session is ready", sessions(options.rounds)))


if __name__ == "__main__":
    main()
