"""Matching of a file's arrays with a module's tensors: which fit, are adapted, or differ."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from seg.errors import DataError
from seg.models.input_bands import COLORS, InputBands, input_bands, is_complete, positions
from seg.models.weights.format import Arrays, WeightFile
from seg.models.weights.load_report import Coverage, shortened

_RGB = 3
_CONVOLUTION = 4  # axes of a kernel


@dataclass(frozen=True)
class Match:
    """Values for the tensors of a module.

    Attributes:
        values: those that fit, by the module's names.
        reshaped: names of those that were adapted to fit.
        mismatched: both shapes, or types, of those that do not fit.
    """

    values: dict[str, Tensor] = field(default_factory=dict)
    reshaped: list[str] = field(default_factory=list)
    mismatched: dict[str, str] = field(default_factory=dict)


def match(
    targets: Mapping[str, Tensor],
    arrays: Arrays,
    bands: InputBands = COLORS,
    file_bands: InputBands | None = None,
) -> Match:
    """Match arrays with the tensors of the same names.

    Args:
        targets: the module's tensors, in its order: the first convolution reads the image.
        arrays: the file's.
        bands: that the module reads.
        file_bands: that the file's network reads; None: red, green and blue, or those of `bands`
            where it has as many that are more than three.
    """
    matched = Match()
    first = next((name for name, each in targets.items() if each.ndim == _CONVOLUTION), None)
    for name in (name for name in targets if name in arrays):
        value, shape = torch.tensor(arrays[name]), targets[name].shape
        if value.ndim == 2 and shape == (*value.shape, 1, 1):
            value = value[:, :, None, None]  # some projects store 1x1 convolutions as matrices
        if targets[name].is_floating_point() and not value.is_floating_point():
            types = f"{value.dtype} in the file, {targets[name].dtype} in the model"
            matched.mismatched[name] = types.replace("torch.", "")
        elif value.shape == shape:
            if name == first and shape[1] == len(bands):
                value = _in_order(value, bands, file_bands)
            matched.values[name] = value
        elif _only_input_channels_differ(value.shape, shape) and shape[1] == len(bands):
            order = file_bands if file_bands and is_complete(file_bands) else COLORS
            rgb = value[:, [order.index(color) for color in COLORS]]
            matched.values[name] = adapt_input_channels(rgb, bands)
            matched.reshaped.append(name)
        else:
            shapes = f"{tuple(value.shape)} in the file, {tuple(shape)} in the model"
            matched.mismatched[name] = shapes
    return matched


def _only_input_channels_differ(file: torch.Size, model: torch.Size) -> bool:
    convolutions = len(file) == len(model) == _CONVOLUTION
    return convolutions and file[1] == _RGB and (file[0], file[2:]) == (model[0], model[2:])


def _in_order(kernel_OIHW: Tensor, bands: InputBands, file_bands: InputBands | None) -> Tensor:
    """Reorder the channels of a first convolution where file and module read the same bands."""
    if file_bands is None:
        file_bands = COLORS if len(bands) == _RGB else bands
    order = positions(bands, file_bands)
    return kernel_OIHW if order is None else kernel_OIHW[:, order]


def adapt_input_channels(kernel_OIHW: Tensor, bands: InputBands) -> Tensor:
    """Adapt the kernel of a first convolution from RGB to the bands of other images.

    A band of a color takes the kernel of this color, any other the mean of the three. All are
    scaled by one factor so that the variance of the response stays, for bands and pixels that are
    independent and of equal variance: of each output where red, green and blue are among the
    bands, else of all outputs together (a kernel whose mean is nearly zero would be blown up).
    A single gray band stands for three equal ones: it takes the sum.

    Args:
        kernel_OIHW: of red, green and blue; of another number of channels, their mean is taken.
        bands: of the result.
    """
    if len(bands) == 1 and bands[0] is None:
        return kernel_OIHW.sum(1, keepdim=True)
    mean = kernel_OIHW.mean(1)
    is_rgb = kernel_OIHW.shape[1] == _RGB
    read_by = {color: kernel_OIHW[:, COLORS.index(color)] if is_rgb else mean for color in COLORS}
    adapted = torch.stack([mean if band is None else read_by[band] for band in bands], 1)
    if len(bands) == _RGB and is_complete(bands):
        return adapted
    over = (1, 2, 3) if is_complete(bands) else (0, 1, 2, 3)
    before, after = (
        each.double().square().sum(over, keepdim=True) for each in (kernel_OIHW, adapted)
    )
    scale = (before / after.clamp(min=torch.finfo(torch.double).tiny)).sqrt()
    return (adapted * scale).to(kernel_OIHW.dtype)


def set_input_channels(conv: nn.Conv2d, in_channels: int) -> None:
    """Make a first convolution read another number of channels; see `adapt_input_channels`."""
    conv.in_channels = in_channels
    kernel = adapt_input_channels(conv.weight.detach(), input_bands(in_channels))
    conv.weight = nn.Parameter(kernel)


def coverage(targets: Iterable[str], content: WeightFile, matched: Match, key_map: str) -> Coverage:
    """Report which tensors of the module the match fills, and what is left over."""
    targets = tuple(targets)
    parts = {name.split(".")[0] for name in targets}
    leftover = [name for name in content.arrays if name not in targets]
    return Coverage(
        loaded=tuple(name for name in targets if name in matched.values),
        missing=tuple(name for name in targets if name not in matched.values),
        unexpected=tuple(name for name in leftover if name.split(".")[0] in parts),
        elsewhere=tuple(name for name in leftover if name.split(".")[0] not in parts),
        reshaped=tuple(matched.reshaped),
        ignored=content.ignored,
        key_map=key_map,
        taken=content.taken,
    )


def require_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuse weights with which every prediction is NaN.

    Raises:
        DataError: the tensors that hold NaN or infinities, by name.
    """
    affected = [
        f"{name} ({int((~tensor.isfinite()).sum())} of {tensor.numel()})"
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and not tensor.isfinite().all()
    ]
    if affected:
        raise DataError(
            f"{path}: {len(affected)} tensors hold NaN or infinite values\n"
            f"  {shortened(affected)}\n"
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
    """Return the error for weights that do not cover the module.

    Args:
        source: the file.
        covered: which tensors of the module it fills.
        mismatched: both shapes of tensors that differ in them.
        own_names: of all tensors, as the file has them.
        section: prefix of the keys that help: `++encoder.` for an encoder alone, else empty.
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
