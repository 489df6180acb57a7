"""Encoded images."""

import io

import numpy as np
import PIL.Image

from . import case

FORMATS = {
    "BMP": [{}],
    "JPEG": [{"quality": 90}, {"quality": 30}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 1}],
    "JPEG2000": [{}, {"irreversible": True}, {"num_resolutions": 1}],
    "PNG": [{}, {"compress_level": 0}, {"optimize": True}],
    "PPM": [{}],
    "TIFF": [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_deflate"}, {"compression": "packbits"}],
    "WEBP": [{"lossless": True}, {"quality": 80}, {"quality": 20}],
}


def picture(draw, channels):
    """A ramp in each channel with noise on it, so that lossy formats have something to lose."""
    height, width = draw.integer(1, 40), draw.integer(1, 40)
    rows, columns = np.mgrid[0:height, 0:width]
    planes = [rows * draw.integer(0, 6) + columns * draw.integer(0, 6) + draw.integer(0, 255) for _ in range(channels)]
    noise = draw.numpy.integers(0, draw.pick([1, 8, 64]), (height, width, channels))
    return ((np.stack(planes, -1) + noise) % 256).astype(np.uint8)


@case("ImageDecoder")
def image_decoder(draw):
    form = draw.pick(FORMATS)
    wanted = draw.pick(["RGB", "BGR", "Grayscale"])
    # The reference gives gray images another rank unless gray is what is asked for.
    gray = wanted == "Grayscale" and draw.chance()
    pixels = picture(draw, 1 if gray else 3)
    encoded = io.BytesIO()
    PIL.Image.fromarray(pixels[..., 0] if gray else pixels).save(encoded, form, **draw.pick(FORMATS[form]))
    draw.add(np.frombuffer(encoded.getvalue(), np.uint8).copy(), constant=False)
    if wanted != "RGB" or draw.chance():
        draw.set(pixel_format=wanted)
    draw.exact = True
