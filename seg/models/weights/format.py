"""The declaration of a file format of weights: one file of this package each, with a `FORMAT`."""

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
    """Content of a weight file.

    Attributes:
        arrays: in PyTorch's layout, by name: our names (`encoder.`, `decoder.`, and `linear.` for a
            classifier's last layer), or the origin's, for `weights.key_maps` to translate.
        normalization: of the images in training; None where the file does not state it.
        classes: names of the classes, in order; empty where the file does not state them.
        averages: moving averages of some of the arrays, under the same names.
        in_training: training weights, under the same names, where the arrays are averages.
        ignored: layers that are skipped on purpose, for the report.
        taken: which of raw and averaged weights the arrays are, where the file has both.
        caution: warning about unverified content; empty where the file has checksums.
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
        description: its name in messages, with the usual file names.
        recognises: returns whether a path is such a file, by its content or, if damaged, suffix.
        read: reads a file without executing anything in it; DataError for a damaged file.
    """

    name: str
    description: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path], WeightFile]


def convolution(kernel_HWIO: NDArray[Any]) -> NDArray[Any]:
    """Transpose TensorFlow's convolution kernel to PyTorch's O x I x H x W."""
    return np.ascontiguousarray(kernel_HWIO.transpose(3, 2, 0, 1))


def depthwise(kernel_HWC1: NDArray[Any]) -> NDArray[Any]:
    """Transpose TensorFlow's depthwise kernel of multiplier 1 to PyTorch's C x 1 x H x W."""
    return np.ascontiguousarray(kernel_HWC1.transpose(2, 3, 0, 1))


# gamma, beta, moving mean and moving variance, in the order in which Keras lists them
NORM_FIELDS = ("weight", "bias", "running_mean", "running_var")
