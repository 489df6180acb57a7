#!/usr/bin/env python3
"""Models of more than 2 GB: ONNX with external data to .zoo, run, and back, with bounded memory.

Usage: check_large_files.py [--folder FOLDER]

Two models with 2.2 GB of incompressible weights, one in many tensors and one in a single tensor, are made in FOLDER (by
default a temporary one), converted, run in every form and converted back; the answers are compared with numpy, the
weights byte by byte. Memory that is the process's own (not pages of a mapped file) must stay small throughout, and while
the many tensors are converted, so must all of it. Needs 8 GB of disk; without them nothing is checked, and it says so.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

import oracle

COLUMNS = 4096
BLOCK = 100 << 20
BLOCKS = 22
NEEDED = 8 << 30
OWN_LIMIT = 400 << 20
RESIDENT_LIMIT = 700 << 20


def model(folder, tensors):
    """model.onnx with `tensors` weights in weights.bin, all rows of which follow from row()."""
    rows = BLOCKS * BLOCK // COLUMNS // tensors
    block = np.random.default_rng(7).integers(0, 256, BLOCK, dtype=np.uint8)
    digest = hashlib.sha1()
    with open(folder / "weights.bin", "wb") as file:
        for index in range(BLOCKS):
            part = (block ^ np.uint8(index)).tobytes()
            digest.update(part)
            file.write(part)
    weights, nodes, sums = [], [], []
    for index in range(tensors):
        weight = TensorProto(name=f"w{index}", data_type=TensorProto.UINT8, dims=[rows, COLUMNS])
        weight.data_location = TensorProto.EXTERNAL
        length = rows * COLUMNS
        for key, value in (("location", "weights.bin"), ("offset", index * length), ("length", length)):
            weight.external_data.add(key=key, value=str(value))
        if index == 0:
            weight.external_data.add(key="checksum", value=digest.hexdigest())
        weights.append(weight)
        nodes.append(helper.make_node("Gather", [weight.name, "rows"], [f"g{index}"], name=f"gather{index}"))
        sums.append(f"g{index}")
    nodes.append(helper.make_node("Concat", sums, ["y"], axis=0, name="join"))
    graph = helper.make_graph(
        nodes, "large", [helper.make_tensor_value_info("rows", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, None)], weights)  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    asked = np.array([0, rows // 2, rows - 1], np.int64)
    np.save(folder / "rows.npy", asked)
    data = np.memmap(folder / "weights.bin", np.uint8, "r").reshape(tensors, rows, COLUMNS)
    return data[:, asked].reshape(-1, COLUMNS)


class Memory(threading.Thread):
    """Follows a process: the most of its own memory, and the most with pages of files."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process, self.own, self.resident = process, 0, 0

    def run(self):
        while self.process.poll() is None:
            try:
                text = Path(f"/proc/{self.process.pid}/status").read_text()
            except OSError:
                return
            fields = dict(line.split(":", 1) for line in text.splitlines())
            kilobytes = {key: int(fields[key].split()[0]) for key in ("RssAnon", "VmHWM") if key in fields}
            self.own = max(self.own, kilobytes.get("RssAnon", 0) << 10)
            self.resident = max(self.resident, kilobytes.get("VmHWM", 0) << 10)
            self.process.poll() is None and threading.Event().wait(0.005)


failures = []


def tool(*arguments, resident_limit=None):
    process = subprocess.Popen([oracle.zoo_tool(), *map(str, arguments)], stdout=subprocess.DEVNULL)
    memory = Memory(process)
    memory.start()
    code = process.wait()
    memory.join()
    print(f"  {arguments[0]} {Path(arguments[1]).name}: exit {code}, own memory {memory.own >> 20} MB, "
          f"with file pages {memory.resident >> 20} MB", flush=True)  # fmt: skip
    expect(code == 0, f"{arguments[0]} ends with {code}")
    expect(memory.own <= OWN_LIMIT, f"{arguments[0]}: more than {OWN_LIMIT >> 20} MB of own memory")
    if resident_limit:
        expect(memory.resident <= resident_limit, f"{arguments[0]}: more than {resident_limit >> 20} MB resident")


def expect(condition, what):
    if not condition:
        failures.append(what)
        print(f"  FAIL {what}", flush=True)


def run(path, folder, want):
    out = folder / "out"
    tool("run", path, "--input", f"rows={folder / 'rows.npy'}", "--output-dir", out)
    got = np.load(out / "output_0.npy") if (out / "output_0.npy").exists() else None
    expect(got is not None and np.array_equal(got, want), f"{path.name} answers something else")
    shutil.rmtree(out, ignore_errors=True)


def same_bytes(a, b):
    return subprocess.run(["cmp", "-s", a, b]).returncode == 0


def check(folder, tensors):
    print(f"{BLOCKS * BLOCK / 1e9:.2f} GB in {tensors} tensor{'s' * (tensors > 1)}", flush=True)
    want = model(folder, tensors)
    limit = RESIDENT_LIMIT if tensors > 1 else None
    run(folder / "model.onnx", folder, want)
    tool("convert", folder / "model.onnx", folder / "model.zoo", resident_limit=limit)
    size = (folder / "model.zoo").stat().st_size
    expect(size > 2 << 30, f"model.zoo has {size} bytes: its weights are not raw")
    inspection = json.loads(oracle.run_tool("inspect", folder / "model.zoo", "--json").stdout)
    expect({weight["encoding"] for weight in inspection["summary"]["weights"]} == {"raw"}, "weights are not raw")
    run(folder / "model.zoo", folder, want)
    back = folder / "back"
    back.mkdir()
    tool("convert", folder / "model.zoo", back / "model.onnx", resident_limit=limit)
    os.remove(folder / "model.zoo")
    expect(same_bytes(folder / "weights.bin", back / "model.onnx.data"), "the weights came back changed")
    run(back / "model.onnx", folder, want)
    # One damaged byte of the external data is found by its checksum.
    with open(folder / "weights.bin", "r+b") as file:
        file.seek(1 << 30)
        byte = file.read(1)[0]
        file.seek(1 << 30)
        file.write(bytes([byte ^ 1]))
    result = oracle.run_tool("inspect", folder / "model.onnx")
    expect(result.returncode == 1 and "SHA-1" in result.stderr, "damaged external data is not refused")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", help="where to make the models (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        free = shutil.disk_usage(place).free
        if free < NEEDED:
            print(f"SKIPPED, nothing was checked: {free >> 30} GB of disk free in {place}, {NEEDED >> 30} GB needed")
            return
        oracle.announce()
        for tensors in (BLOCKS, 1):
            folder = Path(place) / str(tensors)
            folder.mkdir()
            check(folder, tensors)
            shutil.rmtree(folder)
    print("large files: " + (f"{len(failures)} failures" if failures else "pass"))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
