"""Fourier transforms and windows."""

import numpy as np

from .. import values
from . import case


@case("BlackmanWindow", "HammingWindow", "HannWindow")
def window(draw):
    draw.parameter(np.array(draw.integer(2, 17) if draw.chance(0.9) else draw.integer(0, 1), draw.type("T1")))
    draw.some(periodic=draw.integer(0, 1), output_datatype=values.onnx_type(draw.type("T2")))


@case("MelWeightMatrix")
def mel(draw):
    for number in (draw.integer(2, 8), draw.pick([16, 32, 64]), draw.pick([8000, 16000])):
        draw.parameter(np.array(number, draw.type("T1")))
    draw.parameter(np.array(draw.pick([0.0, 20.0, 100.0])).astype(draw.type("T2")))
    draw.parameter(np.array(draw.pick([2000.0, 4000.0])).astype(draw.type("T2")))
    draw.some(output_datatype=values.onnx_type(draw.type("T3")))


@case("DFT")
def dft(draw):
    inverse, onesided = draw.pick([(0, 0), (1, 0), (0, 1), (1, 1) if draw.version >= 20 else (0, 1)])
    parts = 2 if inverse or (draw.chance() and not onesided) else 1
    shape = (draw.integer(1, 2), *(draw.integer(2, 9) for _ in range(draw.integer(1, 3))), parts)
    draw.tensor("T1", shape, special=False)
    axis = draw.integer(1, len(shape) - 2)
    length = draw.integer(2, 12) if draw.chance(0.4) else None
    draw.parameter(None if length is None else np.array(length, draw.type("T2")))
    draw.some(inverse=inverse, onesided=onesided)
    if inverse or onesided:
        draw.set(inverse=inverse, onesided=onesided)
    if draw.has("axis"):
        return draw.some(axis=axis - len(shape) if draw.chance(0.3) else axis)
    if draw.chance(0.7):
        draw.parameter(np.array(axis - len(shape) if draw.chance(0.3) else axis, np.int64))


@case("STFT")
def stft(draw):
    length, frame = draw.integer(12, 40), draw.integer(3, 10)
    draw.special = False
    parts = draw.pick([1, 1, 2])
    draw.tensor("T1", (draw.integer(1, 2), length, parts))
    draw.parameter(np.array(draw.integer(1, 6), draw.type("T2")))
    windowed = draw.chance()
    draw.parameter(draw.array(draw.bound["T1"], (frame,), 0, 1) if windowed else None)
    if not windowed or draw.chance():
        draw.parameter(np.array(frame, draw.bound["T2"]))
    draw.set(onesided=0 if parts == 2 else draw.integer(0, 1))
