"""convert, compress, quantize and prune."""

import os
import shutil
import subprocess

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

import oracle
from commands.command import DIGIT, HOUSE, Command


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

    def test_pipes(self):
        self.perceptron()
        data = self.path("model.onnx").read_bytes()
        self.assertIn("model.zoo: ", self.piped(data, "convert", "{}", "model.zoo"))
        self.good("convert", "model.onnx", "same.zoo")
        self.assertEqual(self.path("model.zoo").read_bytes(), self.path("same.zoo").read_bytes())
        report = self.json("convert", "/dev/stdin", "again.onnx", input=self.path("model.zoo").read_bytes())
        self.assertNotIn("inputBytes", report)
        self.assertIn("runs\n", self.good("check", "/dev/stdin", input=data))
        self.bad("info", "/dev/stdin", input=data[:100], says="/dev/stdin: ")
        self.bad("info", "/dev/stdin", input=b"", says="/dev/stdin: ")
        self.perceptron("large.onnx", rows=64)
        model = onnx.load(self.path("large.onnx"))
        onnx.save(model, self.path("apart.onnx"), save_as_external_data=True, location="apart.data", size_threshold=0)
        self.bad("check", "/dev/stdin", input=self.path("apart.onnx").read_bytes(), says="read from memory or a pipe")

    def test_links(self):
        self.perceptron()
        os.symlink("model.onnx", self.path("link.onnx"))
        self.assertEqual(self.json("convert", "link.onnx", "model.zoo")["inputBytes"], self.path("model.onnx").stat().st_size)

    def test_a_full_disk(self):
        self.path("full").mkdir()
        self.perceptron(rows=2000)
        self.npy("x.npy", np.zeros((200, 2000), np.float32))
        for command in ("convert model.onnx full/model.zoo", "convert model.onnx full/model.onnx", "compress model.onnx full/m.zoo",
                        "quantize model.onnx full/model.onnx", "prune model.onnx full/model.onnx --sparsity 0.1",
                        "run model.onnx --input x=x.npy --output-dir full"):  # fmt: skip
            script = f"mount -t tmpfs -o size=16k none full && {{ {oracle.zoo_tool()} {command}; code=$?; ls -A full; exit $code; }}"
            result = subprocess.run(
                ["unshare", "--mount", "--map-root-user", "sh", "-c", script], capture_output=True, text=True, cwd=self.folder)  # fmt: skip
            if "mount" in result.stderr or "unshare" in result.stderr:
                self.skipTest("no file system can be mounted here")
            self.assertEqual((result.returncode, result.stdout), (1, ""), (command, result.stderr))
            self.assertIn("No space left on device", result.stderr)
            self.assertEqual(len(result.stderr.splitlines()), 1)

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

    def test_options_that_would_do_nothing(self):
        self.perceptron()
        for options, says in ((["--block-size", "16"], "--block-size is for --bits 4"), (["--symmetric"], "--bits 4"),
                              (["--method", "percentile"], "--method is for --mode static"),
                              (["--percentile", "99"], "--percentile is for --method percentile"),
                              (["--mode", "weight-only", "--reduce-range"], "--reduce-range is for")):  # fmt: skip
            self.wrong("quantize", "model.onnx", "q.zoo", *options, says=says)

    def test_every_option(self):
        self.perceptron(rows=64)
        x = np.random.default_rng(2).standard_normal((8, 64)).astype(np.float32)
        self.npy("x.npy", x)
        four = ["--mode", "weight-only", "--bits", "4"]
        for options in (["--reduce-range"], ["--mode", "static", "--reduce-range", "--method", "minmax"],
                        ["--mode", "static", "--method", "percentile"],
                        ["--mode", "static", "--method", "percentile", "--percentile", "99.9"], ["--mode", "weight-only"],
                        four, [*four, "--symmetric"], [*four, "--block-size", "64"],
                        [*four, "--symmetric", "--block-size", "16"]):  # fmt: skip
            for layers in (["--include", "product"], ["--operators", "MatMul"]):
                text = self.good("quantize", "model.onnx", "q.onnx", *options, "--calibration", "x.npy", *layers)
                self.assertIn("1 layer", text, options)
                self.assertRegex(text, r"\ny +0\.99\d+ ", options)
                session = onnxruntime.InferenceSession(self.path("q.onnx"), providers=["CPUExecutionProvider"])
                want = session.run(None, {"x": x})[0]
                self.good("run", "q.onnx", "--input", "x=x.npy", "--output-dir", "got")
                np.testing.assert_allclose(np.load(self.path("got/output_0.npy")), want, atol=2e-2, err_msg=str(options))

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
