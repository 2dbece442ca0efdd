"""Strict readers: a file yields the pixels it was meant to hold, or a `DataError` naming it.

Pillow decodes everything: it refuses truncated files and keeps palette indices and 16-bit values,
where OpenCV returns half-grey pictures, colours for indices, and labels divided by 256.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.data.files.locations import Location
from seg.data.files.pictures import PLAIN_CHUNKS, Opened, decode_plain_png, opened
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
_LOSSLESS = ("PNG", "TIFF", "BMP", "GIF", "PPM")
_CONVERTIBLE = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr")
_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")
_TRANSPARENT = ("LA", "PA", "RGBA", "La", "RGBa")


def read_image(
    path: Location, *, page: int | None = None, max_pixels: int | None = None
) -> NDArray[np.uint8]:
    """Decode a picture and turn it upright as its EXIF orientation says.

    Grey, palette and CMYK pictures become RGB; of 16-bit channels the high byte is kept.

    Args:
        path: the file.
        page: of a file of several pages, the wanted one, from 0.
        max_pixels: the largest that is decoded; None: `MAX_PIXELS`.

    Returns:
        uint8, H x W x 3, RGB, writable.

    Raises:
        DataError: the file is missing, empty, damaged, truncated, larger than `max_pixels`,
            animated, partly transparent, or holds floating-point or other non-RGB colour.
    """
    return _read_image(path, page, max_pixels)[0]


def read_label(path: Location, shape: tuple[int, int] | None = None) -> NDArray[Any]:
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
    label_HW, _ = read_indices(path)
    if shape is not None and label_HW.shape != shape:
        raise DataError(
            f"{path}: label is {_size(label_HW.shape)}, expected {_size(shape)}",
            fault="size_mismatch",
        )
    return label_HW


def read_indices(path: Location) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    """Decode a label map as `read_label` does, with the colors of its palette.

    Returns:
        the H x W file values, and N x 3 colors of the values 0 to N - 1; None: it has no palette.

    Raises:
        DataError: as for `read_label`.
    """
    with opened(path, "label") as file:
        _check_label_kind(file, path)
        label_HW = _label_values(file)
        palette = file.picture.getpalette("RGB") if file.picture.mode == "P" else None
    return label_HW, None if palette is None else np.array(palette, np.uint8).reshape(-1, 3)


def read_colours(path: Location) -> NDArray[np.uint8]:
    """Decode a picture whose colours are a code: for classes, or for the ids of segments.

    Args:
        path: a lossless picture file in RGB, or with a palette that gives RGB.

    Returns:
        uint8, H x W x 3.

    Raises:
        DataError: as for `read_label`; also grey pixels and partly transparent ones.
    """
    with opened(path, "label") as file:
        _check_lossless(file, path)
        if file.picture.mode not in ("RGB", "RGBA", "P"):
            raise DataError(
                f"{path}: label holds {file.picture.mode} pixels, not colours\n"
                "  allowed: RGB, or a palette; single-channel ids are another kind of label",
                fault="label_kind",
            )
        pixels = decode_plain_png(file)
        return np.array(_to_rgb(file.picture, path)) if pixels is None else pixels


ReadLabel = Callable[[Location], NDArray[Any]]
"""Gives the H x W integer values of a label file; raises `DataError`."""


def read_pair(
    image_path: Location, label_path: Location, read: ReadLabel = read_label
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Read an image and the label of the same size.

    Args:
        image_path, label_path: the two files.
        read: how labels are stored.

    Returns:
        the upright image, uint8, H x W x 3, and the values of the label file, integer, H x W.

    Raises:
        DataError: either file cannot be read, or their sizes differ.
    """
    image, orientation = _read_image(image_path)
    label = read(label_path)
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
        f"  {hint}",
        fault="size_mismatch",
    )


def _read_image(
    path: Location, page: int | None = None, max_pixels: int | None = None
) -> tuple[NDArray[np.uint8], int]:
    """The upright picture and the EXIF orientation (1: none) that it was turned by."""
    with opened(path, "image", page=page, max_pixels=max_pixels) as file:
        pixels = decode_plain_png(file) if file.picture.mode == "RGB" else None
        if pixels is not None:
            return pixels, 1
        orientation = int(file.picture.getexif().get(_ORIENTATION, 1))
        file.picture.load()
        rgb = _to_rgb(file.picture, path)
        if orientation in _UPRIGHT:
            rgb = rgb.transpose(_UPRIGHT[orientation])
        return np.array(rgb), orientation


def _to_rgb(picture: Image.Image, path: Location) -> Image.Image:
    if picture.mode in _SIXTEEN_BIT:
        high_byte = (np.asarray(picture) >> 8).astype(np.uint8)
        return Image.fromarray(high_byte).convert("RGB")
    if picture.mode in _TRANSPARENT or "transparency" in picture.info:
        with_alpha = picture.convert("RGBA")
        if with_alpha.getchannel("A").getextrema() != (255, 255):
            raise DataError(
                f"{path}: image has transparent pixels, whose colour is undefined\n"
                "  flatten it onto a background and save it as RGB",
                fault="transparent",
            )
        return with_alpha.convert("RGB")
    if picture.mode not in _CONVERTIBLE:
        raise DataError(
            f"{path}: image has pixels of kind {picture.mode!r}\n"
            f"  allowed: 8- or 16-bit grey, RGB, palette, CMYK; convert it to 8-bit RGB",
            fault="image_kind",
        )
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _check_label_kind(file: Opened, path: Location) -> None:
    _check_lossless(file, path)
    picture = file.picture
    if picture.mode not in ("1", "L", "P", "I", *_SIXTEEN_BIT):
        raise DataError(
            f"{path}: label holds {_pixel_kind(picture)} ({picture.mode}), not class ids\n"
            f"  {_label_remedy(picture)}",
            fault="label_kind",
        )


def _check_lossless(file: Opened, path: Location) -> None:
    if file.picture.format not in _LOSSLESS:
        raise DataError(
            f"{path}: {file.picture.format} may change pixel values, so it cannot hold class ids\n"
            f"  allowed: {', '.join(_LOSSLESS)}; export the labels again from their source",
            fault="lossy_label",
        )
    if file.chunks and file.chunks <= PLAIN_CHUNKS:
        return  # asking Pillow for the orientation of a PNG decodes it
    orientation = int(file.picture.getexif().get(_ORIENTATION, 1))
    if orientation != 1:
        raise DataError(
            f"{path}: label carries EXIF orientation {orientation}\n"
            "  turn its pixels to fit the upright image and save it without the tag",
            fault="orientation",
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


def _label_values(file: Opened) -> NDArray[Any]:
    values: NDArray[Any] | None = decode_plain_png(file)
    if values is not None:
        return values
    picture = file.picture
    # The depth is byte 24 of a PNG; Pillow stretches grey of 2 and 4 bits to 0..255.
    depth = file.content[24] if picture.format == "PNG" and picture.mode == "L" else 8
    values = np.array(picture)
    if values.dtype == np.bool_:
        return values.astype(np.uint8)
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    return native // (255 // (2**depth - 1)) if depth < 8 else native


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
