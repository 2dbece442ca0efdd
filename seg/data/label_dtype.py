"""Types of label maps: 8 bits as long as the classes fit, else 16."""

import numpy as np

BYTE_IGNORE_INDEX, WIDE_IGNORE_INDEX = 255, 65535
"""The usual ignore index of label maps of 8 and of 16 bits: their largest value."""


def usual_ignore_index(num_classes: int) -> int:
    """Return the ignore index of so many classes: 255 where they fit below it, else 65535."""
    return BYTE_IGNORE_INDEX if num_classes <= BYTE_IGNORE_INDEX else WIDE_IGNORE_INDEX


def label_dtype(largest: int) -> type[np.uint8] | type[np.uint16]:
    """Return the type of label maps.

    Args:
        largest: the ignore index; or the number of classes, where maps hold classes alone.
    """
    return np.uint8 if largest <= BYTE_IGNORE_INDEX else np.uint16
