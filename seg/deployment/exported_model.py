"""An exported network in the place of a trained one."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seg.data.label_space import LabelSpace
from seg.deployment.calibration import to_input_format
from seg.deployment.metadata import Card
from seg.errors import ConfigError
from seg.inference.fusion import argmax_labels
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.coarse_logits import CoarseLogits, Resize
from seg.models.interfaces import Normalization


class _Described(nn.Module):
    """Says what an encoder or decoder would say of itself; the engine computes."""

    def __init__(self, **facts: object) -> None:
        super().__init__()
        for name, value in facts.items():
            setattr(self, name, value)


class ExportedSegmenter(TrainedSegmenter):
    """The same interface over an engine; what is inside the network cannot be seen.

    Args:
        card: of the exported file.
        run: the engine.

    Attributes:
        card: of the exported file.
        bytes_per_pixel: memory that one pass of the network itself takes.
    """

    place: Tensor

    def __init__(self, card: Card, run: Callable[[Tensor], Tensor]) -> None:
        labels = LabelSpace.from_dict(card.labels)
        geometry = card.geometry
        super().__init__(
            _Described(
                output_stride=geometry.output_stride,
                input_multiple=geometry.input_multiple,
                normalization=Normalization.from_dict(card.network_normalization),
            ),
            _Described(num_classes=labels.num_classes, align_corners=geometry.align_corners),
            labels,
        )
        self.card = card
        self.bytes_per_pixel = geometry.bytes_per_pixel
        self._run = run
        self.register_buffer("place", torch.zeros(1), persistent=False)  # says the device
        self.eval()

    def encode(self, image_BCHW: Tensor) -> list[Tensor]:
        """Normalised B x C x H x W -> the logits before the last resize, alone in a list."""
        if self.card.spec.input_kind == "normalized":
            return [self._coarse(image_BCHW.float())]
        normalization = self.normalization
        mean, std = (
            torch.tensor(values, device=image_BCHW.device).view(-1, 1, 1) * 255
            for values in (normalization.mean, normalization.std)
        )
        picture_BCHW = image_BCHW.float() * std + mean
        return [self._coarse(to_input_format(picture_BCHW, self.card.spec, normalization))]

    def decode(self, features: list[Tensor], size_HW: tuple[int, int]) -> CoarseLogits:
        """What `encode` gives, and the picture's size -> logits before the last resize."""
        height, width = size_HW
        grid = height + self._lacking_px(height), width + self._lacking_px(width)
        return CoarseLogits(features[0], Resize(grid, (height, width), self.align_corners))

    def forward_image(self, picture_BCHW: Tensor) -> CoarseLogits:
        """B x C x H x W in 0..255 -> logits before the last resize."""
        height, width = picture_BCHW.shape[2:]
        values = self._coarse(to_input_format(picture_BCHW, self.card.spec, self.normalization))
        return self.decode([values], (height, width))

    def argmax_labels(self, picture_BCHW: Tensor) -> Tensor:
        """B x C x H x W in 0..255 -> class ids, uint8, B x H x W, whichever kind was exported."""
        if self.card.spec.output_kind == "logits":
            return argmax_labels(self.forward_image(picture_BCHW))
        return self._passes(
            to_input_format(picture_BCHW, self.card.spec, self.normalization)
        ).byte()

    @property
    def labels_alone(self) -> bool:
        """Whether it gives labels of whole pictures, and no logits."""
        return self.card.spec.output_kind == "labels"

    def _coarse(self, image_BCHW: Tensor) -> Tensor:
        spec = self.card.spec
        if spec.output_kind != "logits":
            raise ConfigError(
                f"the exported network gives {spec.output_kind} of whole pictures alone; windows, "
                "scales, probabilities and scores need logits: export it with output_kind=logits"
            )
        return self._passes(image_BCHW)

    def _passes(self, image_BCHW: Tensor) -> Tensor:
        """As many passes as a fixed batch asks for."""
        spec = self.card.spec
        if spec.size is not None and tuple(image_BCHW.shape[2:]) != spec.size:
            height, width = image_BCHW.shape[2:]
            raise ConfigError(
                f"the network was exported for pictures of {spec.size[0]} x {spec.size[1]}, this "
                f"one has {height} x {width} (height x width)\n"
                f"  see larger ones by inference.window=[{spec.size[0]},{spec.size[1]}], or export "
                "it with size=null"
            )
        if spec.batch_size is None:
            return self._run(image_BCHW)
        parts = []
        for part_BCHW in torch.split(image_BCHW, spec.batch_size):
            lacking = spec.batch_size - len(part_BCHW)
            filled = torch.cat([part_BCHW, part_BCHW[:1].expand(lacking, -1, -1, -1)])
            parts.append(self._run(filled)[: len(part_BCHW)])
        return torch.cat(parts)
