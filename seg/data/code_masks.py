"""Label maps of codes as one mask an output."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.label_space import LabelSpace


def output_masks(code_HW: NDArray[Any], labels: LabelSpace) -> NDArray[np.bool_]:
    """Return of which outputs each pixel is part, K x H x W; an ignored one of none.

    Raises:
        ValueError: classes are exclusive.
    """
    if labels.members is None:
        raise ValueError("classes are exclusive")
    counted_HW = code_HW != labels.ignore_index
    masks_KHW = labels.members.T[:, np.where(counted_HW, code_HW, 0)]
    return np.asarray(masks_KHW & counted_HW)
