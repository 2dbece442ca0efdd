"""Kinds of image files that cannot be labels."""

import numpy as np
from PIL import Image

from seg.data.readers.image_decoding import PLAIN_CHUNKS, Opened
from seg.data.readers.image_pixels import orientation_of
from seg.data.readers.urls import Location
from seg.errors import DataError, first_of

_LOSSLESS = ("PNG", "TIFF", "BMP", "GIF", "PPM")
_GREY = ("1", "L", "I", "I;16", "I;16B", "I;16L", "I;16N")


def alpha_in_label(image: Image.Image, path: Location) -> DataError:
    """Return the error for a label with transparent pixels."""
    values = np.unique(np.asarray(image.getchannel("A"))).tolist()
    return DataError(
        f"{path}: label has an alpha channel of {len(values)} values ({first_of(values)}), and"
        " nothing says whether it or the colors are the label\n"
        "  save the one that is: with Pillow, Image.open(FILE).getchannel('A').save(FILE) for the"
        " alpha,\n  Image.open(FILE).convert('RGB').save(FILE) for the colors",
        fault="transparent",
    )


def check_label_kind(file: Opened, path: Location) -> None:
    """Refuse a label file of colors, of further bands, in a lossy format, or one to be turned.

    Raises:
        DataError: what it is, and what to save instead.
    """
    check_lossless(file, path)
    bands = 1 if file.page is None else file.page.samples
    if file.mode not in (*_GREY, "P") or bands != 1:
        colors = file.pillow is not None and len(file.pillow.getbands()) > 2
        kind = f"{'colors' if colors else 'pixels'} ({file.mode})"
        if file.mode.endswith("bands") or (bands > 1 and file.mode in _GREY):
            kind = f"{bands} bands"
        raise DataError(
            f"{path}: label holds {kind}, not class ids\n  {_label_remedy(file)}",
            fault="label_kind",
        )


def check_lossless(file: Opened, path: Location) -> None:
    """Refuse a label file in a lossy format, or one that its orientation turns.

    Raises:
        DataError: what it is, and what to do.
    """
    if file.format not in _LOSSLESS:
        raise DataError(
            f"{path}: {file.format} may change pixel values, so it cannot hold class ids\n"
            f"  allowed: {', '.join(_LOSSLESS)}; export the labels again from their source",
            fault="lossy_label",
        )
    if file.chunks and file.chunks <= PLAIN_CHUNKS:
        return  # asking Pillow for the orientation of a PNG decodes it
    orientation = orientation_of(file)
    if orientation != 1:
        raise DataError(
            f"{path}: label carries EXIF orientation {orientation}\n"
            "  turn its pixels to fit the upright image and save it without the tag",
            fault="orientation",
        )


def _label_remedy(file: Opened) -> str:
    if file.mode in ("LA", "PA"):
        return (
            "save its grey or its alpha channel, whichever holds the ids, as a PNG of one channel"
        )
    if file.mode not in ("RGB", "RGBA") or file.pillow is None:
        return "save the ids as a single-channel PNG of 8 or 16 bits"
    channels = np.asarray(file.pillow.convert("RGB"))
    if (channels == channels[..., :1]).all():
        return "its three channels are equal: save one of them as a single-channel PNG"
    return "translate each color to its class id and save a single-channel or palette PNG"
