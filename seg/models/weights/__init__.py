"""Weights from other frameworks' files, without those frameworks and without unpickling anything.

A new format is one file in this folder that declares a `FORMAT`.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from seg.errors import DataError
from seg.models.weights.coverage import Coverage
from seg.models.weights.format import Arrays, WeightFormat

__all__ = ["Coverage", "load_weights", "readable_formats"]

_LISTED = 5
_RGB = 3


@cache
def readable_formats() -> tuple[WeightFormat, ...]:
    """Every format of this folder."""
    modules = (
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
    )
    return tuple(module.FORMAT for module in modules if hasattr(module, "FORMAT"))


def load_weights(module: nn.Module, source: str | Path, *, partial: bool = False) -> Coverage:
    """Fill a module from a weight file; all of it is checked before any tensor changes.

    A first convolution for another number of input channels is adapted from RGB and listed as
    reshaped.

    Args:
        module: a `Segmenter`, a `Classifier`, or an encoder alone.
        source: path of the file (for a TensorFlow checkpoint its prefix, `.../model.ckpt`).
        partial: allow tensors that the file lacks, has in another shape, or has too many of.

    Returns:
        What was loaded and what was not, by name.

    Raises:
        DataError: a file that is missing, damaged or of no known format; without `partial`, any
            tensor of the module that is not loaded and any leftover that was meant for it; with it,
            nothing loaded at all.
    """
    path = Path(source)
    arrays = _read(path)
    prefix = "" if hasattr(module, "encoder") else "encoder."
    targets = {
        prefix + name: tensor
        for name, tensor in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    found, reshaped, mismatched = _match(targets, arrays)
    coverage = _coverage(targets, arrays, found, reshaped)
    if not found or not (partial or coverage.complete):
        raise DataError(_describe(path, coverage, mismatched))
    with torch.no_grad():
        for name, value in found.items():
            targets[name].copy_(value)
    return coverage


def _read(path: Path) -> Arrays:
    try:
        return _find_format(path).read(path)
    except (ValueError, KeyError, IndexError, OverflowError, MemoryError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: damaged ({type(error).__name__}: {error})") from error


def _find_format(path: Path) -> WeightFormat:
    for weight_format in readable_formats():
        if weight_format.recognises(path):
            return weight_format
    formats = "\n".join(f"    {each.description}" for each in readable_formats())
    state = "is of no known format" if path.exists() else "does not exist"
    raise DataError(f"weights {path}: {state}\n  can be read:\n{formats}")


def _match(
    targets: Mapping[str, Tensor], arrays: Arrays
) -> tuple[dict[str, Tensor], list[str], dict[str, str]]:
    """Values that fit, names of those adapted to fit, and the two shapes of those that do not."""
    found: dict[str, Tensor] = {}
    reshaped: list[str] = []
    mismatched: dict[str, str] = {}
    for name in targets.keys() & arrays.keys():
        value, wanted = torch.tensor(arrays[name]), targets[name].shape
        if value.shape == wanted:
            found[name] = value
        elif _only_input_channels_differ(value.shape, wanted):
            found[name] = adapt_input_channels(value, wanted[1])
            reshaped.append(name)
        else:
            mismatched[name] = f"{tuple(value.shape)} in the file, {tuple(wanted)} in the model"
    return found, reshaped, mismatched


def _only_input_channels_differ(given: torch.Size, wanted: torch.Size) -> bool:
    convolutions = len(given) == len(wanted) == 4
    return convolutions and given[1] == _RGB and (given[0], given[2:]) == (wanted[0], wanted[2:])


def adapt_input_channels(kernel_OIHW: Tensor, in_channels: int) -> Tensor:
    """The kernel of a first convolution for another number of input channels.

    The response to a grey picture stays the same: more channels repeat the known ones in turn and
    share their weight, fewer channels share the sum of all.
    """
    known = kernel_OIHW.shape[1]
    if in_channels < known:
        return (kernel_OIHW.sum(1, keepdim=True) / in_channels).repeat(1, in_channels, 1, 1)
    index = torch.arange(in_channels, device=kernel_OIHW.device) % known
    repeats = torch.bincount(index, minlength=known)[index].to(kernel_OIHW.dtype)
    return kernel_OIHW[:, index] / repeats.view(1, -1, 1, 1)


def _coverage(
    targets: Mapping[str, Tensor],
    arrays: Arrays,
    found: Mapping[str, Tensor],
    reshaped: Iterable[str],
) -> Coverage:
    parts = {name.split(".")[0] for name in targets}
    leftover = [name for name in arrays if name not in targets]
    return Coverage(
        loaded=tuple(name for name in targets if name in found),
        missing=tuple(name for name in targets if name not in found),
        unexpected=tuple(name for name in leftover if name.split(".")[0] in parts),
        elsewhere=tuple(name for name in leftover if name.split(".")[0] not in parts),
        reshaped=tuple(reshaped),
    )


def _describe(path: Path, coverage: Coverage, mismatched: Mapping[str, str]) -> str:
    absent = [name for name in coverage.missing if name not in mismatched]
    lines = [f"weights {path} do not fit: {coverage}"]
    shapes = [f"{name}: {shapes}" for name, shapes in mismatched.items()]
    for title, names in (
        ("of another shape", sorted(shapes)),
        ("not in the file", absent),
        ("without a place in the model", coverage.unexpected),
    ):
        if names:
            rest = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            lines.append(f"  {title}: {', '.join(names[:_LISTED])}{rest}")
    lines.append(
        "  choose the encoder and num_classes that the file was made with, or partial=True to load "
        "what fits"
    )
    return "\n".join(lines)
