"""The Lovasz losses: softmax, and hinge for masks."""

import torch
from torch import Tensor, nn


class Lovasz(nn.Module):
    """Lovasz extension of one minus the IoU, mean over the classes that occur in the batch.

    Source: Berman et al., "The Lovasz-Softmax loss" (CVPR 2018), section 3 and algorithm 1. It
    sorts all pixels once a class.
    """

    def __init__(self, *, num_classes: int, ignore_index: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.ignore_index = ignore_index

    def forward(self, logits_BKHW: Tensor, label_BHW: Tensor) -> Tensor:
        """Return the loss of B x K x H x W logits and B x H x W labels, 0 if all are ignored."""
        counted = label_BHW != self.ignore_index
        logits_PK = logits_BKHW.movedim(1, -1)[counted].float()
        label_P = label_BHW[counted].long()
        probability_KP = logits_PK.softmax(1).T
        losses = []
        for k in torch.unique(label_P).tolist():
            inside_P = (label_P == k).float()
            errors_P, order_P = (inside_P - probability_KP[k]).abs().sort(descending=True)
            losses.append(errors_P @ _slopes(inside_P[order_P]))
        if not losses:
            return logits_PK.sum()  # of no pixel: zero, and so is its gradient
        return torch.stack(losses).mean()


class LovaszHinge(nn.Module):
    """Lovasz hinge of the IoU of each mask, mean over the outputs.

    Source: Berman et al., "The Lovasz-Softmax loss" (CVPR 2018), section 2.2. It sorts all pixels
    once an output.

    Args:
        num_classes: number of outputs K.
        ignore_index: stands for pixels that do not count.
    """

    takes_masks, takes_classes = True, False

    def __init__(self, *, num_classes: int, ignore_index: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.ignore_index = ignore_index

    def forward(self, logits_BKHW: Tensor, mask_BKHW: Tensor) -> Tensor:
        """Return the loss of logits and masks B x K x H x W, 0 if all are ignored."""
        losses = []
        for logits_BHW, mask_BHW in zip(logits_BKHW.unbind(1), mask_BKHW.unbind(1), strict=True):
            counted_BHW = mask_BHW != self.ignore_index
            inside_P = (mask_BHW[counted_BHW] == 1).float()
            signed_P = logits_BHW[counted_BHW].float() * (2 * inside_P - 1)
            errors_P, order_P = (1 - signed_P).sort(descending=True)
            losses.append(errors_P.relu() @ _slopes(inside_P[order_P]))  # of no pixel: zero
        return torch.stack(losses).mean()


def _slopes(inside_P: Tensor) -> Tensor:
    """Return by how much the Jaccard loss grows with each further wrong pixel."""
    # float64: float32 cannot count beyond 16.8 million pixels
    count = inside_P.sum(dtype=torch.float64)
    missed = inside_P.cumsum(0, dtype=torch.float64)
    wrong = (1 - inside_P).cumsum(0, dtype=torch.float64)
    loss = 1 - (count - missed) / (count + wrong)
    return loss.diff(prepend=loss.new_zeros(1)).to(inside_P.dtype)
