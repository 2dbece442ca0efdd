"""Opened image files -> upright images."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.data.readers.alpha import check_alpha
from seg.data.readers.bands import chosen_bands, scaled_bands
from seg.data.readers.gdal import (
    BandReader,
    Masked,
    gdal_errors,
    has_gdal,
    needs_gdal,
    opened_content,
)
from seg.data.readers.image_decoding import Opened
from seg.data.readers.map_place import is_placed
from seg.data.readers.stored_values import (
    deep_color,
    deep_pnm,
    is_grey_alpha,
    stored_bits,
    stored_grey,
    white_is_zero,
)
from seg.data.readers.tiff_pages import TiffPage
from seg.data.readers.urls import Location
from seg.data.readers.value_range import ImageDecoding
from seg.data.readers.value_scaling import inverted, mark_no_data
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
_COLORS = ("red", "green", "blue")
_NAMES = {
    "L": ("gray",),
    "LA": ("gray", "alpha"),
    "RGB": _COLORS,
    "RGBA": (*_COLORS, "alpha"),
}
_TRANSPARENT = ("LA", "PA", "RGBA", "La", "RGBa")


def upright_image(file: Opened, path: Location, decoding: ImageDecoding) -> Masked:
    """Decode an image and turn it upright.

    Args:
        file: opened.
        path: where it lies, for messages.
        decoding: what is declared about its values.

    Returns:
        as `ImageDecoding.scale` returns it, H x W x channels, writable, and which pixels lack data
        by the file itself, H x W; None: none.

    Raises:
        DataError: see `seg.data.readers.readers.read_image`; damaged files raise nearly anything.
    """
    if file.page is not None:
        check_colors(file.page, path, decoding)
    if file.array is not None:
        return scaled_bands(file.array, (), 8 * file.array.dtype.itemsize, path, decoding), None
    if file.pillow is None or (_has_bands(file) and decoding.bands is not None):
        return _by_gdal(file, path, decoding)
    # Pillow turns TIFFs itself while it decodes them, and nothing else.
    orientation = 1 if file.page is not None else orientation_of(file)
    try:
        file.pillow.load()
    except Exception:
        if file.format != "JPEG2000":
            raise
        return _by_gdal(file, path, decoding)
    if decoding.bands is not None and (bands := _bands_beyond_usual(file, path, decoding)):
        names, values_HWC = bands
        image_HWC = scaled_bands(values_HWC, names, stored_bits(file), path, decoding)
        return _turned(image_HWC, orientation), None
    values, lacks_data_HW = _beyond_pillow(file, path, decoding)
    if values is None:
        return _rgb_by_pillow(file, path, decoding, orientation)
    scaled = decoding.scale(values, stored_bits(file), path, lacks_data_HW)
    image_HW3 = np.repeat(scaled[..., None], 3, 2) if scaled.ndim == 2 else scaled
    return _turned(image_HW3, orientation), _turned(lacks_data_HW, orientation)


def _rgb_by_pillow(
    file: Opened, path: Location, decoding: ImageDecoding, orientation: int
) -> Masked:
    rgb, lacks_data_HW = _to_rgb(file, path, decoding)
    rgb = rgb.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else rgb
    pixels = np.array(rgb)
    if file.page is not None and file.page.masked:
        lacks_data_HW = _masked_by_gdal(file, path)
    if file.mode != "P":
        return decoding.scale(pixels, 8, path, lacks_data_HW), lacks_data_HW
    # colors have 8 bits, whatever is declared of values
    image_HW3 = pixels.astype(decoding.dtype, copy=False)
    mark_no_data(image_HW3, lacks_data_HW)
    return image_HW3, lacks_data_HW


def _masked_by_gdal(file: Opened, path: Location) -> NDArray[np.bool_]:
    """Return where a TIFF whose colors Pillow converts has no data, upright."""
    if not has_gdal():
        raise needs_gdal(path, "image", "TIFF that says which pixels have data")
    with opened_content(file.content, path, _position(file)) as dataset, gdal_errors(path):
        lacks_data_HW = dataset.dataset_mask() == 0
    return np.asarray(_turned(lacks_data_HW, orientation_of(file)))


def _bands_beyond_usual(
    file: Opened, path: Location, decoding: ImageDecoding
) -> tuple[Sequence[str], NDArray[Any]] | None:
    """Return names and values of all bands, H x W x bands, where others than usual are declared.

    Usual are grey, and red, green and blue, beside which alpha must be opaque: None.

    Raises:
        DataError: the file lacks a band, or its colors are converted, not stored.
    """
    grey = file.mode in (*_GREY, *_DEEP_GREY)
    names = _NAMES.get("LA" if is_grey_alpha(file) else file.mode, ("gray",) if grey else _COLORS)
    chosen = chosen_bands(decoding, path, len(names), (names,))
    if chosen == list(range(1, len(names) + 1 - ("alpha" in names))):
        return None
    if file.mode not in _NAMES and not grey:
        raise DataError(
            f"{path}: image of mode {file.mode}, and {decoding.section}.bands="
            f"{decoding.bands_text} is declared\n"
            "  bands are chosen of grey and RGB files alone: convert it to RGB",
            fault="bands",
        )
    has_alpha = "alpha" in names and len(names) in chosen
    if not has_alpha and _beyond_pillow(file, path, decoding)[0] is None:
        _to_rgb(file, path, decoding)  # both refuse transparent pixels
    if file.decoder == "opencv":
        return names, deep_color(file)
    deep = deep_pnm(file)
    if deep is None:
        deep = stored_grey(file) if grey else np.asarray(file.pillow_image)
    return names, deep if deep.ndim == 3 else deep[..., None]


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


def _by_gdal(file: Opened, path: Location, decoding: ImageDecoding) -> Masked:
    if not has_gdal():
        what = f"{file.format} file that Pillow does not decode"
        if decoding.bands is not None:
            what = f"{file.format} file of which {decoding.section}.bands chooses bands"
        raise needs_gdal(path, "image", what)
    on_map = partial(is_placed, path, file.content, file.page)
    with opened_content(file.content, path, _position(file)) as dataset:
        image_HWC, lacks_data_HW = BandReader(dataset, path, decoding, on_map).read_masked()
    orientation = orientation_of(file)
    return _turned(image_HWC, orientation), _turned(lacks_data_HW, orientation)


def _position(file: Opened) -> int:
    return 0 if file.page is None else file.page.position


def _turned(image_HWC: Any, orientation: int) -> Any:
    """Turn an image, or a mask, upright; None stays None."""
    if image_HWC is None or orientation not in _UPRIGHT:
        return image_HWC
    if orientation > 4:  # rows become columns
        image_HWC = image_HWC.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image_HWC = image_HWC[::-1]
    if orientation in (2, 3, 6, 7):
        image_HWC = image_HWC[:, ::-1]
    return np.ascontiguousarray(image_HWC)


def _beyond_pillow(
    file: Opened, path: Location, decoding: ImageDecoding
) -> tuple[NDArray[Any] | None, NDArray[np.bool_] | None]:
    """Return stored values (0 is black), H x W or H x W x 3, and where data lack.

    The values are None where Pillow's RGB suffices.
    """
    if file.decoder == "opencv":
        values, lacks_data_HW = deep_color(file), None
        if values.shape[2] in (2, 4):
            lacks_data_HW = _check_alpha(values[..., -1], file, path, decoding)
            values = values[..., :-1]
        return values[..., 0] if values.shape[2] == 1 else values, lacks_data_HW
    deep = deep_pnm(file)
    if deep is not None or file.mode not in (*_GREY, *_DEEP_GREY):
        return deep, None
    bits, clear = stored_bits(file), file.pillow_image.info.get("transparency")
    if file.mode == "L" and (bits == 8 or file.format == "PPM") and clear is None:
        return None, None
    stored = stored_grey(file)
    if clear is not None:
        clear = bool(clear) if bits == 1 else clear
        _check_alpha(np.where(stored == clear, 0, 255).astype(np.uint8), file, path, decoding)
    return inverted(stored, bits, path) if white_is_zero(file) else stored, None


def _check_alpha(
    alpha_HW: NDArray[Any], file: Opened, path: Location, decoding: ImageDecoding
) -> NDArray[np.bool_] | None:
    grey = file.mode in ("LA", "La", "2 bands")
    return check_alpha(
        alpha_HW,
        path,
        is_mask=partial(is_placed, path, file.content, file.page) if _has_bands(file) else None,
        others=(1,) if grey else (1, 2, 3),
        section=decoding.section,
    )


def _has_bands(file: Opened) -> bool:
    """Return whether `bands` can choose among the bands of the file."""
    return file.page is not None or file.format == "JPEG2000"


def _to_rgb(
    file: Opened, path: Location, decoding: ImageDecoding
) -> tuple[Image.Image, NDArray[np.bool_] | None]:
    """Return an image as RGB, and where its alpha says that there is no data."""
    image = file.pillow_image
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        image = image.convert(_PLAIN_ALPHA.get(image.mode, "RGBA")).convert("RGBA")
        alpha_HW = np.asarray(image.getchannel("A"))
        return image.convert("RGB"), _check_alpha(alpha_HW, file, path, decoding)
    if image.mode not in _CONVERTIBLE:
        raise no_rgb(path, image.mode)
    return image if image.mode == "RGB" else image.convert("RGB"), None
