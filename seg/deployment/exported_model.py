"""Exported network in place of a trained one."""

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
    """Attributes of an encoder or decoder without its layers; the engine computes."""

    def __init__(self, **facts: object) -> None:
        super().__init__()
        for name, value in facts.items():
            setattr(self, name, value)


class ExportedSegmenter(TrainedSegmenter):
    """Segmenter whose network is run by an engine of another library.

    Args:
        card: of the exported file.
        run: the engine.

    Attributes:
        card: of the exported file.
        bytes_per_pixel: memory that a pass of the network takes, as measured before the export.
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
        self.register_buffer("place", torch.zeros(1), persistent=False)  # its device is the model's
        self.eval()

    def encode(self, image_BCHW: Tensor) -> list[Tensor]:
        """Map normalized images B x C x H x W to logits before the last resize, in a list."""
        if self.card.spec.input_kind == "normalized":
            return [self._coarse(image_BCHW.float())]
        normalization = self.normalization
        mean, std = (
            torch.tensor(values, device=image_BCHW.device).view(-1, 1, 1) * 255
            for values in (normalization.mean, normalization.std)
        )
        raw_BCHW = image_BCHW.float() * std + mean
        return [self._coarse(to_input_format(raw_BCHW, self.card.spec, normalization))]

    def decode(self, features: list[Tensor], size_HW: tuple[int, int]) -> CoarseLogits:
        """Return the logits of `encode` with their place in an image of that size."""
        height, width = size_HW
        grid = height + self._lacking_px(height), width + self._lacking_px(width)
        return CoarseLogits(features[0], Resize(grid, (height, width), self.align_corners))

    def forward_image(self, image_BCHW: Tensor) -> CoarseLogits:
        """Map images B x C x H x W in 0..255 to logits before the last resize."""
        height, width = image_BCHW.shape[2:]
        values = self._coarse(to_input_format(image_BCHW, self.card.spec, self.normalization))
        return self.decode([values], (height, width))

    def argmax_labels(self, image_BCHW: Tensor) -> Tensor:
        """Map images B x C x H x W in 0..255 to class ids, uint8, B x H x W."""
        if self.card.spec.output_kind == "logits":
            return argmax_labels(self.forward_image(image_BCHW))
        return self._passes(to_input_format(image_BCHW, self.card.spec, self.normalization)).byte()

    @property
    def labels_alone(self) -> bool:
        """Return whether the export computes labels of whole images, and no logits."""
        return self.card.spec.output_kind == "labels"

    def _coarse(self, image_BCHW: Tensor) -> Tensor:
        spec = self.card.spec
        if spec.output_kind != "logits":
            raise ConfigError(
                f"the exported network gives {spec.output_kind} of whole images alone; windows, "
                "scales, probabilities and scores need logits: export it with output_kind=logits"
            )
        return self._passes(image_BCHW)

    def _passes(self, image_BCHW: Tensor) -> Tensor:
        """Run the engine, in as many passes as a fixed batch size takes."""
        spec = self.card.spec
        if spec.size is not None and tuple(image_BCHW.shape[2:]) != spec.size:
            height, width = image_BCHW.shape[2:]
            window = f"see larger ones by inference.window=[{spec.size[0]},{spec.size[1]}], or "
            raise ConfigError(
                f"the network was exported for images of {spec.size[0]} x {spec.size[1]}, this "
                f"one has {height} x {width} (height x width)\n"
                f"  {'' if self.labels_alone else window}export it with size=null"
            )
        if spec.batch_size is None:
            return self._run(image_BCHW)
        parts = []
        for part_BCHW in torch.split(image_BCHW, spec.batch_size):
            missing = spec.batch_size - len(part_BCHW)
            padded = torch.cat([part_BCHW, part_BCHW[:1].expand(missing, -1, -1, -1)])
            parts.append(self._run(padded)[: len(part_BCHW)])
        return torch.cat(parts)
