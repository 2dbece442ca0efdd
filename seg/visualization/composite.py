"""Images of any bands as RGB, for pictures."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.value_range import RGB_CHANNELS

_SHARES = (2, 98)  # percentiles that a stretched image shows as black and white
_MOST_CONTRAST = 32


def as_rgb(
    image_HWC: NDArray[Any],
    composite: tuple[int, int, int] | None = None,
    *,
    stretched: bool = False,
) -> NDArray[np.uint8]:
    """Return an image as RGB, uint8, H x W x 3; an image that is that already is not copied.

    Args:
        image_HWC: in 0..255, of any type; values beyond are cut off.
        composite: the channels that are red, green and blue, from 1. None: the first three, or the
            first one as grey where there are fewer.
        stretched: whether values with fractions that fill less than half of 0..255 are spread over
            all of it. Parts of an image would not fit together so.
    """
    channels = image_HWC.shape[2]
    if channels != RGB_CHANNELS or composite is not None:
        usual = (1, 2, 3) if channels >= RGB_CHANNELS else (1, 1, 1)
        image_HWC = image_HWC[..., [place - 1 for place in composite or usual]]
    if image_HWC.dtype == np.uint8:
        return np.ascontiguousarray(image_HWC)
    if stretched:
        image_HWC = _stretched(image_HWC)
    clipped = np.clip(np.nan_to_num(image_HWC, nan=0.0), 0, 255)
    return np.asarray(np.rint(clipped), np.uint8)


def _stretched(image_HWC: NDArray[Any]) -> NDArray[Any]:
    """Return an image whose dark, bright or pale values are spread over 0..255."""
    low, high = np.nanpercentile(image_HWC, _SHARES) if image_HWC.size else (0.0, 255.0)
    span = max(float(high - low), 255 / _MOST_CONTRAST)
    if not np.isfinite(span) or span > 255 / 2:
        return image_HWC
    black = (low + high - span) / 2
    return (image_HWC - np.float32(black)) * np.float32(255 / span)
