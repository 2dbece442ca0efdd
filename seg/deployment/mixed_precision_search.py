"""Search for the parts of a network that int8 spoils, by rounding in torch as int8 rounds."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seg.inference.fusion import argmax_labels
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.hooks import hooks_attached
from seg.models.layer_groups import encoder_layer_groups

log = logging.getLogger(__name__)
_MAX_LISTED = 6


@dataclass
class _Range:
    low: float = 0.0
    high: float = 0.0

    def include(self, x: Tensor) -> None:
        self.low = min(self.low, float(x.min()))
        self.high = max(self.high, float(x.max()))

    def rounded(self, x: Tensor) -> Tensor:
        """Round to 256 even steps over the range."""
        scale = max((self.high - self.low) / 255, 1e-12)
        zero = min(255, max(0, round(-self.low / scale)))
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, 0, 255)


class RoundedNetwork:
    """Network of which some convolutions compute as in int8: inputs, weights and outputs.

    Weights have a scale for each channel of the output, maps one from their smallest to their
    largest value; both represent zero exactly (Krishnamoorthi, arXiv:1806.08342, sections 2, 3).

    Args:
        model: in evaluation mode.
        images: uint8, H x W x 3; they give the ranges and the labels to compare with.
    """

    def __init__(self, model: TrainedSegmenter, images: Sequence[NDArray[np.uint8]]) -> None:
        # with PyTorch's own convolutions: others copy their weights, or have none
        self.model = model.optimize(replacements={})
        self._images = [torch.from_numpy(each).permute(2, 0, 1)[None] for each in images]
        self._convs = {
            name: module
            for name, module in self.model.named_modules()
            if isinstance(module, nn.Conv2d)
        }
        self._ranges: dict[str, tuple[_Range, _Range]] = {}
        self._labels = self._with_hooks(self._convs, self._observe)

    @property
    def convolutions(self) -> list[str]:
        """Return the names of the convolutions, in the order in which they run."""
        return list(self._ranges)

    def agreement(self, rounded: Iterable[str]) -> float:
        """Return the share of pixels whose class stays when these convolutions are rounded."""
        names = list(rounded)
        weights = {name: self._convs[name].weight.data for name in names}
        try:
            for name in names:
                self._convs[name].weight.data = _rounded_weight(weights[name])
            labels = self._with_hooks(names, self._round)
        finally:
            for name in names:
                self._convs[name].weight.data = weights[name]
        same = sum(int((a == b).sum()) for a, b in zip(labels, self._labels, strict=True))
        return same / sum(label.numel() for label in labels)

    @torch.inference_mode()
    def _with_hooks(
        self, names: Iterable[str], attach: Callable[[str], Iterable[Any]]
    ) -> list[Tensor]:
        with hooks_attached(handle for name in names for handle in attach(name)):
            return [argmax_labels(self.model.forward_image(each)) for each in self._images]

    def _observe(self, name: str) -> Iterable[Any]:
        def observe(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            input_range, output_range = self._ranges.setdefault(name, (_Range(), _Range()))
            input_range.include(inputs[0])
            output_range.include(output)

        yield self._convs[name].register_forward_hook(observe)

    def _round(self, name: str) -> Iterable[Any]:
        input_range, output_range = self._ranges[name]
        conv = self._convs[name]
        yield conv.register_forward_pre_hook(lambda _, inputs: (input_range.rounded(inputs[0]),))
        yield conv.register_forward_hook(lambda _, inputs, output: output_range.rounded(output))


def _rounded_weight(weight_OIHW: Tensor) -> Tensor:
    largest = 127 if torch.cpu._is_vnni_supported() else 63  # see `formats.onnx`
    scale_O = weight_OIHW.abs().amax((1, 2, 3)).clamp(min=1e-12) / largest
    zero_O = torch.zeros(len(scale_O), dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(
        weight_OIHW, scale_O, zero_O, 0, -largest, largest
    )


def select_float_layers(
    model: TrainedSegmenter, images: Sequence[NDArray[np.uint8]]
) -> Iterator[list[str]]:
    """Yield the names of convolutions to leave in float: few of them first, then more.

    The first choice is the convolution that reads the image and the one that computes the logits.
    Each further choice adds, of the other parts, the one that alone changes most pixels: a module
    of the encoder, or a branch of the decoder. At least one part is always in int8.

    Args:
        model: in evaluation mode.
        images: uint8, H x W x 3.
    """
    network = RoundedNetwork(model, images)
    names = network.convolutions
    float_layers = {names[0], names[-1]}
    yield [name for name in names if name in float_layers]
    groups = _groups(network.model, [name for name in names if name not in float_layers])
    single = {key: network.agreement(group) for key, group in groups.items()}
    order = sorted(groups, key=lambda key: single[key])
    changes = ", ".join(f"{key} {100 * (1 - single[key]):.2f} %" for key in order[:_MAX_LISTED])
    log.info("pixels that a part changes when it alone is int8: %s", changes)
    for key in order[:-1]:
        float_layers.update(groups[key])
        yield [name for name in names if name in float_layers]


def _groups(model: TrainedSegmenter, names: Sequence[str]) -> dict[str, list[str]]:
    """Group convolutions by the part of the network that they belong to."""
    part_of = {
        module: f"encoder part {place}"
        for place, part in enumerate(encoder_layer_groups(model.encoder))
        for root in part
        for module in root.modules()
    }
    groups: dict[str, list[str]] = {}
    for name in names:
        key = part_of.get(model.get_submodule(name), ".".join(name.split(".")[:3]))
        groups.setdefault(key, []).append(name)
    return groups
