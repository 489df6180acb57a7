#!/usr/bin/env python3
"""Build the f32 ONNX graph of all-MiniLM-L6-v2 from its safetensors checkpoint.

Usage: make_minilm_onnx.py MODEL_DIR OUT.onnx

MODEL_DIR holds config.json and model.safetensors. The graph is a plain BERT encoder, opset 17:

  inputs   input_ids, attention_mask, token_type_ids   int64   [batch, sequence]
  output   last_hidden_state                           float32 [batch, sequence, hidden]

Attention, layer normalisation's surroundings and GELU are written out in elementary operators, as exporters do.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

ELEMENT_TYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64}


def read_safetensors(path):
    """Tensors by name. The file is a length, a JSON header of that length, and the data."""
    raw = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        data = np.frombuffer(raw[start:end], ELEMENT_TYPES[entry["dtype"]])
        tensors[name] = data.reshape(entry["shape"])
    return tensors


class GraphWriter:
    """Collects nodes and initializers; every node is named after its operator and its position."""

    def __init__(self):
        self.nodes, self.initializers = [], []

    def constant(self, name, values, dtype=None):
        array = np.array(values, dtype=dtype, order="C")
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def add(self, kind, inputs, **attributes):
        label = f"{kind}_{len(self.nodes) + 1}"
        output = label.lower()
        self.nodes.append(helper.make_node(kind, inputs, [output], name=label, **attributes))
        return output


class Encoder:
    """Writes the parts of the encoder, one after the other."""

    def __init__(self, config, weights):
        self.config, self.weights = config, weights
        heads, self.hidden = config["num_attention_heads"], config["hidden_size"]
        width = self.hidden // heads
        self.g = g = GraphWriter()
        self.split = g.constant("split_heads", [0, 0, heads, width], np.int64)
        self.merge = g.constant("merge_heads", [0, 0, self.hidden], np.int64)
        self.scale = g.constant("attention_scale", np.sqrt(width), np.float32)
        self.one, self.half = g.constant("one", 1, np.float32), g.constant("half", 0.5, np.float32)
        self.root_of_two = g.constant("sqrt2", np.sqrt(2), np.float32)

    def linear(self, x, prefix):
        g, weights = self.g, self.weights
        product = g.add("MatMul", [x, g.constant(f"{prefix}.weight_t", weights[f"{prefix}.weight"].T)])
        return g.add("Add", [product, g.constant(f"{prefix}.bias", weights[f"{prefix}.bias"])])

    def norm(self, x, prefix):
        g = self.g
        scale = g.constant(f"{prefix}.weight", self.weights[f"{prefix}.weight"])
        bias = g.constant(f"{prefix}.bias", self.weights[f"{prefix}.bias"])
        return g.add("LayerNormalization", [x, scale, bias], axis=-1, epsilon=self.config["layer_norm_eps"])

    def mask(self):
        """(1 - mask) · lowest float, broadcast over heads and queries."""
        g = self.g
        mask = g.add("Sub", [self.one, g.add("Cast", ["attention_mask"], to=TensorProto.FLOAT)])
        mask = g.add("Mul", [mask, g.constant("lowest", np.finfo(np.float32).min, np.float32)])
        return g.add("Unsqueeze", [mask, g.constant("mask_axes", [1, 2], np.int64)])

    def embeddings(self):
        g = self.g
        length = g.add("Gather", [g.add("Shape", ["input_ids"]), g.constant("axis_1", 1, np.int64)], axis=0)
        length = g.add("Unsqueeze", [length, g.constant("axis_0", [0], np.int64)])
        positions = g.constant("position_ids", np.arange(self.config["max_position_embeddings"]), np.int64)
        positions = g.add("Slice", [positions, g.constant("start", [0], np.int64), length])
        tables = {
            kind: g.constant(f"embeddings.{kind}", self.weights[f"embeddings.{kind}_embeddings.weight"])
            for kind in ("word", "token_type", "position")
        }
        x = g.add("Gather", [tables["word"], "input_ids"])
        x = g.add("Add", [x, g.add("Gather", [tables["token_type"], "token_type_ids"])])
        x = g.add("Add", [x, g.add("Gather", [tables["position"], positions])])
        return self.norm(x, "embeddings.LayerNorm")

    def layer(self, x, mask, p):
        g = self.g
        query, key, value = (
            g.add("Reshape", [self.linear(x, f"{p}.attention.self.{part}"), self.split])
            for part in ("query", "key", "value")
        )
        query = g.add("Transpose", [query], perm=[0, 2, 1, 3])
        key = g.add("Transpose", [key], perm=[0, 2, 3, 1])
        value = g.add("Transpose", [value], perm=[0, 2, 1, 3])
        scores = g.add("Div", [g.add("MatMul", [query, key]), self.scale])
        scores = g.add("Softmax", [g.add("Add", [scores, mask])], axis=-1)
        context = g.add("Transpose", [g.add("MatMul", [scores, value])], perm=[0, 2, 1, 3])
        context = g.add("Reshape", [context, self.merge])
        attended = g.add("Add", [self.linear(context, f"{p}.attention.output.dense"), x])
        x = self.norm(attended, f"{p}.attention.output.LayerNorm")
        h = self.linear(x, f"{p}.intermediate.dense")
        gate = g.add("Add", [g.add("Erf", [g.add("Div", [h, self.root_of_two])]), self.one])
        h = g.add("Mul", [g.add("Mul", [h, gate]), self.half])
        return self.norm(g.add("Add", [self.linear(h, f"{p}.output.dense"), x]), f"{p}.output.LayerNorm")


def build(model_dir):
    """The whole encoder as a ModelProto."""
    config = json.loads((Path(model_dir) / "config.json").read_text())
    encoder = Encoder(config, read_safetensors(Path(model_dir) / "model.safetensors"))
    mask, x = encoder.mask(), encoder.embeddings()
    for layer in range(config["num_hidden_layers"]):
        x = encoder.layer(x, mask, f"encoder.layer.{layer}")
    g = encoder.g
    g.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"], name="Output"))

    shape = ["batch", "sequence"]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, shape)
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*shape, encoder.hidden])
    graph = helper.make_graph(g.nodes, "all-MiniLM-L6-v2", inputs, [output], g.initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    model = build(sys.argv[1])
    checker.check_model(model)
    save(model, sys.argv[2])


if __name__ == "__main__":
    main()
