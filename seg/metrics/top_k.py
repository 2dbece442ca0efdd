"""Top-1 and top-5 accuracy of image classification."""

import torch
from torch import Tensor, nn

from seg.metrics.accumulator import total_over_ranks


class TopKScores(nn.Module):
    """Top-1 and top-5 accuracy and mean loss of a split; exact across ranks.

    A guess is right that is one of the image's classes; of equal logits the lower class is
    guessed first. An image without any class is never right. With fewer than five classes top-5
    is always 1.

    Attributes:
        first_guesses: images of each class by the first guess, K, as of the last `compute`.
    """

    counts: Tensor

    def __init__(self) -> None:
        super().__init__()
        # right by the first guess, by one of five, images; whole numbers stay so in any precision
        self.register_buffer("counts", torch.zeros(3, dtype=torch.int64), persistent=False)
        self.loss_sum = 0.0
        self.first_guesses: list[int] = []
        self._guesses_K: Tensor | None = None

    @torch.no_grad()
    def update(self, logits_BK: Tensor, label: Tensor, loss: Tensor) -> None:
        """Add a batch.

        Args:
            logits_BK: of each class.
            label: int64 B, or B x K with 1 for each class of the image.
            loss: mean over the batch.
        """
        rank_B = ranks(logits_BK, label)
        self.counts += torch.stack([rank_B < 1, rank_B < 5, rank_B >= 0]).sum(1)
        self.loss_sum += float(loss.detach()) * len(label)
        guesses_K = logits_BK.argmax(1).bincount(minlength=logits_BK.shape[1])
        self._guesses_K = guesses_K if self._guesses_K is None else self._guesses_K + guesses_K

    def compute(self, stage: str) -> dict[str, float]:
        """Return `{stage}/loss`, `/top1` and `/top5` of all ranks and reset; NaN without images."""
        guesses = [] if self._guesses_K is None else self._guesses_K.tolist()
        own = [self.loss_sum, *self.counts.tolist(), *guesses]
        loss, first, five, images, *guesses = total_over_ranks(own, self.counts.device)
        self.first_guesses = [int(count) for count in guesses]
        sums = {"loss": loss, "top1": first, "top5": five}
        self.reset()
        return {
            f"{stage}/{name}": total / images if images else float("nan")
            for name, total in sums.items()
        }

    def reset(self) -> None:
        """Discard all counts."""
        self.counts.zero_()
        self.loss_sum = 0.0
        self._guesses_K = None


def ranks(logits_BK: Tensor, label: Tensor) -> Tensor:
    """Count the classes guessed before the best guessed right one, B; K where none is right."""
    order_BK = logits_BK.float().argsort(dim=1, descending=True, stable=True)
    one = label.ndim == 1
    right_BK = order_BK == label[:, None] if one else label.gather(1, order_BK) > 0.5
    places = torch.arange(logits_BK.shape[1], device=logits_BK.device)
    return torch.where(right_BK, places, logits_BK.shape[1]).amin(1)
