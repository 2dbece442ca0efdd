"""Losses of sigmoid outputs: labels become one mask an output.

A loss with a true `takes_masks` takes logits B x K x H x W and masks of this shape, uint8: 1 where
a pixel is part of the output, 0 where it is not, `IGNORED` where it does not count. One that takes
nothing else has a false `takes_classes`.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

IGNORED = 255
"""Stands in masks for pixels that do not count; losses get it as their `ignore_index`."""


class MaskLoss(nn.Module):
    """A loss of masks, for label maps that hold codes.

    Args:
        loss: takes masks.
        members: of which outputs each code is part, codes x K.
        ignore_index: label of pixels that do not count.
    """

    members: Tensor

    def __init__(self, loss: nn.Module, members: NDArray[np.bool_], ignore_index: int) -> None:
        super().__init__()
        self.loss = loss
        self.ignore_index = ignore_index
        self.register_buffer("members", torch.from_numpy(members).byte(), persistent=False)

    def forward(self, logits_BKHW: Tensor, label_BHW: Tensor) -> Tensor:
        """Return the loss of B x K x H x W logits and B x H x W codes, 0 if all are ignored."""
        loss: Tensor = self.loss(logits_BKHW, masks_of(label_BHW, self.members, self.ignore_index))
        return loss


def masks_of(label_BHW: Tensor, members: Tensor, ignore_index: int) -> Tensor:
    """Return one mask an output, uint8, B x K x H x W: 0, 1, or `IGNORED`.

    Args:
        label_BHW: codes, or `ignore_index`.
        members: of which outputs each code is part, codes x K, uint8, on the same device.
        ignore_index: label of pixels that do not count.
    """
    ignored_BHW = label_BHW == ignore_index
    inside_BHWK = members[label_BHW.masked_fill(ignored_BHW, 0).long()]
    return inside_BHWK.masked_fill(ignored_BHW[..., None], IGNORED).movedim(-1, 1)


def takes_masks(loss: nn.Module) -> bool:
    """Return whether a loss takes masks."""
    return bool(getattr(loss, "takes_masks", False))


def takes_classes(loss: nn.Module) -> bool:
    """Return whether a loss takes maps of exclusive classes."""
    return bool(getattr(loss, "takes_classes", True))
