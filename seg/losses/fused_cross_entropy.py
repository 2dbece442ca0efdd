"""Resize and cross entropy in one: the large logits are never held in memory.

Both resizes are products with the matrix of `functional.interpolate`, of which a tile needs a small
block, in PyTorch's own operators. The gradient recomputes each tile's logits; only the coarse
logits and one number a pixel are kept in between. On CUDA devices Triton kernels are taken where
they are faster.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import ceil, sqrt
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seg.kernels.autotune import run_fastest
from seg.kernels.dispatch import HAS_TRITON
from seg.kernels.resize import Axis, Part, Resize, resize_part

_TILE_BYTES = {"cpu": 2**22}  # what caches hold; smaller tiles only wait for threads
_TILE_BYTES_ELSEWHERE = 2**26  # few, large kernels
_TILE_ASPECT = 4  # width over height: rows are resized last, and cost more
_LANES = 16  # matrix products of other lengths are slow


def upsampled_cross_entropy(
    values_BKhw: Tensor,
    label_BHW: Tensor,
    resize: Resize,
    ignore_index: int,
    weight: Tensor | None = None,
    *,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Compute `functional.cross_entropy(resize(values), label)` a pixel in little memory.

    Computed in float32, or float64 where the logits are; deterministic on every device.

    Returns:
        B x H x W; 0 where a pixel is ignored.
    """
    values_BKhw = values_BKhw.to(torch.promote_types(values_BKhw.dtype, torch.float32))
    losses: Tensor = _FusedCrossEntropy.apply(
        values_BKhw, label_BHW, resize, ignore_index, weight, label_smoothing
    )
    return losses


class _Inputs(NamedTuple):
    """Arguments of `upsampled_cross_entropy`."""

    values_BKhw: Tensor
    label_BHW: Tensor
    resize: Resize
    ignore_index: int
    weight: Tensor | None
    label_smoothing: float


class _FusedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values_BKhw: Tensor, label_BHW: Tensor, *options: Any) -> Tensor:
        inputs = _Inputs(values_BKhw, label_BHW, *options)
        if _suits_triton(inputs):
            from seg.kernels.cross_entropy_triton import losses

            ways = {"tiles": partial(_losses, inputs), "triton": partial(losses, *inputs[:-1])}
            losses_BHW, log_sums_BHW = run_fastest(_key("losses", inputs), ways)
        else:
            losses_BHW, log_sums_BHW = _losses(inputs)
        ctx.options = options
        ctx.save_for_backward(values_BKhw, label_BHW, log_sums_BHW)
        return losses_BHW

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BHW: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, log_sums_BHW = ctx.saved_tensors
        inputs = _Inputs(*tensors, *ctx.options)
        upstream = log_sums_BHW, grad_BHW
        if _suits_triton(inputs):
            from seg.kernels.cross_entropy_triton import gradient

            ways = {
                "tiles": partial(_gradient, inputs, *upstream),
                "triton": partial(gradient, *inputs[:-1], *upstream),
            }
            grad_BKhw = run_fastest(_key("gradient", inputs), ways)
        else:
            grad_BKhw = _gradient(inputs, *upstream)
        return grad_BKhw, None, None, None, None, None


def _suits_triton(inputs: _Inputs) -> bool:
    return (
        HAS_TRITON
        and inputs.values_BKhw.is_cuda
        and inputs.values_BKhw.dtype == torch.float32
        and not inputs.label_smoothing
    )


def _key(part: str, inputs: _Inputs) -> tuple[object, ...]:
    values, label = inputs.values_BKhw, inputs.label_BHW
    return (f"cross entropy, {part}", *values.shape, inputs.resize, label.dtype, values.device)


def _losses(inputs: _Inputs) -> tuple[Tensor, Tensor]:
    """Return each pixel's cross entropy and the log of its sum of exponentials, B x H x W."""
    losses_BHW = inputs.values_BKhw.new_empty(inputs.label_BHW.shape)
    log_sums_BHW = torch.empty_like(losses_BHW)
    with torch.autocast(losses_BHW.device.type, enabled=False):
        for coarse_hKw, rows, columns, at in _tiles(inputs):
            logits_HKW = resize_part(coarse_hKw, rows, columns)
            log_sums_BHW[at] = logits_HKW.logsumexp(1)
            losses_BHW[at] = _Pixels.of(inputs, at).losses(logits_HKW, log_sums_BHW[at])
    return losses_BHW, log_sums_BHW


def _gradient(inputs: _Inputs, log_sums_BHW: Tensor, grad_BHW: Tensor) -> Tensor:
    """Return the gradient of the coarse logits, B x K x h x w.

    Args:
        inputs: those of `_losses`.
        log_sums_BHW: second output of `_losses`.
        grad_BHW: gradient of its first output.
    """
    grad_BhKw = torch.zeros_like(inputs.values_BKhw.transpose(1, 2))
    with torch.autocast(grad_BHW.device.type, enabled=False):
        for coarse_hKw, rows, columns, at in _tiles(inputs):
            logits_HKW = resize_part(coarse_hKw, rows, columns)
            pixels = _Pixels.of(inputs, at)
            grad_HKW = pixels.gradient(logits_HKW, log_sums_BHW[at], grad_BHW[at])
            (coarse_rows, weight_hH), (coarse_columns, weight_wW) = rows, columns
            low_hKW = (weight_hH @ grad_HKW.flatten(1)).view(-1, *grad_HKW.shape[1:])
            grad_BhKw[at[0]][coarse_rows, :, coarse_columns] += low_hKW @ weight_wW.T
    return grad_BhKw.transpose(1, 2)


@dataclass(frozen=True)
class _Pixels:
    """The labels of a tile: `loss = right (S - z_y) + even (sum w S - w z)`, S the log-sum-exp."""

    index: Tensor
    right: Tensor
    even: Tensor | None
    weight: Tensor | None

    @classmethod
    def of(cls, inputs: _Inputs, at: tuple[int, slice, slice]) -> "_Pixels":
        label_HW, weight_K, smoothing = inputs.label_BHW[at], inputs.weight, inputs.label_smoothing
        counted_HW = label_HW != inputs.ignore_index
        index_HW = label_HW.where(counted_HW, 0).long()
        right_HW = (1 - smoothing) * (counted_HW if weight_K is None else weight_K[index_HW])
        return cls(
            index_HW[:, None],
            right_HW * counted_HW,
            smoothing * counted_HW if smoothing else None,
            weight_K,
        )

    def losses(self, logits_HKW: Tensor, log_sum_HW: Tensor) -> Tensor:
        right_logit_HW = logits_HKW.gather(1, self.index)[:, 0]
        losses_HW = self.right * (log_sum_HW - right_logit_HW)
        if self.even is not None:
            share_K = self._even_share(logits_HKW)
            mean_HW = torch.einsum("hkw,k->hw", logits_HKW, share_K)
            losses_HW += self.even * (share_K.sum() * log_sum_HW - mean_HW)
        return losses_HW

    def gradient(self, logits_HKW: Tensor, log_sum_HW: Tensor, grad_HW: Tensor) -> Tensor:
        """Overwrite the logits with their gradient and return it."""
        right_HW = self.right * grad_HW
        all_HW = right_HW
        grad_HKW = logits_HKW.sub_(log_sum_HW[:, None]).exp_()
        if self.even is not None:
            share_K = self._even_share(logits_HKW)
            even_HW = self.even * grad_HW
            all_HW = right_HW + share_K.sum() * even_HW
        grad_HKW *= all_HW[:, None]
        if self.even is not None:
            grad_HKW -= even_HW[:, None] * share_K[:, None]
        right_H1W = grad_HKW.gather(1, self.index) - right_HW[:, None]
        return grad_HKW.scatter_(1, self.index, right_H1W)

    def _even_share(self, logits_HKW: Tensor) -> Tensor:
        num_classes = logits_HKW.shape[1]
        if self.weight is None:
            return logits_HKW.new_full((num_classes,), 1 / num_classes)
        return self.weight / num_classes


def _tiles(inputs: _Inputs) -> Iterator[tuple[Tensor, Part, Part, tuple[int, slice, slice]]]:
    """Yield each image's coarse logits h x K x w with rows and columns of a tile and its place."""
    values_BKhw = inputs.values_BKhw
    num_classes, *coarse = values_BKhw.shape[1:]
    budget = _TILE_BYTES.get(values_BKhw.device.type, _TILE_BYTES_ELSEWHERE)
    height = sqrt(budget / values_BKhw.element_size() / num_classes / _TILE_ASPECT)
    row_axis, column_axis = inputs.resize.axes(coarse)
    rows = _spans(row_axis, ceil(height), values_BKhw)
    columns = _spans(column_axis, ceil(_TILE_ASPECT * height), values_BKhw)
    for image, values_Khw in enumerate(values_BKhw):
        coarse_hKw = values_Khw.transpose(0, 1).contiguous()
        for row, row_part in rows:
            for column, column_part in columns:
                yield coarse_hKw, row_part, column_part, (image, row, column)


def _spans(axis: Axis, length: int, like: Tensor) -> list[tuple[slice, Part]]:
    """Cut an axis into spans of about `length` pixels, all but the last of the same length."""
    even = ceil(axis.stop / ceil(axis.stop / length) / _LANES) * _LANES
    spans = [slice(at, min(at + even, axis.stop)) for at in range(0, axis.stop, even)]
    return [(span, axis.weights(span, dtype=like.dtype, device=like.device)) for span in spans]
