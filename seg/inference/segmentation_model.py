"""A trained network with its classes."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from seg.data.label_space import LabelSpace
from seg.data.readers.readers import read_filled, read_image
from seg.data.readers.value_range import PLAIN, RGB_CHANNELS, ImageDecoding
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
        """Map images B x C x H x W in 0..255 to class ids or codes, B x H x W, uint8 or int32."""
        return argmax_labels(self.forward_image(image_BCHW), self.labels.outputs)

    def predict(self, image: ImageLike) -> NDArray[Any]:
        """Segment one image at its own size.

        Args:
            image: a file, a PIL image, or an array of stored values, H x W x bands: uint8 RGB, or
                of the number and type of bands that the network was trained on.

        Returns:
            positions in `classes`, H x W, uint8, uint16 of more than 255 classes;
            `labels.ignore_index` where there is no data.

        Raises:
            DataError: the file is missing, damaged or not an image.
            ValueError: the array has another number of bands, or another type.
        """
        with module_mode(self, training=False):
            return predict_labels(self, image)


def predict_labels(model: ImageModel, image: ImageLike) -> NDArray[Any]:
    """Segment one image in one pass; see `TrainedSegmenter.predict`."""
    if isinstance(image, str | Path):
        raster = ArrayRaster(*read_filled(Path(image), model.decoding))
        return Inference().labels(model, raster)
    image_HWC = as_array(image, model.decoding)
    return Inference().labels(model, ArrayRaster.of(image_HWC, model.decoding))


def predict_sample(model: ImageModel, image_HWC: NDArray[Any]) -> NDArray[Any]:
    """Segment the image of a sample, which its dataset has scaled to 0..255, in one pass."""
    with module_mode(model, training=False) if isinstance(model, nn.Module) else nullcontext():
        return Inference().labels(model, ArrayRaster(np.array(image_HWC)))


def as_array(image: Any, decoding: ImageDecoding = PLAIN) -> NDArray[Any]:
    """Return an image as `ImageDecoding.scale` does, H x W x channels.

    Args:
        image: a path, a PIL image or an array, as for `TrainedSegmenter.predict`.
        decoding: how stored values are converted.

    Raises:
        DataError: the file is missing, damaged or not an image, or values are not declared.
        ValueError: a PIL image that is transparent or deeper than 8 bits, or another array.
    """
    if isinstance(image, str | Path):
        return read_image(Path(image), decoding=decoding)
    if isinstance(image, Image.Image):
        image = _values_of_pil(image, decoding)
    bands, kind = array_layout(decoding)
    if (
        not isinstance(image, np.ndarray)
        or (kind and image.dtype != kind)
        or (image.shape[2:] or (1,)) not in [(each,) for each in bands]
        or image.ndim < 2
    ):
        actual = (
            f"{image.dtype} {image.shape}"
            if isinstance(image, np.ndarray)
            else type(image).__name__
        )
        allowed = " or ".join(map(str, bands))
        layout = "RGB array H x W x 3" if bands == (3,) else f"array H x W x bands ({allowed})"
        raise ValueError(
            f"predict takes a path, a PIL image or a {kind or 'numeric'} {layout}, not {actual}"
        )
    if decoding.dtype is np.uint8:
        scaled_HWC = np.array(image)
    else:
        scaled_HWC = decoding.scale(image, 8 * image.dtype.itemsize, "the array")
    if scaled_HWC.ndim == 2 or scaled_HWC.shape[2] == 1:
        scaled_HWC = np.repeat(scaled_HWC.reshape(*scaled_HWC.shape[:2], 1), RGB_CHANNELS, 2)
    return scaled_HWC


def array_layout(decoding: ImageDecoding) -> tuple[tuple[int, ...], str]:
    """Return the numbers of bands of arrays that a network takes, and their type; empty: any."""
    if decoding.bands is not None:
        bands: tuple[int, ...] = (len(decoding.bands),)
    else:
        bands = (RGB_CHANNELS,) if decoding.value_range is None else (1, RGB_CHANNELS)
    return bands, decoding.kind or ("uint8" if decoding.value_range is None else "")


def _values_of_pil(image: Image.Image, decoding: ImageDecoding) -> NDArray[Any]:
    """Return the values of an opaque PIL image, H x W or H x W x 3.

    Raises:
        ValueError: it is transparent, or of more than 8 bits whose range is not declared.
    """
    alpha = image.has_transparency_data and image.convert("RGBA").getchannel("A")
    if alpha and (np.asarray(alpha) < 255).any():
        raise ValueError("predict takes opaque PIL images: flatten this one onto a background")
    if not image.mode.startswith(("I", "F")):
        is_grey = decoding.bands is not None and len(decoding.bands) == 1 and image.mode == "L"
        return np.asarray(image if is_grey else image.convert("RGB"))
    if decoding.value_range is None:
        raise ValueError(
            f"predict takes PIL images of 8 bits a channel, not mode {image.mode}: give the"
            " file, or scale its values to 0..255"
        )
    return np.asarray(image)
