"""Region mutual information: agreement of neighbourhoods of pixels instead of single pixels."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from seg.errors import ConfigError


class RegionMutualInformation(nn.Module):
    """A bound on the mutual information of true and predicted neighbourhoods, negated.

    Source: Zhao et al., "Region Mutual Information Loss for Semantic Segmentation" (NeurIPS 2019),
    equations 12 to 15, with softmax in place of sigmoid probabilities: for each image and class
    `0.5 log det(cov(Y) - cov(Y, P) cov(P)^-1 cov(Y, P)^T) / d`, after average pooling, over the
    neighbourhoods of `side_px` squared pixels, d of them. The mean over images is summed over
    classes, as in the paper; a class that does not occur in a image has no part in it. It has no
    lower bound and complements a cross entropy (the paper weighs both by 0.5).

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
        side_px: side of a neighbourhood, in pooled pixels.
        pool_px: side and stride of the average pooling.

    Raises:
        ConfigError: a side below one pixel.
    """

    def __init__(
        self, *, num_classes: int, ignore_index: int, side_px: int = 3, pool_px: int = 4
    ) -> None:
        super().__init__()
        if min(side_px, pool_px) < 1:
            raise ConfigError(
                f"loss.terms.N.side_px={side_px}, loss.terms.N.pool_px={pool_px}; "
                "allowed: 1 or more; N counts the terms from 0"
            )
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.side_px = side_px
        self.pool_px = pool_px

    def forward(self, logits_BKHW: Tensor, label_BHW: Tensor) -> Tensor:
        """Return the loss of B x K x H x W logits and B x H x W labels, 0 if all are ignored."""
        counted_B1HW = (label_BHW != self.ignore_index)[:, None]
        index_BHW = label_BHW.where(counted_B1HW[:, 0], 0).long()
        truth_BKHW = functional.one_hot(index_BHW, self.num_classes).movedim(-1, 1) * counted_B1HW
        predicted_BKHW = logits_BKHW.float().softmax(1) * counted_B1HW
        with torch.autocast(logits_BKHW.device.type, enabled=False):
            true_BKDN = self._neighbourhoods(truth_BKHW.float())
            information_BK = _log_determinant(true_BKDN, self._neighbourhoods(predicted_BKHW))
        present_BK = truth_BKHW.sum((2, 3)) > 0
        bound_BK = 0.5 * information_BK / self.side_px**2
        return (torch.where(present_BK, bound_BK, 0).sum() / len(label_BHW)).float()

    def _neighbourhoods(self, x_BKHW: Tensor) -> Tensor:
        """Return the D centred values of each of N neighbourhoods, B x K x D x N, float64."""
        pooled = functional.avg_pool2d(x_BKHW, self.pool_px, ceil_mode=True)
        side = min(self.side_px, *pooled.shape[2:])
        columns: Tensor = functional.unfold(pooled, side).double()
        values = columns.reshape(*x_BKHW.shape[:2], side * side, -1)
        return values - values.mean(-1, keepdim=True)


_RIDGE = 5e-4
"""On the diagonals, as the authors' code has it: flat neighbourhoods have no inverse."""


def _log_determinant(true_BKDN: Tensor, predicted_BKDN: Tensor) -> Tensor:
    """Return log det of what the prediction does not explain of the truth, B x K."""
    ridge = _RIDGE * torch.eye(true_BKDN.shape[2], device=true_BKDN.device, dtype=torch.float64)
    of_true = true_BKDN @ true_BKDN.mT
    of_predicted = predicted_BKDN @ predicted_BKDN.mT
    between = true_BKDN @ predicted_BKDN.mT
    explained = between @ torch.linalg.solve(of_predicted + ridge, between.mT)
    factor: Tensor = torch.linalg.cholesky(of_true - explained + ridge)
    return 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
