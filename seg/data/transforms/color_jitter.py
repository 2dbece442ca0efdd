"""Brightness, contrast and saturation in one pass over the pixels."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

from typing import Any

import albumentations
import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_STEPS = ("brightness", "contrast", "saturation")
Range = tuple[float, float]


class LinearColorJitter(albumentations.ImageOnlyTransform):  # type: ignore[misc]
    """`albumentations.ColorJitter` without its hue: the factors and their order are drawn alike.

    Each of the three is an affine map of (R, G, B), so all together are one 3 x 4 matrix; the
    result differs from three passes by rounding, and where a pass between would have clipped.

    Args:
        brightness, contrast, saturation: smallest and largest factor; 1 changes nothing.
        p: probability.

    Attributes:
        full_scale: the value that stands for 255 in images.
        clip: whether results beyond 0 and `full_scale` are cut off; bytes always are.
    """

    class InitSchema(albumentations.core.transforms_interface.BaseTransformInitSchema):  # type: ignore[misc]
        """The schema that albumentations checks the arguments against."""

        brightness: Range
        contrast: Range
        saturation: Range

        @field_validator(*_STEPS)
        @classmethod
        def _check_range(cls, factors: Range) -> Range:
            if not 0 <= factors[0] <= factors[1]:
                raise ValueError(f"factors {factors} must be (smallest, largest), both 0 or more")
            return factors

    def __init__(
        self,
        brightness: Range = (0.8, 1.2),
        contrast: Range = (0.8, 1.2),
        saturation: Range = (0.8, 1.2),
        p: float = 0.5,
    ) -> None:
        super().__init__(p=p)
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.full_scale = 255.0
        self.clip = True

    def get_params(self) -> dict[str, Any]:
        """Draw a factor for each step, and their order."""
        factors = {step: self.py_random.uniform(*getattr(self, step)) for step in _STEPS}
        order = list(_STEPS)
        self.py_random.shuffle(order)
        return {"steps": [(step, factors[step]) for step in order]}

    def apply(self, img: NDArray[Any], steps: list[tuple[str, float]], **_: Any) -> NDArray[Any]:
        """Return the jittered image, of the same type, H x W x 3, RGB."""
        mean_grey = sum(share * mean for share, mean in zip(_LUMA, cv2.mean(img), strict=False))
        matrix = color_matrix(steps, mean_grey)
        jittered = np.asarray(cv2.transform(img, matrix))
        if self.clip and jittered.dtype != np.uint8:
            np.clip(jittered, 0, self.full_scale, out=jittered)
        return jittered


def color_matrix(steps: list[tuple[str, float]], mean_grey: float) -> NDArray[np.float64]:
    """Return the steps as one affine map of (R, G, B, 1), 3 x 4.

    Whatever their order, they come to `own * color + mixed * grey of the color + offset`.

    Args:
        steps: (`brightness`, `contrast` or `saturation`, factor) in their order.
        mean_grey: of the image before the steps; contrast scales about what the steps make of it.
    """
    own, mixed, offset = 1.0, 0.0, 0.0
    for step, factor in steps:
        if step == "saturation":
            own, mixed = factor * own, mixed + (1 - factor) * own
        else:
            grey = (own + mixed) * mean_grey + offset
            own, mixed, offset = factor * own, factor * mixed, factor * offset
            if step == "contrast":
                offset += (1 - factor) * grey
    red, green, blue = (mixed * share for share in _LUMA)
    return np.array(
        (
            (own + red, green, blue, offset),
            (red, own + green, blue, offset),
            (red, green, own + blue, offset),
        )
    )
