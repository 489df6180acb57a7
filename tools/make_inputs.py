#!/usr/bin/env python3
"""Record real inputs for the fixture models, and what ONNX Runtime answers to them.

Usage: make_inputs.py FOLDER

Writes FOLDER/inputs/CASE/{input name}.npy, FOLDER/inputs/CASE/output_N.npy and FOLDER/inputs/cases.json, a list of

  {"name", "model", "kind": "f32"|"f16"|"int8", "group", "inputs": {name: file}, "outputs": [file…],
   "carry": {output index: input name}}

with paths relative to FOLDER. Cases of one group with "carry" are successive frames: the next frame's input is this
frame's output. Text is rendered with Pillow's built-in font; speech is synthesised from formants; images are
smooth scenes: all of it is drawn with fixed seeds.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

os.environ.setdefault("ALLOW_RELEASED_ONNX_OPSET_ONLY", "0")

import onnxruntime as ort  # noqa: E402
from PIL import Image, ImageDraw, ImageFont  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

SENTENCES = [
    "The cat sits outside.",
    "A man is playing a guitar while it rains on the roof of the old house.",
    "Interest rates rose by half a point, and the market fell before noon.",
    "Köln, Zürich and São Paulo sent delegates; 東京 did not.",
    "How do I reset my password?",
    "quantum entanglement cannot be used to send information faster than light",
    "I would like a table for two, please, at eight o'clock.",
    "Wow!!! That was the best film I've seen in years :-)",
]
LINES = [
    "Hello, world!",
    "The quick brown fox jumps over 13 lazy dogs",
    "Invoice No. 2024-0917",
    "Total: $1,284.50",
    "Swift on Linux",
    "OPEN 24 HOURS",
    "https://example.org/a?b=c&d=e",
]


def session(path):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Recorder:
    """Runs a case, stores its inputs and outputs, and lists it."""

    def __init__(self, folder):
        self.folder, self.cases, self.sessions = folder, [], {}

    def record(self, name, model, inputs, kind="f32", group=None, carry=None):
        if model not in self.sessions:
            self.sessions[model] = session(self.folder / model)
        outputs = self.sessions[model].run(None, inputs)
        target = self.folder / "inputs" / name
        target.mkdir(parents=True, exist_ok=True)
        case = {"name": name, "model": model, "kind": kind, "group": group or model, "inputs": {}, "outputs": []}
        for key, value in inputs.items():
            file = f"{key.replace('/', '_')}.npy"
            np.save(target / file, value)
            case["inputs"][key] = f"inputs/{name}/{file}"
        for index, value in enumerate(outputs):
            np.save(target / f"output_{index}.npy", value)
            case["outputs"].append(f"inputs/{name}/output_{index}.npy")
        case["carry"] = carry or {}
        self.cases.append(case)
        return outputs


def text_image(text, height, width=None, margin=6):
    """One line of dark text on a light ground, RGB."""
    font = ImageFont.load_default(size=height - 2 * margin - 4)
    box = font.getbbox(text)
    image = Image.new("RGB", (width or box[2] - box[0] + 4 * margin, height), (250, 250, 246))
    ImageDraw.Draw(image).text((2 * margin - box[0], margin - 2), text, font=font, fill=(20, 22, 30))
    return image


def recogniser_input(image, width):
    """Height 48, aspect kept, padded with zeros on the right, scaled to −1 … 1 as PP-OCR wants it."""
    scaled = min(width, max(1, round(48 * image.width / image.height)))
    pixels = np.asarray(image.resize((scaled, 48), Image.Resampling.BILINEAR), np.float32)
    x = np.zeros((1, 3, 48, width), np.float32)
    x[0, :, :, :scaled] = (pixels.transpose(2, 0, 1) / 255 - 0.5) / 0.5
    return x


def page_image(width, height):
    """A page with a heading, paragraphs, a tinted box and a slanted line of text."""
    page = Image.new("RGB", (width, height), (252, 251, 247))
    draw = ImageDraw.Draw(page)
    draw.rectangle((width // 2, height // 2, width - 20, height - 20), fill=(214, 226, 240))
    draw.text((20, 14), "Monthly report", font=ImageFont.load_default(size=34), fill=(10, 10, 30))
    for row, line in enumerate(LINES * 3):
        y = 70 + 34 * row
        if y > height - 30:
            break
        draw.text((24 + 9 * (row % 3), y), line, font=ImageFont.load_default(size=18 + row % 3), fill=(30, 30, 30))
    return page


def detector_input(image):
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    x = (np.asarray(image, np.float64) / 255 - mean) / deviation
    return x.transpose(2, 0, 1)[None].astype(np.float32)


def speech(seconds, rate, seed=7):
    """Vowels with moving formants, pauses and fricatives: enough like speech for a voice detector to answer yes."""
    rng = np.random.default_rng(seed)
    vowels = [(730, 1090, 2440), (270, 2290, 3010), (530, 1840, 2480), (570, 840, 2410), (300, 870, 2240)]
    pieces = [0.001 * rng.standard_normal(int(0.25 * rate))]
    while sum(map(len, pieces)) < seconds * rate:
        n = int(rate * rng.uniform(0.12, 0.3))
        t = np.arange(n) / rate
        pitch = rng.uniform(105, 140) * (1 + 0.04 * np.sin(2 * np.pi * 5 * t))
        source = np.zeros(n)
        phase = np.cumsum(pitch / rate)
        source[np.flatnonzero(np.diff(np.floor(phase), prepend=-1.0))] = 1.0
        voice = source + 0.01 * rng.standard_normal(n)
        for formant, band in zip(vowels[rng.integers(len(vowels))], (80, 100, 130)):
            if formant < rate / 2:
                voice = resonate(voice, formant, band, rate)
        voice *= 0.35 / (np.abs(voice).max() + 1e-9) * np.hanning(n) ** 0.4
        pieces.append(voice)
        if rng.random() < 0.4:
            pieces.append(0.05 * np.diff(rng.standard_normal(int(0.06 * rate) + 1)))
        if rng.random() < 0.25:
            pieces.append(0.001 * rng.standard_normal(int(0.3 * rate)))
    return np.concatenate(pieces)[: int(seconds * rate)].astype(np.float32)


def resonate(x, frequency, bandwidth, rate):
    """A two-pole resonator: y[i] = x[i] + 2 r cos(w) y[i−1] − r² y[i−2]."""
    r = np.exp(-np.pi * bandwidth / rate)
    a, b = 2 * r * np.cos(2 * np.pi * frequency / rate), -r * r
    y, last, before = np.empty_like(x), 0.0, 0.0
    for i, value in enumerate(x):
        last, before = value + a * last + b * before, last
        y[i] = last
    return y


def scene(width, height, seed):
    """A smooth colour image with edges, 0 … 255."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8))
    image = coarse.resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y, s = rng.integers(0, width), rng.integers(0, height), rng.integers(12, 70)
        draw.ellipse((x, y, x + s, y + s * 0.8), fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
    return np.asarray(image, np.float32)


def record_sentences(recorder, folder):
    tokenizer = Tokenizer.from_file(str(folder / "minilm/tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()

    def encode(texts, length=None):
        rows = [tokenizer.encode(text).ids for text in texts]
        length = length or max(map(len, rows))
        ids, mask = (np.zeros((len(rows), length), np.int64) for _ in range(2))
        for row, values in enumerate(rows):
            values = values[:length]
            ids[row, : len(values)] = values
            mask[row, : len(values)] = 1
        return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}

    long = " ".join(SENTENCES * 3)
    cases = {
        "one-word": encode(["cat"]),
        "sentence": encode([SENTENCES[1]]),
        "batch-padded": encode(SENTENCES),
        "tokens-32": encode([long], 32),
        "tokens-128": encode([long], 128),
        "tokens-300": encode([long * 3], 300),
        "batch-2-tokens-17": encode([SENTENCES[2], SENTENCES[0]], 17),
    }
    for name, inputs in cases.items():
        recorder.record(f"minilm-{name}", "minilm.onnx", inputs)
        recorder.record(f"minilm-int8-{name}", "minilm-int8.onnx", inputs, kind="int8")


def record_ocr(recorder):
    for text, width in zip(LINES, (160, 640, 320, 256, 320, 200, 480)):
        x = recogniser_input(text_image(text, 48), width)
        recorder.record(f"ocr-rec-{width}-{text[:5].strip(' ,:/').lower()}", "ocr-rec.onnx", {"x": x})
    batch = np.concatenate([recogniser_input(text_image(text, 48), 320) for text in LINES[:3]])
    recorder.record("ocr-rec-batch", "ocr-rec.onnx", {"x": batch})
    for width, height in ((320, 320), (640, 480), (96, 64), (736, 960)):
        x = detector_input(page_image(width, height))
        recorder.record(f"ocr-det-{width}x{height}", "ocr-det.onnx", {"x": x})
    upright = [recogniser_input(text_image(text, 48), 192) for text in LINES[:4]]
    turned = [recogniser_input(text_image(text, 48, 190).rotate(180), 192) for text in LINES[:4]]
    recorder.record("ocr-cls-one", "ocr-cls.onnx", {"x": upright[0]})
    recorder.record("ocr-cls-turned", "ocr-cls.onnx", {"x": turned[1]})
    recorder.record("ocr-cls-batch", "ocr-cls.onnx", {"x": np.concatenate(upright + turned)})


def record_speech(recorder):
    audio = {rate: speech(3.0, rate) for rate in (16000, 8000)}
    for model in ("silero", "silero-16k-op15", "silero-half", "silero-op18-ifless", "silero-openvino-16k"):
        rates = (16000, 8000) if model in ("silero", "silero-op18-ifless") else (16000,)
        for rate in rates:
            record_frames(recorder, model, audio[rate], rate)
    window, context = 512, 64
    padded = np.concatenate([np.zeros(context, np.float32), audio[16000]])
    count = (len(padded) - context) // window
    frames = np.stack([padded[i * window : i * window + window + context] for i in range(count)])
    zero = np.zeros((1, 1, 128), np.float32)
    for n in (1, 2, 31, count):
        inputs = {"input": frames[:n], "h": zero, "c": zero}
        recorder.record(f"silero-16k-sequence-{n}", "silero-16k-sequence.onnx", inputs)


def record_frames(recorder, model, audio, rate, frames=24):
    window, context = (512, 64) if rate == 16000 else (256, 32)
    names = {value.name for value in session(recorder.folder / f"{model}.onnx").get_inputs()}
    state = np.zeros((2, 1, 128), np.float32)
    padded = np.concatenate([np.zeros(context, np.float32), audio])
    for i in range(frames):
        inputs = {"input": padded[None, i * window : i * window + window + context], "state": state}
        if "sr" in names:
            inputs["sr"] = np.array(rate, np.int64)
        _, state = recorder.record(
            f"{model}-{rate // 1000}k-frame-{i:02}",
            f"{model}.onnx",
            inputs,
            kind="f16" if model == "silero-half" else "f32",
            group=f"{model}-{rate // 1000}k",
            carry={1: "state"},
        )


def record_vision(recorder, folder):
    for path in sorted([*(folder / "light").glob("*.onnx"), *(folder / "seeded").glob("*.onnx")]):
        value = next(v for v in session(path).get_inputs() if len(v.shape) == 4)
        _, _, height, width = value.shape
        pixels = scene(width, height, seed=3).transpose(2, 0, 1)[None] / 255
        x = ((pixels - 0.45) / 0.225).astype(np.float32)
        recorder.record(path.stem.replace("_", "-"), f"{path.parent.name}/{path.name}", {value.name: x})


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    recorder = Recorder(folder)
    record_sentences(recorder, folder)
    record_ocr(recorder)
    record_speech(recorder)
    record_vision(recorder, folder)
    cases = folder / "inputs" / "cases.json"
    cases.write_text(json.dumps(recorder.cases, indent=1) + "\n")
    print(f"{len(recorder.cases)} cases recorded with ONNX Runtime {ort.__version__}")


if __name__ == "__main__":
    main()
