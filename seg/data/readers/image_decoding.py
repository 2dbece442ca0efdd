"""Image files: opened within limits, checked to be whole, plain PNGs decoded."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from seg.data.readers.gdal import has_gdal, needs_gdal
from seg.data.readers.jpeg2000 import is_jpeg2000, jpeg2000_bands, jpeg2000_bits, jpeg2000_size
from seg.data.readers.numpy_files import format_of, is_numpy, read_array
from seg.data.readers.pillow_limits import pillow_limits
from seg.data.readers.tiff_pages import (
    Decoder,
    TiffPage,
    full_pages,
    is_big_endian_bigtiff,
    is_tiff,
    read_pages,
)
from seg.data.readers.urls import Location, read_bytes
from seg.errors import DataError

MAX_PIXELS = 89_478_485
"""Largest image that is decoded, in pixels: Pillow's own threshold for decompression bombs."""

_MOST_BANDS = 4  # of JPEG 2000 files that Pillow opens
_IHDR_DEPTH, _IHDR_COLOR = 24, 25  # positions in a PNG file (PNG, section 11.2.2)
_BMP_HEADER, _BMP_BITS = 14, 28  # of the information header, and in the file
_CHANNELS = {"L": ("mono", 0), "RGB": ("rgb", 2)}  # mode -> decoder's name, color type
# Others may turn the image (eXIf, iTXt), make parts transparent (tRNS) or animate it (acTL).
PLAIN_CHUNKS = frozenset(
    (b"IHDR", b"IDAT", b"IEND", b"pHYs", b"gAMA", b"sRGB", b"cHRM", b"iCCP", b"tIME", b"bKGD")
)


@dataclass(frozen=True)
class Opened:
    """An image file whose header was read.

    Attributes:
        format: as Pillow calls it.
        mode: as Pillow calls it, or how many bands there are.
        content: the whole file.
        decoder: what decodes it without losing or changing values.
        chunks: of a PNG, the names of its chunks; each fits its checksum.
        page: of a TIFF, the directory that is read.
        pillow: its pixels are not decoded yet; None where `decoder` is `gdal` or `numpy`.
        array: of a NumPy file, its values, H x W x bands.
    """

    format: str
    mode: str
    content: bytes
    decoder: Decoder
    chunks: frozenset[bytes] = frozenset()
    page: TiffPage | None = None
    pillow: Image.Image | None = None
    array: NDArray[Any] | None = None

    @property
    def pillow_image(self) -> Image.Image:
        """Return Pillow's image of the file, not decoded yet.

        Raises:
            ValueError: Pillow cannot read its pixels as they are.
        """
        if self.pillow is None:
            raise ValueError("Pillow does not read it")
        return self.pillow


@contextmanager
def opened(
    path: Location, kind: str, *, page: int | None = None, max_pixels: int | None = None
) -> Iterator[Opened]:
    """Open an image file within the pixel limit; whatever fails in the block is a `DataError`.

    Args:
        path: the file.
        kind: `image` or `label`, for messages.
        page: which page of a file of several, from 0; None: it must have a single one.
        max_pixels: the limit, None: `MAX_PIXELS`; a larger one applies to the whole process
            meanwhile.
    """
    max_pixels = MAX_PIXELS if max_pixels is None else max_pixels
    content = read_bytes(path, kind)
    try:
        with pillow_limits(max_pixels if max_pixels > MAX_PIXELS else 0):
            if is_tiff(content):
                with _opened_tiff(content, path, kind, page, max_pixels) as file:
                    yield file
                return
            if is_numpy(content):
                yield _opened_array(content, path, kind, max_pixels)
            elif is_jpeg2000(content) and jpeg2000_bands(content) > _MOST_BANDS:
                yield _opened_jpeg2000(content, path, kind, max_pixels)
            else:
                with _opened_by_pillow(content, path, kind, page, max_pixels) as file:
                    yield file
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path, kind, max_pixels) from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"{path}: not an image{_describe_start(content)}", fault="not_a_picture"
        ) from error
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise DataError(
            f"{path}: {kind} is damaged or truncated ({error})\n  copy or download it again",
            fault="damaged",
        ) from error


@contextmanager
def _opened_by_pillow(
    content: bytes, path: Location, kind: str, page: int | None, max_pixels: int
) -> Iterator[Opened]:
    with _open_by_pillow(content) as image:
        if page is not None:
            image.seek(page)
        _check_header(image, path, kind, max_pixels=max_pixels, any_pages=page is not None)
        chunks = _check_png(content) if image.format == "PNG" else frozenset()
        decoder = _decoder(image, content)
        if decoder == "gdal" and not has_gdal():
            raise needs_gdal(path, kind, "JPEG 2000 of more than 8 bits")
        pillow = None if decoder == "gdal" else image
        yield Opened(str(image.format), image.mode, content, decoder, chunks, pillow=pillow)


@contextmanager
def _opened_tiff(
    content: bytes, path: Location, kind: str, page: int | None, max_pixels: int
) -> Iterator[Opened]:
    pages = read_pages(BytesIO(content))
    full = full_pages(pages)
    if page is None and len(full) > 1:
        raise _several_frames(path, kind, len(full))
    chosen = full[0] if page is None else pages[page]
    if chosen.width * chosen.height > max_pixels:
        raise _too_large(path, kind, max_pixels)
    decoder = chosen.decoder
    if kind == "image" and chosen.masked and not chosen.is_converted:
        decoder = "gdal"
    # Training and prediction see the same pixels: the rasters of the latter are read by GDAL.
    if is_big_endian_bigtiff(content) or (chosen.is_jpeg_color and has_gdal()):
        decoder = "gdal"
    try:
        image = None if decoder == "gdal" else Image.open(BytesIO(content))
    except UnidentifiedImageError:  # of a compression, say, that Pillow does not know
        decoder, image = "gdal", None
    if image is None:
        if not has_gdal():
            raise needs_gdal(path, kind, chosen.describe())
        yield Opened("TIFF", chosen.mode, content, decoder, page=chosen)
        return
    with image:
        if chosen.position:
            image.seek(chosen.position)
        yield Opened("TIFF", image.mode, content, decoder, page=chosen, pillow=image)


def _opened_jpeg2000(content: bytes, path: Location, kind: str, max_pixels: int) -> Opened:
    height, width = jpeg2000_size(content)
    if height * width > max_pixels:
        raise _too_large(path, kind, max_pixels)
    bands = jpeg2000_bands(content)
    if not has_gdal():
        raise needs_gdal(path, kind, f"JPEG 2000 of {bands} bands")
    return Opened("JPEG2000", f"{bands} bands", content, "gdal")


def _opened_array(content: bytes, path: Location, kind: str, max_pixels: int) -> Opened:
    if kind != "image":
        raise DataError(
            f"{path}: a NumPy file, which is read as an image alone\n"
            "  save the ids of a label as a PNG of one channel",
            fault="label_kind",
        )
    array_HWC = read_array(content, path, max_pixels)
    mode = f"{array_HWC.shape[2]} bands"
    return Opened(format_of(content), mode, content, "numpy", array=array_HWC)


def _open_by_pillow(content: bytes) -> Image.Image:
    """Open a file; Pillow takes 4-bit BMPs with the palette 0, 1, ... for what it cannot read."""
    image: Image.Image = Image.open(BytesIO(content))
    bits = int.from_bytes(content[_BMP_BITS : _BMP_BITS + 2], "little")
    if (image.format, image.mode, bits) != ("BMP", "L", 4):
        return image
    palette_at = _BMP_HEADER + int.from_bytes(content[_BMP_HEADER : _BMP_HEADER + 4], "little")
    colored = bytearray(content)
    colored[palette_at] ^= 1
    image = Image.open(BytesIO(colored))
    image.putpalette([value for value in range(16) for _ in range(3)])
    return image


def _decoder(image: Image.Image, content: bytes) -> Decoder:
    if image.format == "PNG" and content[_IHDR_DEPTH] == 16 and content[_IHDR_COLOR] != 0:
        return "opencv"
    if is_jpeg2000(content) and (jpeg2000_bits(content) > 8):
        return "gdal"
    return "pillow"


def _check_png(content: bytes) -> frozenset[bytes]:
    """Verify the checksum of every chunk; Pillow skips those of pixel data (PNG, section 5)."""
    view, start, kind, kinds = memoryview(content), 8, b"", set()
    while kind != b"IEND":
        if start + 12 > len(view):
            raise ValueError("it ends before its last chunk")
        length = int.from_bytes(view[start : start + 4])
        kind = bytes(view[start + 4 : start + 8])
        end = start + 8 + length
        if zlib.crc32(view[start + 4 : end]) != int.from_bytes(view[end : end + 4]):
            raise ValueError(f"wrong checksum of chunk {kind!r}")
        start = end + 4
        kinds.add(kind)
    return frozenset(kinds)


def _check_header(
    image: Image.Image, path: Location, kind: str, max_pixels: int, *, any_pages: bool
) -> None:
    if image.width * image.height > max_pixels:
        raise _too_large(path, kind, max_pixels)
    if any_pages:
        return
    # MPO: a phone's photograph with previews behind it; the first frame is the photograph.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise _several_frames(path, kind, getattr(image, "n_frames", "several"))


def _several_frames(path: Location, kind: str, frames: object) -> DataError:
    message = f"{path}: {kind} holds {frames} frames; save the wanted one on its own"
    return DataError(message, fault="animated")


def _too_large(path: Location, kind: str, max_pixels: int) -> DataError:
    message = f"{path}: {kind} has more than {max_pixels} pixels; cut it into tiles"
    return DataError(message, fault="too_large")


def _describe_start(start: bytes) -> str:
    if start.startswith(b"version https://git-lfs"):
        return " but a Git LFS pointer; fetch the real file with `git lfs pull`"
    if start[:64].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return " but a web page; the download went wrong, repeat it"
    return f" (it starts with {start[:12]!r}); allowed are PNG, JPEG, TIFF, BMP, WebP and the like"


def decode_plain_png(file: Opened) -> NDArray[np.uint8] | None:
    """Decode a PNG of 8-bit grey or RGB without further meaning; return None for all others.

    It returns the same pixels as Pillow, three times as fast.

    Returns:
        H x W or H x W x 3.
    """
    mode = file.mode
    if mode not in _CHANNELS or not file.chunks or not file.chunks <= PLAIN_CHUNKS:
        return None
    name, color_type = _CHANNELS[mode]
    if (file.content[_IHDR_DEPTH], file.content[_IHDR_COLOR]) != (8, color_type):
        return None
    try:
        from kornia_rs.io import decode_image_png_u8

        shape = (file.pillow_image.height, file.pillow_image.width)
        pixels: NDArray[np.uint8] = np.asarray(decode_image_png_u8(file.content, shape, name))
    except Exception:  # Pillow decodes it next and reports the fault
        return None
    return pixels[..., 0] if mode == "L" else pixels
