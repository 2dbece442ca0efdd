"""Bilinear resize and cross entropy in one, forward and backward, block by block, on a CPU.

The logits of a block stay in the caches: they are computed once a direction, or once in all where
only the sum of the losses is needed. Work is cut by coarse rows in the same way for any number of
threads, and each coarse value's gradient is summed in one order: results are reproducible.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from seg.errors import DataError
from seg.kernels.cross_entropy_loops import Floats, add_gradient, fill_losses
from seg.kernels.numba_jit import has_byte_labels, in_parallel
from seg.kernels.resize import Positions, Resize, first_pixels

_BAND = 16  # coarse rows


def upsampled_cross_entropy(
    values_BKhw: Tensor,
    label_BHW: Tensor,
    resize: Resize,
    ignore_index: int,
    weight: Tensor | None = None,
) -> Tensor:
    """Compute `functional.cross_entropy(resize(values), label)` a pixel, in float32.

    Inputs are those of which `numba_jit.should_use_numba_cross_entropy` is true.

    Returns:
        B x H x W; 0 where a pixel is ignored.

    Raises:
        DataError: a label is no class.
    """
    losses: Tensor = _UpsampledCrossEntropy.apply(
        values_BKhw.float(), label_BHW, resize, ignore_index, weight
    )
    return losses


def summed_cross_entropy(
    values_BKhw: Tensor,
    label_BHW: Tensor,
    resize: Resize,
    ignore_index: int,
    weight: Tensor | None = None,
) -> Tensor:
    """Sum `upsampled_cross_entropy` of the same arguments, and find its gradient in that pass."""
    total: Tensor = _SummedCrossEntropy.apply(
        values_BKhw.float(), label_BHW, resize, ignore_index, weight
    )
    return total


class _Inputs(NamedTuple):
    """Arrays for the loops.

    Attributes:
        coarse_BhKw: the logits.
        rows, columns: positions of the pixels.
        first_h, first_w: as of `first_pixels`.
        label_BHW, ignore_index, weight_K: as of `upsampled_cross_entropy`.
    """

    coarse_BhKw: Floats
    rows: Positions
    columns: tuple[Positions, int]
    first_h: NDArray[np.int64]
    first_w: NDArray[np.int64]
    label_BHW: NDArray[Any]
    ignore_index: int
    weight_K: Floats

    @classmethod
    def of(
        cls,
        values_BKhw: Tensor,
        label_BHW: Tensor,
        resize: Resize,
        ignore_index: int,
        weight: Tensor | None,
    ) -> "_Inputs":
        classes = values_BKhw.shape[1]
        row_axis, column_axis = resize.axes(values_BKhw.shape[2:])
        rows = row_axis.positions(slice(0, row_axis.stop))
        columns = column_axis.blocks(slice(0, column_axis.stop), classes)
        is_byte = has_byte_labels(classes, ignore_index)
        weight_K = values_BKhw.new_ones(classes) if weight is None else weight.to(values_BKhw)
        return cls(
            values_BKhw.detach().transpose(1, 2).contiguous().numpy(),
            rows,
            columns,
            first_pixels(rows[0], row_axis.coarse),
            first_pixels(columns[0][0][: column_axis.stop], column_axis.coarse),
            (label_BHW.byte() if is_byte else label_BHW.int()).contiguous().numpy(),
            ignore_index,
            weight_K.numpy(),
        )

    def target(self, image: int, rows: slice) -> tuple[NDArray[Any], int, Floats]:
        return self.label_BHW[image, rows], self.ignore_index, self.weight_K

    def bands(self) -> list[tuple[int, int, int]]:
        """Return the image, first coarse row and the one after the last of each band."""
        images, height = self.coarse_BhKw.shape[:2]
        starts = range(0, height, _BAND)
        return [(b, start, min(start + _BAND, height)) for b in range(images) for start in starts]

    def check_labels(self, labels: list[int]) -> None:
        """Raise a `DataError` for the first label of 0 or more: no class, as loops return it."""
        invalid = [label for label in labels if label >= 0]
        if invalid:
            allowed = f"0..{self.coarse_BhKw.shape[2] - 1}"
            raise DataError(f"the label holds {invalid[0]}; allowed: {allowed}")


class _UpsampledCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values_BKhw: Tensor, label_BHW: Tensor, *options: Any) -> Tensor:
        losses_BHW, log_sums_BHW = map(
            torch.from_numpy, _losses(_Inputs.of(values_BKhw, label_BHW, *options))
        )
        ctx.options = options
        ctx.save_for_backward(values_BKhw, label_BHW, log_sums_BHW)
        return losses_BHW

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BHW: Tensor) -> tuple[Tensor | None, ...]:
        values_BKhw, label_BHW, log_sums_BHW = ctx.saved_tensors
        upstream = log_sums_BHW.numpy(), grad_BHW.contiguous().numpy()
        grad_BhKw, _ = _gradient(_Inputs.of(values_BKhw, label_BHW, *ctx.options), upstream)
        return torch.from_numpy(grad_BhKw).transpose(1, 2), None, None, None, None


class _SummedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values_BKhw: Tensor, label_BHW: Tensor, *options: Any) -> Tensor:
        grad_BhKw, total = _gradient(_Inputs.of(values_BKhw, label_BHW, *options), None)
        ctx.save_for_backward(torch.from_numpy(grad_BhKw).transpose(1, 2))
        return values_BKhw.new_tensor(total)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (grad_BKhw,) = ctx.saved_tensors
        return grad_BKhw * grad, None, None, None, None


def _losses(inputs: _Inputs) -> tuple[Floats, Floats]:
    """Return each pixel's weighted cross entropy, 0 where ignored, and its log of the sum of exps.

    Returns:
        two arrays B x H x W.
    """
    loss_BHW, log_sum_BHW = (np.empty(inputs.label_BHW.shape, np.float32) for _ in range(2))
    low_H, share_H = inputs.rows

    def band(image: int, start: int, stop: int) -> int:
        part = slice(inputs.first_h[start], inputs.first_h[stop])
        if part.start == part.stop:
            return -1
        return int(
            fill_losses(
                inputs.coarse_BhKw[image],
                (low_H[part], share_H[part]),
                inputs.columns,
                inputs.target(image, part),
                loss_BHW[image, part],
                log_sum_BHW[image, part],
            )
        )

    inputs.check_labels(in_parallel(band, inputs.bands()))
    return loss_BHW, log_sum_BHW


def _gradient(inputs: _Inputs, upstream: tuple[Floats, Floats] | None) -> tuple[Floats, float]:
    """Return the gradient of the coarse logits, B x h x K x w, and the sum of the losses.

    `upstream` holds the second output of `_losses` and the gradient of the first; without it, the
    gradient is that of the sum.
    """
    coarse_BhKw = inputs.coarse_BhKw
    grad_BhKw: Floats = np.zeros_like(coarse_BhKw)
    low_H, share_H = inputs.rows
    empty_HW = np.empty((0, 0), np.float32)

    def band(image: int, start: int, stop: int) -> tuple[Floats, float, int]:
        part = slice(inputs.first_h[start], inputs.first_h[stop])
        # the last row of a band adds to the first of the next: kept apart, so that threads never
        # write to one row
        below_Kw: Floats = np.zeros_like(coarse_BhKw[0, 0])
        if part.start == part.stop:
            return below_Kw, 0.0, -1
        total, invalid = add_gradient(
            coarse_BhKw[image],
            (low_H[part], share_H[part]),
            inputs.columns,
            inputs.first_w,
            inputs.target(image, part),
            (empty_HW, empty_HW)
            if upstream is None
            else (upstream[0][image, part], upstream[1][image, part]),
            grad_BhKw[image],
            below_Kw,
            stop,
        )
        return below_Kw, total, invalid

    bands = inputs.bands()
    results = in_parallel(band, bands)
    inputs.check_labels([invalid for *_, invalid in results])
    for (image, _, stop), (below_Kw, *_) in zip(bands, results, strict=True):
        if stop < coarse_BhKw.shape[1]:
            grad_BhKw[image, stop] += below_Kw
    return grad_BhKw, sum(total for _, total, _ in results)
