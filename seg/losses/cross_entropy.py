"""Pixel-wise cross entropy."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from seg.errors import ConfigError


class CrossEntropy(nn.Module):
    """Mean cross entropy over the pixels that count.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
        class_weights: one factor a class, or None for equal weights; the mean is weighted too.
            `auto` stands for numbers that are counted where a run is put together.

    Raises:
        ConfigError: as many weights as classes are needed, none negative.
    """

    weight: Tensor | None

    def __init__(
        self,
        *,
        num_classes: int,
        ignore_index: int,
        class_weights: Sequence[float] | Literal["auto"] | None = None,
    ) -> None:
        super().__init__()
        if class_weights == "auto":
            raise ConfigError(
                "loss.class_weights: auto needs the training labels; give numbers or null here"
            )
        if class_weights is not None:
            if len(class_weights) != num_classes:
                raise ConfigError(
                    f"loss.class_weights: {len(class_weights)} weights for {num_classes} classes; "
                    f"give {num_classes} numbers or null"
                )
            if min(class_weights) < 0:
                raise ConfigError(f"loss.class_weights: negative weight {min(class_weights)}")
        self.ignore_index = ignore_index
        weight = (
            None
            if class_weights is None
            else torch.tensor(list(class_weights), dtype=torch.float32)
        )
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, logits_BKHW: Tensor, label_BHW: Tensor) -> Tensor:
        """Logits B x K x H x W, integer labels B x H x W -> scalar; 0 if all pixels are ignored."""
        label_BHW = label_BHW.long()
        logits_BKHW = logits_BKHW.float()
        total = functional.cross_entropy(
            logits_BKHW, label_BHW, self.weight, ignore_index=self.ignore_index, reduction="sum"
        )
        counted = label_BHW[label_BHW != self.ignore_index]
        mass = (
            self.weight[counted].sum()
            if self.weight is not None
            else logits_BKHW.new_tensor(counted.numel())
        )
        return total / mass.clamp(min=torch.finfo(torch.float32).tiny)
