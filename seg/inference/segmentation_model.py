"""A trained network that knows its classes."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from seg.data.label_space import LabelSpace
from seg.data.readers.readers import read_image
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.inference.image_source import ArrayRaster
from seg.inference.inference import Inference
from seg.models.segmenter import Segmenter

ImageLike = str | Path | NDArray[np.uint8] | Image.Image


class TrainedSegmenter(Segmenter):
    """A segmenter with its label space; normalised B x C x H x W in, logits B x K x H x W out.

    Attributes:
        labels: what the output channels mean.
        decoding: how the values of image files become what it was trained on.
    """

    decoding: ImageDecoding = PLAIN

    def __init__(self, encoder: nn.Module, decoder: nn.Module, labels: LabelSpace) -> None:
        super().__init__(encoder, decoder)
        self.labels = labels

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; a predicted map holds their positions."""
        return self.labels.names

    @property
    def palette(self) -> tuple[tuple[int, int, int], ...]:
        """One RGB triple a class."""
        return self.labels.palette

    def predict(self, picture: ImageLike) -> NDArray[np.uint8]:
        """Segment one picture at its own size.

        Args:
            picture: a file, a PIL image, or a uint8 RGB array H x W x 3.

        Returns:
            uint8 positions in `classes`, H x W.

        Raises:
            DataError: the file is missing, damaged or not a picture.
            ValueError: the array is not uint8 H x W x 3.
        """
        was_training = self.training
        label_HW = Inference().labels(self.eval(), ArrayRaster(as_array(picture, self.decoding)))
        self.train(was_training)
        return label_HW


def as_array(picture: Any, decoding: ImageDecoding = PLAIN) -> NDArray[np.uint8]:
    """A picture in any of the forms that `predict` takes, uint8 RGB, H x W x 3."""
    if isinstance(picture, str | Path):
        return read_image(Path(picture), decoding=decoding)
    if isinstance(picture, Image.Image):
        clear = picture.has_transparency_data and picture.convert("RGBA").getchannel("A")
        if clear and (np.asarray(clear) < 255).any():
            raise ValueError("predict takes opaque PIL images: flatten this one onto a background")
        if picture.mode.startswith(("I", "F")):
            raise ValueError(
                f"predict takes PIL images of 8 bits a channel, not mode {picture.mode}: give the"
                " file, or scale its values to 0..255"
            )
        picture = np.asarray(picture.convert("RGB"))
    if (
        not isinstance(picture, np.ndarray)
        or picture.dtype != np.uint8
        or picture.ndim != 3
        or picture.shape[2] != 3
    ):
        found = (
            f"{picture.dtype} {picture.shape}"
            if isinstance(picture, np.ndarray)
            else type(picture).__name__
        )
        raise ValueError(
            f"predict takes a path, a PIL image or a uint8 RGB array H x W x 3, not {found}"
        )
    return np.array(picture)
