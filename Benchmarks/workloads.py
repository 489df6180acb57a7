"""The models and inputs that the benchmark measures: each a path of an .onnx file and a dictionary of arrays."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import TensorProto, helper, version_converter  # noqa: E402

import oracle  # noqa: E402


@dataclass
class Workload:
    name: str
    precision: str
    make: Callable  # Path of a folder for files made -> (path of the model, inputs)


def models_folder():
    """Where models that are made are kept."""
    made = oracle.fixtures() / "benchmarks"
    made.mkdir(exist_ok=True)
    return made


def bench(model, names, inputs, *options):
    """What `zoo-tool bench` reports of a model on the arrays that `save_inputs` wrote into the folder `inputs`."""
    arguments = [part for i, name in enumerate(names) for part in ("--input", f"{name}={inputs / f'{i}.npy'}")]
    run = oracle.run_tool("bench", model, *arguments, *options, "--json")
    return {"error": run.stderr.strip()} if run.returncode else json.loads(run.stdout)


def recorded(case):
    """A case of the fixtures, with its inputs."""

    def make(_):
        folder = oracle.fixtures()
        entry = next(c for c in json.loads((folder / "inputs/cases.json").read_text()) if c["name"] == case)
        return folder / entry["model"], {name: np.load(folder / file) for name, file in entry["inputs"].items()}

    return make


def image(model, name, *shape):
    """A model of the fixtures on an image of smooth blobs: noise has no large regions, pictures do."""

    def make(_):
        rows, columns = np.mgrid[0 : shape[-2], 0 : shape[-1]] / 37.0
        plane = np.sin(rows) * np.cos(columns) + 0.3 * np.sin(3.1 * columns)
        return oracle.fixtures() / model, {name: np.broadcast_to(plane, shape).astype(np.float32).copy()}

    return make


def sentence(model, tokens):
    def make(_):
        ids = np.random.default_rng(tokens).integers(1000, 20000, (1, tokens))
        return oracle.fixtures() / model, {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }

    return make


def digits(batch):
    def make(folder):
        path = folder / "digits.onnx"
        converted = oracle.run_tool("convert", "digits", path)
        if converted.returncode:
            raise SystemExit(converted.stderr)
        model = onnx.load(path)
        parameter = model.graph.input[0]
        shape = [batch, *(d.dim_value for d in parameter.type.tensor_type.shape.dim[1:])]
        return path, {parameter.name: np.random.default_rng(1).random(shape, dtype=np.float32)}

    return make


def trees(batch, count=500, depth=6, features=30):
    """Full trees with thresholds over the range of the features, as gradient boosting leaves them."""

    def make(folder):
        rng = np.random.default_rng(5)
        inner, nodes = 2**depth - 1, 2 ** (depth + 1) - 1
        numbers = np.arange(nodes)
        branch = numbers < inner
        each = lambda values: np.tile(values, count).tolist()  # noqa: E731
        values = np.where(branch, rng.normal(size=(count, nodes)), 0).astype(np.float32)
        chosen = np.where(branch, rng.integers(0, features, (count, nodes)), 0)
        leaves = numbers[~branch]
        node = helper.make_node(
            "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1,
            nodes_treeids=np.repeat(np.arange(count), nodes).tolist(), nodes_nodeids=each(numbers),
            nodes_featureids=chosen.ravel().tolist(), nodes_values=values.ravel().tolist(),
            nodes_modes=[m for _ in range(count) for m in np.where(branch, "BRANCH_LEQ", "LEAF").tolist()],
            nodes_truenodeids=each(np.where(branch, 2 * numbers + 1, 0)),
            nodes_falsenodeids=each(np.where(branch, 2 * numbers + 2, 0)),
            target_treeids=np.repeat(np.arange(count), len(leaves)).tolist(), target_nodeids=each(leaves),
            target_ids=[0] * (count * len(leaves)),
            target_weights=(rng.normal(size=count * len(leaves)) / count).astype(np.float32).tolist(),
        )  # fmt: skip
        parameter = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", features])
        result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 1])
        graph = helper.make_graph([node], "trees", [parameter], [result])
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
        path = folder / "trees.onnx"
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
        return path, {"x": rng.normal(size=(batch, features)).astype(np.float32)}

    return make


def weights_are_constants(model, path):
    """Early exporters list the weights among the inputs, where a caller might replace them."""
    weights = {tensor.name for tensor in model.graph.initializer}
    parameters = [entry for entry in model.graph.input if entry.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(parameters)
    model.ir_version = max(model.ir_version, 8)
    onnx.save(model, path)


def with_weights(case):
    """A network whose weights are constants of the file."""

    def make(folder):
        source, inputs = recorded(case)(folder)
        path = folder / f"{case}.onnx"
        if not path.exists():
            weights_are_constants(onnx.load(source), path)
        return path, inputs

    return make


def static_int8(case):
    """A network in QDQ form: per-channel signed weights, unsigned activations calibrated on the case's own input."""

    def make(folder):
        from onnxruntime import quantization as q

        source, inputs = recorded(case)(folder)
        path = folder / f"{case}-int8.onnx"
        if not path.exists():
            samples = iter([inputs])

            class Reader(q.CalibrationDataReader):
                def get_next(self):
                    return next(samples, None)

            prepared = folder / f"{case}-prepared.onnx"
            weights_are_constants(onnx.load(source), prepared)
            q.shape_inference.quant_pre_process(str(prepared), str(prepared), skip_symbolic_shape=True)
            onnx.save(version_converter.convert_version(onnx.load(prepared), 13), prepared)
            q.quantize_static(
                str(prepared), str(path), Reader(), quant_format=q.QuantFormat.QDQ, per_channel=True,
                activation_type=q.QuantType.QUInt8, weight_type=q.QuantType.QInt8,
            )  # fmt: skip
            prepared.unlink()
        return path, inputs

    return make


def dynamic_int8(model, tokens):
    """ONNX Runtime's own dynamic quantization: int8 weights per column, activations rounded tensor by tensor."""

    def make(folder):
        from onnxruntime import quantization as q

        path = folder / f"dynamic-{model}"
        if not path.exists():
            q.quantize_dynamic(oracle.fixtures() / model, path, weight_type=q.QuantType.QInt8, per_channel=True)
        return path, sentence(model, tokens)(folder)[1]

    return make


WORKLOADS = [
    Workload("digits, batch 1", "f32", digits(1)),
    Workload("digits, batch 64", "f32", digits(64)),
    Workload("MiniLM, 16 tokens", "f32", sentence("minilm.onnx", 16)),
    Workload("MiniLM, 128 tokens", "f32", sentence("minilm.onnx", 128)),
    Workload("OCR detector 640×640", "f32", image("ocr-det.onnx", "x", 1, 3, 640, 640)),
    Workload("OCR recogniser 48×320", "f32", recorded("ocr-rec-320-swift")),
    Workload("OCR classifier", "f32", recorded("ocr-cls-one")),
    Workload("ResNet-50", "f32", recorded("light-resnet50")),
    Workload("DenseNet-121", "f32", recorded("light-densenet121")),
    Workload("Inception-v2", "f32", recorded("light-inception-v2")),
    Workload("ShuffleNet", "f32", recorded("light-shufflenet")),
    Workload("SqueezeNet", "f32", recorded("light-squeezenet")),
    Workload("VGG-19", "f32", recorded("light-vgg19")),
    Workload("silero-vad, one frame", "f32", recorded("silero-16k-frame-05")),
    Workload("500 trees, batch 1", "f32", trees(1)),
    Workload("500 trees, batch 1000", "f32", trees(1000)),
    Workload("MiniLM int8 weights, 128 tokens", "int8", sentence("minilm-int8.onnx", 128)),
    Workload("MiniLM dynamic int8, 128 tokens", "int8", dynamic_int8("minilm.onnx", 128)),
    Workload("ResNet-50 int8", "int8", static_int8("seeded-resnet50")),
]

# The light networks again, with weights that can be quantized.
WEIGHTED = [
    Workload("ResNet-50", "f32", with_weights("seeded-resnet50")),
    Workload("DenseNet-121", "f32", with_weights("seeded-densenet121")),
    Workload("Inception-v2", "f32", with_weights("seeded-inception-v2")),
    Workload("ShuffleNet", "f32", with_weights("seeded-shufflenet")),
    Workload("SqueezeNet", "f32", with_weights("seeded-squeezenet")),
]
