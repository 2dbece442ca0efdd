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
    """The pixels of an image that a crop covers along one axis; all in pixels.

    Attributes:
        start: first source pixel.
        length: number of source pixels.
        size: number of pixels of the crop that they fill.
        pad: first pixel of the crop that they fill; the rest is padding.
    """

    start: int
    length: int
    size: int
    pad: int

    @property
    def source(self) -> slice:
        """Return the slice of the source."""
        return slice(self.start, self.start + self.length)


class Window(NamedTuple):
    """The rows and columns that a crop covers."""

    rows: Span
    columns: Span


class RandomScaleCrop(albumentations.DualTransform):  # type: ignore[misc]
    """Scale by a random factor, pad around the centre up to the crop, crop at a random place.

    The same distribution as `Resize -> PadIfNeeded -> RandomCrop`, up to a source pixel: scale and
    window are drawn first, the window in whole source pixels, and it alone is resized: bilinear for
    the image, nearest neighbour for the label, both with pixel centres at half-integers (OpenCV's
    INTER_LINEAR and INTER_NEAREST_EXACT).

    Args:
        scale: smallest and largest factor.
        crop: height and width of the result, pixels.
        draw: `uniform`, or `log` for a factor whose logarithm is uniform.
        unscaled: probability of factor 1 instead. Resizing blurs crops: a network trained on
            resized crops alone does worse on the sharp images that it is evaluated on.
        focus: probability that the window holds a pixel of a class drawn uniformly from those in
            the label: more crops of rare classes.
        ignore_index: label of pixels that no window is drawn for; `Augmentation` sets it.
        fill: value or color of padded image pixels; left at 0, `Augmentation` sets it.
        fill_mask: value of padded label pixels; `Augmentation` sets it to the ignore index.
        p: probability; 1 unless crops of other sizes are welcome.
    """

    _targets = (albumentations.core.type_definitions.Targets.IMAGE,
                albumentations.core.type_definitions.Targets.MASK)  # fmt: skip

    class InitSchema(albumentations.core.transforms_interface.BaseTransformInitSchema):  # type: ignore[misc]
        """The schema that albumentations checks the arguments against."""

        scale: tuple[float, float]
        crop: tuple[int, int]
        draw: Literal["uniform", "log"]
        unscaled: float = Field(ge=0, le=1)
        focus: float = Field(ge=0, le=1)
        ignore_index: int = Field(ge=0, le=65535)
        fill: float | tuple[float, ...]
        fill_mask: int = Field(ge=0, le=65535)

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
        focus: float = 0.0,
        ignore_index: int = 255,
        fill: float | tuple[float, ...] = 0,
        fill_mask: int = 0,
        p: float = 1.0,
        *,
        unscaled: float = 0.0,
    ) -> None:
        super().__init__(p=p)
        self.scale = scale
        self.crop = crop
        self.draw = draw
        self.unscaled = unscaled
        self.focus = focus
        self.ignore_index = ignore_index
        self.fill = fill
        self.fill_mask = fill_mask

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
        """Draw the window for an image of `params["shape"]`."""
        factor = self._draw_factor()
        shape = params["shape"][:2]
        target: tuple[int | None, int | None] = (None, None)
        if self.focus and self.py_random.random() < self.focus:
            target = self._draw_pixel_of_class(data["mask"])
        rows, columns = (
            self._draw_span(source, factor, size, place)
            for source, size, place in zip(shape, self.crop, target, strict=True)
        )
        return {"window": Window(rows, columns)}

    def _draw_factor(self) -> float:
        low, high = self.scale
        if self.unscaled and self.py_random.random() < self.unscaled:
            return 1.0
        if self.draw == "log":
            return math.exp(self.py_random.uniform(math.log(low), math.log(high)))
        return float(self.py_random.uniform(low, high))

    def _draw_span(self, source: int, factor: float, size: int, place: int | None) -> Span:
        """Draw a span of `size` crop pixels, around the source pixel `place` if there is one."""
        scaled = max(1, round(source * factor))
        if scaled <= size:
            return Span(0, source, scaled, (size - scaled) // 2)
        length = min(source, max(1, round(size / factor)))
        low, high = 0, source - length
        if place is not None:
            low, high = max(0, place - length + 1), min(high, place)
        return Span(self.py_random.randint(low, high), length, size, 0)

    def _draw_pixel_of_class(self, mask: NDArray[Any]) -> tuple[int | None, int | None]:
        counts = np.bincount(mask.ravel(), minlength=self.ignore_index + 1)
        counts[self.ignore_index] = 0
        classes = np.flatnonzero(counts)
        if not len(classes):
            return None, None
        chosen = classes[self.py_random.randrange(len(classes))]
        nth = self.py_random.randrange(int(counts[chosen]))
        place = int(np.flatnonzero(mask.ravel() == chosen)[nth])
        return place // mask.shape[1], place % mask.shape[1]

    def apply(self, img: NDArray[Any], window: Window, **_: Any) -> NDArray[Any]:
        """Return the image's crop, H x W x C, bilinear."""
        part = _resized(img, window, cv2.INTER_LINEAR)
        return self._padded(part.reshape(*part.shape[:2], *img.shape[2:]), window, self.fill)

    def apply_to_mask(self, mask: NDArray[Any], window: Window, **_: Any) -> NDArray[Any]:
        """Return the label's crop, H x W, nearest neighbour."""
        return self._padded(_resized(mask, window, cv2.INTER_NEAREST_EXACT), window, self.fill_mask)

    def _padded(
        self, part: NDArray[Any], window: Window, fill: float | tuple[float, ...]
    ) -> NDArray[Any]:
        if part.shape[:2] == self.crop:
            return part
        (height, width), (rows, columns) = self.crop, window
        padded = cv2.copyMakeBorder(
            part,
            rows.pad,
            height - rows.size - rows.pad,
            columns.pad,
            width - columns.size - columns.pad,
            cv2.BORDER_CONSTANT,
            value=(fill,) * 4 if isinstance(fill, int | float) else fill,  # repeated beyond 4
        )
        return np.asarray(padded, part.dtype)


def _resized(image: NDArray[Any], window: Window, interpolation: int) -> NDArray[Any]:
    rows, columns = window
    size = (columns.size, rows.size)
    part = cv2.resize(image[rows.source, columns.source], size, interpolation=interpolation)
    return np.asarray(part, image.dtype)
