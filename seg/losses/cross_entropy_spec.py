"""The inputs and options of a cross entropy."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from seg.models.coarse_logits import Resize


@dataclass(frozen=True)
class CrossEntropySpec:
    """The options of a cross entropy.

    Attributes:
        ignore_index: label of pixels that do not count.
        weight: one factor a class; None for equal weights.
        label_smoothing: share of the target that is spread over all classes.
    """

    ignore_index: int
    weight: Tensor | None = None
    label_smoothing: float = 0.0

    def weights(self, values_BKhw: Tensor) -> Tensor:
        """Return one factor a class, float32, on the logits' device."""
        if self.weight is None:
            return values_BKhw.new_ones(values_BKhw.shape[1], dtype=torch.float32)
        return self.weight.to(values_BKhw.device, torch.float32)


class CrossEntropyInput(NamedTuple):
    """Coarse logits B x K x h x w, labels B x H x W, and how the two are compared."""

    values_BKhw: Tensor
    label_BHW: Tensor
    resize: Resize
    target: CrossEntropySpec
