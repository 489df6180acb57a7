#!/usr/bin/env python3
"""Write small PNG and JPEG files with the pixels that Pillow decodes, and resized pictures with those it makes.

Usage: make_image_cases.py OUTPUT

OUTPUT is JSON: {"decoding": [{"name", "file", "width", "height", "channels", "pixels"}],
"resizing": [{"filter", "width", "height", "pixels"}]}; bytes are hexadecimal. The first picture is the one resized.
"""

import io
import json
import sys

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 13, 9


def scene(channels):
    y, x, c = np.mgrid[:HEIGHT, :WIDTH, :channels]
    noise = np.random.default_rng(channels).integers(0, 60, x.shape)
    return np.clip(120 + 100 * np.sin(x / 3 + c) * np.cos(y / 2 - c) + noise, 0, 255).astype(np.uint8)


def encode(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def case(name, data, mode):
    image = Image.open(io.BytesIO(data))
    pixels = np.asarray(image.convert(mode))
    return {
        "name": name, "file": data.hex(), "width": image.width, "height": image.height,
        "channels": len(image.convert(mode).getbands()), "pixels": pixels.tobytes().hex(),
    }


def decoding():
    rgb, gray = Image.fromarray(scene(3)), Image.fromarray(scene(1)[..., 0])
    rgba, ga = Image.fromarray(scene(4)), Image.fromarray(scene(2), "LA")
    exif = Image.Exif()
    cases = [
        case("rgb", encode(rgb, "PNG"), "RGB"), case("gray", encode(gray, "PNG"), "L"),
        case("rgba", encode(rgba, "PNG"), "RGBA"), case("gray-alpha", encode(ga, "PNG"), "LA"),
        case("palette", encode(rgb.quantize(16), "PNG"), "RGB"),
        case("black-white", encode(gray.convert("1"), "PNG"), "L"),
        case("jpeg", encode(rgb, "JPEG", quality=90), "RGB"),
        case("jpeg-444", encode(rgb, "JPEG", quality=95, subsampling=0), "RGB"),
        case("jpeg-progressive", encode(rgb, "JPEG", quality=80, progressive=True), "RGB"),
        case("jpeg-gray", encode(gray, "JPEG"), "L"),
    ]
    deep = Image.fromarray(scene(1)[..., 0].astype(np.uint16) * 257)
    data = encode(deep, "PNG")
    cases.append({**case("gray-16", encode(gray, "PNG"), "L"), "file": data.hex(), "name": "gray-16"})
    from PIL import ImageOps

    for orientation in range(1, 9):
        exif[0x0112] = orientation
        data = encode(rgb, "JPEG", quality=90, exif=exif)
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        entry = case(f"orientation-{orientation}", data, "RGB")
        entry.update(width=upright.width, height=upright.height, pixels=np.asarray(upright).tobytes().hex())
        cases.append(entry)
    return cases


def resizing():
    image, cases = Image.fromarray(scene(3)), []
    for name, kind in [("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC)]:
        for width, height in [(1, 1), (5, 4), (13, 20), (26, 18), (40, 3), (7, 9), (12, 8), (14, 10)]:
            pixels = np.asarray(image.resize((width, height), kind))
            cases.append({"filter": name, "width": width, "height": height, "pixels": pixels.tobytes().hex()})
    return cases


if __name__ == "__main__":
    with open(sys.argv[1], "w") as output:
        json.dump({"decoding": decoding(), "resizing": resizing()}, output, indent=0)
        output.write("\n")
