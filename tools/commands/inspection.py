"""list, info, inspect and check."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from commands.command import Command, save, value


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
        self.assertRegex(self.good("info", "model.onnx"), r"licence +not stated\n")
        model = onnx.load(self.path("model.onnx"))
        model.metadata_props.add(key="License", value="MIT")
        onnx.save(model, self.path("licensed.onnx"))
        self.assertRegex(self.good("info", "licensed.onnx"), r"licence +MIT\n")
        self.assertEqual(self.json("info", "licensed.onnx")["license"], "MIT")


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
        self.assertRegex(text, r"\nw +f32 \[16, 32\] +raw +2.05 kB +2.05 kB\nb ")
        self.assertRegex(self.good("inspect", "model.onnx", "--extent", "batch=8"), r"B with batch=8, 1 for open extents\n")
        many = onnx.load(self.path("model.onnx"))
        many.graph.initializer.extend(numpy_helper.from_array(np.zeros(2, np.float32), f"v{i}") for i in range(30))
        onnx.save(many, self.path("many.onnx"))
        self.assertIn("and 12 more of 96 B, which --weights lists\n", self.good("inspect", "many.onnx"))

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

    def branching(self):
        """y = c ? x + w : −x, and a loop around it that adds w three times."""
        info = lambda name, kind=TensorProto.FLOAT, shape=None: value(name, kind, shape)  # noqa: E731
        then = helper.make_graph([helper.make_node("Add", ["x", "w"], ["t"], name="plus")], "then", [], [info("t")])
        other = helper.make_graph([helper.make_node("Neg", ["x"], ["e"], name="minus")], "other", [], [info("e")])
        body = helper.make_graph(
            [helper.make_node("Add", ["s", "w"], ["r"], name="again"), helper.make_node("Identity", ["go"], ["still"])], "body",
            [info("i", TensorProto.INT64, []), info("go", TensorProto.BOOL, []), info("s", shape=["n", 2])],
            [info("still", TensorProto.BOOL, []), info("r")])  # fmt: skip
        save(self.path("branching.onnx"),
             [helper.make_node("If", ["c"], ["y"], name="choice", then_branch=then, else_branch=other),
              helper.make_node("Loop", ["three", "", "y"], ["z"], name="loop", body=body)],
             [info("c", TensorProto.BOOL, []), info("x", shape=[None, 2])], [info("z")],
             [numpy_helper.from_array(np.ones(2, np.float32), "w"), numpy_helper.from_array(np.array(3), "three")])  # fmt: skip
        return "branching.onnx"

    def test_subgraphs(self):
        name = self.branching()
        nodes = self.json("inspect", name, "--nodes")["nodes"]
        self.assertEqual(
            [(row["node"].split("'")[1], row.get("graph")) for row in nodes if "Identity" not in row["node"]],
            [("choice", None), ("minus", "graph 'other' of node #0 'choice' (If)"),
             ("plus", "graph 'then' of node #0 'choice' (If)"), ("loop", None),
             ("again", "graph 'body' of node #1 'loop' (Loop)")])  # fmt: skip
        self.assertIn("in graph 'then' of node #0 'choice' (If):", self.good("inspect", name, "--nodes"))
        steps = self.json("inspect", name, "--plan", "--extent", "x.0=5")["plan"]["steps"]
        kernels = {step["node"].split("'")[1]: (step["inside"], step["outputs"]) for step in steps if "Identity" not in step["node"]}
        self.assertEqual(kernels["plus"], (["node #0 'choice' (If)"], ["f32 [5, 2]"]))
        self.assertEqual(kernels["minus"], (["node #0 'choice' (If)"], ["f32 [5, 2]"]))
        self.assertEqual(kernels["again"][0], ["node #1 'loop' (Loop)"])

    def test_functions(self):
        function = helper.make_function(
            "mine", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"], name="sum")],
            [helper.make_opsetid("", 17)])  # fmt: skip
        graph = helper.make_graph([helper.make_node("Twice", ["x"], ["y"], domain="mine")], "g",
                                  [value("x", TensorProto.FLOAT, [2])], [value("y", TensorProto.FLOAT, [2])])  # fmt: skip
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
        onnx.save(helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=8), self.path("f.onnx"))
        nodes = self.json("inspect", "f.onnx", "--nodes")["nodes"]
        self.assertEqual([row.get("graph") for row in nodes], [None, "function mine.Twice"])

    def test_open_extents(self):
        save(self.path("open.onnx"), [helper.make_node("Relu", ["x"], ["y"])], [value("x", TensorProto.FLOAT, [None, "n", 4])],
             [value("y", TensorProto.FLOAT, None)])  # fmt: skip
        plan = self.json("inspect", "open.onnx", "--plan", "--extent", "x.0=3", "--extent", "n=2")["plan"]
        self.assertEqual(plan["steps"][-1]["outputs"], ["f32 [3, 2, 4]"])
        plan = self.json("inspect", "open.onnx", "--plan", "--extent", "x.1=7")["plan"]
        self.assertEqual(plan["steps"][-1]["outputs"], ["f32 [1, 7, 4]"])
        answer = self.json("run", "open.onnx", "--extent", "x.0=3", "--extent", "n=2")
        self.assertEqual(answer[0]["shape"], [3, 2, 4])
        self.good("bench", "open.onnx", "--seconds", "0", "--extent", "x.0=3")
        self.good("bench", "open.onnx", "--seconds", "0", "--extent", "x.2=4")
        for command in ("inspect", "bench", "run"):
            self.bad(command, "open.onnx", "--extent", "x.2=5", says="an extent of 5 for axis 2 of input 'x'; expected 4")
            for stray in ("x.3=1", "z.0=1", "x.=1", "x.-1=1"):
                self.bad(command, "open.onnx", "--extent", stray, says="expected one for 'n', an axis of an input, such as 'x.0'")
            self.wrong(command, "open.onnx", "--extent", "x.0=-1", says="a number ≥ 0")
        self.bad("run", "open.onnx", says="no value for input 'x'")

    def test_multiply_adds_of_recurrent_layers(self):
        self.assertEqual(self.json("inspect", "sentiment")["summary"]["multiplyAdds"], "320*batch + 20480*batch*sequence")

    def test_weights_of_all_sizes(self):
        weights = np.array([9.9e14, -1.5e-7, 3e38, 0], np.float32)
        save(self.path("wide.onnx"), [helper.make_node("Add", ["x", "w"], ["y"])], [value("x", TensorProto.FLOAT, [4])],
             [value("y", TensorProto.FLOAT, [4])], [numpy_helper.from_array(weights, "w")])  # fmt: skip
        self.assertRegex(self.good("inspect", "wide.onnx", "--weights"), r"w +f32 \[4\].* -1.500e-07 +3.000e\+38 ")

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
