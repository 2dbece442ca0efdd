"""The confusion matrix and the scores that come from it."""

import torch
from torch import Tensor, distributed, nn


class ConfusionMatrix(nn.Module):
    """Counts of (label, prediction) pairs, K x K, int64: exact for any number of pixels.

    What Cityscapes and VOC report follows from these sums; averaging over images does not
    (Everingham et al., IJCV 2015, section 4.3: intersection over union over all pixels of a class).
    """

    counts: Tensor

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.register_buffer(
            "counts", torch.zeros(num_classes, num_classes, dtype=torch.int64), persistent=False
        )

    @torch.no_grad()
    def update(self, prediction_BHW: Tensor, label_BHW: Tensor) -> None:
        """Add the pixels of integer maps of equal shape, but for those labelled `ignore_index`."""
        valid = label_BHW != self.ignore_index
        pairs = label_BHW[valid].long() * self.num_classes + prediction_BHW[valid].long()
        self.counts += torch.bincount(pairs, minlength=self.num_classes**2).view_as(self.counts)

    def reset(self) -> None:
        self.counts.zero_()

    def reduce(self) -> None:
        """Sum over all ranks, where there are several."""
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(self.counts)

    def iou(self) -> Tensor:
        """Intersection over union a class, float64; NaN where neither labelled nor predicted."""
        counts = self.counts.cpu().double()  # not every device knows float64
        hit = counts.diagonal()
        return hit / (counts.sum(0) + counts.sum(1) - hit)

    def mean_iou(self) -> float:
        """Mean of `iou` over the classes that occur; NaN where none does."""
        return float(self.iou().nanmean())

    def pixel_accuracy(self) -> float:
        """Share of counted pixels that are right; NaN where there are none."""
        counts = self.counts.cpu()
        return float(counts.diagonal().sum().double() / counts.sum().double())
