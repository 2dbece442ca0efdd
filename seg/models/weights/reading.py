"""Reading of a weight file by the format that recognises it."""

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from seg.errors import DataError, UserError, error_summary
from seg.models.weights.format import WeightFile, WeightFormat


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
