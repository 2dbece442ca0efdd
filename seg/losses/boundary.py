"""The boundary loss: the F1 score of class boundaries, made differentiable."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from seg.errors import ConfigError
from seg.losses.cross_entropy import SMALLEST


class Boundary(nn.Module):
    """One minus the mean boundary F1 over the classes whose boundary occurs in the batch.

    Source: Bokhovkin and Burnaev, "Boundary Loss for Remote Sensing Imagery Semantic Segmentation"
    (ISNN 2019), section 3. A boundary is what a max pool of the complement adds within the class.
    Pixels next to ignored ones are no boundary. It is added to a loss of regions.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
        width_px: how far inside its class a boundary reaches.
        tolerance_px: how far from the true boundary a predicted one still counts as right.

    Raises:
        ConfigError: a width or tolerance below one pixel.
    """

    def __init__(
        self, *, num_classes: int, ignore_index: int, width_px: int = 1, tolerance_px: int = 2
    ) -> None:
        super().__init__()
        if min(width_px, tolerance_px) < 1:
            raise ConfigError(
                f"loss.terms.N.width_px={width_px}, loss.terms.N.tolerance_px={tolerance_px}; "
                "allowed: 1 or more; N counts the terms from 0"
            )
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.width_px = width_px
        self.tolerance_px = tolerance_px

    def forward(self, logits_BKHW: Tensor, label_BHW: Tensor) -> Tensor:
        """Return the loss of B x K x H x W logits and B x H x W labels, 0 if all are ignored."""
        ignored_B1HW = (label_BHW == self.ignore_index)[:, None]
        index_BHW = label_BHW.masked_fill(ignored_B1HW[:, 0], 0).long()
        truth_BKHW = functional.one_hot(index_BHW, self.num_classes).movedim(-1, 1).float()
        usable_B1HW = 1 - _dilated(ignored_B1HW.float(), self.width_px)
        true = self._boundary(truth_BKHW) * usable_B1HW
        predicted = self._boundary(logits_BKHW.float().softmax(1)) * usable_B1HW
        near_true = _dilated(true, self.tolerance_px)
        near_predicted = _dilated(predicted, self.tolerance_px)
        precision_K = _ratio((predicted * near_true).sum((0, 2, 3)), predicted.sum((0, 2, 3)))
        recall_K = _ratio((near_predicted * true).sum((0, 2, 3)), true.sum((0, 2, 3)))
        f1_K = _ratio(2 * precision_K * recall_K, precision_K + recall_K)
        present_K = true.sum((0, 2, 3)) > 0
        return ((1 - f1_K) * present_K).sum() / present_K.sum().clamp(min=1)

    def _boundary(self, inside_BKHW: Tensor) -> Tensor:
        outside_BKHW = 1 - inside_BKHW
        return _dilated(outside_BKHW, self.width_px) - outside_BKHW


def _dilated(x_BKHW: Tensor, radius_px: int) -> Tensor:
    return functional.max_pool2d(x_BKHW, 2 * radius_px + 1, stride=1, padding=radius_px)


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return part / torch.clamp(whole, min=SMALLEST**0.5)
