"""Arrays of a file against the tensors of a module: what fits, what is adapted, what does not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from seg.errors import DataError
from seg.models.weights.format import Arrays, WeightFile
from seg.models.weights.load_report import Coverage, shortened

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
        if targets[name].is_floating_point() and not value.is_floating_point():
            types = f"{value.dtype} in the file, {targets[name].dtype} in the model"
            found.mismatched[name] = types.replace("torch.", "")
        elif value.shape == wanted:
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
        taken=content.taken,
    )


def require_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuse weights with which every prediction is NaN.

    Raises:
        DataError: the tensors that hold NaN or infinities, by name.
    """
    unsound = [
        f"{name} ({int((~tensor.isfinite()).sum())} of {tensor.numel()})"
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and not tensor.isfinite().all()
    ]
    if unsound:
        raise DataError(
            f"{path}: {len(unsound)} tensors hold NaN or infinite values\n"
            f"  {shortened(unsound)}\n"
            "  it is damaged, or the training that wrote it diverged; take an earlier file"
        )


def misfit(
    source: object,
    covered: Coverage,
    mismatched: Mapping[str, str],
    own_names: Sequence[str],
    *,
    section: str,
) -> DataError:
    """The error for weights that do not cover the module.

    Args:
        source: the file.
        covered: what it gives the module.
        mismatched: the two shapes of tensors that differ in them.
        own_names: of all tensors, as the file has them.
        section: where the keys stand that help: `++encoder.` for an encoder alone, else empty.
    """
    absent = [name for name in covered.missing if name not in mismatched]
    lines = [f"weights {source} do not fit: {covered}"]
    shapes = [f"{name}: {shapes}" for name, shapes in mismatched.items()]
    for title, names in (
        ("of another shape or type", sorted(shapes)),
        ("not in the file", absent),
        ("without a place in the model", covered.unexpected),
        ("names in the file", () if covered.loaded or mismatched else own_names),
    ):
        if names:
            lines.append(f"  {title}: {shortened(names)}")
    remedy = "choose the encoder and num_classes that the file was made with"
    if covered.loaded:
        lines.append(f"  {remedy}, or {section}strict=false to load what fits")
    else:
        lines.append(f"  {remedy}; python -m seg.weights inspect source=FILE names the encoder")
    return DataError("\n".join(lines))
