"""Images of any bands as RGB, for pictures."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.value_range import RGB_CHANNELS


def as_rgb(
    image_HWC: NDArray[Any], composite: tuple[int, int, int] | None = None
) -> NDArray[np.uint8]:
    """Return an image as RGB, uint8, H x W x 3; an image that is that already is not copied.

    Args:
        image_HWC: in 0..255, of any type; values beyond are cut off.
        composite: the channels that are red, green and blue, from 1. None: the first three, or the
            first one as grey where there are fewer.
    """
    channels = image_HWC.shape[2]
    if channels != RGB_CHANNELS or composite is not None:
        usual = (1, 2, 3) if channels >= RGB_CHANNELS else (1, 1, 1)
        image_HWC = image_HWC[..., [place - 1 for place in composite or usual]]
    if image_HWC.dtype == np.uint8:
        return np.ascontiguousarray(image_HWC)
    clipped = np.clip(np.nan_to_num(image_HWC, nan=0.0), 0, 255)
    return np.asarray(np.rint(clipped), np.uint8)
