"""The confusion matrix and the scores that come from it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from seg.metrics.accumulator import Sums, checked
from seg.metrics.joint_counts import pair_counts
from seg.metrics.ratios import mean_of_several


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
        """Add pixels that `pair_counts` has counted."""
        self.counts += torch.from_numpy(counts_KK).to(self.counts.device)

    def reset(self) -> None:
        self.counts.zero_()

    def reduce(self) -> None:
        """Sum over all ranks, where there are several."""
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(self.counts)

    def sums(self) -> Sums:
        """`confusion`: K x K pixels of each label (row) and prediction (column)."""
        return {"confusion": np.array(self.counts.cpu().numpy())}

    def load_sums(self, sums: Mapping[str, NDArray[Any]]) -> None:
        """Replace the counts.

        Raises:
            DataError: the sums are of another metric or number of classes.
        """
        counts = checked(sums, "confusion", tuple(self.counts.shape), np.int64)
        self.counts.copy_(torch.from_numpy(counts))

    def iou(self) -> Tensor:
        """Intersection over union a class, float64; NaN where neither labelled nor predicted."""
        hit, labelled, predicted = self._pixels()
        return hit / (labelled + predicted - hit)

    def mean_iou(self) -> float:
        """Mean of `iou` over the classes that occur; NaN where fewer than two do.

        Where labels and predictions know one class alone, its IoU is 1 whatever was learned.
        """
        return float(mean_of_several(self.iou().numpy()))

    def dice(self) -> Tensor:
        """Dice coefficient (F1) a class, float64; NaN where neither labelled nor predicted."""
        hit, labelled, predicted = self._pixels()
        return 2 * hit / (labelled + predicted)

    def mean_dice(self) -> float:
        """Mean of `dice` over the classes that occur; NaN where fewer than two do."""
        return float(mean_of_several(self.dice().numpy()))

    def class_accuracy(self) -> Tensor:
        """Share of a class's labelled pixels that are right (recall), float64; NaN without any."""
        hit, labelled, _ = self._pixels()
        return hit / labelled

    def mean_accuracy(self) -> float:
        """Mean of `class_accuracy` over the labelled classes; NaN where there is none."""
        return float(self.class_accuracy().nanmean())

    def frequency_weighted_iou(self) -> float:
        """Mean of `iou` weighted by labelled pixels (Long et al., CVPR 2015, section 5)."""
        _, labelled, _ = self._pixels()
        weighted = labelled * self.iou()
        return float(weighted.nansum() / labelled.sum())

    def pixel_accuracy(self) -> float:
        """Share of counted pixels that are right; NaN where there are none."""
        counts = self.counts.cpu()
        return float(counts.diagonal().sum().double() / counts.sum().double())

    def _pixels(self) -> tuple[Tensor, Tensor, Tensor]:
        """Hit, labelled and predicted pixels of each class, float64."""
        counts = self.counts.cpu().double()  # not every device knows float64
        return counts.diagonal(), counts.sum(1), counts.sum(0)
