"""What a file format of weights declares: one file of this folder each, with a `FORMAT`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seg.models.interfaces import Normalization

Arrays: TypeAlias = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class WeightFile:
    """What a file holds.

    Attributes:
        arrays: in PyTorch's layout, by name: our names (`encoder.`, `decoder.`, and `linear.` for a
            classifier's last layer), or the origin's, for `weights.key_maps` to translate.
        normalization: what the images went through in training; None where the file does not say.
        classes: names of the classes, in order; empty where the file does not say.
        averages: moving averages of some of the arrays, under the same names.
        in_training: weights in training, under the same names, where the arrays are averages.
        ignored: layers that were left out on purpose, for the report.
        taken: which of raw and averaged weights the arrays are, where the file has both.
        caution: what the file cannot vouch for; empty where it has checksums.
    """

    arrays: Arrays
    normalization: Normalization | None = None
    classes: tuple[str, ...] = ()
    averages: Arrays = field(default_factory=dict)
    in_training: Arrays = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    taken: str = ""
    caution: str = ""


@dataclass(frozen=True)
class WeightFormat:
    """A reader of one family of files.

    Attributes:
        name: of the library whose format it is.
        description: what the messages call it, with its usual file names.
        recognises: whether a path is such a file, by its content or, where damaged, its suffix.
        read: what the file holds; raises DataError for a damaged file. Nothing in it is executed.
    """

    name: str
    description: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path], WeightFile]


def convolution(kernel_HWIO: NDArray[Any]) -> NDArray[Any]:
    """TensorFlow's convolution kernel -> PyTorch's O x I x H x W."""
    return np.ascontiguousarray(kernel_HWIO.transpose(3, 2, 0, 1))


def depthwise(kernel_HWC1: NDArray[Any]) -> NDArray[Any]:
    """TensorFlow's depthwise kernel of multiplier 1 -> PyTorch's C x 1 x H x W."""
    return np.ascontiguousarray(kernel_HWC1.transpose(2, 3, 0, 1))


# gamma, beta, moving mean and moving variance, in the order in which Keras lists them
NORM_FIELDS = ("weight", "bias", "running_mean", "running_var")
