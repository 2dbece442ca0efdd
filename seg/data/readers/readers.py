"""Strict readers: a file yields the pixels that it stores, or a `DataError` that names it.

Pillow refuses truncated files and preserves palette indices and 16-bit grey, where OpenCV returns
half-grey images, colors for indices, and labels divided by 256. Values that Pillow would change
are restored (`stored_values`) or read by GDAL.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.band_files import band_files, files_of
from seg.data.readers.gdal import Masked
from seg.data.readers.image_decoding import Opened, decode_plain_png, opened
from seg.data.readers.image_pixels import orientation_of, read_band, upright_image
from seg.data.readers.jpeg2000 import jpeg2000_size
from seg.data.readers.label_file_checks import alpha_in_label, check_label_kind, check_lossless
from seg.data.readers.several_files import read_band_files
from seg.data.readers.stored_values import stored_bits, stored_grey
from seg.data.readers.urls import Location
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.data.readers.value_scaling import fill_no_data
from seg.errors import DataError

_SIDEWAYS = range(5, 9)  # EXIF orientations that exchange width and height


def read_image(
    path: Location,
    *,
    decoding: ImageDecoding = PLAIN,
    page: int | None = None,
    max_pixels: int | None = None,
) -> NDArray[Any]:
    """Decode an image and turn it upright as its EXIF orientation says.

    Grey, palette and CMYK images become RGB.

    Args:
        path: the file.
        decoding: what is declared of it.
        page: which page of a file of several, from 0.
        max_pixels: the largest image that is decoded; None: `MAX_PIXELS`.

    Returns:
        H x W x `decoding.channels`, writable: uint8, or float32 in 0..255 with fractions, and NaN
        where there is no data (see `seg.data.readers.value_scaling.fill_no_data`).

    Raises:
        DataError: the file is missing, empty, damaged, truncated, larger than `max_pixels`,
            animated, partly transparent, holds floating-point or other non-RGB color, further
            bands, or more than 8 bits whose range is not declared.
    """
    return _read_image(path, decoding, page, max_pixels)[0]


def read_filled(
    path: Location,
    decoding: ImageDecoding = PLAIN,
    *,
    page: int | None = None,
    max_pixels: int | None = None,
) -> Masked:
    """Read an image for a network: as `read_image` does, pixels without data filled.

    Returns:
        H x W x channels without NaN, and which pixels lack data, H x W; None: none.

    Raises:
        DataError: as for `read_image`.
    """
    return _filled(*_read_image(path, decoding, page, max_pixels)[:2])


def read_size(path: Location) -> tuple[int, int]:
    """Return height and width of an upright image; its pixels are not decoded.

    Raises:
        DataError: as for `read_image`, as far as the header shows it.
    """
    with opened(files_of(path)[0], "image") as file:
        if file.page is not None:
            width, height = file.page.width, file.page.height
        elif file.pillow is not None:
            width, height = file.pillow.size
        elif file.array is not None:
            height, width, _ = file.array.shape
        else:
            height, width = jpeg2000_size(file.content)
        return (width, height) if orientation_of(file) in _SIDEWAYS else (height, width)


def read_label(path: Location) -> NDArray[Any]:
    """Decode a label map: palette indices, or grey values as stored (1, 2, 4, 8 or 16 bits).

    Args:
        path: a lossless, single-channel image file.

    Returns:
        H x W file values, uint8, uint16 or int32.

    Raises:
        DataError: as for `read_image`; also colors, a lossy format or an EXIF orientation.
    """
    return read_indices(path)[0]


def read_indices(path: Location) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    """Decode a label map as `read_label` does, with the colors of its palette.

    Returns:
        the H x W file values, and N x 3 colors of the values 0 to N - 1; None: it has no palette.

    Raises:
        DataError: as for `read_label`.
    """
    with opened(path, "label") as file:
        check_label_kind(file, path)
        label_HW = _label_values(file, path)
        palette = file.pillow.getpalette("RGB") if file.pillow and file.mode == "P" else None
    return label_HW, None if palette is None else np.array(palette, np.uint8).reshape(-1, 3)


def read_colors(path: Location) -> NDArray[np.uint8]:
    """Decode an image whose colors are a code: for classes, or for the ids of segments.

    Args:
        path: a lossless image file in RGB, or with a palette that gives RGB.

    Returns:
        uint8, H x W x 3.

    Raises:
        DataError: as for `read_label`; also grey pixels and partly transparent ones.
    """
    return _read_rgb_label(path, ("RGB", "RGBA", "P"))


def read_grey(path: Location) -> NDArray[Any]:
    """Decode a label map as `read_label` does, or one of three equal channels (grey saved as RGB).

    Returns:
        H x W file values.

    Raises:
        DataError: as for `read_label`; also colors, and pixels that are partly transparent.
    """
    with opened(path, "label") as file:
        if file.mode not in ("RGB", "RGBA", "LA"):
            check_label_kind(file, path)
            return _label_values(file, path)
    rgb_HW3 = _read_rgb_label(path, ("RGB", "RGBA", "LA"))
    if (rgb_HW3 != rgb_HW3[..., :1]).any():
        raise DataError(
            f"{path}: label holds colors, and the first one of the dataset grey values\n"
            "  give all labels the same kind",
            fault="label_kind",
        )
    return rgb_HW3[..., 0]


def _read_rgb_label(path: Location, modes: Sequence[str]) -> NDArray[np.uint8]:
    with opened(path, "label") as file:
        check_lossless(file, path)
        if file.mode not in modes:
            raise DataError(
                f"{path}: label holds {file.mode} pixels, not colors\n"
                "  allowed: RGB, or a palette; single-channel ids are another kind of label",
                fault="label_kind",
            )
        if stored_bits(file) > 8:
            raise DataError(
                f"{path}: label holds colors of {stored_bits(file)} bits a channel; allowed: 8\n"
                "  export the labels again as 8-bit RGB",
                fault="label_kind",
            )
        pixels = decode_plain_png(file)
        if pixels is not None:
            return pixels
        try:
            return np.asarray(upright_image(file, path, PLAIN)[0], np.uint8)
        except DataError as error:
            if error.fault == "transparent" and file.pillow and "A" in file.pillow.getbands():
                raise alpha_in_label(file.pillow, path) from error
            raise


ReadLabel = Callable[[Location], NDArray[Any]]
"""Gives the H x W integer values of a label file; raises `DataError`."""


def read_pair(
    image_path: Location,
    label_path: Location,
    read: ReadLabel = read_label,
    decoding: ImageDecoding = PLAIN,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_] | None]:
    """Read an image and the label of the same size.

    Args:
        image_path: the image file.
        label_path: the label file.
        read: how labels are stored.
        decoding: what is declared of images.

    Returns:
        the upright image, as `read_filled` returns it, the values of the label file, integer,
        H x W, and which pixels lack data.

    Raises:
        DataError: either file cannot be read, or their sizes differ.
    """
    image, lacks_data_HW, orientation = _read_image(image_path, decoding)
    label = read(label_path)
    if image.shape[:2] == label.shape:
        image, lacks_data_HW = _filled(image, lacks_data_HW)
        return image, label, lacks_data_HW
    hint = "give the label the size of its image, enlarged or reduced with nearest neighbour"
    if orientation > 1 and image.shape[1::-1] == label.shape:
        hint = (
            f"the image is turned by its EXIF orientation {orientation} and the label is not:\n"
            "  turn the label, or remove the orientation tag from the image"
        )
    raise DataError(
        "image and label differ in size (width x height):\n"
        f"  image {image_path}: {_size(image.shape)}\n"
        f"  label {getattr(read, 'source', label_path)}: {_size(label.shape)}\n"
        f"  {hint}",
        fault="size_mismatch",
    )


def _read_image(
    path: Location,
    decoding: ImageDecoding,
    page: int | None = None,
    max_pixels: int | None = None,
) -> tuple[NDArray[Any], NDArray[np.bool_] | None, int]:
    """Return the upright image, where its file has no data, and the EXIF orientation (1: none)."""
    if files := band_files(path):

        def read(file: Location, declared: ImageDecoding) -> tuple[Any, Any, int]:
            """Read one of the files."""
            return _read_image(file, declared, page, max_pixels)

        return *read_band_files(files, path, decoding, read), 1
    with opened(path, "image", page=page, max_pixels=max_pixels) as file:
        as_rgb = file.mode == "RGB" and decoding.bands in (None, (1, 2, 3))
        pixels = decode_plain_png(file) if as_rgb else None
        if pixels is not None:
            return decoding.scale(pixels, 8, path), None, 1
        orientation = orientation_of(file)  # Pillow drops it while it decodes
        return *upright_image(file, path, decoding), orientation


def _filled(image_HWC: NDArray[Any], lacks_data_HW: NDArray[np.bool_] | None) -> Masked:
    """Fill what is NaN; images of 8 bits are filled already."""
    return image_HWC, lacks_data_HW if image_HWC.dtype == np.uint8 else fill_no_data(image_HWC)


def read_page(path: Location, page: int) -> NDArray[Any]:
    """Decode one page of a file of label maps as `read_label` does; `page` counts from 0."""
    with opened(path, "label", page=page) as file:
        check_label_kind(file, path)
        return _label_values(file, path)


def _label_values(file: Opened, path: Location) -> NDArray[Any]:
    values: NDArray[Any] | None = decode_plain_png(file)
    if values is not None:
        return values
    return stored_grey(file) if file.pillow is not None else read_band(file, path)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
