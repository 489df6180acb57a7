"""run with tensors, verify and bench."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import oracle
from commands.command import DIGIT, HOUSE, Command, save, value


class RunTensors(Command):
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

    def test_numbers_to_their_last_digit(self):
        for kind, array, text in (
            (TensorProto.INT64, np.array([2**53 + 1, -(2**63)]), "9007199254740993, -9223372036854775808"),
            (TensorProto.UINT64, np.array([2**64 - 1], np.uint64), "18446744073709551615"),
            (TensorProto.FLOAT, np.array([0.1, 1e-20], np.float32), "0.1, 1e-20"),
            (TensorProto.DOUBLE, np.array([0.1 + 0.2]), "0.30000000000000004"),
        ):  # fmt: skip
            save(self.path("same.onnx"), [helper.make_node("Identity", ["x"], ["y"])], [value("x", kind, None)], [value("y", kind, None)])
            self.npy("x.npy", array)
            self.assertTrue(self.good("run", "same.onnx", "--input", "x=x.npy").endswith(f" = {text}\n"))
            self.assertEqual(self.json("run", "same.onnx", "--input", "x=x.npy")[0]["values"], array.tolist())

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

    def test_pipes(self):
        self.perceptron()
        x = np.random.default_rng(3).standard_normal((3, 16)).astype(np.float32)
        self.npy("x.npy", x)
        self.write("x.pb", numpy_helper.from_array(x, "x").SerializeToString())
        want = self.good("run", "model.onnx", "--input", "x=x.npy")
        for name in ("x.npy", "x.pb"):
            data = self.path(name).read_bytes()
            self.assertEqual(self.good("run", "model.onnx", "--input", "x=/dev/stdin", input=data), want)
            self.assertEqual(self.piped(data, "run", "model.onnx", "--input", "x={}"), want)
            self.bad("run", "model.onnx", "--input", "x=/dev/stdin", input=data[:90], says="/dev/stdin: ")
        self.good("bench", "model.onnx", "--seconds", "0", "--input", "x=/dev/stdin", input=self.path("x.npy").read_bytes())
        self.assertEqual(self.piped(DIGIT.read_bytes(), "run", "digits", "--image", "{}"), self.good("run", "digits", "--image", DIGIT))
        self.assertEqual(self.piped(HOUSE.read_bytes(), "run", "house-price", "--csv", "{}"), self.good("run", "house-price", "--csv", HOUSE))
        self.bad("run", "digits", "--image", "/dev/stdin", input=b"", says="/dev/stdin: ")
        self.bad("run", "digits", "--image", "/dev/zero", says="not a regular file")

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

    def test_a_folder_of_folders(self):
        self.path("node").mkdir()
        self.suite_case("node/first", [-1, -2])
        self.suite_case("node/second", [-1, -2])
        self.write("node/README", "no case")
        self.assertEqual(self.good("verify", "node"), "node/first: passes, 1 case\nnode/second: passes, 1 case\n")
        self.assertEqual([row["path"] for row in self.json("verify", "node/")], ["node/first", "node/second"])

    def test_what_cannot_be_verified(self):
        self.perceptron()
        self.bad("verify", "model.onnx", says="1 of 1 failed", prints="model.onnx: no recorded cases")
        self.bad("verify", "nosuch.zoo", says="1 of 1 failed", prints="nosuch.zoo: cannot be opened")


class Bench(Command):
    KEYS = {
        "latency_ms", "runs", "runs_per_second", "threads", "callers", "isa", "load_ms", "first_run_ms", "peak_rss_bytes",
    }  # fmt: skip

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
