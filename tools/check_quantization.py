#!/usr/bin/env python3
"""Check what quantization and pruning of MiniLM cost.

Usage: check_quantization.py [--sentences N] [--only MODE]

Quantizes MiniLM in each mode with `zoo-tool quantize`, exports the result to ONNX, embeds N sentences with it in ONNX
Runtime and compares with the f32 embeddings (mean over the tokens): mean and lowest cosine, and file size, each
against a limit. On every 25th sentence zoo-tool itself has to give what ONNX Runtime gives for the exported model: on
each of them, in static mode on most. There a sum that differs in its last bit can round to another step of the next
layer's scale, and MiniLM's scales are coarse: ONNX Runtime with and without its own optimisations then differs as much.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

import oracle
from make_inputs import session
from sentences import sentences

CALIBRATE = object()

# mode: (arguments, least mean cosine, least cosine, most megabytes)
MODES = {
    "dynamic": (["quantize", "--mode", "dynamic"], 0.998, 0.99, 23.0),
    "static": (["quantize", "--mode", "static", CALIBRATE], 0.97, 0.90, 24.0),
    "weight-only-8": (["quantize", "--mode", "weight-only", "--bits", "8"], 0.998, 0.99, 23.5),
    "weight-only-4": (["quantize", "--mode", "weight-only", "--bits", "4"], 0.96, 0.90, 60.0),
    "prune-30": (["prune", "--sparsity", "0.3"], 0.92, 0.80, 75.0),
}


def inputs_for(tokenizer, text):
    ids = np.array([tokenizer.encode(text).ids], np.int64)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def embed(model, inputs):
    vector = model.run(None, inputs)[0][0].mean(0).astype(np.float64)
    return vector / np.linalg.norm(vector)


def write_calibration(folder, tokenizer):
    """Samples as folders of one .npy a model input."""
    for number, text in enumerate(sentences(24, seed=2)):
        sample = folder / f"{number:02}"
        sample.mkdir(parents=True)
        for name, value in inputs_for(tokenizer, text).items():
            np.save(sample / f"{name}.npy", value)


def same_answer(path, exported, tokenizer, texts, scratch):
    """By sentence, the ratio to the int8 tolerance between zoo-tool on `path` and ONNX Runtime on `exported`."""
    ratios = []
    for text in texts:
        inputs = inputs_for(tokenizer, text)
        arguments = ["run", path, "--output-dir", scratch / "out", "--output-format", "npy"]
        for name, value in inputs.items():
            np.save(scratch / f"{name}.npy", value)
            arguments += ["--input", f"{name}={scratch / f'{name}.npy'}"]
        result = oracle.run_tool(*arguments)
        if result.returncode:
            return [(np.inf, result.stderr.strip())]
        got, want = np.load(scratch / "out/output_0.npy"), exported.run(None, inputs)[0]
        ratios.append(oracle.difference(got, want, "int8"))
    return sorted(ratios)


def check(mode, texts, f32, tokenizer, scratch):
    arguments, least_mean, least, most = MODES[mode]
    source, small, onnx_path = oracle.fixtures() / "minilm.onnx", scratch / "small.zoo", scratch / "small.onnx"
    flags = [part for part in arguments[1:] if part is not CALIBRATE]
    if CALIBRATE in arguments:
        write_calibration(scratch / "calibration", tokenizer)
        flags += ["--calibration", scratch / "calibration"]
    for command in ([arguments[0], source, small, *flags], ["convert", small, onnx_path]):
        result = oracle.run_tool(*command)
        if result.returncode:
            return f"{mode}: {result.stderr.strip()}", False
    exported = session(onnx_path)
    cosines = np.array([embed(exported, inputs_for(tokenizer, text)) @ want for text, want in zip(texts, f32)])
    size = small.stat().st_size / 1e6
    ratios = same_answer(small, exported, tokenizer, texts[::25], scratch)
    ratio, place = ratios[len(ratios) // 2] if CALIBRATE in arguments else ratios[-1]
    good = cosines.mean() >= least_mean and cosines.min() >= least and size <= most and ratio <= 1
    line = (
        f"{mode:<14} cosine {cosines.mean():.4f} (at least {least_mean}), lowest {cosines.min():.4f} ({least}), "
        f"{size:.2f} MB (at most {most}), zoo-tool against ONNX Runtime {ratio:.3f} {place}"
    )
    return line, good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=500)
    parser.add_argument("--only", choices=MODES, help="one mode")
    options = parser.parse_args()
    oracle.announce()
    tokenizer = Tokenizer.from_file(str(oracle.fixtures() / "minilm/tokenizer.json"))
    tokenizer.no_padding()
    texts = sentences(options.sentences, seed=1)
    reference = session(oracle.fixtures() / "minilm.onnx")
    f32 = [embed(reference, inputs_for(tokenizer, text)) for text in texts]
    modes = [options.only] if options.only else list(MODES)
    failed = 0
    for mode in modes:
        with tempfile.TemporaryDirectory() as scratch:
            line, good = check(mode, texts, f32, tokenizer, Path(scratch))
        failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {line}", flush=True)
    print(f"quantization: {len(modes) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
