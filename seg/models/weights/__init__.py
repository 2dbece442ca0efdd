"""Weights from files of other frameworks, read without those frameworks and without unpickling.

A new format is one file in this package that declares a `FORMAT`; the names of another project are
one file in `key_maps/`.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seg.errors import DataError
from seg.models.input_bands import COLORS, InputBands, input_bands
from seg.models.layer_groups import last_layer_name
from seg.models.weights.format import WeightFile, read_weights, readable_formats
from seg.models.weights.key_maps import translate
from seg.models.weights.load_report import Coverage, shortened
from seg.models.weights.sources import locate
from seg.models.weights.state_dict_matching import (
    coverage,
    match,
    misfit,
    require_finite,
    set_input_channels,
)

__all__ = ["Coverage", "load_weights", "readable_formats", "set_input_channels"]

log = logging.getLogger(__name__)
_PARTS = frozenset({"encoder", "decoder", "linear"})


def load_weights(
    module: nn.Module,
    source: str | Path,
    *,
    strict: bool = True,
    reset_head: bool = False,
    moving_average: bool | None = None,
) -> Coverage:
    """Fill a module from a weight file; all of it is checked before any tensor changes.

    A first convolution for another number of input channels is adapted from RGB to the encoder's
    `input_bands` and listed as reshaped. The encoder gets the input normalization that belongs to
    the weights.

    >>> import seg
    >>> encoder = seg.create_encoder("aligned_xception_tiny")
    >>> seg.load_weights(encoder, "runs/mine").complete
    True

    Args:
        module: a `Segmenter`, a `Classifier`, or an encoder alone.
        source: see `seg.models.weights.sources.locate`: a path (for a TensorFlow checkpoint its
            prefix, `.../model.ckpt`), a timm name, `hf://owner/name`, or an https address.
        strict: refuse missing tensors, other shapes, and surplus tensors; False: load those that
            fit.
        reset_head: leave the last layer as it is, for other classes than the file's.
        moving_average: True loads the moving averages that a file has beside its weights, False
            the training weights that it has beside averages; None what the file's own framework
            would load. The choice is logged and part of the result.

    Returns:
        the names of the loaded and of the other tensors.

    Raises:
        ConfigError: a source that names nothing.
        DataError: a file that is missing, damaged or of no known format; other classes; if
            `strict`, any tensor of the module that is not loaded and any leftover that was meant
            for it; else nothing loaded at all.
    """
    located = locate(source)
    content = read_weights(located.path)
    targets = target_tensors(module)
    own_names = list(content.arrays)
    section = "" if hasattr(module, "encoder") else "++encoder."  # of keys on a command line
    content = _chosen(
        content, targets, located.path, section=section, moving_average=moving_average
    )
    content, key_map = in_our_names(content, targets, located.path)
    head = {name: value for name, value in targets.items() if name.startswith(_head(module))}
    if reset_head:
        others = {name: value for name, value in content.arrays.items() if name not in head}
        content = replace(content, arrays=others, classes=())
    encoder: Any = getattr(module, "encoder", module)
    bands = bands_of(encoder)
    matched = match(targets, content.arrays, bands, content.input_bands)
    _require_classes(module, content, head, matched.mismatched if strict else (), located.path)
    covered = coverage(targets, content, matched, key_map)
    expected = set(covered.missing) <= set(head) and not covered.unexpected
    fits = not strict or covered.complete or (reset_head and expected)
    if not (matched.values and fits):
        raise misfit(located.path, covered, matched.mismatched, own_names, section=section)
    require_finite(matched.values, located.path)
    with torch.no_grad():
        for name, value in matched.values.items():
            targets[name].copy_(value)
    normalization = content.normalization or located.normalization
    if normalization is not None:
        encoder.normalization = normalization.reordered(content.input_bands, bands)
    log.info("weights    %s: %s", located.origin, covered)
    if content.caution and not located.verified:
        log.warning("weights    %s: %s", located.origin, content.caution)
    for title, names in (
        ("left as they were", covered.missing),
        ("not used", covered.unexpected),
        ("for other parts", covered.elsewhere),
    ):
        if names:
            log.info("  %s: %s", title, shortened(names))
    return covered


def bands_of(encoder: Any) -> InputBands:
    """Return which color each channel of an encoder's images is."""
    bands: InputBands | None = getattr(encoder, "input_bands", None)
    normalization = getattr(encoder, "normalization", None)  # decoders alone have none
    if bands is not None or normalization is None:
        return bands or COLORS
    return input_bands(len(normalization.mean))


def target_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return the tensors that weights fill, by our names; an encoder's begin `encoder.`."""
    prefix = "" if hasattr(module, "encoder") else "encoder."
    return {
        prefix + name: tensor
        for name, tensor in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def in_our_names(content: WeightFile, targets: Iterable[str], path: Path) -> tuple[WeightFile, str]:
    """Rename a file's tensors to ours, without strays; return them and whose names the file uses.

    Raises:
        DataError: two of its tensors would get one name.
    """
    targets = frozenset(targets)
    ours, key_map = translate(list(content.arrays), list(targets))
    strays = _strays(ours, targets)
    arrays = {ours[name]: value for name, value in content.arrays.items() if name not in strays}
    if len(arrays) < len(content.arrays) - len(strays):
        raise DataError(f"{path}: holds two networks under one name each; keep one in the file")
    return replace(content, arrays=arrays, ignored=(*content.ignored, *strays)), key_map


def _strays(ours: Mapping[str, str], targets: Collection[str]) -> tuple[str, ...]:
    """Return tensors beside the network: a loss's weights, a metric's state, another head.

    No tensor of their group has a place in the module. `layer5` beside `layer4` is no stray: such a
    file is of another network.
    """
    groups = {name: name.partition(".")[0].rstrip("0123456789") for name in ours}
    placed = {groups[name] for name, place in ours.items() if place in targets}
    elsewhere = _PARTS - {name.partition(".")[0] for name in targets}
    return tuple(
        name
        for name, place in ours.items()
        if placed and groups[name] not in placed and place.partition(".")[0] not in elsewhere
    )


def _head(module: nn.Module) -> str:
    """Return the prefix of the last layer's names."""
    decoder = getattr(module, "decoder", None)
    return "linear." if decoder is None else f"decoder.{last_layer_name(decoder)}."


def _chosen(
    content: WeightFile,
    targets: Collection[str],
    path: Path,
    *,
    section: str,
    moving_average: bool | None,
) -> WeightFile:
    """Choose raw or averaged weights as asked for, and describe the choice.

    Raises:
        DataError: averages are asked for, and the file has none of this module.
    """
    averages = content.averages
    if moving_average and not content.in_training:
        ours = translate(list(averages), list(targets))[0].values()
        if not any(name in targets for name in ours):
            raise DataError(f"{path}: keeps no moving averages of this; leave moving_average out")
        return replace(content, arrays={**content.arrays, **averages}, taken="the moving averages")
    if moving_average is False and content.in_training:
        return replace(content, arrays=content.in_training, taken="the weights in training")
    taken = ""
    if content.in_training:
        taken = f"the moving averages; {section}moving_average=false takes the weights in training"
    elif averages:
        taken = f"the weights in training; {section}moving_average=true takes their averages"
    return replace(content, taken=taken)


def _require_classes(
    module: nn.Module,
    content: WeightFile,
    head: Mapping[str, Tensor],
    mismatched: Collection[str],
    path: Path,
) -> None:
    """Refuse a last layer that was trained for other classes than the module's."""
    classes = tuple(getattr(module, "classes", ()))
    renamed = bool(classes and content.classes and classes != content.classes)
    shared = [name for name in head if name in content.arrays]
    # other shapes with the same number of classes are another network's
    others = [
        name
        for name in shared
        if name in mismatched and tuple(content.arrays[name].shape[:1]) != head[name].shape[:1]
    ]
    if not others and not (shared and renamed):
        return
    raise DataError(
        f"weights {path} are for other classes than the model\n"
        f"  the file:  {_list_classes(content.classes, len(content.arrays[shared[0]]))}\n"
        f"  the model: {_list_classes(classes, len(head[shared[0]]))}\n"
        f"  reset_head=true starts the last layer ({', '.join(shared)}) anew"
    )


def _list_classes(names: tuple[str, ...], count: int) -> str:
    return f"{len(names)}: {', '.join(names)}" if names else f"{count}, without names"
