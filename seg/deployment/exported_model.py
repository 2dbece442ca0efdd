"""Exported network in place of a trained one."""

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.deployment.calibration import to_input_format
from seg.deployment.metadata import Card
from seg.errors import ConfigError
from seg.inference.fusion import argmax_labels
from seg.inference.image_model import ImageLike
from seg.inference.masks import codes_of_masks
from seg.inference.segmentation_model import predict_labels
from seg.kernels.label_tensors import label_tensor_dtype
from seg.kernels.resize import Resize
from seg.losses.mask_loss import IGNORED
from seg.models.coarse_logits import CoarseLogits
from seg.models.segmenter import lacking_px


class ExportedModel(nn.Module):
    """`ImageModel` that an engine of another library runs.

    Args:
        card: of the exported file.
        run: the engine.
        decoding: how the values of image files are converted, as in its training.

    Attributes:
        card, decoding: see above.
        labels, classes, palette: what the output channels mean.
        normalization: of images in 0..255, for `forward`.
        bytes_per_pixel: memory that a pass of the network takes, as measured before the export.
        labels_alone: whether it computes labels of whole images, and no logits.
    """

    place: Tensor

    def __init__(
        self, card: Card, run: Callable[[Tensor], Tensor], decoding: ImageDecoding = PLAIN
    ) -> None:
        super().__init__()
        self.card, self.decoding = card, decoding
        self.labels, self.normalization = card.labels, card.network_normalization
        self.classes, self.palette = card.labels.names, card.labels.palette
        self.num_classes = card.labels.num_outputs
        self.output_stride = card.geometry.output_stride
        self.align_corners = card.geometry.align_corners
        self.bytes_per_pixel = card.geometry.bytes_per_pixel
        self.labels_alone = card.spec.output_kind == "labels"
        self._run = run
        self.register_buffer("place", torch.zeros(1), persistent=False)  # its device is the model's
        self.eval()

    @property
    def device(self) -> torch.device:
        """Return where images have to be; the engine may compute elsewhere."""
        return self.place.device

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Map normalized images B x C x H x W to logits B x K x H x W, as a network does."""
        if self.card.spec.input_kind == "normalized":
            return self._logits(image_BCHW.float()).resized()
        mean, std = (
            torch.tensor(values, device=image_BCHW.device).view(-1, 1, 1) * 255
            for values in (self.normalization.mean, self.normalization.std)
        )
        return self.forward_image(image_BCHW.float() * std + mean).resized()

    def forward_image(self, image_BCHW: Tensor) -> CoarseLogits:
        """Map images B x C x H x W in 0..255 to logits before the last resize."""
        return self._logits(self._input(image_BCHW))

    def argmax_labels(self, image_BCHW: Tensor) -> Tensor:
        """Map images B x C x H x W in 0..255 to class ids, B x H x W, uint8 or int32."""
        if not self.labels_alone:
            return argmax_labels(self.forward_image(image_BCHW), self.labels.outputs)
        labels = self._passes(self._input(image_BCHW))
        if self.labels.outputs is None:
            return labels.to(label_tensor_dtype(self.num_classes))
        code_BHW = codes_of_masks(labels == 1, self.labels.outputs)
        return code_BHW.masked_fill(labels[:, 0] == IGNORED, self.labels.ignore_index)

    def predict(self, image: ImageLike) -> NDArray[Any]:
        """Segment one image at its own size; see `TrainedSegmenter.predict`."""
        return predict_labels(self, image)

    def _input(self, image_BCHW: Tensor) -> Tensor:
        return to_input_format(image_BCHW, self.card.spec, self.normalization, self.decoding)

    def _logits(self, input_BCHW: Tensor) -> CoarseLogits:
        if self.labels_alone:
            raise ConfigError(
                "the exported network gives labels of whole images alone; windows, "
                "scales, probabilities and scores need logits: export it with output_kind=logits"
            )
        height, width = input_BCHW.shape[2:]
        geometry = self.card.geometry
        rows, columns = (
            side + lacking_px(side, geometry.output_stride, geometry.input_multiple)
            for side in (height, width)
        )
        resize = Resize((rows, columns), (height, width), self.align_corners)
        return CoarseLogits(self._passes(input_BCHW), resize)

    def _passes(self, input_BCHW: Tensor) -> Tensor:
        """Run the engine, in as many passes as a fixed batch size takes."""
        spec = self.card.spec
        if spec.size is not None and tuple(input_BCHW.shape[2:]) != spec.size:
            height, width = input_BCHW.shape[2:]
            window = f"see larger ones by inference.window=[{spec.size[0]},{spec.size[1]}], or "
            raise ConfigError(
                f"the network was exported for images of {spec.size[0]} x {spec.size[1]}, this "
                f"one has {height} x {width} (height x width)\n"
                f"  {'' if self.labels_alone else window}export it with size=null"
            )
        if spec.batch_size is None:
            return self._run(input_BCHW)
        parts = []
        for part_BCHW in torch.split(input_BCHW, spec.batch_size):
            missing = spec.batch_size - len(part_BCHW)
            padded = torch.cat([part_BCHW, part_BCHW[:1].expand(missing, -1, -1, -1)])
            parts.append(self._run(padded)[: len(part_BCHW)])
        return torch.cat(parts)
