"""Label files whose classes are colors."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.readers import read_colors
from seg.data.readers.urls import Location
from seg.errors import DataError

Color = tuple[int, int, int]
MIXED_COLORS_REMEDY = (
    "edges drawn smoothly (anti-aliased), resizing and JPEG mix colors: export the masks again"
    " without,\n  or add the colors to "
)
"""The remedy for colors that are no class; the name of the class file follows."""

_SHOWN = 8
_UNKNOWN = -1


class ColorLabels:
    """A `ReadLabel` of color-coded label files.

    Args:
        ids: file id of each color, RGB 0 to 255.
        source: of the colors, for messages.
    """

    def __init__(
        self, ids: Mapping[Color, int], source: str = "the class file (dataset.classes)"
    ) -> None:
        self._source = source
        codes = pack_colors(np.array(list(ids), np.uint8).reshape(-1, 3))
        order = np.argsort(codes)
        self._codes = codes[order]
        self._ids = np.array(list(ids.values()), np.int32)[order]

    def __call__(self, path: Location) -> NDArray[Any]:
        """Return the file ids of a label file, int32, H x W.

        Raises:
            DataError: the file cannot be read, or holds a color that is no class.
        """
        codes_HW = pack_colors(read_colors(path))
        codes, inverse = np.unique(codes_HW, return_inverse=True)
        position = np.searchsorted(self._codes, codes).clip(max=len(self._codes) - 1)
        known = self._codes[position] == codes
        if not known.all():
            counts = np.bincount(inverse.ravel(), minlength=len(codes))
            raise _unknown_colors(path, codes[~known], counts[~known], self._codes, self._source)
        ids: NDArray[np.int32] = self._ids[position][inverse].reshape(codes_HW.shape)
        return ids


def pack_colors(rgb_HWC: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return each color as one number, R + 256 G + 65536 B, the code of COCO's panoptic images."""
    red, green, blue = (rgb_HWC[..., channel].astype(np.int64) for channel in range(3))
    return red | green << 8 | blue << 16


def _unknown_colors(
    path: Location,
    codes: NDArray[Any],
    counts: NDArray[Any],
    allowed: NDArray[Any],
    source: str,
) -> DataError:
    values = {_hex(code): int(n) for code, n in zip(codes, counts, strict=True)}
    listed = ", ".join(f"{c} ({n} pixels)" for c, n in list(values.items())[:_SHOWN])
    known = ", ".join(_hex(code) for code in allowed[:_SHOWN])
    remedy = f"{MIXED_COLORS_REMEDY}{source}"
    if len(values) == 1:
        remedy = f"add a class of this color to {source}"
    return DataError(
        f"{path}: {len(values)} colors are no class: {listed}\n"
        f"  the {len(allowed)} classes have: {known}{', ...' if len(allowed) > _SHOWN else ''}\n"
        f"  {remedy}",
        fault="unknown_colors",
        values=values,
    )


def _hex(code: int) -> str:
    return f"#{code & 255:02x}{code >> 8 & 255:02x}{code >> 16 & 255:02x}"
