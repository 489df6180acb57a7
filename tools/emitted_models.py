#!/usr/bin/env python3
"""Compare zoo-tool with ONNX Runtime on models that ONNX Runtime's own tools write.

Usage: emitted_models.py [--only TEXT] [--keep FOLDER] [--full]

From real models (fetch_fixtures.py) this makes: graphs as its optimizer leaves them (basic, extended, and with images in
blocks of channels), dynamically and statically quantized models (with operators of their own or pairs of QuantizeLinear and DequantizeLinear), weights of 4
and 8 bits, and what its transformer optimizer makes of MiniLM, also quantized. Each must run and give what ONNX Runtime
gives: within a tolerance of floats, or, where values are rounded to 8 bits on the way, within a share of the largest.
"""

import argparse
import json
import logging
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidGraph

import oracle

# A rounding that falls the other way moves what follows by a step, which later layers spread: the greatest difference
# as a share of the greatest value, and the least correlation.
FLOAT, EIGHT_BITS = (1e-4, 0.99999), (0.05, 0.999)


def options(level, path=None):
    chosen = ort.SessionOptions()
    chosen.graph_optimization_level = level
    chosen.log_severity_level = 4
    if path:
        chosen.optimized_model_filepath = str(path)
    return chosen


def feeds(source, number=0):
    """The inputs of a recorded case of a model."""
    cases = json.loads((oracle.fixtures() / "inputs/cases.json").read_text())
    cases = [case for case in cases if Path(case["model"]).name == source.name]
    files = cases[number % len(cases)]["inputs"]
    return {name: np.load(oracle.fixtures() / file) for name, file in files.items()}


class Reader:
    """Samples for static quantization."""

    def __init__(self, source):
        self.samples = iter([feeds(source, number) for number in range(2)])

    def get_next(self):
        return next(self.samples, None)


def optimized(source, target, level):
    ort.InferenceSession(str(source), options(level, target))


def dynamic(source, target, **settings):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    kinds = {"s8": QuantType.QInt8, "u8": QuantType.QUInt8}
    extra = {"DefaultTensorType": onnx.TensorProto.FLOAT}
    weights = kinds[settings.pop("weights", "s8")]
    quantize_dynamic(str(source), str(target), weight_type=weights, extra_options=extra, **settings)


def static(source, target, form, activations="u8", weights="s8", samples=None, **settings):
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.preprocess import quant_pre_process

    ready = target.with_suffix(".ready.onnx")
    quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
    kinds = {"s8": QuantType.QInt8, "u8": QuantType.QUInt8, "u16": QuantType.QUInt16, "s16": QuantType.QInt16}
    kinds |= {"s4": QuantType.QInt4, "u4": QuantType.QUInt4}
    quantize_static(
        str(ready), str(target), Reader(samples or source), quant_format=QuantFormat[form], activation_type=kinds[activations],
        weight_type=kinds[weights], **settings,
    )
    ready.unlink()


def few_bits(source, target, bits=4, symmetric=True, form="QOperator", operators=("MatMul",), block=32):
    from onnxruntime.quantization import QuantFormat
    from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer

    config = DefaultWeightOnlyQuantConfig(
        block_size=block, is_symmetric=symmetric, quant_format=QuantFormat[form], op_types_to_quantize=operators,
        bits=bits, quant_axes=(("MatMul", 0), ("Gather", 1)),
    )
    quantizer = MatMulNBitsQuantizer(onnx.load(source), algo_config=config)
    quantizer.process()
    quantizer.model.save_model_to_file(str(target))


def bitsandbytes(source, target, kind):
    from onnxruntime.quantization.matmul_bnb4_quantizer import MatMulBnb4Quantizer

    quantizer = MatMulBnb4Quantizer(onnx.load(source), kind, 64)
    quantizer.process()
    quantizer.model.save_model_to_file(str(target))


def transformer(source, target, half=False, **settings):
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    fusion = FusionOptions("bert")
    for name, value in settings.items():
        setattr(fusion, name, value)
    model = optimize_model(
        str(source), model_type="bert", num_heads=12, hidden_size=384, optimization_options=fusion, opt_level=0
    )
    if half:
        model.convert_float_to_float16(keep_io_types=True)
    model.save_model_to_file(str(target))


def after(*steps):
    """Several tools, one after the other."""

    def make(source, target):
        for index, step in enumerate(steps):
            part = target.with_suffix(f".{index}.onnx")
            step(source, part)
            source = part
        shutil.move(source, target)

    return make


def recipes(full):
    """(name, source, how it is made, tolerance)"""
    level = ort.GraphOptimizationLevel
    names = ["minilm", "minilm-int8", "ocr-det", "ocr-rec", "ocr-cls", "silero-16k-op15", "silero-half"]
    for name in names:
        tolerance = EIGHT_BITS if "int8" in name else (2e-3, 0.9999) if "half" in name else FLOAT
        for kind in ("basic", "extended", "all"):
            chosen = getattr(level, f"ORT_ENABLE_{kind.upper()}")
            yield f"{kind}-{name}", name, lambda s, t, c=chosen: optimized(s, t, c), tolerance
    bert = lambda s, t: transformer(s, t)  # noqa: E731
    yield "bert-minilm", "minilm", bert, FLOAT
    yield "bert-mask-minilm", "minilm", lambda s, t: transformer(s, t, attention_mask_format=1), FLOAT
    yield "bert-mha-minilm", "minilm", lambda s, t: transformer(s, t, use_multi_head_attention=True), FLOAT
    yield "bert-half-minilm", "minilm", lambda s, t: transformer(s, t, half=True), (2e-2, 0.999)
    yield "bert-dynamic-minilm", "minilm", after(bert, dynamic), EIGHT_BITS
    yield "bert-4-minilm", "minilm", after(bert, few_bits), FLOAT
    yield "bert-extended-dynamic-minilm", "minilm", after(
        bert, dynamic, lambda s, t: optimized(s, t, level.ORT_ENABLE_EXTENDED)), EIGHT_BITS
    plain = lambda s, t: optimized(s, t, level.ORT_ENABLE_BASIC)  # noqa: E731
    for name in ("minilm", "ocr-rec", "silero-16k-sequence"):
        yield f"dynamic-{name}", name, after(plain, dynamic), EIGHT_BITS
        channels = lambda s, t: dynamic(s, t, per_channel=True, weights="u8")  # noqa: E731
        yield f"dynamic-channels-{name}", name, after(plain, channels), EIGHT_BITS
        yield f"dynamic-extended-{name}", name, after(
            plain, dynamic, lambda s, t: optimized(s, t, level.ORT_ENABLE_EXTENDED)), EIGHT_BITS
    yield "dynamic-reduced-minilm", "minilm", after(plain, lambda s, t: dynamic(s, t, reduce_range=True)), EIGHT_BITS
    yield "4-minilm", "minilm", few_bits, FLOAT
    yield "4-asymmetric-minilm", "minilm", lambda s, t: few_bits(s, t, symmetric=False, block=64), FLOAT
    yield "4-gather-minilm", "minilm", lambda s, t: few_bits(s, t, operators=("MatMul", "Gather")), FLOAT
    yield "4-pairs-minilm", "minilm", lambda s, t: few_bits(s, t, form="QDQ"), FLOAT
    yield "8-minilm", "minilm", lambda s, t: few_bits(s, t, bits=8), (2e-2, 0.9995)
    for kind in (0, 1):
        yield f"bnb4-{kind}-minilm", "minilm", lambda s, t, k=kind: bitsandbytes(s, t, k), FLOAT
    images = ["ocr-cls", "ocr-det"] + (["ocr-rec", "light/light_squeezenet", "light/light_shufflenet"] if full else [])
    for name in images:
        for form in ("QOperator", "QDQ"):
            yield f"static-{form}-{Path(name).name}", name, lambda s, t, f=form: static(s, t, f), EIGHT_BITS
        yield f"static-extended-{Path(name).name}", name, after(
            lambda s, t: static(s, t, "QDQ"), lambda s, t: optimized(s, t, level.ORT_ENABLE_EXTENDED)), EIGHT_BITS
        yield f"static-channels-{Path(name).name}", name, lambda s, t: static(
            s, t, "QOperator", activations="s8", per_channel=True), EIGHT_BITS
        yield f"static-all-{Path(name).name}", name, after(
            lambda s, t: static(s, t, "QDQ"), lambda s, t: optimized(s, t, level.ORT_ENABLE_ALL)), EIGHT_BITS
        yield f"static-16-{Path(name).name}", name, lambda s, t: static(
            s, t, "QDQ", activations="u16", extra_options={"UseQDQContribOps": True}), EIGHT_BITS
        if name != images[0] and not full:
            continue
        for activations, weights in (("s8", "s8"), ("u8", "u8")):
            for form in ("QOperator", "QDQ"):
                yield f"static-{form}-{activations}{weights}-{Path(name).name}", name, lambda s, t, f=form, a=activations, w=weights: static(
                    s, t, f, activations=a, weights=w), EIGHT_BITS
        yield f"static-reduced-{Path(name).name}", name, lambda s, t: static(s, t, "QDQ", reduce_range=True), EIGHT_BITS
        yield f"static-pairs-channels-{Path(name).name}", name, lambda s, t: static(
            s, t, "QDQ", per_channel=True), EIGHT_BITS
        for weights in ("s4", "u4"):
            yield f"static-{weights}-{Path(name).name}", name, lambda s, t, w=weights: static(
                s, t, "QDQ", weights=w, extra_options={"UseQDQContribOps": True}), EIGHT_BITS
        yield f"static-s16-{Path(name).name}", name, lambda s, t: static(
            s, t, "QDQ", activations="s16", extra_options={"UseQDQContribOps": True}), EIGHT_BITS


def compare(model, fed, scratch):
    """(greatest difference as a share of the greatest value, least correlation), or what is wrong."""
    disabled = options(ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    expected = ort.InferenceSession(str(model), disabled, providers=["CPUExecutionProvider"]).run(None, fed)
    out = scratch / "out"
    shutil.rmtree(out, ignore_errors=True)
    arguments = ["run", model, "--output-dir", out, "--output-format", "npy"]
    for name, value in fed.items():
        file = scratch / f"{len(arguments)}.npy"
        np.save(file, value)
        arguments += ["--input", f"{name}={file}"]
    result = oracle.run_tool(*arguments)
    if result.returncode:
        return (result.stderr.strip().splitlines() or ["no message"])[0]
    worst, least = 0.0, 1.0
    for index, want in enumerate(expected):
        got = np.load(out / f"output_{index}.npy")
        if got.shape != want.shape or got.dtype != want.dtype:
            return f"output {index} is {got.dtype} {got.shape}, expected {want.dtype} {want.shape}"
        got, want = got.astype(np.float64).ravel(), want.astype(np.float64).ravel()
        worst = max(worst, np.abs(got - want).max() / max(np.abs(want).max(), 1e-9))
        least = min(least, got @ want / max(np.linalg.norm(got) * np.linalg.norm(want), 1e-12))
    return worst, least


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="models whose name contains TEXT")
    parser.add_argument("--keep", metavar="FOLDER", help="write the models there and leave them")
    parser.add_argument("--full", action="store_true", help="quantize more of the image models")
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)
    oracle.announce()
    folder = Path(chosen.keep or tempfile.mkdtemp(prefix="emitted-"))
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    try:
        for name, source, make, tolerance in recipes(chosen.full):
            if chosen.only not in name:
                continue
            complaint = check(folder, name, oracle.fixtures() / f"{source}.onnx", make, tolerance)
            failed += complaint.startswith("FAIL")
            print(complaint, flush=True)
    finally:
        if not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"emitted models: {failed} failed")
    sys.exit(1 if failed else 0)


def check(folder, name, source, make, tolerance):
    target = folder / f"{name}.onnx"
    try:
        if not target.exists():
            make(source, target)
    except Exception as error:  # whatever the tool could not do
        return f"FAIL {name}: the tool: {type(error).__name__} {str(error)[:200]}"
    kinds = sorted({n.op_type for n in onnx.load(target).graph.node if n.domain == "com.microsoft"})
    try:
        outcome = compare(target, feeds(source), folder)
    except InvalidGraph as error:
        return f"none {name}: ONNX Runtime does not load what its tool wrote: {str(error)[:200]}"
    if isinstance(outcome, str):
        return f"FAIL {name}: {outcome} {kinds}"
    mark = "ok  " if outcome[0] <= tolerance[0] and outcome[1] >= tolerance[1] else "FAIL"
    return f"{mark} {name:<32} {outcome[0]:9.2g} {outcome[1]:10.6f}  {' '.join(kinds)}"


if __name__ == "__main__":
    main()
