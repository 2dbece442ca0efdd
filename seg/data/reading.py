"""Strict readers: a file yields the pixels it was meant to hold, or a `DataError` naming it.

Pillow decodes everything: it refuses truncated files and keeps palette indices and 16-bit values,
where OpenCV returns half-grey pictures, colours for indices, and labels divided by 256.
"""

import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from seg.errors import DataError

MAX_PIXELS = 89_478_485
"""Largest picture that is decoded, in pixels: Pillow's own threshold for decompression bombs."""

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LOSSLESS = ("PNG", "TIFF", "BMP", "GIF", "PPM")
_CONVERTIBLE = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr")
_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")
_TRANSPARENT = ("LA", "PA", "RGBA", "La", "RGBa")


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """Decode a picture and turn it upright as its EXIF orientation says.

    Grey, palette and CMYK pictures become RGB; of 16-bit channels the high byte is kept.

    Returns:
        uint8, H x W x 3, RGB, writable.

    Raises:
        DataError: the file is missing, empty, damaged, truncated, larger than `MAX_PIXELS`,
            animated, partly transparent, or holds floating-point or other non-RGB colour.
    """
    return _read_image(Path(path))[0]


def read_label(path: str | Path, shape: tuple[int, int] | None = None) -> NDArray[Any]:
    """Decode a label map: palette indices, or grey values as stored (1, 2, 4, 8 or 16 bits).

    Args:
        path: a lossless, single-channel picture file.
        shape: `(height, width)` that the label must have.

    Returns:
        H x W file values, uint8, uint16 or int32.

    Raises:
        DataError: as for `read_image`; also colours, a lossy format, an EXIF orientation, or
            another shape.
    """
    path = Path(path)
    with _opened(path, "label") as (picture, content):
        _check_label_kind(picture, path)
        label_HW = _label_values(picture, content)
    if shape is not None and label_HW.shape != shape:
        raise DataError(f"{path}: label is {_size(label_HW.shape)}, expected {_size(shape)}")
    return label_HW


def read_pair(
    image_path: str | Path, label_path: str | Path
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Read an image and the label of the same size.

    Returns:
        the upright image, uint8, H x W x 3, and the values of the label file, integer, H x W.

    Raises:
        DataError: either file cannot be read, or their sizes differ.
    """
    image, orientation = _read_image(Path(image_path))
    label = read_label(label_path)
    if image.shape[:2] == label.shape:
        return image, label
    hint = "give the label the size of its image, enlarged or reduced with nearest neighbour"
    if orientation > 1 and image.shape[1::-1] == label.shape:
        hint = (
            f"the image is turned by its EXIF orientation {orientation} and the label is not:\n"
            "  turn the label, or remove the orientation tag from the image"
        )
    raise DataError(
        "image and label differ in size (width x height):\n"
        f"  image {image_path}: {_size(image.shape)}\n"
        f"  label {label_path}: {_size(label.shape)}\n"
        f"  {hint}"
    )


def _read_image(path: Path) -> tuple[NDArray[np.uint8], int]:
    """The upright picture and the EXIF orientation (1: none) that it was turned by."""
    with _opened(path, "image") as (picture, _):
        orientation = int(picture.getexif().get(_ORIENTATION, 1))
        picture.load()
        rgb = _to_rgb(picture, path)
        if orientation in _UPRIGHT:
            rgb = rgb.transpose(_UPRIGHT[orientation])
        return np.array(rgb), orientation


@contextmanager
def _opened(path: Path, kind: str) -> Iterator[tuple[Image.Image, bytes]]:
    """A picture within the pixel limit, and its file; whatever fails inside is a `DataError`."""
    # Another library may have told Pillow to fill truncated files with grey, process-wide.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    content = _content(path, kind)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content)) as picture:
                _check_header(picture, path, kind)
                if picture.format == "PNG":
                    _check_png(content)
                yield picture, content
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(_too_large(path, kind)) from error
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: not a picture{_what_it_is(content)}") from error
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise DataError(
            f"{path}: {kind} is damaged or truncated ({error})\n  copy or download it again"
        ) from error


def _content(path: Path, kind: str) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: {kind} not found") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: {kind} expected, found a folder") from error
    except OSError as error:
        raise DataError(f"{path}: {kind} cannot be read: {error.strerror}") from error
    if not content:
        raise DataError(f"{path}: {kind} is empty (0 bytes); copy or download it again")
    return content


def _check_png(content: bytes) -> None:
    """Hold every chunk against its checksum, which Pillow skips for pixel data (PNG, section 5)."""
    view, start, kind = memoryview(content), 8, b""
    while kind != b"IEND":
        if start + 12 > len(view):
            raise ValueError("it ends before its last chunk")
        length = int.from_bytes(view[start : start + 4])
        kind = bytes(view[start + 4 : start + 8])
        end = start + 8 + length
        if zlib.crc32(view[start + 4 : end]) != int.from_bytes(view[end : end + 4]):
            raise ValueError(f"wrong checksum of chunk {kind!r}")
        start = end + 4


def _check_header(picture: Image.Image, path: Path, kind: str) -> None:
    if picture.width * picture.height > MAX_PIXELS:
        raise DataError(_too_large(path, kind))
    # MPO: a phone's photograph with previews behind it; the first frame is the photograph.
    if getattr(picture, "is_animated", False) and picture.format != "MPO":
        frames = getattr(picture, "n_frames", "several")
        raise DataError(f"{path}: {kind} holds {frames} frames; save the wanted one on its own")


def _too_large(path: Path, kind: str) -> str:
    return f"{path}: {kind} has more than {MAX_PIXELS} pixels; cut it into tiles"


def _what_it_is(start: bytes) -> str:
    if start.startswith(b"version https://git-lfs"):
        return " but a Git LFS pointer; fetch the real file with `git lfs pull`"
    if start[:64].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return " but a web page; the download went wrong, repeat it"
    return f" (it starts with {start[:12]!r}); allowed are PNG, JPEG, TIFF, BMP, WebP and the like"


def _to_rgb(picture: Image.Image, path: Path) -> Image.Image:
    if picture.mode in _SIXTEEN_BIT:
        high_byte = (np.asarray(picture) >> 8).astype(np.uint8)
        return Image.fromarray(high_byte).convert("RGB")
    if picture.mode in _TRANSPARENT or "transparency" in picture.info:
        with_alpha = picture.convert("RGBA")
        if with_alpha.getchannel("A").getextrema() != (255, 255):
            raise DataError(
                f"{path}: image has transparent pixels, whose colour is undefined\n"
                "  flatten it onto a background and save it as RGB"
            )
        return with_alpha.convert("RGB")
    if picture.mode not in _CONVERTIBLE:
        raise DataError(
            f"{path}: image has pixels of kind {picture.mode!r}\n"
            f"  allowed: 8- or 16-bit grey, RGB, palette, CMYK; convert it to 8-bit RGB"
        )
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _check_label_kind(picture: Image.Image, path: Path) -> None:
    if picture.format not in _LOSSLESS:
        raise DataError(
            f"{path}: {picture.format} may change pixel values, so it cannot hold class ids\n"
            f"  allowed: {', '.join(_LOSSLESS)}; export the labels again from their source"
        )
    if picture.mode not in ("1", "L", "P", "I", *_SIXTEEN_BIT):
        raise DataError(
            f"{path}: label holds {_pixel_kind(picture)} ({picture.mode}), not class ids\n"
            f"  {_label_remedy(picture)}"
        )
    orientation = int(picture.getexif().get(_ORIENTATION, 1))
    if orientation != 1:
        raise DataError(
            f"{path}: label carries EXIF orientation {orientation}\n"
            "  turn its pixels to fit the upright image and save it without the tag"
        )


def _pixel_kind(picture: Image.Image) -> str:
    return "colours" if len(picture.getbands()) > 2 else "pixels"


def _label_remedy(picture: Image.Image) -> str:
    if picture.mode not in ("RGB", "RGBA"):
        return "save the ids as a single-channel PNG of 8 or 16 bits"
    channels = np.asarray(picture.convert("RGB"))
    if (channels == channels[..., :1]).all():
        return "its three channels are equal: save one of them as a single-channel PNG"
    return "translate each colour to its class id and save a single-channel or palette PNG"


def _label_values(picture: Image.Image, content: bytes) -> NDArray[Any]:
    # The depth is byte 24 of a PNG; Pillow stretches grey of 2 and 4 bits to 0..255.
    depth = content[24] if picture.format == "PNG" and picture.mode == "L" else 8
    values = np.array(picture)
    if values.dtype == np.bool_:
        return values.astype(np.uint8)
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    return native // (255 // (2**depth - 1)) if depth < 8 else native


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
