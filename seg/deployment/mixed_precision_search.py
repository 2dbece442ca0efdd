"""Which parts of a network eight bits spoil, found by rounding in torch what they would round."""

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
_TOLD = 6


@dataclass
class _Range:
    low: float = 0.0
    high: float = 0.0

    def include(self, x: Tensor) -> None:
        self.low = min(self.low, float(x.min()))
        self.high = max(self.high, float(x.max()))

    def rounded(self, x: Tensor) -> Tensor:
        """To one of 256 even steps over the range."""
        scale = max((self.high - self.low) / 255, 1e-12)
        zero = min(255, max(0, round(-self.low / scale)))
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, 0, 255)


class RoundedNetwork:
    """A network of which chosen convolutions compute as in int8: inputs, weights and outputs.

    Weights have a scale for each channel of the output, maps one from the smallest to the largest
    value that was seen; both hold zero exactly (Krishnamoorthi, arXiv:1806.08342, sections 2, 3).

    Args:
        model: in evaluation mode.
        pictures: uint8, H x W x 3; the ranges and the masks to compare with are theirs.
    """

    def __init__(self, model: TrainedSegmenter, pictures: Sequence[NDArray[np.uint8]]) -> None:
        # with PyTorch's own convolutions: others read weights once, or are none
        self.model = model.optimize(replacements={})
        self._pictures = [torch.from_numpy(each).permute(2, 0, 1)[None] for each in pictures]
        self._convs = {
            name: module
            for name, module in self.model.named_modules()
            if isinstance(module, nn.Conv2d)
        }
        self._ranges: dict[str, tuple[_Range, _Range]] = {}
        self._labels = self._with_hooks(self._convs, self._observe)

    @property
    def convolutions(self) -> list[str]:
        """Names, in the order in which they run."""
        return list(self._ranges)

    def agreement(self, rounded: Iterable[str]) -> float:
        """Share of pixels whose class stays when these convolutions are rounded."""
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
            return [argmax_labels(self.model.forward_image(each)) for each in self._pictures]

    def _observe(self, name: str) -> Iterable[Any]:
        def see(_: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
            into, out = self._ranges.setdefault(name, (_Range(), _Range()))
            into.include(given[0])
            out.include(made)

        yield self._convs[name].register_forward_hook(see)

    def _round(self, name: str) -> Iterable[Any]:
        into, out = self._ranges[name]
        conv = self._convs[name]
        yield conv.register_forward_pre_hook(lambda _, given: (into.rounded(given[0]),))
        yield conv.register_forward_hook(lambda _, given, made: out.rounded(made))


def _rounded_weight(weight_OIHW: Tensor) -> Tensor:
    largest = 127 if torch.cpu._is_vnni_supported() else 63  # see `formats.onnx`
    scale_O = weight_OIHW.abs().amax((1, 2, 3)).clamp(min=1e-12) / largest
    zero_O = torch.zeros(len(scale_O), dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(
        weight_OIHW, scale_O, zero_O, 0, -largest, largest
    )


def select_float_layers(
    model: TrainedSegmenter, pictures: Sequence[NDArray[np.uint8]]
) -> Iterator[list[str]]:
    """Convolutions to keep float: few of them first, then more.

    The first choice keeps the one that sees the image and the one that gives the logits. Each
    further one keeps, of the parts that are left, also that which alone changes most pixels: a
    module of the encoder, or a branch of the decoder. Some part is always left.

    Args:
        model: in evaluation mode.
        pictures: uint8, H x W x 3.
    """
    network = RoundedNetwork(model, pictures)
    names = network.convolutions
    kept = {names[0], names[-1]}
    yield [name for name in names if name in kept]
    groups = _groups(network.model, [name for name in names if name not in kept])
    single = {key: network.agreement(group) for key, group in groups.items()}
    order = sorted(groups, key=lambda key: single[key])
    told = ", ".join(f"{key} {100 * (1 - single[key]):.2f} %" for key in order[:_TOLD])
    log.info("pixels that a part changes when it alone is int8: %s", told)
    for key in order[:-1]:
        kept.update(groups[key])
        yield [name for name in names if name in kept]


def _groups(model: TrainedSegmenter, names: Sequence[str]) -> dict[str, list[str]]:
    """Convolutions by the part of the network that they lie in."""
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
