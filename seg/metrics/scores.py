"""Scores of a pass over a split, under flat keys."""

import logging

from torch import Tensor, nn

from seg.metrics.accumulator import total_over_ranks
from seg.metrics.confusion import ConfusionMatrix

_log = logging.getLogger(__name__)


class Scores(nn.Module):
    """Confusion matrix and mean loss of a split; exact across ranks.

    Args:
        names: class names, in the order of the train ids.
        ignore_index: label of pixels that do not count.
    """

    def __init__(self, names: tuple[str, ...], ignore_index: int) -> None:
        super().__init__()
        self.names = names
        self.confusion = ConfusionMatrix(len(names), ignore_index)
        self.loss_sum = 0.0
        self.images = 0

    def update(self, prediction_BHW: Tensor, label_BHW: Tensor, loss: Tensor) -> None:
        """Add a batch: class ids, and the mean loss."""
        self.confusion.update(prediction_BHW, label_BHW)
        self.loss_sum += float(loss.detach()) * len(label_BHW)
        self.images += len(label_BHW)

    def compute(self, stage: str) -> dict[str, float]:
        """Return the scores over all ranks and reset.

        Returns:
            `{stage}/loss`, `/miou`, `/pixel_accuracy` and `/iou/<class>`; NaN for absent classes,
            and for the mean where there is one class alone.
        """
        self.confusion.reduce()
        device = self.confusion.counts.device
        loss_sum, images = total_over_ranks([self.loss_sum, self.images], device)
        scores = {
            f"{stage}/loss": loss_sum / images if images else float("nan"),
            f"{stage}/miou": self.confusion.mean_iou(),
            f"{stage}/pixel_accuracy": self.confusion.pixel_accuracy(),
        }
        ious = self.confusion.iou().tolist()
        occurring = [name for name, iou in zip(self.names, ious, strict=True) if iou >= 0]
        if len(occurring) == 1:
            _log.warning(
                "%s: no mIoU: labels and predictions hold one class alone, %r; look at the labels",
                stage, occurring[0],
            )  # fmt: skip
        scores |= {f"{stage}/iou/{name}": iou for name, iou in zip(self.names, ious, strict=True)}
        self.reset()
        return scores

    @property
    def counted(self) -> Tensor:
        """Return the number of pixels that count, so far and on this rank."""
        return self.confusion.counts.sum()

    def reset(self) -> None:
        """Discard all counts."""
        self.confusion.reset()
        self.loss_sum, self.images = 0.0, 0
