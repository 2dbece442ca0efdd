"""All numbers of one pass over a split, under flat keys."""

import torch
from torch import Tensor, distributed, nn

from seg.metrics.confusion import ConfusionMatrix


class Scores(nn.Module):
    """Confusion matrix and mean loss of a split; exact across ranks.

    Args:
        names: class names, in the order of the train ids.
        ignore_index: label of pixels that do not count.
    """

    loss_sum: Tensor
    images: Tensor

    def __init__(self, names: tuple[str, ...], ignore_index: int) -> None:
        super().__init__()
        self.names = names
        self.confusion = ConfusionMatrix(len(names), ignore_index)
        self.register_buffer("loss_sum", torch.zeros((), dtype=torch.float64), persistent=False)
        self.register_buffer("images", torch.zeros((), dtype=torch.int64), persistent=False)

    def update(self, logits_BKHW: Tensor, label_BHW: Tensor, loss: Tensor) -> None:
        """Add a batch and its mean loss."""
        self.confusion.update(logits_BKHW.argmax(1), label_BHW)
        self.loss_sum += loss.detach().double() * len(label_BHW)
        self.images += len(label_BHW)

    def compute(self, stage: str) -> dict[str, float]:
        """The numbers of all ranks, then start anew.

        Returns:
            `{stage}/loss`, `/miou`, `/pixel_accuracy` and `/iou/<class>`; NaN for absent classes.
        """
        self.confusion.reduce()
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(self.loss_sum)
            distributed.all_reduce(self.images)
        scores = {
            f"{stage}/loss": float(self.loss_sum / self.images),
            f"{stage}/miou": self.confusion.mean_iou(),
            f"{stage}/pixel_accuracy": self.confusion.pixel_accuracy(),
        }
        ious = self.confusion.iou().tolist()
        scores |= {f"{stage}/iou/{name}": iou for name, iou in zip(self.names, ious, strict=True)}
        self.reset()
        return scores

    def reset(self) -> None:
        """Forget everything."""
        self.confusion.reset()
        self.loss_sum.zero_()
        self.images.zero_()
