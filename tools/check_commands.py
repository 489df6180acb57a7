#!/usr/bin/env python3
"""Every command of zoo-tool as somebody at a terminal meets it: answers, files, exit codes and messages.

Usage: check_commands.py [TEST…]     TEST as unittest names it: Run, Run.test_npy

Exit code 0 is success, 1 an error with a message "error: …" on standard error, 2 wrong usage with a usage line there.
Whatever is given, nothing else may happen: no crash, no trace, nothing half-written.
"""

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


class General(Command):
    COMMANDS = ["list", "info", "convert", "compress", "quantize", "prune", "inspect", "check", "run", "verify", "bench"]

    def test_help(self):
        overview = self.good("--help")
        self.assertEqual(self.good(), overview)
        for command in self.COMMANDS:
            self.assertIn(command, overview)
            text = self.good(command, "--help")
            self.assertEqual(self.good("help", command), text)
            self.assertIn("xample", text)
            self.assertIn("zoo-tool " + command, text)
            self.assertIn("--json", text)

    def test_version(self):
        self.assertRegex(self.good("--version"), r"^\d+\.\d+\.\d+\n$")

    def test_wrong_usage(self):
        self.wrong("bogus", says="bogus")
        self.wrong("--bogus", says="bogus")
        for command in self.COMMANDS[1:]:
            self.wrong(command, says="Missing expected argument")
        self.wrong("info", "digits", "extra", says="extra")
        self.wrong("info", "digits", "--bogus", says="--bogus")

    def test_completions(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.good("--generate-completion-script", shell)
            for command in self.COMMANDS:
                self.assertIn(command, script)
        if shutil.which("bash"):
            self.write("completions", self.good("--generate-completion-script", "bash"))
            subprocess.run(["bash", "-n", self.path("completions")], check=True)
        self.wrong("--generate-completion-script", "tcsh")

    def test_models_that_are_none(self):
        self.write("empty.onnx")
        self.write("noise.zoo", os.urandom(1000))
        self.path("folder").mkdir()
        for command in ("info", "inspect", "check", "run", "bench"):
            self.bad(command, "nosuch", says="no registered model 'nosuch'; expected digits")
            self.bad(command, "nosuch.onnx", says="nosuch.onnx: cannot be opened: No such file or directory")
            self.bad(command, "empty.onnx", says="empty.onnx: ")
            self.bad(command, "noise.zoo", says="noise.zoo: ")
            self.bad(command, "folder", says="folder: a folder without a model")
            self.bad(command, "/dev/null", says="not a regular file")
        for command in ("convert", "compress", "quantize"):
            self.bad(command, "nosuch.onnx", "out.zoo", says="nosuch.onnx: cannot be opened")
            self.bad(command, "noise.zoo", "out.zoo", says="noise.zoo: ")

    def test_a_reader_that_goes_away(self):
        pipe = subprocess.Popen(
            f"{oracle.zoo_tool()} inspect house-price --nodes | head -n 1", shell=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=self.folder)  # fmt: skip
        out, error = pipe.communicate()
        self.assertEqual((out.count(b"\n"), error), (1, b""))


class ListAndInfo(Command):
    def test_list(self):
        names = [entry["name"] for entry in self.json("list")]
        self.assertEqual(names[:3], ["digits", "house-price", "sentiment"])
        self.assertIn("digits", self.good("list"))
        operators = self.json("list", "--operators")
        self.assertIn({"domain": "ai.onnx", "name": "Softmax", "opsets": "1, 11, 13"}, operators)
        self.assertGreater(len(operators), 200)
        self.assertTrue({"text-classification", "tensors"} <= {entry["name"] for entry in self.json("list", "--tasks")})
        self.assertEqual({entry["name"] for entry in self.json("list", "--formats")}, {"zoo", "onnx"})
        self.assertTrue(self.json("list", "--passes"))
        self.wrong("list", "--passes", "--tasks", says="Give one of")

    def test_info(self):
        info = self.json("info", "sentiment")
        self.assertEqual((info["name"], info["task"]), ("sentiment", "text-classification"))
        self.assertTrue(info["license"] and info["tensor_inputs"] and info["tensor_outputs"])
        self.assertIn("licence", self.good("info", "house-price"))
        self.perceptron()
        self.assertEqual(self.json("info", "model.onnx")["tensor_inputs"], [{"name": "x", "type": "f32 [batch, 16]"}])


class Convert(Command):
    def test_both_ways(self):
        self.perceptron()
        report = self.json("convert", "model.onnx", "model.zoo")
        self.assertEqual(report["outputBytes"], self.path("model.zoo").stat().st_size)
        self.assertEqual(report["inputBytes"], self.path("model.onnx").stat().st_size)
        self.assertIn("back.onnx: ", self.good("convert", "model.zoo", "back.onnx"))
        first, second = (onnx.load(self.path(name)) for name in ("model.onnx", "back.onnx"))
        self.assertEqual(first.graph.node, second.graph.node)
        for a, b in zip(first.graph.initializer, second.graph.initializer):
            np.testing.assert_array_equal(numpy_helper.to_array(a), numpy_helper.to_array(b))
        self.good("convert", "back.onnx", "again.zoo")
        self.assertEqual(self.path("again.zoo").read_bytes(), self.path("model.zoo").read_bytes())

    def test_embedded(self):
        self.assertNotIn("%", self.good("convert", "digits", "digits.zoo"))
        self.assertNotIn("inputBytes", self.json("convert", "digits", "digits.onnx"))
        onnx.checker.check_model(onnx.load(self.path("digits.onnx")))

    def test_in_place(self):
        self.good("convert", "digits", "digits.zoo")
        before = self.path("digits.zoo").read_bytes()
        self.good("convert", "digits.zoo", "digits.zoo")
        self.assertEqual(self.path("digits.zoo").read_bytes(), before)
        self.perceptron()
        self.good("convert", "model.onnx", "model.onnx")
        self.assertEqual([path.name for path in sorted(self.folder.iterdir())], ["digits.zoo", "model.onnx"])

    def test_levels(self):
        sizes = {}
        for level in ("fast", "default", "max"):
            sizes[level] = self.json("compress", "sentiment", f"{level}.zoo", "--level", level)["outputBytes"]
            self.assertIn("passes", self.good("verify", f"{level}.zoo"))
        self.assertLessEqual(sizes["max"], sizes["default"])
        self.assertLessEqual(sizes["default"], sizes["fast"])
        self.wrong("compress", "sentiment", "x.zoo", "--level", "silly", says="'fast', 'default' or 'max'")
        self.wrong("compress", "sentiment", "x.onnx", says="compress writes .zoo files")

    def test_where_nothing_can_be_written(self):
        self.path("folder.zoo").mkdir()
        self.bad("convert", "digits", "missing/out.zoo", says="missing/out.zoo: cannot be made: No such file")
        self.bad("convert", "digits", "folder.zoo", says="folder.zoo: a folder; expected the path of a file")
        self.bad("convert", "digits", "out.bin", says="expected .zoo or .onnx")
        self.bad("convert", "digits", "out", says="expected .zoo or .onnx")
        self.bad("convert", "digits", "/proc/out.zoo", says="/proc/out.zoo: cannot be made")
        if os.geteuid() != 0:
            self.path("locked").mkdir(mode=0o500)
            self.bad("convert", "digits", "locked/out.zoo", says="Permission denied")

    def test_a_name_with_everything_in_it(self):
        name = "Modell №1 – ‘größer’ 模型.zoo"
        self.good("convert", "digits", name)
        self.assertIn("passes", self.good("verify", name))


class Quantize(Command):
    def test_modes(self):
        self.perceptron(rows=64)
        self.npy("x.npy", np.random.default_rng(2).standard_normal((8, 64)).astype(np.float32))
        for mode in (["dynamic"], ["static"], ["weight-only"], ["weight-only", "--bits", "4"]):
            report = self.json(
                "quantize", "model.onnx", "small.onnx", "--mode", *mode, "--calibration", "x.npy",
                "--minimum-elements", "1")  # fmt: skip
            self.assertLess(report["bytesAfter"], report["bytesBefore"])
            self.assertEqual(len(report["layers"]), 1)
            self.assertGreater(report["outputs"][0]["cosine"], 0.99)
            onnx.checker.check_model(onnx.load(self.path("small.onnx")))
            self.good("run", "small.onnx", "--input", "x=x.npy")
        self.assertIn("1 layer", self.good("quantize", "model.onnx", "small.zoo"))

    def test_usage(self):
        self.perceptron()
        self.wrong("quantize", "model.onnx", "q.zoo", "--mode", "static", says="--mode static needs --calibration")
        self.wrong("quantize", "model.onnx", "q.zoo", "--bits", "3", says="--bits must be 8 or 4")
        self.wrong("quantize", "model.onnx", "q.zoo", "--bits", "4", says="--bits 4 is for --mode weight-only")
        self.wrong("quantize", "model.onnx", "q.zoo", "--mode", "odd", says="'dynamic', 'static' or 'weight-only'")
        self.bad("quantize", "model.onnx", "q.zoo", "--include", "none*", says="pattern 'none*' matches no layer")
        self.bad("quantize", "model.onnx", "q.bin", says="expected .zoo or .onnx")
        self.bad("quantize", "model.onnx", "missing/q.zoo", says="cannot be made")
        self.bad("quantize", "model.onnx", "q.zoo", "--mode", "weight-only", "--bits", "4", "--block-size", "7",
                 says="blocks of 7")  # fmt: skip

    def calibrated(self, model, *paths):
        options = [part for path in paths for part in ("--calibration", path)]
        return self.json("quantize", model, "q.zoo", "--mode", "static", *options, "--minimum-elements", "1")

    def test_calibration_with_tensors(self):
        self.perceptron()
        x = np.random.default_rng(2).standard_normal((8, 16)).astype(np.float32)
        self.path("flat").mkdir()
        self.path("deep/a").mkdir(parents=True)
        self.path("deep/b").mkdir()
        for name in ("x.npy", "flat/1.npy", "flat/2.npy", "deep/a/x.npy"):
            self.npy(name, x)
        self.write("deep/b/x.pb", numpy_helper.from_array(x, "x").SerializeToString())
        reports = [self.calibrated("model.onnx", name) for name in ("x.npy", "flat", "deep", "deep/a")]
        self.assertEqual(["(min–max, 1 sample" in report["recipe"] for report in reports], [True, False, False, True])
        self.assertEqual({report["layers"][0]["outputDecibels"] for report in reports}.__len__(), 1)

    def test_calibration_with_what_people_have(self):
        self.path("pictures").mkdir()
        shutil.copy(DIGIT, self.path("pictures/7.png"))
        self.write("texts.txt", "a lovely film\n\nan awful film\n")
        for model, source, count in (("digits", DIGIT, 1), ("digits", "pictures", 1), ("sentiment", "texts.txt", 2),
                                     ("house-price", HOUSE, 1)):  # fmt: skip
            report = self.calibrated(model, source)
            self.assertIn(f"{count} sample", report["recipe"], (model, source))
            self.assertTrue(report["outputs"], (model, source))
        self.assertIn("2 samples", self.calibrated("digits", DIGIT, "pictures")["recipe"])

    def test_calibration_with_what_is_none(self):
        self.perceptron()
        self.write("texts.txt", "a lovely film\n")
        self.write("empty.npy")
        self.path("nothing").mkdir()
        self.npy("long.npy", np.zeros((1, 17), np.float32))
        accepted = "expected .npy or .pb files with the input x"
        for source, says in (("nosuch", "nosuch: no such file or folder"), ("texts.txt", accepted), ("nothing", accepted),
                             ("empty.npy", "empty.npy: an empty file"), ("long.npy", "input 'x': a tensor f32 [1, 17]")):  # fmt: skip
            self.bad("quantize", "model.onnx", "q.zoo", "--mode", "static", "--calibration", source, says=says)
        for model, kind in (("digits", "pictures"), ("house-price", "CSV files with a header")):
            self.bad("quantize", model, "q.zoo", "--mode", "static", "--calibration", "texts.txt" if kind == "pictures" else "nothing",
                     says=f"expected {kind}, or ")  # fmt: skip


class Prune(Command):
    def test_patterns(self):
        self.perceptron()
        for options in (["--sparsity", "0.5"], ["--sparsity", "0.5", "--global"], ["--pattern", "2:4"]):
            report = self.json("prune", "model.onnx", "sparse.zoo", *options)
            self.assertAlmostEqual(report["layers"][0]["sparsity"], 0.5, delta=0.01)
        self.assertIn("layer", self.good("prune", "model.onnx", "sparse.onnx", "--sparsity", "0.25"))
        weight = numpy_helper.to_array(onnx.load(self.path("sparse.onnx")).graph.initializer[0])
        self.assertAlmostEqual(float((weight == 0).mean()), 0.25, delta=0.01)

    def test_usage(self):
        self.perceptron()
        self.wrong("prune", "model.onnx", "p.zoo", says="--sparsity 0.5 or --pattern 2:4")
        self.wrong("prune", "model.onnx", "p.zoo", "--sparsity", "half")
        self.bad("prune", "model.onnx", "p.zoo", "--sparsity", "1.5", says="sparsity 1.5")
        self.bad("prune", "model.onnx", "p.zoo", "--pattern", "4:2", says="pattern '4:2'")


class Inspect(Command):
    def test_summary(self):
        self.perceptron()
        summary = self.json("inspect", "model.onnx")["summary"]
        self.assertEqual(summary["inputs"], [{"name": "x", "type": "f32 [batch, 16]"}])
        self.assertEqual(summary["outputs"], [{"name": "y", "type": "f32 [batch, 32]"}])
        self.assertEqual(summary["parameters"], 16 * 32 + 32)
        self.assertEqual(summary["multiplyAdds"], "512*batch")
        self.assertEqual([row["bytes"] for row in summary["weights"]], [2048, 128])
        text = self.good("inspect", "model.onnx")
        for word in ("operators", "MatMul ×1", "parameters", "multiply-adds", "activations"):
            self.assertIn(word, text)

    def test_parts(self):
        self.perceptron()
        self.assertIn("node #0 'product' (MatMul)", self.good("inspect", "model.onnx", "--nodes"))
        self.assertEqual(len(self.json("inspect", "model.onnx", "--nodes")["nodes"]), 3)
        weights = self.json("inspect", "model.onnx", "--weights")["statistics"]
        self.assertTrue({"name", "minimum", "maximum", "mean"} <= set(weights[0]) or len(weights[0]) >= 4, weights[0])
        self.assertIn("zeros", self.good("inspect", "model.onnx", "--weights"))
        plan = self.json("inspect", "model.onnx", "--plan", "--extent", "batch=4")["plan"]
        self.assertTrue(plan["steps"] and plan["notes"])
        self.assertIn("f32 [4, 32]", plan["steps"][-1]["outputs"])

    def test_graph(self):
        self.perceptron()
        text = self.good("inspect", "model.onnx", "--text")
        self.assertIn('%p = MatMul(%x, %w) "product"', text)
        self.assertEqual(self.good("inspect", "model.onnx", "--text"), text)
        self.good("convert", "model.onnx", "model.zoo")
        self.assertEqual(self.good("inspect", "model.zoo", "--text"), text)
        self.assertTrue(self.good("inspect", "model.onnx", "--dot").startswith("digraph"))
        self.assertEqual(self.json("inspect", "model.onnx", "--text"), {"text": text})

    def test_usage(self):
        self.perceptron()
        self.wrong("inspect", "model.onnx", "--text", "--dot", says="not both")
        self.wrong("inspect", "model.onnx", "--extent", "batch", says="batch")
        self.wrong("inspect", "model.onnx", "--extent", "batch=-1", says="a number ≥ 0")
        self.bad("inspect", "model.onnx", "--extent", "time=1", says="an extent for 'time'; expected one for 'batch'")


class Check(Command):
    def test_runs(self):
        self.perceptron()
        self.assertEqual(self.good("check", "model.onnx"), "runs\n")
        self.assertEqual(self.json("check", "model.onnx"), {"nodes": 3, "refusals": [], "runs": True})
        self.assertEqual(self.good("check", "digits"), "runs\n")

    def test_every_refusal_is_listed(self):
        save(self.path("bad.onnx"),
             [helper.make_node("Frobnicate", ["x"], ["a"], name="first", domain="my.domain"),
              helper.make_node("Gelu", ["x"], ["b"], name="second"),
              helper.make_node("Softmax", ["i"], ["c"], name="third"),
              helper.make_node("Transpose", ["x"], ["d"], name="fourth", perm=[0, 0]),
              helper.make_node("MatMul", ["x", "x"], ["e"], name="fifth"),
              helper.make_node("Relu", ["a"], ["f"], name="sixth")],
             [value("x", TensorProto.FLOAT, [2, 3]), value("i", TensorProto.INT64, [2])],
             [value(name, TensorProto.FLOAT, None) for name in "abcdef"], domains=["my.domain"])  # fmt: skip
        result = self.tool("check", "bad.onnx", "--json")
        self.assertEqual(result.returncode, 1)
        answer = json.loads(result.stdout)
        found = {refusal["node"].split("'")[1]: refusal["kind"] for refusal in answer["refusals"]}
        self.assertFalse(answer["runs"])
        self.assertEqual(found, {"first": "operator", "second": "opset", "third": "type", "fourth": "attribute",
                                 "fifth": "shape"})  # fmt: skip
        result = self.tool("check", "bad.onnx")
        self.assertEqual((result.returncode, len(result.stdout.splitlines())), (1, 5))
        self.assertIn("error: bad.onnx: 5 reasons not to run here", result.stderr)
        self.bad("run", "bad.onnx", says="my.domain.Frobnicate")


class Run(Command):
    def test_npy(self):
        self.perceptron()
        x = np.random.default_rng(3).standard_normal((3, 16)).astype(np.float32)
        self.npy("x.npy", x)
        self.assertTrue(self.good("run", "model.onnx", "--input", "x=x.npy").startswith("y: f32 [3, 32] = "))
        answer = self.json("run", "model.onnx", "--input", "x=x.npy", "--output-dir", "a/b", "--threads", "1")
        self.assertEqual([(row["name"], row["shape"]) for row in answer], [("y", [3, 32])])
        got = np.load(self.path("a/b/output_0.npy"))
        np.testing.assert_allclose(got.ravel(), answer[0]["values"])
        np.testing.assert_allclose(got.sum(axis=1), 1, rtol=1e-5)
        self.good("run", "model.onnx", "--input", "x=x.npy", "--output-dir", "a/b", "--output-format", "pb")
        proto = TensorProto.FromString(self.path("a/b/output_0.pb").read_bytes())
        np.testing.assert_array_equal(numpy_helper.to_array(proto), got)

    def test_outputs_in_graph_order(self):
        save(self.path("two.onnx"),
             [helper.make_node("Split", ["x"], ["first", "second"], axis=0), helper.make_node("Neg", ["x"], ["a"])],
             [value("x", TensorProto.FLOAT, [2])],
             [value(name, TensorProto.FLOAT, None) for name in ("second", "a", "first")], opset=13)  # fmt: skip
        self.npy("x.npy", np.array([1, 2], np.float32))
        self.good("run", "two.onnx", "--input", "x=x.npy", "--output-dir", "out")
        got = [np.load(self.path(f"out/output_{index}.npy")).tolist() for index in range(3)]
        self.assertEqual(got, [[2], [-1, -2], [1]])

    def test_sequences_and_optionals(self):
        tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
        sequence = helper.make_sequence_type_proto(tensor)
        info = lambda name, kind: onnx.ValueInfoProto(name=name, type=kind)  # noqa: E731
        save(self.path("sequence.onnx"),
             [helper.make_node("SequenceInsert", ["s", "x"], ["t"]), helper.make_node("SequenceAt", ["t", "zero"], ["first"]),
              helper.make_node("OptionalGetElement", ["o"], ["inside"])],
             [info("s", sequence), info("o", helper.make_optional_type_proto(tensor)), value("x", TensorProto.FLOAT, None)],
             [info("t", sequence), value("first", TensorProto.FLOAT, None), value("inside", TensorProto.FLOAT, None)],
             [numpy_helper.from_array(np.array(0, np.int64), "zero")], opset=18)  # fmt: skip
        parts = [np.array([1, 2], np.float32), np.array([[3]], np.float32)]
        self.write("s.pb", numpy_helper.from_list(parts, "s").SerializeToString())
        self.write("o.pb", numpy_helper.from_optional(parts[1], "o").SerializeToString())
        self.npy("x.npy", np.array([4, 5, 6], np.float32))
        arguments = ["run", "sequence.onnx", "--input", "s=s.pb", "--input", "o=o.pb", "--input", "x=x.npy"]
        self.good(*arguments, "--output-dir", "out", "--output-format", "pb")
        made = numpy_helper.to_list(onnx.SequenceProto.FromString(self.path("out/output_0.pb").read_bytes()))
        self.assertEqual([part.tolist() for part in made], [[1, 2], [[3]], [4, 5, 6]])
        answer = self.json(*arguments)
        self.assertEqual([part["values"] for part in answer[0]["elements"]], [[1, 2], [3], [4, 5, 6]])
        self.assertEqual(answer[2]["values"], [3])
        self.bad(*arguments, "--output-dir", "npy", says="which .npy files cannot hold")

    def test_answers(self):
        answer = self.json("run", "digits", "--image", DIGIT)
        self.assertEqual((len(answer), answer[0]["label"]), (1, "7"))
        self.assertGreater(answer[0]["score"], 0.9)
        answers = self.json("run", "sentiment", "--text", "A wonderful, moving film.", "--text", "A waste of money!")
        self.assertEqual([row["label"] for row in answers], ["positive", "negative"])
        for row in answers:
            self.assertTrue(0.5 <= row["score"] <= 1)
        answers = self.json("run", "house-price", "--csv", HOUSE)
        self.assertTrue(50_000 < answers[0]["price"] < 1_000_000)
        self.assertRegex(self.good("run", "digits", "--image", DIGIT), r"^7 \(0\.\d+\)\n$")

    def test_many_inputs_are_answered_in_order(self):
        texts = ["A wonderful, moving film." if index % 3 else "Awful, a waste of money!" for index in range(300)]
        want = ["positive" if index % 3 else "negative" for index in range(300)]
        answers = self.json("run", "sentiment", input="\n".join(texts))
        self.assertEqual([row["label"] for row in answers], want)
        answers = self.json("run", "digits", *["--image", DIGIT] * 40)
        self.assertEqual([row["label"] for row in answers], ["7"] * 40)
        head, row = HOUSE.read_text().splitlines()[:2]
        self.write("many.csv", "\n".join([head] + [row] * 500))
        prices = {round(row["price"]) for row in self.json("run", "house-price", "--csv", "many.csv")}
        self.assertEqual(len(prices), 1)

    def test_standard_input(self):
        answers = self.json("run", "sentiment", input="wonderful\r\n\r\nawful, bad\n")
        self.assertEqual([row["label"] for row in answers][::2], ["positive", "negative"])
        self.assertEqual(len(answers), 3)
        self.assertEqual(self.json("run", "sentiment", input=""), [])
        self.assertEqual(self.json("run", "digits", input=f"{DIGIT}\n{DIGIT}\n")[1]["label"], "7")
        rows = HOUSE.read_text()
        self.assertEqual(self.json("run", "house-price", input=rows), self.json("run", "house-price", "--csv", "-", input=rows))
        self.bad("run", "sentiment", input=b"good\nb\xff\xfe\n", says="standard input: line 2: text that is not UTF-8")

    def test_texts_of_all_kinds(self):
        for text in ("", " ", "日本語 🎉 ünïcödé", "a" * 100_000, "--json", "\u0000"[:0] + "\u202e"):
            self.assertIn(self.json("run", "sentiment", "--text", text)[0]["label"], ("positive", "negative"))

    def test_tables_of_all_kinds(self):
        rows = HOUSE.read_bytes()
        price = self.json("run", "house-price", "--csv", HOUSE)
        for name, data in (("mark.csv", b"\xef\xbb\xbf" + rows), ("lines.csv", rows.replace(b"\n", b"\r\n"))):
            self.assertEqual(self.json("run", "house-price", "--csv", self.write(name, data)), price)
        header = rows.splitlines()[0]
        self.assertEqual(self.json("run", "house-price", "--csv", self.write("header.csv", header)), [])
        for name, data, says in (
            ("empty.csv", b"", "empty.csv: an empty CSV text"), ("other.csv", b"a,b\n1,2\n", "none of the model's columns"),
            ("ragged.csv", rows + b"x,y\n", "ragged.csv: CSV line 3: 2 cells"), ("quote.csv", b'a,"b\n', "never closed"),
            ("noise.csv", b"\xff\xfe\x00", "not UTF-8"),
        ):  # fmt: skip
            self.bad("run", "house-price", "--csv", self.write(name, data), says=says)
        self.bad("run", "house-price", "--csv", "nosuch.csv", says="nosuch.csv: cannot be opened")

    def test_wrong_inputs(self):
        self.write("text.png", "no picture")
        self.write("cut.png", DIGIT.read_bytes()[:100])
        self.bad("run", "digits", "--image", "nosuch.png", says="nosuch.png: cannot be opened")
        self.bad("run", "digits", "--image", ".", says="not a regular file")
        self.bad("run", "digits", "--image", "text.png", says="no image of a known format")
        self.bad("run", "digits", "--image", "cut.png", says="cut.png: ")
        self.bad("run", "digits", "--text", "seven", says="'digits' takes no input of kind text; expected --image FILE")
        self.bad("run", "sentiment", "--image", DIGIT, says="expected --text TEXT")
        self.bad("run", "sentiment", "--csv", HOUSE, says="expected --text TEXT")
        self.bad("run", "digits", "--task", "odd", "--image", DIGIT, says="the task 'odd'")
        self.wrong("run", "digits", "--image", DIGIT, "--text", "a", says="Give one of")
        self.wrong("run", "digits", "--image", DIGIT, "--output-dir", "out", says="--output-dir is for tensors")
        self.wrong("run", "digits", "--image")

    def test_wrong_tensors(self):
        self.perceptron()
        x = np.zeros((2, 16), np.float32)
        self.npy("x.npy", x)
        self.npy("double.npy", x.astype(np.float64))
        self.npy("flat.npy", x.ravel())
        self.npy("wide.npy", np.zeros((2, 17), np.float32))
        np.save(self.path("objects.npy"), np.array([{}], dtype=object), allow_pickle=True)
        self.write("cut.npy", self.path("x.npy").read_bytes()[:100])
        self.write("empty.npy")
        for name, says in (
            ("double", "input 'x': a tensor f64 [2, 16]; expected f32 [batch, 16]"), ("flat", "a tensor f32 [32]"),
            ("wide", "a tensor f32 [2, 17]"), ("objects", "objects.npy: "), ("cut", "cut.npy: "),
            ("empty", "an empty file"), ("nosuch", "nosuch.npy: cannot be opened"),
        ):  # fmt: skip
            self.bad("run", "model.onnx", "--input", f"x={name}.npy", says=says)
        self.bad("run", "model.onnx", "--input", "z=x.npy", says="a value for 'z'; expected only the model's inputs: 'x'")
        self.bad("run", "model.onnx", "--input", "x=x.npy", "--input", "x=x.npy", says="two files for input 'x'")
        self.bad("run", "model.onnx", says="no value for input 'x'; expected f32 [batch, 16]")
        self.bad("run", "model.onnx", "--input", "x=x.npy", "--output-dir", "x.npy", prints="",
                 says="x.npy: a file; expected a folder")  # fmt: skip
        for option in (["--input", "x"], ["--input", "x="], ["--input", "=x.npy"], ["--threads", "0"], ["--threads", "no"],
                       ["--output-format", "csv"]):  # fmt: skip
            self.wrong("run", "model.onnx", *option)

    def test_instruction_sets(self):
        for isa in oracle.instruction_sets():
            answer = self.json("run", "digits", "--image", DIGIT, environment={"ZOO_ISA": isa})
            self.assertEqual(answer[0]["label"], "7")

    def test_models_with_a_path(self):
        self.bad("run", "sentence-embedding", "--text", "a", says="expected sentence-embedding:PATH")
        minilm, recogniser = oracle.fixtures() / "minilm", oracle.fixtures() / "ocr-rec.onnx"
        if not (minilm.exists() and recogniser.exists()):
            self.skipTest("no real models in $ZOO_FIXTURES")
        vectors = [row["embedding"] for row in self.json("run", f"sentence-embedding:{minilm}", "--text", "a cat", "--text", "")]
        self.assertEqual([len(vector) for vector in vectors], [384, 384])
        self.assertAlmostEqual(float(np.linalg.norm(vectors[0])), 1, delta=1e-4)
        answer = self.json("run", f"text-recognition:{recogniser}", "--image", LINE)
        self.assertEqual(answer[0]["text"], "Invoice No. 2024-0917")


class Verify(Command):
    def suite_case(self, name, want):
        folder = self.path(name)
        (folder / "test_data_set_0").mkdir(parents=True)
        save(folder / "model.onnx", [helper.make_node("Neg", ["x"], ["y"])], [value("x", TensorProto.FLOAT, [2])],
             [value("y", TensorProto.FLOAT, [2])])  # fmt: skip
        for kind, array, label in (("input", [1, 2], "x"), ("output", want, "y")):
            proto = numpy_helper.from_array(np.array(array, np.float32), label)
            (folder / f"test_data_set_0/{kind}_0.pb").write_bytes(proto.SerializeToString())
        return name

    def test_recorded_cases(self):
        self.assertEqual(self.good("verify", "digits"), "digits: passes, 2 cases\n")
        self.good("convert", "digits", "digits.zoo")
        report = self.json("verify", "digits.zoo", "sentiment")
        self.assertEqual([row["path"] for row in report], ["digits.zoo", "sentiment"])
        self.assertTrue(all(output["comparison"]["matches"] for row in report for case in row["cases"] for output in case["outputs"]))

    def test_folders(self):
        self.assertIn("passes, 1 case\n", self.good("verify", self.suite_case("right", [-1, -2])))
        self.assertIn("passes", self.good("verify", "right", "--through-zoo", "--threads", "1", "--no-optimize"))
        self.suite_case("other", [-1, -2.5])
        self.bad("verify", "right", "other", says="1 of 2 failed",
                 prints="output 'y': differs most at [1]: got -2.0, want -2.5")  # fmt: skip
        self.good("verify", "other", "--absolute", "1")

    def test_what_cannot_be_verified(self):
        self.perceptron()
        self.bad("verify", "model.onnx", says="1 of 1 failed", prints="model.onnx: no recorded cases")
        self.bad("verify", "nosuch.zoo", says="1 of 1 failed", prints="nosuch.zoo: cannot be opened")


class Bench(Command):
    KEYS = {"latency_ms", "runs", "runs_per_second", "threads", "isa", "load_ms", "peak_rss_bytes"}

    def test_json(self):
        report = self.json("bench", "digits", "--seconds", "0.05", "--threads", "1")
        self.assertEqual(set(report), self.KEYS)
        self.assertEqual(list(sorted(report["latency_ms"])), ["min", "p50", "p90", "p99"])
        times = report["latency_ms"]
        self.assertTrue(0 < times["min"] <= times["p50"] <= times["p90"] <= times["p99"])
        self.assertGreaterEqual(report["runs"], 3)
        self.assertEqual((report["threads"], report["isa"] in oracle.instruction_sets()), (1, True))
        self.assertGreater(report["peak_rss_bytes"], 1 << 20)
        report = self.json("bench", "digits", "--seconds", "0", "--per-node")
        self.assertEqual(set(report), self.KEYS | {"nodes"})
        self.assertIn("latency", self.good("bench", "digits", "--seconds", "0"))

    def test_inputs(self):
        self.perceptron()
        self.npy("x.npy", np.zeros((5, 16), np.float32))
        self.good("bench", "model.onnx", "--seconds", "0", "--input", "x=x.npy")
        self.good("bench", "model.onnx", "--seconds", "0", "--extent", "batch=7")
        self.bad("bench", "model.onnx", "--extent", "time=7", says="an extent for 'time'")
        self.bad("bench", "model.onnx", "--extent", "batch=1000000000000000", says="error: ")
        self.bad("bench", "model.onnx", "--input", "z=x.npy", says="a value for 'z'")
        self.wrong("bench", "model.onnx", "--seconds", "nan", says="a number from 0 to 86,400")
        self.wrong("bench", "model.onnx", "--seconds", "1e300", says="a number from 0 to 86,400")
        self.wrong("bench", "model.onnx", "--extent", "batch=x", says="a number ≥ 0")


if __name__ == "__main__":
    oracle.announce()
    unittest.main()
