"""Logits before the last resize, for losses that resize them piece by piece."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Resize:
    """A bilinear resize, of which the top left corner is kept.

    Attributes:
        grid: height and width to which a map is resized, pixels.
        cropped: height and width of the corner that is kept, pixels.
        align_corners: whether the corner pixels of both sizes coincide.
    """

    grid: tuple[int, int]
    cropped: tuple[int, int]
    align_corners: bool

    def __call__(self, x_BKhw: Tensor) -> Tensor:
        """Resize and crop B x K x h x w to B x K x H x W."""
        height, width = self.cropped
        resized = functional.interpolate(
            x_BKhw, size=self.grid, mode="bilinear", align_corners=self.align_corners
        )
        return resized[..., :height, :width]


@dataclass(frozen=True)
class CoarseLogits:
    """One logit a class and coarse pixel.

    Attributes:
        values: B x K x h x w.
        resize: the resize to B x K x H x W, one logit a class and pixel of the image.
    """

    values: Tensor
    resize: Resize

    def resized(self) -> Tensor:
        """Return the logits at the image's size, B x K x H x W."""
        return self.resize(self.values)


Logits = Tensor | CoarseLogits
