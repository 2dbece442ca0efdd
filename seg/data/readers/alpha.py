"""Transparent pixels: refused, unless alpha is a mask of the pixels that have data."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.urls import Location
from seg.errors import DataError


def check_alpha(
    alpha_HW: NDArray[Any],
    path: Location,
    *,
    is_mask: Callable[[], bool] | None,
    others: Sequence[int] = (1, 2, 3),
    section: str = "dataset",
    whole: bool = True,
) -> NDArray[np.bool_] | None:
    """Refuse transparent pixels, whose color is undefined, unless alpha is a mask.

    Args:
        alpha_HW: as stored, unsigned.
        path: the file, for messages.
        is_mask: of a TIFF or JPEG 2000 file, whether it lies on the map: alpha of 0 and full alone
            then says which pixels have data. Asked where pixels are transparent. None: of another
            format.
        others: the bands beside alpha, counted from 1, for messages.
        section: of the configuration that chooses bands, for messages.
        whole: whether this is all of the image, which must have data somewhere.

    Returns:
        which pixels have no data, H x W; None: all have.

    Raises:
        DataError: transparent pixels that no mask explains.
    """
    clear_HW = alpha_HW != np.iinfo(alpha_HW.dtype).max
    if not clear_HW.any():
        return None
    if is_mask is None:
        raise DataError(
            f"{path}: image has transparent pixels, whose color is undefined\n"
            "  flatten it onto a background and save it as RGB",
            fault="transparent",
        )
    if not is_mask():
        reason = "is not opaque: transparent pixels, or a further band"
    elif alpha_HW[clear_HW].any():
        reason = "holds more than 0 and full: half transparent pixels, or a further band"
    elif whole and clear_HW.all():
        reason = "is 0 throughout: no pixel has data"
    else:
        return np.asarray(clear_HW)
    band = next(band for band in range(1, len(others) + 2) if band not in others)
    raise DataError(
        f"{path}: band {band} is marked as alpha and {reason}\n"
        f"  train with {section}.bands=[{','.join(map(str, others))}] to leave it out, which"
        " checkpoints remember,\n  or write the file without it",
        fault="transparent",
    )
