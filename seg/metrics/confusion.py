"""The confusion matrix and the scores that come from it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from seg.metrics.accumulator import Sums, checked_sum
from seg.metrics.joint_counts import pair_counts
from seg.metrics.ratios import mean_of_several


class ConfusionMatrix(nn.Module):
    """Counts of (label, prediction) pairs, K x K, int64: exact for any number of pixels.

    The scores of Cityscapes and VOC are computed from these sums over the data set, not averaged
    over images (Everingham et al., IJCV 2015, section 4.3).
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
        """Add the pixels of integer maps of equal shape, but for those labelled `ignore_index`.

        Raises:
            DataError: on a CPU, where a value is no class.
        """
        if label_BHW.device.type == prediction_BHW.device.type == "cpu":
            maps = prediction_BHW.numpy(), label_BHW.numpy()
            self.add(pair_counts(*maps, self.num_classes, self.ignore_index))
            return
        valid = label_BHW != self.ignore_index
        pairs = label_BHW[valid].long() * self.num_classes + prediction_BHW[valid].long()
        self.counts += torch.bincount(pairs, minlength=self.num_classes**2).view_as(self.counts)

    def add(self, counts_KK: NDArray[np.int64]) -> None:
        """Add the counts of `pair_counts`, K x K."""
        self.counts += torch.from_numpy(counts_KK).to(self.counts.device)

    def reset(self) -> None:
        """Set all counts to 0."""
        self.counts.zero_()

    def reduce(self) -> None:
        """Sum over all ranks, where there are several."""
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(self.counts)

    def sums(self) -> Sums:
        """Return `confusion`: K x K pixels of each label (row) and prediction (column)."""
        return {"confusion": np.array(self.counts.cpu().numpy())}

    def load_sums(self, sums: Mapping[str, NDArray[Any]]) -> None:
        """Replace the counts.

        Raises:
            DataError: the sums are of another metric or number of classes.
        """
        counts = checked_sum(sums, "confusion", tuple(self.counts.shape), np.int64)
        self.counts.copy_(torch.from_numpy(counts))

    def iou(self) -> Tensor:
        """Return the IoU of each class, K, float64; NaN where neither labelled nor predicted."""
        hit, labelled, predicted = self._pixels()
        return hit / (labelled + predicted - hit)

    def mean_iou(self) -> float:
        """Return the mean of `iou` over the classes that occur; NaN where fewer than two do.

        If labels and predictions hold one class alone, its IoU is 1 whatever the network learned.
        """
        return float(mean_of_several(self.iou().numpy()))

    def dice(self) -> Tensor:
        """Return the Dice (F1) of each class, K, float64; NaN where it does not occur."""
        hit, labelled, predicted = self._pixels()
        return 2 * hit / (labelled + predicted)

    def mean_dice(self) -> float:
        """Return the mean of `dice` over the classes that occur; NaN where fewer than two do."""
        return float(mean_of_several(self.dice().numpy()))

    def class_accuracy(self) -> Tensor:
        """Return the recall of each class, K, float64; NaN where it is not labelled."""
        hit, labelled, _ = self._pixels()
        return hit / labelled

    def mean_accuracy(self) -> float:
        """Return the mean of `class_accuracy` over the labelled classes; NaN without any."""
        return float(self.class_accuracy().nanmean())

    def frequency_weighted_iou(self) -> float:
        """Return `iou` weighted by labelled pixels (Long et al., CVPR 2015, section 5)."""
        _, labelled, _ = self._pixels()
        weighted = labelled * self.iou()
        return float(weighted.nansum() / labelled.sum())

    def pixel_accuracy(self) -> float:
        """Return the share of counted pixels that are right; NaN without any."""
        counts = self.counts.cpu()
        return float(counts.diagonal().sum().double() / counts.sum().double())

    def _pixels(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the hit, labelled and predicted pixels of each class, float64."""
        counts = self.counts.cpu().double()  # some devices have no float64
        return counts.diagonal(), counts.sum(1), counts.sum(0)
