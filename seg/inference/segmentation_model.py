"""A trained network with its classes."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from seg.data.label_space import LabelSpace
from seg.data.readers.readers import read_image
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.inference.fusion import argmax_labels
from seg.inference.image_model import ImageLike, ImageModel
from seg.inference.image_source import ArrayRaster
from seg.inference.inference import Inference
from seg.inference.memory_estimate import bytes_per_pixel
from seg.models.hooks import module_mode
from seg.models.segmenter import Segmenter


class TrainedSegmenter(Segmenter):
    """A segmenter with its label space; normalized B x C x H x W in, logits B x K x H x W out.

    It is an `ImageModel`.

    Attributes:
        labels: what the output channels mean.
        decoding: how the values of image files are converted, as in its training.
    """

    decoding: ImageDecoding = PLAIN
    labels_alone = False

    def __init__(self, encoder: nn.Module, decoder: nn.Module, labels: LabelSpace) -> None:
        super().__init__(encoder, decoder)
        self.labels = labels

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the class names; a predicted map holds their positions, or sets of them."""
        return self.labels.names

    @property
    def palette(self) -> tuple[tuple[int, int, int], ...]:
        """Return one RGB triple a class."""
        return self.labels.palette

    @property
    def bytes_per_pixel(self) -> float:
        """Return the memory that one pass takes, bytes a pixel of the image."""
        return bytes_per_pixel(self)

    def argmax_labels(self, image_BCHW: Tensor) -> Tensor:
        """Map images B x C x H x W in 0..255 to class ids or codes, uint8, B x H x W."""
        return argmax_labels(self.forward_image(image_BCHW), self.labels.outputs)

    def predict(self, image: ImageLike) -> NDArray[np.uint8]:
        """Segment one image at its own size.

        Args:
            image: a file, a PIL image, or a uint8 RGB array H x W x 3.

        Returns:
            uint8 positions in `classes`, H x W.

        Raises:
            DataError: the file is missing, damaged or not an image.
            ValueError: the array is not uint8 H x W x 3.
        """
        with module_mode(self, training=False):
            return predict_labels(self, image)


def predict_labels(model: ImageModel, image: ImageLike) -> NDArray[np.uint8]:
    """Segment one image in one pass; see `TrainedSegmenter.predict`."""
    return Inference().labels(model, ArrayRaster(as_array(image, model.decoding)))


def as_array(image: Any, decoding: ImageDecoding = PLAIN) -> NDArray[np.uint8]:
    """Return an image as uint8 RGB, H x W x 3.

    Args:
        image: a path, a PIL image or an array, as for `TrainedSegmenter.predict`.
        decoding: how the values of files are converted.

    Raises:
        DataError: the file is missing, damaged or not an image.
        ValueError: a PIL image that is transparent or deeper than 8 bits, or another array.
    """
    if isinstance(image, str | Path):
        return read_image(Path(image), decoding=decoding)
    if isinstance(image, Image.Image):
        alpha = image.has_transparency_data and image.convert("RGBA").getchannel("A")
        if alpha and (np.asarray(alpha) < 255).any():
            raise ValueError("predict takes opaque PIL images: flatten this one onto a background")
        if image.mode.startswith(("I", "F")):
            raise ValueError(
                f"predict takes PIL images of 8 bits a channel, not mode {image.mode}: give the"
                " file, or scale its values to 0..255"
            )
        image = np.asarray(image.convert("RGB"))
    if (
        not isinstance(image, np.ndarray)
        or image.dtype != np.uint8
        or image.ndim != 3
        or image.shape[2] != 3
    ):
        actual = (
            f"{image.dtype} {image.shape}"
            if isinstance(image, np.ndarray)
            else type(image).__name__
        )
        raise ValueError(
            f"predict takes a path, a PIL image or a uint8 RGB array H x W x 3, not {actual}"
        )
    return np.array(image)
