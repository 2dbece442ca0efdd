"""What a file format of weights declares: one file of this folder each, with a `FORMAT`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Arrays: TypeAlias = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class WeightFormat:
    """A reader of one family of files.

    Attributes:
        description: what the messages call it, with its usual file names.
        recognises: whether a path is such a file, by its content or, where damaged, its suffix.
        read: its arrays in PyTorch's layout, under our names: `encoder.`, `decoder.` and `linear.`
            (a classifier's last layer); raises DataError for a damaged file.
    """

    description: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path], Arrays]


def convolution(kernel_HWIO: NDArray[Any]) -> NDArray[Any]:
    """TensorFlow's convolution kernel -> PyTorch's O x I x H x W."""
    return np.ascontiguousarray(kernel_HWIO.transpose(3, 2, 0, 1))


def depthwise(kernel_HWC1: NDArray[Any]) -> NDArray[Any]:
    """TensorFlow's depthwise kernel of multiplier 1 -> PyTorch's C x 1 x H x W."""
    return np.ascontiguousarray(kernel_HWC1.transpose(2, 3, 0, 1))


# gamma, beta, moving mean and moving variance, in the order in which Keras lists them
NORM_FIELDS = ("weight", "bias", "running_mean", "running_var")
