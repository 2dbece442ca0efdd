"""Pixels near the borders between the regions of a class map."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_NEIGHBOURHOOD = np.ones((3, 3), np.uint8)


def near_change(ids_HW: NDArray[Any], distance_px: int, *, image_border: bool) -> NDArray[np.bool_]:
    """Mark pixels with another value within `distance_px` of them in the Chebyshev distance.

    That is, where the surrounding square of 2 x `distance_px` + 1 pixels contains another value.
    For each value this equals what `distance_px` erosions of its mask by a 3 x 3 square remove: on
    the shortest path to the nearest other value, all but the last pixel have the own value, so the
    last of them touches a change, and the distance to the nearest pixel that touches one is one
    less.

    Args:
        ids_HW: uint8 or uint16.
        distance_px: 1 or more.
        image_border: whether the outside of the image counts as another value.

    Returns:
        bool, H x W.
    """
    lowest_HW = cv2.erode(ids_HW, _NEIGHBOURHOOD)
    highest_HW = cv2.dilate(ids_HW, _NEIGHBOURHOOD)
    touching_HW = (lowest_HW != highest_HW).view(np.uint8)
    if image_border:
        touching_HW[[0, -1]] = 1
        touching_HW[:, [0, -1]] = 1
    side_px = 2 * distance_px - 1
    return cv2.dilate(touching_HW, np.ones((side_px, side_px), np.uint8)).view(np.bool_)
