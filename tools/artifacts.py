"""What every training script leaves behind: a folder with the model and all that belongs to it.

  model.onnx            the network (opset ≤ 21, IR ≤ 10)
  card.json             name, task, what it is, licence, data, metrics, inputs, outputs, limitations
  preprocessing.json    how raw input becomes tensors
  postprocessing.json   how tensors become an answer
  labels.txt            one class a line, in the order of the scores (classifiers)
  tokenizer.json        how text becomes ids (text models)
  test_data_set_N/      recorded inputs and outputs in the layout of the ONNX backend suite
  data.json             the tolerances of those cases: {"rtol", "atol"}

README.md beside this file specifies the JSON fields.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper

REPOSITORY = Path(__file__).resolve().parent.parent


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def round_mantissa(values, bits):
    """f32 values with `bits` explicit mantissa bits left, rounded to nearest: the rest compresses to nothing."""
    if bits >= 23:
        return np.asarray(values, np.float32)
    raw = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    drop = 23 - bits
    rounded = (raw + (1 << (drop - 1))) >> drop << drop
    return rounded.astype(np.uint32).view(np.float32).reshape(np.shape(values))


def make_model(graph, name, domains=()):
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(domain, v) for domain, v in domains)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    model.producer_name = f"modelzoo-tools/{name}"
    onnx.checker.check_model(model, full_check=True)
    return model


def answer(model, inputs):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def save(folder, model, card, preprocessing, postprocessing, cases, labels=None, tokenizer=None, rtol=1e-4, atol=1e-5):
    """Write the folder anew; `cases` is a list of {input name: array}, answered here by ONNX Runtime."""
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")
    write_json(folder / "card.json", card)
    write_json(folder / "preprocessing.json", preprocessing)
    write_json(folder / "postprocessing.json", postprocessing)
    write_json(folder / "data.json", {"rtol": rtol, "atol": atol})
    if labels:
        (folder / "labels.txt").write_text("\n".join(labels) + "\n")
    if tokenizer:
        text = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))
        (folder / "tokenizer.json").write_text(text + "\n")
    for index, inputs in enumerate(cases):
        target = folder / f"test_data_set_{index}"
        target.mkdir()
        names = [value.name for value in model.graph.input]
        for i, name in enumerate(names):
            write_tensor(target / f"input_{i}.pb", inputs[name], name)
        outputs = zip(model.graph.output, answer(model, inputs))
        for i, (value, array) in enumerate(outputs):
            write_tensor(target / f"output_{i}.pb", array, value.name)


def write_tensor(path, array, name):
    path.write_bytes(numpy_helper.from_array(np.asarray(array), name).SerializeToString())
