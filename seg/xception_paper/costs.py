"""Costs of the forms: parameters and multiply-adds, counted without running the networks."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seg.errors import UserError
from seg.reports.run_reader import read_runs
from seg.xception_paper.variants import Form

_CHANNELS = 3
_WHOLE_PX = 513  # side of images whose size the configuration does not state
_TOLERANCE = 5e-3  # relative


@dataclass(frozen=True)
class EncoderCost:
    """Cost of an encoder.

    Attributes:
        parameters: number of parameters.
        multiply_adds: for one image.
        size_px: (height, width) of that image.
        convolutions: multiply-adds of what is in the place of each separable convolution.
        formula: 1/M + 1/K^2 of each pair, M its outputs, K the side of its kernel.
    """

    parameters: int
    multiply_adds: int
    size_px: tuple[int, int]
    convolutions: Mapping[str, int]
    formula: Mapping[str, float]


@dataclass(frozen=True)
class Savings:
    """Cost of separable convolutions compared with full ones.

    Attributes:
        share: share of the full ones' multiply-adds, all layers together.
        largest_gap: between count and formula, relative, in the layer where it is largest.
        layers: number of layers compared.
    """

    share: float
    largest_gap: float
    layers: int

    @property
    def agrees(self) -> bool:
        """Return whether the formula holds in every layer."""
        return self.layers > 0 and self.largest_gap < _TOLERANCE


def count_form(directory: Path, form: Form) -> EncoderCost | None:
    """Count the encoder of the first trial whose `config.yaml` can be read and built."""
    for trial in form.trials.values():
        try:
            (run,) = read_runs([directory / str(trial.number)])
            if "encoder" in run.config:
                return _count(run.config)
        except UserError:  # reported for that trial; a count is no reason to end
            continue
    return None


def savings(separable: EncoderCost | None, full: EncoderCost | None) -> Savings | None:
    """Compare separable with full convolutions; None if either cost is unknown."""
    if separable is None or full is None:
        return None
    shares = {
        name: separable.convolutions[name] / full.convolutions[name]
        for name in separable.formula
        if full.convolutions.get(name)
    }
    whole = sum(full.convolutions[name] for name in shares)
    if not whole:
        return None
    gaps = [abs(share / separable.formula[name] - 1) for name, share in shares.items()]
    ours = sum(separable.convolutions[name] for name in shares)
    return Savings(ours / whole, max(gaps), len(shares))


def _count(config: Mapping[str, Any]) -> EncoderCost:
    """Build an encoder on the meta device and count its cost."""
    import torch

    from seg.build.instantiate import build
    from seg.config.allowed_targets import FILE
    from seg.config.facts import RUNTIME_ARGS
    from seg.config.target_validation import check
    from seg.models.blocks import SeparableConv2d
    from seg.models.variants import VariantConv2d
    from seg.profiling.flops import count

    node = {**config["encoder"], "weights": None}
    check(node, "encoder", RUNTIME_ARGS["encoder"], FILE)
    with torch.device("meta"):
        encoder = build("encoder", node, in_channels=_CHANNELS)
        # has the pairs also where a variant replaces them
        usual = build("encoder", {**node, "variant": None}, in_channels=_CHANNELS)
    size_px = _size_px(config)
    cost = count(encoder, (1, _CHANNELS, *size_px))
    parts, modules = cost.modules(), dict(encoder.named_modules())
    convolutions, formula = {}, {}
    for name, module in usual.named_modules():
        if not isinstance(module, SeparableConv2d):
            continue
        convolutions[name] = parts[name].multiply_adds
        pair = modules[name]
        if isinstance(pair, SeparableConv2d | VariantConv2d):
            formula[name] = 1 / pair.pointwise.conv.out_channels
            formula[name] += 1 / pair.depthwise.conv.kernel_size[0] ** 2
    return EncoderCost(cost.parameters, cost.multiply_adds, size_px, convolutions, formula)


def _size_px(recorded: Mapping[str, Any]) -> tuple[int, int]:
    """Return height and width of the images that the network is scored or trained on."""
    images = recorded.get("classification_augmentation") or {}
    side = images.get("eval_size") or images.get("size")
    if side:
        return int(side), int(side)
    height, width = (recorded.get("augmentation") or {}).get("crop") or (_WHOLE_PX, _WHOLE_PX)
    return int(height), int(width)
