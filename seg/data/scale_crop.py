"""Random scale, padding and crop in one step that touches only the pixels that survive."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import math
from typing import Any, Literal, NamedTuple

import albumentations
import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator


class Span(NamedTuple):
    """What a crop covers of a scaled picture, along one axis; all in pixels.

    Attributes:
        source: length of the picture.
        scaled: its length once scaled.
        start: first scaled pixel that the crop covers.
        length: how many it covers.
        pad: where they start in the crop; the rest is padding.
    """

    source: int
    scaled: int
    start: int
    length: int
    pad: int

    @property
    def step(self) -> float:
        """Source pixels per scaled pixel."""
        return self.source / self.scaled

    @property
    def origin(self) -> float:
        """Where the centre of the first covered pixel lies among the centres of the source."""
        return (self.start + 0.5) * self.step - 0.5

    @property
    def nearest(self) -> NDArray[np.int64]:
        """The source pixels under the centres of the covered ones; integers, so ties are exact."""
        covered = np.arange(self.start, self.start + self.length)
        return (2 * covered + 1) * self.source // (2 * self.scaled)

    @property
    def filled(self) -> slice:
        """The part of the crop that is not padding."""
        return slice(self.pad, self.pad + self.length)


class Window(NamedTuple):
    """What a crop covers, down and across."""

    rows: Span
    columns: Span


class RandomScaleCrop(albumentations.DualTransform):  # type: ignore[misc]
    """Scale by a random factor, pad around the centre up to the crop, crop at a random place.

    The same distribution as `Resize -> PadIfNeeded -> RandomCrop`, but scale and window are drawn
    first and only the window is resampled: bilinear for the image, nearest neighbour for the label,
    both with pixel centres at half-integers (OpenCV's INTER_LINEAR and INTER_NEAREST_EXACT).

    Args:
        scale: smallest and largest factor.
        crop: height and width of the result, pixels.
        draw: `uniform`, or `log` for a factor whose logarithm is uniform.
        fill: value or colour of padded image pixels; left at 0, `Augmentation` sets it.
        fill_mask: value of padded label pixels; `Augmentation` sets it to the ignore index.
        p: probability; 1 unless crops of other sizes are welcome.
    """

    _targets = (albumentations.core.type_definitions.Targets.IMAGE,
                albumentations.core.type_definitions.Targets.MASK)  # fmt: skip

    class InitSchema(albumentations.core.transforms_interface.BaseTransformInitSchema):  # type: ignore[misc]
        """What albumentations checks the arguments against."""

        scale: tuple[float, float]
        crop: tuple[int, int]
        draw: Literal["uniform", "log"]
        fill: float | tuple[float, float, float]
        fill_mask: int = Field(ge=0, le=255)

        @field_validator("scale")
        @classmethod
        def _check_scale(cls, scale: tuple[float, float]) -> tuple[float, float]:
            if not 0 < scale[0] <= scale[1]:
                raise ValueError(f"scale {scale} must be (smallest, largest), both above 0")
            return scale

        @field_validator("crop")
        @classmethod
        def _check_crop(cls, crop: tuple[int, int]) -> tuple[int, int]:
            if min(crop) < 1:
                raise ValueError(f"crop {crop} must be (height, width) in pixels, both above 0")
            return crop

    def __init__(  # noqa: PLR0917  # albumentations' own transforms allow positions, too
        self,
        scale: tuple[float, float],
        crop: tuple[int, int],
        draw: Literal["uniform", "log"] = "uniform",
        fill: float | tuple[float, float, float] = 0,
        fill_mask: int = 0,
        p: float = 1.0,
    ) -> None:
        super().__init__(p=p)
        self.scale = scale
        self.crop = crop
        self.draw = draw
        self.fill = fill
        self.fill_mask = fill_mask

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
        """Draw the window for a picture of `params["shape"]`."""
        low, high = self.scale
        if self.draw == "log":
            factor = math.exp(self.py_random.uniform(math.log(low), math.log(high)))
        else:
            factor = self.py_random.uniform(low, high)
        return {"window": self._draw_window(params["shape"][:2], factor)}

    def _draw_window(self, shape: tuple[int, int], factor: float) -> Window:
        rows, columns = (
            self._draw_span(source, factor, wanted)
            for source, wanted in zip(shape, self.crop, strict=True)
        )
        return Window(rows, columns)

    def _draw_span(self, source: int, factor: float, wanted: int) -> Span:
        scaled = max(1, round(source * factor))
        start = self.py_random.randint(0, max(0, scaled - wanted))
        return Span(source, scaled, start, min(scaled, wanted), max(0, wanted - scaled) // 2)

    def apply(self, img: NDArray[np.uint8], window: Window, **_: Any) -> NDArray[np.uint8]:
        """The image's crop, H x W x C, bilinear."""
        rows, columns = window
        part = cv2.warpAffine(
            img,
            np.array([[columns.step, 0, columns.origin], [0, rows.step, rows.origin]]),
            (columns.length, rows.length),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return self._padded(part.reshape(*part.shape[:2], *img.shape[2:]), window, self.fill)

    def apply_to_mask(self, mask: NDArray[np.uint8], window: Window, **_: Any) -> NDArray[np.uint8]:
        """The label's crop, H x W, nearest neighbour."""
        part = mask[window.rows.nearest][:, window.columns.nearest]
        return self._padded(part, window, self.fill_mask)

    def _padded(
        self, part: NDArray[np.uint8], window: Window, fill: float | tuple[float, float, float]
    ) -> NDArray[np.uint8]:
        if part.shape[:2] == self.crop:
            return part
        padded = np.full((*self.crop, *part.shape[2:]), fill, part.dtype)
        padded[window.rows.filled, window.columns.filled] = part
        return padded
