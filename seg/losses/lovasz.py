"""The Lovasz-softmax loss."""

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


def _slopes(inside_P: Tensor) -> Tensor:
    """Return by how much the Jaccard loss grows with each further wrong pixel."""
    # float64: float32 cannot count beyond 16.8 million pixels
    count = inside_P.sum(dtype=torch.float64)
    missed = inside_P.cumsum(0, dtype=torch.float64)
    wrong = (1 - inside_P).cumsum(0, dtype=torch.float64)
    loss = 1 - (count - missed) / (count + wrong)
    return loss.diff(prepend=loss.new_zeros(1)).to(inside_P.dtype)
