#!/usr/bin/env python3
"""Measure one model in one runtime, in this process alone.

Usage: peers.py RUNTIME MODEL INPUTS.npz --threads N --seconds S

RUNTIME is onnxruntime, openvino or tract; INPUTS.npz holds one array an input. Prints one line of JSON: load_ms,
p50_ms and min_ms of a run, runs, peak_rss_bytes (of the process, Python and all), library_rss_bytes (before the model was
loaded); or {"error": REASON}.
"""

import argparse
import importlib
import json
import statistics
import time

import numpy as np


def onnxruntime_model(path, inputs, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, inputs)


def openvino_model(path, inputs, threads):
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    model.reshape({name: value.shape for name, value in inputs.items()})
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    for name, value in inputs.items():
        request.set_tensor(name, openvino.Tensor(value))
    return request.infer


def tract_model(path, inputs, threads):
    import tract

    if threads != 1:
        raise ValueError("measured with one thread only")
    model = tract.onnx().load(path)
    names = [model.input_name(i) for i in range(model.input_count())]
    for i, name in enumerate(names):
        value = inputs[name]
        extents = ",".join(map(str, value.shape))
        kind = {"float32": "f32", "int64": "i64", "int32": "i32", "float16": "f16"}[value.dtype.name]
        model.set_input_fact(i, f"{extents},{kind}" if extents else kind)
    runnable = model.into_model().into_runnable()
    values = [tract.Tensor.from_numpy(inputs[name]) for name in names]
    return lambda: runnable.run(values)


MAKERS = {"onnxruntime": onnxruntime_model, "openvino": openvino_model, "tract": tract_model}


def measure(run, seconds):
    for _ in range(2):
        run()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return {"p50_ms": statistics.median(times), "min_ms": min(times), "runs": len(times)}


def resident_bytes(mark):
    """From /proc, VmRSS or the peak, VmHWM: getrusage counts what the parent held when it forked."""
    with open("/proc/self/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(mark))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runtime", choices=MAKERS)
    parser.add_argument("model")
    parser.add_argument("inputs")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1)
    options = parser.parse_args()
    with np.load(options.inputs) as file:
        inputs = {name: file[name] for name in file.files}
    try:
        importlib.import_module(options.runtime)
        library = resident_bytes("VmRSS")
        start = time.perf_counter()
        run = MAKERS[options.runtime](options.model, inputs, options.threads)
        load = (time.perf_counter() - start) * 1e3
        result = {"load_ms": load, **measure(run, options.seconds)}
    except Exception as error:  # each runtime has exceptions of its own
        print(json.dumps({"error": str(error).strip().splitlines()[0][:200] if str(error).strip() else repr(error)}))
        return
    result |= {"library_rss_bytes": library, "peak_rss_bytes": resident_bytes("VmHWM")}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
