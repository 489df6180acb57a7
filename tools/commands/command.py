"""Runs the tool in a folder of its own, and what tests of commands share."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import oracle

DIGIT = oracle.REPOSITORY / "Examples/Data/digit-7.png"
HOUSE = oracle.REPOSITORY / "Examples/Data/house.csv"
LINE = oracle.REPOSITORY / "Tests/ZooTests/Fixtures/line.png"
PLUGIN = oracle.REPOSITORY / "Examples/.build/release/libplugin.so"
CUBE = oracle.REPOSITORY / "Examples/Data/cube.onnx"
# What steers a terminal: clears it, names its window, starts new lines, turns the direction of text.
EVIL = "a\x1b[2Jb\x1b]0;c\x07\nd\re\u202ef\x9bg"


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def save(path, nodes, inputs, outputs, weights=(), opset=17, domains=()):
    graph = helper.make_graph(nodes, "test", inputs, outputs, list(weights))
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.save(model, path)


class Command(unittest.TestCase):
    """Runs the tool in a folder of its own."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def tool(self, *arguments, input="", environment=None):
        data = input if isinstance(input, bytes) else input.encode()
        result = subprocess.run(
            [oracle.zoo_tool(), *map(str, arguments)], input=data, capture_output=True, cwd=self.folder,
            env={**os.environ, **(environment or {})}, timeout=300)  # fmt: skip
        result.stdout, result.stderr = result.stdout.decode(), result.stderr.decode()
        return result

    def good(self, *arguments, **options):
        """What is printed; nothing may be on standard error."""
        result = self.tool(*arguments, **options)
        self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
        return result.stdout

    def json(self, *arguments, **options):
        return json.loads(self.good(*arguments, "--json", **options))

    def bad(self, *arguments, says, code=1, prints="", **options):
        """The message of an error; by default nothing else is printed, and no file appears."""
        before = self.files()
        result = self.tool(*arguments, **options)
        self.assertEqual(result.returncode, code, (arguments, result.stderr))
        self.assertIn(says, result.stderr, arguments)
        self.assertEqual(result.stdout if prints == "" else "", "", arguments)
        if prints:
            self.assertIn(prints, result.stdout)
        lines = result.stderr.splitlines()
        if code == 1:
            self.assertEqual(len(lines), 1, result.stderr)
            self.assertTrue(lines[0].startswith("error: "), result.stderr)
            self.assertNotIn("Error Domain", result.stderr)
        else:
            self.assertTrue(any(line.lstrip().startswith("Usage: zoo-tool") for line in lines), result.stderr)
        self.assertEqual(self.files(), before, arguments)

    def wrong(self, *arguments, says="", **options):
        """Wrong usage."""
        self.bad(*arguments, says=says, code=2, **options)

    def piped(self, data, *arguments):
        """What is printed when `{}` among the arguments is a named pipe that gives `data`."""
        pipe = self.path("pipe")
        os.mkfifo(pipe)
        process = subprocess.Popen(
            [oracle.zoo_tool(), *(str(argument).replace("{}", "pipe") for argument in arguments)], cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
        pipe.write_bytes(data)
        out, error = process.communicate(timeout=300)
        pipe.unlink()
        self.assertEqual((process.returncode, error), (0, ""), arguments)
        return out

    def files(self):
        return sorted((str(path), path.stat().st_size) for path in self.folder.rglob("*"))

    def path(self, name):
        return self.folder / name

    def write(self, name, data=b""):
        self.path(name).write_bytes(data if isinstance(data, bytes) else data.encode())
        return name

    def npy(self, name, array):
        np.save(self.path(name), array)
        return name

    def perceptron(self, name="model.onnx", rows=16):
        """y = softmax(x·W + b), with x f32 [batch, rows]."""
        random = np.random.default_rng(1)
        weight = random.standard_normal((rows, 32)).astype(np.float32)
        bias = random.standard_normal(32).astype(np.float32)
        save(self.path(name),
             [helper.make_node("MatMul", ["x", "w"], ["p"], name="product"),
              helper.make_node("Add", ["p", "b"], ["s"], name="sum"),
              helper.make_node("Softmax", ["s"], ["y"], name="softmax", axis=-1)],
             [value("x", TensorProto.FLOAT, ["batch", rows])], [value("y", TensorProto.FLOAT, ["batch", 32])],
             [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(bias, "b")])  # fmt: skip
        return name
