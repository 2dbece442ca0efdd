"""Stored values of image files as the input of a graph: scaled inside, and regained outside."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from seg.data.readers.value_range import RGB_CHANNELS, ImageDecoding
from seg.data.readers.value_scaling import NO_DATA_FILL, lows_and_scales
from seg.errors import ConfigError

TYPES = {
    "uint8": torch.uint8,
    "int16": torch.int16,
    "uint16": torch.uint16,
    "int32": torch.int32,
    "uint32": torch.uint32,
    "float32": torch.float32,
    "float64": torch.float64,
}
"""Types of stored values by the name that a configuration declares."""


def with_kind(decoding: ImageDecoding, kind: str | None = None) -> ImageDecoding:
    """Return a decoding that names the type of its values: its own, `kind`, or uint8 undeclared.

    Raises:
        ConfigError: the type cannot be known.
    """
    kind = decoding.kind or kind or ("uint8" if decoding.value_range is None else None)
    if kind not in TYPES:
        raise ConfigError(
            "input_kind=stored: the training declares no type of stored values\n"
            f"  give that of its files, such as dataset.kind=uint16; allowed: {', '.join(TYPES)}"
        )
    return replace(decoding, kind=kind)


def stored_channels(decoding: ImageDecoding) -> int:
    """Return the channels of stored images: of one declared band, 1."""
    return RGB_CHANNELS if decoding.bands is None else len(decoding.bands)


class StoredImages(nn.Module):
    """Map stored values to images in 0..255, in the operations of `ImageDecoding.scale`.

    Args:
        decoding: with a kind.
    """

    low: Tensor
    scale: Tensor
    no_data: Tensor

    def __init__(self, decoding: ImageDecoding) -> None:
        super().__init__()
        stored = np.dtype(decoding.kind)
        low, scale = lows_and_scales(stored, decoding.ranges or ((0.0, 255.0),))
        self.register_buffer("low", torch.from_numpy(low).view(-1, 1, 1))
        self.register_buffer("scale", torch.from_numpy(scale).view(-1, 1, 1))
        self._exact = self.low.dtype
        self._clip, self._nodata = decoding.clip, decoding.nodata
        if isinstance(self._nodata, float | int):
            self.register_buffer("no_data", torch.tensor(self._nodata, dtype=self._exact))
        self._repeats = RGB_CHANNELS if decoding.channels != stored_channels(decoding) else 1

    def forward(self, stored_BCHW: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the images, float32 and filled, and where they lack data, B x 1 x H x W.

        The latter is None where no value stands for it.
        """
        values_BCHW = stored_BCHW.to(self._exact)
        image_BCHW = (values_BCHW - self.low) * self.scale
        if self._clip:
            image_BCHW = image_BCHW.clamp(0, 255)
        image_BCHW = image_BCHW.float()
        missing_B1HW = self._missing(values_BCHW)
        if missing_B1HW is not None:
            image_BCHW = torch.where(missing_B1HW, NO_DATA_FILL, image_BCHW)
        if self._repeats > 1:
            image_BCHW = image_BCHW.expand(-1, self._repeats, -1, -1)
        return image_BCHW, missing_B1HW

    def _missing(self, values_BCHW: Tensor) -> Tensor | None:
        if self._nodata is None:
            return None
        is_nan = self._nodata == "nan"
        lacking_BCHW = values_BCHW.isnan() if is_nan else values_BCHW == self.no_data
        return lacking_BCHW.any(1, keepdim=True)


def to_stored(image_BCHW: Tensor, decoding: ImageDecoding) -> Tensor:
    """Return stored values that `StoredImages` maps to images in 0..255: the inverse.

    Whole numbers are rounded: only images that were not resized come back exactly. No pixel gets
    the value of pixels without data.

    Args:
        image_BCHW: uint8 or float.
        decoding: with a kind.
    """
    assert decoding.kind is not None
    stored = np.dtype(decoding.kind)
    ranges = decoding.ranges or ((0.0, 255.0),)
    low, high = (
        torch.tensor(each, dtype=torch.float64, device=image_BCHW.device).view(-1, 1, 1)
        for each in zip(*ranges, strict=True)
    )
    image_BCHW = image_BCHW[:, : stored_channels(decoding)].double()
    values_BCHW = low + image_BCHW * ((high - low) / 255)
    if stored.kind == "f":
        values_BCHW = values_BCHW.to(TYPES[decoding.kind])
        return _beside(values_BCHW, decoding, torch.finfo(values_BCHW.dtype).eps)
    whole_BCHW = values_BCHW.round()
    if decoding.clip:  # what was cut off lies at the range or beyond it
        whole_BCHW = torch.where(image_BCHW <= 0, low.floor(), whole_BCHW)
        whole_BCHW = torch.where(image_BCHW >= 255, high.ceil(), whole_BCHW)
    limits = np.iinfo(stored)
    whole_BCHW = _beside(whole_BCHW.clamp(limits.min, limits.max), decoding, 1.0)
    return whole_BCHW.to(TYPES[decoding.kind])


def _beside(values_BCHW: Tensor, decoding: ImageDecoding, step: float) -> Tensor:
    """Move values off the one that stands for missing data, by a step."""
    if not isinstance(decoding.nodata, float | int):
        return values_BCHW
    number = decoding.nodata
    distance = step if step == 1.0 else max(abs(number), 1e-30) * 2 * step
    top = step == 1.0 and number >= np.iinfo(np.dtype(decoding.kind)).max
    beside = number - distance if top else number + distance
    other = torch.tensor(beside, dtype=values_BCHW.dtype, device=values_BCHW.device)
    missing = torch.tensor(number, dtype=values_BCHW.dtype, device=values_BCHW.device)
    return torch.where(values_BCHW == missing, other, values_BCHW)
