"""The interface of what turns images into logits: a trained network, or an export of one."""

from pathlib import Path
from typing import Any, Protocol, Self

import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from seg.data.label_space import LabelSpace
from seg.data.readers.value_range import ImageDecoding
from seg.models.coarse_logits import CoarseLogits

ImageLike = str | Path | NDArray[Any] | Image.Image


class ImageModel(Protocol):
    """Images in 0..255 to logits, in evaluation mode.

    `seg.inference.segmentation_model.TrainedSegmenter` computes in PyTorch,
    `seg.deployment.exported_model.ExportedModel` by the engine of another library. Both know the
    normalization of images; no caller does it for them.
    """

    @property
    def labels(self) -> LabelSpace:
        """Return what the output channels mean."""

    @property
    def decoding(self) -> ImageDecoding:
        """Return how the values of image files are converted, as in its training."""

    @property
    def output_stride(self) -> int:
        """Return the output stride, px."""

    @property
    def align_corners(self) -> bool:
        """Return whether corner pixels coincide in the last resize."""

    @property
    def bytes_per_pixel(self) -> float:
        """Return the memory that one pass takes, bytes a pixel of the image."""

    @property
    def labels_alone(self) -> bool:
        """Return whether it computes labels of whole images, and no logits."""

    @property
    def device(self) -> torch.device:
        """Return where images have to be."""

    def to(self, device: torch.device, /) -> Self:
        """Move it to a device."""

    def forward_image(self, image_BCHW: Tensor, /) -> CoarseLogits:
        """Map images B x C x H x W in 0..255, uint8 or float, to logits before the last resize.

        Raises:
            ConfigError: it computes labels alone, or takes another size.
        """

    def argmax_labels(self, image_BCHW: Tensor, /) -> Tensor:
        """Map images B x C x H x W in 0..255 to class ids, B x H x W, uint8 or int32."""

    def predict(self, image: ImageLike) -> NDArray[Any]:
        """Segment one image at its own size; class ids, H x W."""
