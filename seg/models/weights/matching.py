"""Arrays of a file against the tensors of a module: what fits, what is adapted, what does not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from seg.errors import DataError
from seg.models.weights.coverage import Coverage
from seg.models.weights.format import Arrays, WeightFile

_LISTED = 5
_RGB = 3


@dataclass(frozen=True)
class Match:
    """Values for the tensors of a module.

    Attributes:
        values: those that fit, by the module's names.
        reshaped: names of those that were adapted to fit.
        mismatched: the two shapes of those that do not.
    """

    values: dict[str, Tensor] = field(default_factory=dict)
    reshaped: list[str] = field(default_factory=list)
    mismatched: dict[str, str] = field(default_factory=dict)


def match(targets: Mapping[str, Tensor], arrays: Arrays) -> Match:
    """Fit arrays to the tensors of the same names."""
    found = Match()
    for name in (name for name in targets if name in arrays):
        value, wanted = torch.tensor(arrays[name]), targets[name].shape
        if value.ndim == 2 and wanted == (*value.shape, 1, 1):
            value = value[:, :, None, None]  # some projects keep 1x1 convolutions as matrices
        if value.shape == wanted:
            found.values[name] = value
        elif _only_input_channels_differ(value.shape, wanted):
            found.values[name] = adapt_input_channels(value, wanted[1])
            found.reshaped.append(name)
        else:
            shapes = f"{tuple(value.shape)} in the file, {tuple(wanted)} in the model"
            found.mismatched[name] = shapes
    return found


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


def coverage(targets: Iterable[str], content: WeightFile, found: Match, dialect: str) -> Coverage:
    """What the match gives the module, and what it leaves."""
    targets = tuple(targets)
    parts = {name.split(".")[0] for name in targets}
    leftover = [name for name in content.arrays if name not in targets]
    return Coverage(
        loaded=tuple(name for name in targets if name in found.values),
        missing=tuple(name for name in targets if name not in found.values),
        unexpected=tuple(name for name in leftover if name.split(".")[0] in parts),
        elsewhere=tuple(name for name in leftover if name.split(".")[0] not in parts),
        reshaped=tuple(found.reshaped),
        ignored=content.ignored,
        dialect=dialect,
    )


def shortened(names: Sequence[str]) -> str:
    """The first few of many names, and how many more there are."""
    rest = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + rest


def misfit(source: object, covered: Coverage, mismatched: Mapping[str, str]) -> DataError:
    """The error for weights that do not cover the module."""
    absent = [name for name in covered.missing if name not in mismatched]
    lines = [f"weights {source} do not fit: {covered}"]
    shapes = [f"{name}: {shapes}" for name, shapes in mismatched.items()]
    for title, names in (
        ("of another shape", sorted(shapes)),
        ("not in the file", absent),
        ("without a place in the model", covered.unexpected),
    ):
        if names:
            lines.append(f"  {title}: {shortened(names)}")
    lines.append(
        "  choose the encoder and num_classes that the file was made with, or partial=true to load "
        "what fits"
    )
    return DataError("\n".join(lines))
