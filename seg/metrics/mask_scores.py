"""Scores of sigmoid outputs over a pass, from exact counts and histograms of probabilities."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from seg.data.outputs import Outputs
from seg.losses.mask_loss import IGNORED, masks_of
from seg.metrics.accumulator import total_over_ranks
from seg.metrics.ratios import iou, mean_known, ratio

BINS = 1024
"""Bins of probabilities; a power of two, so that `p >= i / BINS` is `bin >= i` exactly."""

_EVEN = BINS // 2


def probability_bins(probabilities: Tensor) -> Tensor:
    """Return the bin of each probability, int64, 0 to `BINS` - 1."""
    return (probabilities.float() * BINS).long().clamp_(0, BINS - 1)


def average_precision(histogram_K2B: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the average precision of each output; NaN where no pixel is part of it.

    It is the sum of precision times gain in recall over falling thresholds (as scikit-learn's
    `average_precision_score`), one threshold a bin.

    Args:
        histogram_K2B: pixels outside (0) and inside (1) each output by bin of their probability,
            ... x K x 2 x `BINS`.
    """
    wrong, right = np.moveaxis(histogram_K2B[..., ::-1].cumsum(-1), -2, 0)
    gained = np.diff(right, axis=-1, prepend=0)
    precision = np.nan_to_num(ratio(right, right + wrong))
    return ratio((precision * gained).sum(-1), right[..., -1])


def best_dice_thresholds(histogram_K2B: NDArray[np.int64]) -> tuple[float, ...]:
    """Return the threshold of best Dice of each output, a multiple of 1 / `BINS`.

    Of equal ones the nearest to 0.5, which also stands where no pixel is part of the output.

    Args:
        histogram_K2B: see `average_precision`.
    """
    wrong, right = np.moveaxis(histogram_K2B[..., ::-1].cumsum(-1)[..., ::-1], 1, 0)
    dice = np.nan_to_num(ratio(2 * right, right + wrong + right[..., :1]))[:, 1:]
    distance = np.abs(np.arange(1, BINS) - _EVEN)
    best = [min(np.flatnonzero(row == row.max()), key=lambda at: distance[at]) for row in dice]
    return tuple(
        (int(at) + 1) / BINS if count else _EVEN / BINS
        for at, count in zip(best, right[:, 0], strict=True)
    )


class MaskScores(nn.Module):
    """Counts of each output and mean loss of a split; exact across ranks.

    Args:
        outputs: their names and thresholds.
        members: of which outputs each code is part, codes x K.
        ignore_index: label of pixels that do not count.
        choose_thresholds: score at the thresholds of best Dice, which `outputs` holds then.

    Attributes:
        outputs: see above.
    """

    counts: Tensor
    histogram: Tensor
    members: Tensor

    def __init__(
        self,
        outputs: Outputs,
        members: NDArray[np.bool_],
        ignore_index: int,
        *,
        choose_thresholds: bool = False,
    ) -> None:
        super().__init__()
        self.outputs = outputs
        self.choose_thresholds = choose_thresholds
        self.ignore_index = ignore_index
        count = len(outputs.names)
        self.register_buffer("members", torch.from_numpy(members).byte(), persistent=False)
        self.register_buffer("counts", torch.zeros(4, count, dtype=torch.int64), persistent=False)
        self.register_buffer(
            "histogram", torch.zeros(count, 2, BINS, dtype=torch.int64), persistent=False
        )
        self.loss_sum, self.images = 0.0, 0

    @torch.no_grad()
    def update(
        self, probabilities_BKHW: Tensor, predicted_BKHW: Tensor, label_BHW: Tensor, loss: Tensor
    ) -> None:
        """Add a batch.

        Args:
            probabilities_BKHW: of each output.
            predicted_BKHW: bool, where each output is decided to be present.
            label_BHW: codes.
            loss: the mean over the batch.
        """
        masks_BKHW = masks_of(label_BHW, self.members, self.ignore_index)
        inside, counted = masks_BKHW == 1, masks_BKHW != IGNORED
        predicted = predicted_BKHW & counted
        parts = (inside & predicted, inside, predicted, counted)
        self.counts += torch.stack([part.sum((0, 2, 3)) for part in parts])
        output_K = torch.arange(len(self.outputs.names), device=masks_BKHW.device)
        row_BKHW = output_K[:, None, None] * 2 + inside
        place = (row_BKHW * BINS + probability_bins(probabilities_BKHW))[counted]
        self.histogram += torch.bincount(place, minlength=self.histogram.numel()).view_as(
            self.histogram
        )
        self.loss_sum += float(loss.detach()) * len(label_BHW)
        self.images += len(label_BHW)

    @property
    def counted(self) -> Tensor:
        """Return the number of pixels that count, so far and on this rank."""
        return self.counts[3].max()

    def compute(self, stage: str) -> dict[str, float]:
        """Return the scores over all ranks and reset.

        Returns:
            `{stage}/loss`, `/miou` and `/mean_dice` over the outputs that occur, `/pixel_accuracy`
            (the share of decisions that are right), `/mean_average_precision`, and of each output
            `/iou/<name>`, `/dice/<name>`; NaN for outputs that do not occur.
        """
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(self.counts)
            distributed.all_reduce(self.histogram)
        loss_sum, images = total_over_ranks([self.loss_sum, self.images], self.counts.device)
        histogram_K2B = self.histogram.cpu().numpy()
        if self.choose_thresholds:
            self.outputs = self.outputs.with_thresholds(best_dice_thresholds(histogram_K2B))
            counts = counts_at(histogram_K2B, self.outputs.thresholds)
        else:
            counts = self.counts.cpu().numpy()
        flat = {"loss": loss_sum / images if images else math.nan, **mean_scores(counts)}
        flat["mean_average_precision"] = float(mean_known(average_precision(histogram_K2B)))
        hits, inside, predicted, _ = counts
        a_class = {"iou": iou(hits, inside, predicted), "dice": ratio(2 * hits, inside + predicted)}
        for kind, values in a_class.items():
            named = zip(self.outputs.names, values.tolist(), strict=True)
            flat |= {f"{kind}/{name}": value for name, value in named}
        self.reset()
        return {f"{stage}/{key}": value for key, value in flat.items()}

    def reset(self) -> None:
        """Discard all counts."""
        self.counts.zero_()
        self.histogram.zero_()
        self.loss_sum, self.images = 0.0, 0


def counts_at(histogram_K2B: NDArray[np.int64], thresholds: tuple[float, ...]) -> NDArray[np.int64]:
    """Return hit, labelled, predicted and counted pixels of each output, 4 x K.

    Args:
        histogram_K2B: see `average_precision`.
        thresholds: multiples of 1 / `BINS`.
    """
    rows = []
    for histogram_2B, threshold in zip(histogram_K2B, thresholds, strict=True):
        wrong, hits = histogram_2B[:, round(threshold * BINS) :].sum(1)
        rows.append((hits, histogram_2B[1].sum(), hits + wrong, histogram_2B.sum()))
    return np.array(rows, np.int64).T


def mean_scores(counts_4K: NDArray[np.int64]) -> dict[str, float]:
    """Return the means over the outputs that occur, from the counts of `counts_at`."""
    hits, inside, predicted, counted = counts_4K
    wrong = inside + predicted - 2 * hits
    return {
        "miou": float(mean_known(iou(hits, inside, predicted))),
        "mean_dice": float(mean_known(ratio(2 * hits, inside + predicted))),
        "pixel_accuracy": float(ratio((counted - wrong).sum(), counted.sum())),
    }
