#!/usr/bin/env python3
"""Write small image files of every format with the pixels that Pillow decodes, and resized pictures with those it makes.

Usage: make_image_cases.py OUTPUT

OUTPUT is JSON: {"decoding": [{"name", "file", "width", "height", "channels", "pixels"}], PNG and JPEG;
"formats": the same of all others, with "tolerance", the largest difference of a value;
"resizing": [{"filter", "width", "height", "pixels"}]}; bytes are hexadecimal. The first picture is the one resized.
"""

import io
import json
import struct
import sys

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

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


def bitmap(pixels, bits, compression=0, palette=b"", masks=b"", size=(WIDTH, HEIGHT), header=40):
    """A BMP file around `pixels`, as Pillow cannot write it."""
    offset = 14 + header + len(masks) + len(palette)
    if header == 12:
        info = struct.pack("<IHHHH", 12, *size, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, *size, 1, bits, compression, len(pixels), 0, 0, 0, 0)
        info += bytes(header - len(info))
    return struct.pack("<2sIHHI", b"BM", offset + len(pixels), 0, 0, offset) + info + masks + palette + pixels


def bitmaps():
    rgb, gray = Image.fromarray(scene(3)), Image.fromarray(scene(1)[..., 0])
    palette = b"".join(bytes([c, 255 - c, c // 2, 0]) for c in range(0, 256, 16))
    few = np.random.default_rng(5).integers(0, 16, (HEIGHT, WIDTH), np.uint8)
    runs = b"".join(b"".join(bytes([1, v]) for v in row) + b"\0\0" for row in few) + b"\0\1"
    literal = b"".join(bytes([0, WIDTH]) + row.tobytes() + b"\0" + b"\0\0" for row in few) + b"\0\1"
    wide = palette * 16
    words = np.random.default_rng(6).integers(0, 1 << 16, (HEIGHT, WIDTH + 1), np.uint16)
    quads = np.random.default_rng(7).integers(0, 1 << 32, (HEIGHT, WIDTH), np.uint32)
    nibbles = np.zeros((HEIGHT, 8), np.uint8)
    for x in range(WIDTH):
        nibbles[:, x // 2] |= few[:, x] << (0 if x % 2 else 4)
    core = b"".join(palette[i : i + 3] for i in range(0, 64, 4))
    mask = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    topdown = bitmap(quads.tobytes(), 32, size=(WIDTH, -HEIGHT))
    four = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    v4 = bytearray(bitmap(quads.tobytes(), 32, 3, header=108))
    v4[54:70] = four
    return [
        case("bmp", encode(rgb, "BMP"), "RGB"), case("bmp-gray", encode(gray, "BMP"), "L"),
        case("bmp-bits", encode(gray.convert("1"), "BMP"), "L"),
        case("bmp-palette", encode(rgb.quantize(16), "BMP"), "RGB"),
        case("bmp-4-bits", bitmap(nibbles.tobytes(), 4, palette=palette), "RGB"),
        case("bmp-core", bitmap(nibbles.tobytes(), 4, palette=core, header=12), "RGB"),
        case("bmp-runs", bitmap(runs, 8, 1, palette=wide), "RGB"),
        case("bmp-literal-runs", bitmap(literal, 8, 1, palette=wide), "RGB"),
        case("bmp-555", bitmap(words.tobytes(), 16), "RGB"),
        case("bmp-565", bitmap(words.tobytes(), 16, 3, masks=mask), "RGB"),
        case("bmp-top-down", topdown, "RGB"), case("bmp-alpha", bytes(v4), "RGBA"),
    ]


def portable_maps():
    rgb, gray = Image.fromarray(scene(3)), Image.fromarray(scene(1)[..., 0])
    small = np.random.default_rng(8).integers(0, 8, (HEIGHT, WIDTH, 3))
    text = " ".join(map(str, small.ravel().tolist()))
    bits = "\n".join("".join(map(str, row)) for row in (small[..., 0] % 2).tolist())
    size = f"{WIDTH} {HEIGHT}"
    pam = f"P7\nWIDTH {WIDTH}\nHEIGHT {HEIGHT}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n".encode()
    return [
        case("ppm", encode(rgb, "PPM"), "RGB"), case("pgm", encode(gray, "PPM"), "L"),
        case("pbm", encode(gray.convert("1"), "PPM"), "L"),
        case("ppm-plain", f"P3 # a comment\n{size}\n7\n{text}\n".encode(), "RGB"),
        case("pgm-plain", f"P2\n#c\n{size} 7 {' '.join(map(str, small[..., 0].ravel().tolist()))}\n".encode(), "L"),
        case("pbm-plain", f"P1\n{size}\n{bits}\n".encode(), "L"),
        case("ppm-16", f"P6 {size} 65535\n".encode() + (scene(3).astype(">u2") * 257).tobytes(), "RGB"),
        case("ppm-odd-maximum", f"P6 {size} 100\n".encode() + (scene(3) % 101).tobytes(), "RGB"),
        {**case("pam", encode(Image.fromarray(scene(4)), "PNG"), "RGBA"), "file": (pam + scene(4).tobytes()).hex()},
    ]


def tagged(image, **options):
    return encode(image, "TIFF", **options)


def tagged_images():
    rgb, gray = Image.fromarray(scene(3)), Image.fromarray(scene(1)[..., 0])
    rgba = Image.fromarray(scene(4))
    cases = [case(f"tiff-{kind}", tagged(rgb, compression=kind), "RGB")
             for kind in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")]  # fmt: skip
    cases += [
        case("tiff-gray", tagged(gray), "L"), case("tiff-alpha", tagged(rgba), "RGBA"),
        case("tiff-bits", tagged(gray.convert("1"), compression="group4"), "L"),
        case("tiff-palette", tagged(rgb.quantize(16)), "RGB"),
        {**case("tiff-cmyk", tagged(rgb.convert("CMYK")), "RGB"), "tolerance": 1},
        {**case("tiff-jpeg", tagged(rgb, compression="jpeg", quality=90), "RGB"), "tolerance": 2},
    ]
    deep = Image.fromarray(scene(1)[..., 0].astype(np.uint16) * 257)
    cases.append({**case("tiff-gray-16", tagged(gray), "L"), "file": tagged(deep).hex()})
    for orientation in range(2, 9):
        cases.append(case(f"tiff-orientation-{orientation}", tagged(rgb, tiffinfo={274: orientation}), "RGB"))
    return cases


def waveletted():
    rgb, gray = Image.fromarray(scene(3)), Image.fromarray(scene(1)[..., 0])
    rgba, ga = Image.fromarray(scene(4)), Image.fromarray(scene(2), "LA")
    deep = Image.fromarray(scene(1)[..., 0].astype(np.uint16) * 257)
    return [
        case("jp2", encode(rgb, "JPEG2000"), "RGB"), case("jp2-gray", encode(gray, "JPEG2000"), "L"),
        case("jp2-alpha", encode(rgba, "JPEG2000"), "RGBA"),
        case("jp2-gray-alpha", encode(ga, "JPEG2000"), "LA"),
        case("jp2-bare", encode(rgb, "JPEG2000", no_jp2=True), "RGB"),
        case("jp2-tiles", encode(rgb, "JPEG2000", tile_size=(8, 8)), "RGB"),
        case("jp2-lossy", encode(rgb, "JPEG2000", irreversible=True, quality_layers=[8]), "RGB"),
        {**case("jp2-gray-16", encode(gray, "JPEG2000"), "L"), "file": encode(deep, "JPEG2000").hex()},
    ]


def web_pictures():
    rgb, rgba = Image.fromarray(scene(3)), Image.fromarray(scene(4))
    gamma = PngInfo()
    gamma.add(b"gAMA", struct.pack(">I", 100000))
    frames = {"save_all": True, "append_images": [rgb.rotate(90)]}
    return [
        case("png-gamma", encode(rgb, "PNG", pnginfo=gamma), "RGB"),  # which Pillow leaves to whoever shows it
        case("webp", encode(rgb, "WEBP", quality=80), "RGB"),
        case("webp-lossless", encode(rgb, "WEBP", lossless=True), "RGB"),
        case("webp-alpha", encode(rgba, "WEBP", quality=80), "RGBA"),
        case("webp-lossless-alpha", encode(rgba, "WEBP", lossless=True, exact=True), "RGBA"),
        case("webp-animation", encode(rgb, "WEBP", lossless=True, **frames), "RGBA"),
    ]


def resizing():
    image, cases = Image.fromarray(scene(3)), []
    for name, kind in [("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC)]:
        for width, height in [(1, 1), (5, 4), (13, 20), (26, 18), (40, 3), (7, 9), (12, 8), (14, 10)]:
            pixels = np.asarray(image.resize((width, height), kind))
            cases.append({"filter": name, "width": width, "height": height, "pixels": pixels.tobytes().hex()})
    return cases


if __name__ == "__main__":
    with open(sys.argv[1], "w") as output:
        formats = bitmaps() + portable_maps() + tagged_images() + waveletted() + web_pictures()
        json.dump({"decoding": decoding(), "formats": formats, "resizing": resizing()}, output, indent=0)
        output.write("\n")
