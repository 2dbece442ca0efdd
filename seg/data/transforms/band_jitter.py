"""Gain, offset and noise of each band, for images of any bands."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

from typing import Any

import albumentations
import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

Range = tuple[float, float]
_BYTE = 255
_NOISE_VALUES = 2**16


class BandJitter(albumentations.ImageOnlyTransform):  # type: ignore[misc]
    """Change each band by a factor, a shift and noise of its own: `gain * value + offset + noise`.

    Args:
        gain: smallest and largest factor of a band; 1 changes nothing.
        offset: smallest and largest shift of a band, in units of images of 0..255.
        noise: smallest and largest standard deviation of a band's noise, in the same units.
        p: probability.

    Attributes:
        full_scale: the value that stands for 255 in images.
        clip: whether results beyond 0 and `full_scale` are cut off; bytes always are.
    """

    class InitSchema(albumentations.core.transforms_interface.BaseTransformInitSchema):  # type: ignore[misc]
        """The schema that albumentations checks the arguments against."""

        gain: Range
        offset: Range
        noise: Range = Field()

        @field_validator("gain", "offset", "noise")
        @classmethod
        def _check_order(cls, ends: Range) -> Range:
            if not ends[0] <= ends[1]:
                raise ValueError(f"{ends} must be (smallest, largest)")
            return ends

        @field_validator("gain", "noise")
        @classmethod
        def _check_sign(cls, ends: Range) -> Range:
            if ends[0] < 0:
                raise ValueError(f"{ends} must be 0 or more")
            return ends

    def __init__(
        self,
        gain: Range = (0.8, 1.2),
        offset: Range = (-10.0, 10.0),
        noise: Range = (0.0, 0.0),
        p: float = 0.5,
    ) -> None:
        super().__init__(p=p)
        self.gain = gain
        self.offset = offset
        self.noise = noise
        self.full_scale = float(_BYTE)
        self.clip = True

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
        """Draw the change of each band of an image of `params["shape"]`."""
        draw, bands = self.random_generator.uniform, params["shape"][2]
        return {
            "gain": draw(*self.gain, bands),
            "offset": draw(*self.offset, bands),
            "noise": draw(*self.noise, bands),
            "noise_seed": int(self.random_generator.integers(2**63)),
        }

    def apply(
        self,
        img: NDArray[Any],
        gain: NDArray[np.float64],
        offset: NDArray[np.float64],
        noise: NDArray[np.float64],
        noise_seed: int,
        **_: Any,
    ) -> NDArray[Any]:
        """Return the changed image, H x W x C, of the same type."""
        if img.dtype == np.uint8 and not noise.any():
            values = np.arange(_BYTE + 1)[:, None] * gain + offset
            table = np.clip(np.rint(values), 0, _BYTE).astype(np.uint8)
            return np.asarray(cv2.LUT(img, table[None])).reshape(img.shape)
        height, width, _bands = img.shape
        unit = 1.0 if img.dtype == np.uint8 else self.full_scale / _BYTE
        # rows of W * C values: numpy is slow along a last axis of a few bands
        changed = img.reshape(height, -1) * _row(gain, width)
        changed += _row(offset * unit, width)
        if noise.any():
            changed += _noise(changed.shape, noise_seed) * _row(noise * unit, width)
        if img.dtype == np.uint8:
            changed = np.clip(np.rint(changed), 0, _BYTE).astype(np.uint8)
        elif self.clip:
            np.clip(changed, 0, self.full_scale, out=changed)
        return changed.reshape(img.shape)


def _row(values_C: NDArray[np.float64], width: int) -> NDArray[np.float32]:
    return np.tile(values_C.astype(np.float32), width)


def _noise(shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """Return normal noise: each row is a random part of one long row, which costs a tenth."""
    rows, length = shape
    generator = np.random.Generator(np.random.SFC64(seed))
    values = generator.standard_normal(max(_NOISE_VALUES, 4 * length), np.float32)
    parts = np.lib.stride_tricks.sliding_window_view(values, length)
    return np.asarray(parts[generator.integers(len(parts), size=rows)])
