"""File formats of weights, one file of this package each with a `FORMAT`, and reading by them."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError, UserError, error_summary
from seg.models.input_bands import InputBands
from seg.models.interfaces import Normalization

Arrays: TypeAlias = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class WeightFile:
    """Content of a weight file.

    Attributes:
        arrays: in PyTorch's layout, by name: our names (`encoder.`, `decoder.`, and `linear.` for a
            classifier's last layer), or the origin's, for `weights.key_maps` to translate.
        normalization: of the images in training; None where the file does not state it.
        input_bands: which color each channel of the images is, where the file states it.
        classes: names of the classes, in order; empty where the file does not state them.
        averages: moving averages of some of the arrays, under the same names.
        in_training: training weights, under the same names, where the arrays are averages.
        ignored: layers that are skipped on purpose, for the report.
        taken: which of raw and averaged weights the arrays are, where the file has both.
        caution: warning about unverified content; empty where the file has checksums.
    """

    arrays: Arrays
    normalization: Normalization | None = None
    input_bands: InputBands | None = None
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


@cache
def readable_formats() -> tuple[WeightFormat, ...]:
    """Return every format of this package."""
    modules = (
        importlib.import_module(f"{__package__}.{module.name}")
        for module in pkgutil.iter_modules([str(Path(__file__).parent)])
    )
    return tuple(module.FORMAT for module in modules if hasattr(module, "FORMAT"))


def read_weights(path: Path) -> WeightFile:
    """Read a weight file; nothing in it is executed.

    Raises:
        DataError: missing, damaged, or of no format that is known here.
    """
    try:
        return find_format(path).read(path)
    except UserError:
        raise
    except Exception as error:  # libraries raise nearly anything for a damaged file
        if isinstance(error, OSError) and error.filename is not None:
            raise
        kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
        raise DataError(
            f"{path}: damaged ({kind}{error_summary(error)})\n"
            "  fetch it again, or restore it from a copy"
        ) from error


def find_format(path: Path) -> WeightFormat:
    """Return the format of a file.

    Raises:
        DataError: missing, or of no known format; the message lists the known ones.
    """
    for weight_format in readable_formats():
        if weight_format.recognises(path):
            return weight_format
    if path.name == "imagenet" and not path.exists():
        raise DataError(
            "weights=imagenet: published weights are those of an encoder\n"
            "  give encoder.weights=imagenet; python -m seg.weights list names those of ours"
        )
    formats = "\n".join(f"    {weight_format.description}" for weight_format in readable_formats())
    state = "is of no known format" if path.exists() else "does not exist"
    raise DataError(f"weights {path}: {state}\n  can be read:\n{formats}")


def convolution(kernel_HWIO: NDArray[Any]) -> NDArray[Any]:
    """Transpose TensorFlow's convolution kernel to PyTorch's O x I x H x W."""
    return np.ascontiguousarray(kernel_HWIO.transpose(3, 2, 0, 1))


def depthwise(kernel_HWC1: NDArray[Any]) -> NDArray[Any]:
    """Transpose TensorFlow's depthwise kernel of multiplier 1 to PyTorch's C x 1 x H x W."""
    return np.ascontiguousarray(kernel_HWC1.transpose(2, 3, 0, 1))


# gamma, beta, moving mean and moving variance, in the order in which Keras lists them
NORM_FIELDS = ("weight", "bias", "running_mean", "running_var")
