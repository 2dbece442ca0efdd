"""Bilinear resize and cross entropy in one, forward and backward, block by block.

The logits of a block stay in the caches: they are computed once a direction, or once in all where
only the sum of the losses is needed. Work is cut by coarse rows in the same way for any number of
threads, and each coarse value's gradient is summed in one order: results are reproducible.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError
from seg.kernels.cross_entropy_loops import Floats, add_gradient, fill_losses
from seg.kernels.linear_resize import Places, block_px
from seg.kernels.numba_jit import in_parallel

_BAND = 16  # coarse rows
_Bands = list[tuple[int, int, int]]


@dataclass(frozen=True)
class Pixels:
    """Labels of pixels, class weights, and positions of the pixels among the coarse logits.

    Attributes:
        label_BHW: classes, or `ignore_index`.
        ignore_index: label of pixels that do not count.
        weight_K: one factor a class.
        rows, columns: H and W pixels, in rising order.
    """

    label_BHW: NDArray[np.uint8]
    ignore_index: int
    weight_K: Floats
    rows: Places
    columns: Places


def losses(coarse_BhKw: Floats, pixels: Pixels) -> tuple[Floats, Floats]:
    """Return each pixel's weighted cross entropy, 0 where ignored, and its log of the sum of exps.

    Returns:
        two arrays B x H x W.

    Raises:
        DataError: a label is no class.
    """
    loss_BHW, log_sum_BHW = (np.empty(pixels.label_BHW.shape, np.float32) for _ in range(2))
    block = block_px(len(pixels.columns), coarse_BhKw.shape[2])
    columns = pixels.columns.padded(block)
    first_H = pixels.rows.first(coarse_BhKw.shape[1])

    def band(image: int, start: int, stop: int) -> int:
        part = slice(first_H[start], first_H[stop])
        if part.start == part.stop:
            return -1
        return int(
            fill_losses(
                coarse_BhKw[image],
                (pixels.rows.low[part], pixels.rows.share[part]),
                (columns.low, columns.share, block),
                (pixels.label_BHW[image, part], pixels.ignore_index, pixels.weight_K),
                loss_BHW[image, part],
                log_sum_BHW[image, part],
            )
        )

    _check_labels(in_parallel(band, _cut(coarse_BhKw)), coarse_BhKw.shape[2])
    return loss_BHW, log_sum_BHW


def gradient(coarse_BhKw: Floats, pixels: Pixels, log_sum_BHW: Floats, grad_BHW: Floats) -> Floats:
    """Return the gradient of the coarse logits, B x h x K x w, from that of `losses`."""
    grad_BhKw, _ = _gradient(coarse_BhKw, pixels, (log_sum_BHW, grad_BHW))
    return grad_BhKw


def sum_and_gradient(coarse_BhKw: Floats, pixels: Pixels) -> tuple[float, Floats]:
    """Return the sum of all `losses` and its gradient, B x h x K x w, in one pass.

    Raises:
        DataError: a label is no class.
    """
    grad_BhKw, total = _gradient(coarse_BhKw, pixels, None)
    return total, grad_BhKw


def _gradient(
    coarse_BhKw: Floats, pixels: Pixels, upstream: tuple[Floats, Floats] | None
) -> tuple[Floats, float]:
    """Return the gradient of the coarse logits, and the sum of the losses.

    `upstream` holds the second output of `losses` and the gradient of the first; without it, the
    gradient is that of the sum.
    """
    grad_BhKw: Floats = np.zeros_like(coarse_BhKw)
    bands = _cut(coarse_BhKw)
    block = block_px(len(pixels.columns), coarse_BhKw.shape[2])
    columns = pixels.columns.padded(block)
    first_H = pixels.rows.first(coarse_BhKw.shape[1])
    first_w = pixels.columns.first(coarse_BhKw.shape[3])
    empty_HW = np.empty((0, 0), np.float32)

    def band(image: int, start: int, stop: int) -> tuple[Floats, float, int]:
        part = slice(first_H[start], first_H[stop])
        # the last row of a band adds to the first of the next: kept apart, so that threads never
        # write to one row
        below_Kw: Floats = np.zeros_like(coarse_BhKw[0, 0])
        if part.start == part.stop:
            return below_Kw, 0.0, -1
        total, invalid = add_gradient(
            coarse_BhKw[image],
            (pixels.rows.low[part], pixels.rows.share[part]),
            (columns.low, columns.share, block),
            first_w,
            (pixels.label_BHW[image, part], pixels.ignore_index, pixels.weight_K),
            (empty_HW, empty_HW)
            if upstream is None
            else (upstream[0][image, part], upstream[1][image, part]),
            grad_BhKw[image],
            below_Kw,
            stop,
        )
        return below_Kw, total, invalid

    results = in_parallel(band, bands)
    _check_labels([invalid for *_, invalid in results], coarse_BhKw.shape[2])
    for (image, _, stop), (below_Kw, *_) in zip(bands, results, strict=True):
        if stop < coarse_BhKw.shape[1]:
            grad_BhKw[image, stop] += below_Kw
    return grad_BhKw, sum(total for _, total, _ in results)


def _cut(coarse_BhKw: Floats) -> _Bands:
    """Return the image, first coarse row and the one after the last of each band."""
    images, height = coarse_BhKw.shape[:2]
    starts = range(0, height, _BAND)
    return [(b, start, min(start + _BAND, height)) for b in range(images) for start in starts]


def _check_labels(labels: list[int], classes: int) -> None:
    invalid = [label for label in labels if label >= 0]
    if invalid:
        raise DataError(f"the label holds {invalid[0]}; allowed: 0..{classes - 1}")
