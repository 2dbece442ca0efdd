"""Types of label maps as tensors: uint8, and int32 for more classes than that holds.

torch compares, fills and counts no uint16; TensorRT has none.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_BYTE_CLASSES = 255  # 255 stands for ignored pixels


def label_tensor_dtype(num_classes: int) -> torch.dtype:
    """Return the type of label maps of so many classes."""
    return torch.uint8 if num_classes <= _BYTE_CLASSES else torch.int32


def label_array(label: Tensor) -> NDArray[Any]:
    """Return a label map as an array: uint8 as it is, other types as uint16."""
    array = label.cpu().numpy()
    return array if array.dtype == np.uint8 else array.astype(np.uint16)
