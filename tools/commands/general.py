"""What holds for every command."""

import os
import shutil
import subprocess

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import oracle
from commands.command import CUBE, DIGIT, EVIL, PLUGIN, Command, value


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

    def test_output_that_cannot_be_written(self):
        for arguments in (["list"], ["info", "digits", "--json"], ["inspect", "digits", "--text"], ["verify", "digits"],
                          ["check", "digits"], ["run", "digits", "--image", DIGIT], ["bench", "digits", "--seconds", "0"],
                          ["convert", "digits", "d.zoo"], ["quantize", "digits", "q.zoo"], ["help", "run"]):  # fmt: skip
            with open("/dev/full", "w") as full:
                result = subprocess.run(
                    [oracle.zoo_tool(), *arguments], stdout=full, stderr=subprocess.PIPE, text=True, cwd=self.folder)  # fmt: skip
            self.assertEqual(result.returncode, 1, arguments)
            self.assertEqual(result.stderr, "error: standard output cannot be written: No space left on device\n")

    def test_names_that_steer_terminals(self):
        x, y, body = "x" + EVIL, "y" + EVIL, "body" + EVIL
        branch = helper.make_graph([helper.make_node("Neg", [x], [body], name=EVIL)], EVIL, [],
                                   [value(body, TensorProto.FLOAT, None)])  # fmt: skip
        graph = helper.make_graph(
            [helper.make_node("If", [EVIL], ["z"], name=EVIL, then_branch=branch, else_branch=branch),
             helper.make_node("MatMul", ["z", "w" + EVIL], [y], name="n" + EVIL)], EVIL,
            [value(EVIL, TensorProto.BOOL, []), value(x, TensorProto.FLOAT, [EVIL, 16])], [value(y, TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.eye(16, dtype=np.float32), "w" + EVIL)], doc_string=EVIL)  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name=EVIL)
        onnx.save(model, self.path("evil.onnx"))
        graph.node.append(helper.make_node(EVIL, [x], ["q"], name=EVIL, domain=EVIL))
        model.opset_import.append(helper.make_opsetid(EVIL, 1))
        model.graph.CopyFrom(graph)
        onnx.save(model, self.path("unknown.onnx"))
        inspections = [["inspect", option] for option in ("--nodes", "--weights", "--plan", "--text", "--dot", "--json")]
        for command in (["info"], ["check"], ["run"], ["bench", "--seconds", "0", "--per-node"], ["verify"], *inspections,
                        ["run", "--extent", "x.0=1"], ["info", "--json"], ["check", "--json"]):  # fmt: skip
            for name in ("evil.onnx", "unknown.onnx"):
                self.plain(command[0], name, *command[1:])
        self.plain("quantize", "evil.onnx", "q.zoo", "--minimum-elements", "1")
        self.plain("prune", "evil.onnx", "p.zoo", "--sparsity", "0.5", "--minimum-elements", "1", "--json")

    def plain(self, *arguments):
        result = self.tool(*arguments)
        self.assertIn(result.returncode, (0, 1), arguments)
        for character in (result.stdout + result.stderr).replace("\n", ""):
            self.assertTrue(character.isprintable(), (arguments, character))

    def test_plugins(self):
        if not PLUGIN.exists():
            self.skipTest("scripts/examples.sh has not built the plugin")
        x = np.array([2, 3], np.float32)
        self.npy("x.npy", x)
        name = onnx.load(CUBE).graph.input[0].name
        more = ["--plugin", PLUGIN]
        self.bad("inspect", "nosuch.onnx", "--plugin", "nosuch.so", says="nosuch.so: cannot be loaded")
        self.assertIn("text-lengths", self.good("list", "--tasks", *more))
        self.assertIn("tensors", self.good("info", CUBE, *more))
        self.assertEqual(self.good("check", CUBE, *more), "runs\n")
        self.assertIn("8.0, 27.0", self.good("run", CUBE, "--input", f"{name}=x.npy", *more))
        self.assertIn("cube_f32", self.good("inspect", CUBE, "--plan", *more))
        self.good("bench", CUBE, "--seconds", "0", *more)
        self.good("convert", CUBE, "cube.zoo", *more)
        self.good("compress", CUBE, "small.zoo", *more)
        for command in (["prune", "--sparsity", "0.5"], ["quantize"], ["quantize", "--mode", "weight-only"]):
            self.good(command[0], CUBE, "q.zoo", *command[1:], "--calibration", "x.npy", *more)
        folder = self.path("case/test_data_set_0")
        folder.mkdir(parents=True)
        shutil.copy(CUBE, self.path("case/model.onnx"))
        for kind, array in (("input", x), ("output", x**3)):
            (folder / f"{kind}_0.pb").write_bytes(numpy_helper.from_array(array).SerializeToString())
        self.assertIn("passes, 1 case", self.good("verify", "case", *more))

    def test_a_reader_that_goes_away(self):
        pipe = subprocess.Popen(
            f"{oracle.zoo_tool()} inspect house-price --nodes | head -n 1", shell=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=self.folder)  # fmt: skip
        out, error = pipe.communicate()
        self.assertEqual((out.count(b"\n"), error), (1, b""))
