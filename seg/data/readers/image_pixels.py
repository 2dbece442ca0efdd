"""Opened image files -> upright images."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.data.readers.alpha import check_alpha
from seg.data.readers.gdal import BandReader, gdal_errors, has_gdal, needs_gdal, opened_content
from seg.data.readers.image_decoding import Opened
from seg.data.readers.map_place import is_placed
from seg.data.readers.stored_values import (
    deep_color,
    deep_pnm,
    stored_bits,
    stored_grey,
    white_is_zero,
)
from seg.data.readers.tiff_pages import TiffPage
from seg.data.readers.urls import Location
from seg.data.readers.value_range import ImageDecoding
from seg.data.readers.value_scaling import inverted
from seg.errors import DataError

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
_GREY = ("1", "L", "I;16", "I;16B", "I;16L", "I;16N")
_DEEP_GREY = ("I", "F")  # signed, 32 bits, floating-point
_CONVERTIBLE = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr")
_PLAIN_ALPHA = {"La": "LA", "RGBa": "RGBA"}  # alpha that colors are multiplied by
_TRANSPARENT = ("LA", "PA", "RGBA", "La", "RGBa")


def upright_image(file: Opened, path: Location, decoding: ImageDecoding) -> NDArray[Any]:
    """Decode an image and turn it upright.

    Args:
        file: opened.
        path: where it lies, for messages.
        decoding: what is declared about its values.

    Returns:
        as `ImageDecoding.scale` returns it, H x W x channels, writable.

    Raises:
        DataError: see `seg.data.readers.readers.read_image`; damaged files raise nearly anything.
    """
    if file.page is not None:
        check_colors(file.page, path, decoding)
    if file.pillow is None or (_has_bands(file) and decoding.bands is not None):
        return _by_gdal(file, path, decoding)
    if decoding.bands not in (None, (1,) if file.mode in _GREY else (1, 2, 3)):
        raise DataError(
            f"{path}: a {file.format} image of mode {file.mode}, and"
            f" {decoding.section}.bands={decoding.bands_text} is declared\n"
            "  bands are chosen of TIFF and JPEG 2000 files alone",
            fault="bands",
        )
    # Pillow turns TIFFs itself while it decodes them, and nothing else.
    orientation = 1 if file.page is not None else orientation_of(file)
    try:
        file.pillow.load()
    except Exception:
        if file.format != "JPEG2000":
            raise
        return _by_gdal(file, path, decoding)
    values = _beyond_pillow(file, path, decoding)
    if values is None:
        rgb = _to_rgb(file, path, decoding)
        rgb = rgb.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else rgb
        pixels = np.array(rgb)
        if file.mode == "P":  # colors have 8 bits, whatever is declared of values
            return pixels.astype(decoding.dtype, copy=False)
        return decoding.scale(pixels, 8, path)
    scaled = decoding.scale(values, stored_bits(file), path)
    image_HW3 = np.repeat(scaled[..., None], 3, 2) if scaled.ndim == 2 else scaled
    return _turned(image_HW3, orientation)


def check_colors(page: TiffPage, path: Location, decoding: ImageDecoding) -> None:
    """Refuse a TIFF whose samples are no grey, RGB, palette or CMYK.

    Raises:
        DataError: they are none, or bands are declared of CMYK, which is converted as a whole.
    """
    if page.foreign_colors:
        raise no_rgb(path, page.foreign_colors)
    if page.is_cmyk and decoding.bands is not None:
        raise DataError(
            f"{path}: image holds {page.samples} bands of CMYK, and"
            f" {decoding.section}.bands={decoding.bands_text} is declared\n"
            "  bands are chosen of grey and RGB files alone: convert it to RGB",
            fault="bands",
        )


def no_rgb(path: Location, kind: str) -> DataError:
    """Return the error for pixels that cannot become RGB."""
    return DataError(
        f"{path}: image has pixels of kind {kind!r}\n"
        "  allowed: grey, RGB, palette, CMYK; convert it to 8-bit RGB",
        fault="image_kind",
    )


def orientation_of(file: Opened) -> int:
    """Return the orientation that a file announces, 1 to 8; call it before decoding."""
    if file.page is not None:
        return file.page.orientation
    return 1 if file.pillow is None else int(file.pillow.getexif().get(_ORIENTATION, 1))


def read_band(file: Opened, path: Location) -> NDArray[Any]:
    """Read the values of a file of one band by GDAL as they are stored, H x W."""
    with opened_content(file.content, path, _position(file)) as dataset, gdal_errors(path):
        values = np.asarray(dataset.read(1))
    if values.dtype.kind not in "iu":
        raise DataError(
            f"{path}: label holds {values.dtype} values, not class ids\n"
            "  save the ids as a single-channel PNG of 8 or 16 bits",
            fault="label_kind",
        )
    return values


def _by_gdal(file: Opened, path: Location, decoding: ImageDecoding) -> NDArray[Any]:
    if not has_gdal():
        what = f"{file.format} file that Pillow does not decode"
        if decoding.bands is not None:
            what = f"{file.format} file of which {decoding.section}.bands chooses bands"
        raise needs_gdal(path, "image", what)
    on_map = partial(is_placed, path, file.content, file.page)
    with opened_content(file.content, path, _position(file)) as dataset:
        return _turned(BandReader(dataset, path, decoding, on_map).read(), orientation_of(file))


def _position(file: Opened) -> int:
    return 0 if file.page is None else file.page.position


def _turned(image_HWC: NDArray[Any], orientation: int) -> NDArray[Any]:
    if orientation not in _UPRIGHT:
        return image_HWC
    if orientation > 4:  # rows become columns
        image_HWC = image_HWC.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        image_HWC = image_HWC[::-1]
    if orientation in (2, 3, 6, 7):
        image_HWC = image_HWC[:, ::-1]
    return np.ascontiguousarray(image_HWC)


def _beyond_pillow(file: Opened, path: Location, decoding: ImageDecoding) -> NDArray[Any] | None:
    """Return stored values (0 is black), H x W or H x W x 3; None where Pillow's RGB suffices."""
    if file.decoder == "opencv":
        values = deep_color(file)
        if values.shape[2] in (2, 4):
            _check_alpha(values[..., -1], file, path, decoding)
            values = values[..., :-1]
        return values[..., 0] if values.shape[2] == 1 else values
    deep = deep_pnm(file)
    if deep is not None or file.mode not in (*_GREY, *_DEEP_GREY):
        return deep
    bits, clear = stored_bits(file), file.pillow_image.info.get("transparency")
    if file.mode == "L" and (bits == 8 or file.format == "PPM") and clear is None:
        return None
    stored = stored_grey(file)
    if clear is not None:
        clear = bool(clear) if bits == 1 else clear
        _check_alpha(np.where(stored == clear, 0, 255).astype(np.uint8), file, path, decoding)
    return inverted(stored, bits, path) if white_is_zero(file) else stored


def _check_alpha(
    alpha_HW: NDArray[Any], file: Opened, path: Location, decoding: ImageDecoding
) -> None:
    grey = file.mode in ("LA", "La", "2 bands")
    check_alpha(
        alpha_HW,
        path,
        is_mask=partial(is_placed, path, file.content, file.page) if _has_bands(file) else None,
        others=(1,) if grey else (1, 2, 3),
        section=decoding.section,
    )


def _has_bands(file: Opened) -> bool:
    """Return whether `bands` can choose among the bands of the file."""
    return file.page is not None or file.format == "JPEG2000"


def _to_rgb(file: Opened, path: Location, decoding: ImageDecoding) -> Image.Image:
    image = file.pillow_image
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        image = image.convert(_PLAIN_ALPHA.get(image.mode, "RGBA")).convert("RGBA")
        _check_alpha(np.asarray(image.getchannel("A")), file, path, decoding)
        return image.convert("RGB")
    if image.mode not in _CONVERTIBLE:
        raise no_rgb(path, image.mode)
    return image if image.mode == "RGB" else image.convert("RGB")
