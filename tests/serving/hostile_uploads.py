"""Uploads that a server has to refuse; each is harmless in itself."""

import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO

import numpy as np
from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
_CUTS = 36  # of each format
_GIANT = 60_000  # px a side
_RANDOM = 40


def uploads() -> Iterator[tuple[str, bytes]]:
    """Yield what each is, and its bytes: some three hundred."""
    whole = {name: _image(name) for name in FORMATS}
    for name, content in whole.items():
        # A file without its very last bytes may hold all pixels; from there on something lacks.
        for at in range(_CUTS):
            yield f"{name} cut", content[: (len(content) - 4) * at // _CUTS + 1]
    yield from _damaged(whole)
    yield from _giant(whole)
    yield from _other_formats()
    yield from _polyglots(whole)
    draw = random.Random(0)
    for at in range(_RANDOM):
        noise = draw.randbytes(draw.randrange(1, 20_000))
        start = b"" if at % 2 else whole[FORMATS[at % len(FORMATS)]][:8]
        yield "random bytes", start + noise


def _image(name: str, mode: str = "RGB") -> bytes:
    noise_HWC = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    stream = BytesIO()
    Image.fromarray(noise_HWC).convert(mode).save(stream, name)
    return stream.getvalue()


def _damaged(whole: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    png = whole["PNG"]
    for at in (29, 45, len(png) // 2, len(png) - 6):
        yield "PNG with a wrong checksum", _flipped(png, at)
    for name, content in whole.items():
        others = [each for each in FORMATS if each != name]
        for other in others:
            yield f"{name} that starts as {other}", whole[other][:12] + content[12:]
        yield f"{name} without its first byte", content[1:]


def _giant(whole: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield headers of images of billions of pixels, before the pixels of a small one."""
    side = struct.pack(">II", _GIANT, _GIANT)
    header = b"IHDR" + side + b"\x08\x02\x00\x00\x00"
    checked = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    yield "giant PNG", whole["PNG"][:8] + checked + whole["PNG"][33:]
    bmp = bytearray(whole["BMP"])
    bmp[18:26] = struct.pack("<ii", _GIANT, _GIANT)
    yield "giant BMP", bytes(bmp)
    jpeg = bytearray(whole["JPEG"])
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", _GIANT, _GIANT)
    yield "giant JPEG", bytes(jpeg)
    fields = ((256, 4, 1, _GIANT), (257, 4, 1, _GIANT), (258, 3, 1, 8), (259, 3, 1, 1))
    fields = (*fields, (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (279, 4, 1, 64))
    entries = b"".join(struct.pack("<HHII", *field) for field in fields)
    directory = struct.pack("<H", len(fields)) + entries + bytes(4)
    yield "giant TIFF", b"II*\0" + struct.pack("<I", 8) + directory + bytes(64)


def _other_formats() -> Iterator[tuple[str, bytes]]:
    yield "SVG", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
    yield "SVG", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'
    yield "PDF", b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    yield "PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
    yield "HTML", b"<!doctype html><html><body>no image</body></html>"
    yield "text", b"P is for picture, and this is a text."
    yield "JSON", b'{"image": "none"}'
    yield "pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    yield "zip", _zip()
    archive = BytesIO()
    np.savez(archive, image=np.zeros((9, 9, 3), np.uint8))
    yield "NumPy archive", archive.getvalue()
    array = BytesIO()
    np.save(array, np.zeros((9, 9, 3), np.uint8))
    yield "NumPy file", array.getvalue()
    for name in ("GIF", "PPM", "ICO", "TGA", "PCX", "SGI", "DDS", "JPEG2000"):
        yield name, _image(name, "P" if name == "GIF" else "RGB")
    frames = [Image.new("RGB", (9, 9), color) for color in ("red", "green", "blue")]
    for name in ("GIF", "PNG", "WEBP", "TIFF"):
        stream = BytesIO()
        frames[0].save(stream, name, save_all=True, append_images=frames[1:])
        yield f"{name} of several frames", stream.getvalue()
    for start in (b"\0", b"\n" * 99, b"MZ", b"\x7fELF", b"#!/bin/sh\n", b"\x1f\x8b\x08", b"BM"):
        yield "other file", start + bytes(99)


def _polyglots(whole: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for name, content in whole.items():
        yield f"{name} before a zip", content + _zip()
        yield f"zip before {name}", _zip() + content
        yield f"{name} after a blank", b" " + content
        yield f"HTML before {name}", b"<html>" + content


def _zip() -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "no image")
    return stream.getvalue()


def _flipped(content: bytes, at: int) -> bytes:
    changed = bytearray(content)
    changed[at] ^= 0x55
    return bytes(changed)
