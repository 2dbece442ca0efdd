"""Logits before the last resize, for losses that resize them piece by piece."""

from dataclasses import dataclass

from torch import Tensor

from seg.kernels.resize import Resize


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
