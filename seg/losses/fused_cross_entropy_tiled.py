"""Resize and cross entropy in one, tile by tile, in PyTorch's own operators: for any device.

Both resizes are products with the matrix of `functional.interpolate`, of which a tile needs a small
block. The gradient recomputes each tile's logits; only the coarse logits and one number a pixel are
kept in between.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, sqrt

import torch
from torch import Tensor

from seg.losses.cross_entropy_spec import CrossEntropyInput, CrossEntropySpec
from seg.models.coarse_logits import Resize
from seg.models.resampling import Axis

_TILE_BYTES = {"cpu": 2**22}  # what caches hold; smaller tiles only wait for threads
_TILE_BYTES_ELSEWHERE = 2**26  # few, large kernels
_TILE_ASPECT = 4  # width over height: rows are resized last, and cost more
_LANES = 16  # matrix products of other lengths are slow


def losses(inputs: CrossEntropyInput) -> tuple[Tensor, Tensor]:
    """Return each pixel's cross entropy and the log of its sum of exponentials, B x H x W."""
    values_BKhw, label_BHW, resize, target = inputs
    losses_BHW = values_BKhw.new_empty(label_BHW.shape)
    log_sums_BHW = torch.empty_like(losses_BHW)
    with torch.autocast(values_BKhw.device.type, enabled=False):
        for coarse_hKw, tile, at in _tiles(values_BKhw, resize):
            logits_HKW = tile.resized(coarse_hKw)
            log_sums_BHW[at] = logits_HKW.logsumexp(1)
            pixels = _Pixels.of(label_BHW[at], target)
            losses_BHW[at] = pixels.losses(logits_HKW, log_sums_BHW[at])
    return losses_BHW, log_sums_BHW


def gradient(inputs: CrossEntropyInput, log_sums_BHW: Tensor, grad_BHW: Tensor) -> Tensor:
    """Return the gradient of the coarse logits, B x K x h x w.

    Args:
        inputs: those of `losses`.
        log_sums_BHW: second output of `losses`.
        grad_BHW: gradient of its first output.
    """
    values_BKhw, label_BHW, resize, target = inputs
    grad_BhKw = torch.zeros_like(values_BKhw.transpose(1, 2))
    with torch.autocast(values_BKhw.device.type, enabled=False):
        for coarse_hKw, tile, at in _tiles(values_BKhw, resize):
            logits_HKW = tile.resized(coarse_hKw)
            pixels = _Pixels.of(label_BHW[at], target)
            grad_HKW = pixels.gradient(logits_HKW, log_sums_BHW[at], grad_BHW[at])
            tile.add_coarse(grad_HKW, grad_BhKw[at[0]])
    return grad_BhKw.transpose(1, 2)


@dataclass(frozen=True)
class _Pixels:
    """The labels of a tile: `loss = right (S - z_y) + even (sum w S - w z)`, S the log-sum-exp."""

    index: Tensor
    right: Tensor
    even: Tensor | None
    weight: Tensor | None

    @classmethod
    def of(cls, label_HW: Tensor, target: CrossEntropySpec) -> "_Pixels":
        counted_HW = label_HW != target.ignore_index
        index_HW = label_HW.where(counted_HW, 0).long()
        weight_K, smoothing = target.weight, target.label_smoothing
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


@dataclass(frozen=True)
class _Span:
    """Some pixels of an axis, and the coarse ones they are made of."""

    fine: slice
    coarse: slice
    weight: Tensor


@dataclass(frozen=True)
class _Tile:
    rows: _Span
    columns: _Span

    def resized(self, coarse_hKw: Tensor) -> Tensor:
        """Resize all coarse logits to those of the tile, H x K x W."""
        part_hKw = coarse_hKw[self.rows.coarse, :, self.columns.coarse]
        wide_hKW = part_hKw @ self.columns.weight
        tall = self.rows.weight.T @ wide_hKW.flatten(1)
        return tall.view(-1, *wide_hKW.shape[1:])

    def add_coarse(self, grad_HKW: Tensor, sum_hKw: Tensor) -> None:
        """Add the gradient of the tile's logits to that of the coarse ones."""
        low_hKW = (self.rows.weight @ grad_HKW.flatten(1)).view(-1, *grad_HKW.shape[1:])
        sum_hKw[self.rows.coarse, :, self.columns.coarse] += low_hKW @ self.columns.weight.T


def _tiles(
    values_BKhw: Tensor, resize: Resize
) -> Iterator[tuple[Tensor, _Tile, tuple[int, slice, slice]]]:
    """Yield each image's coarse logits h x K x w with each of its tiles and its place."""
    num_classes, *coarse = values_BKhw.shape[1:]
    budget = _TILE_BYTES.get(values_BKhw.device.type, _TILE_BYTES_ELSEWHERE)
    height = sqrt(budget / values_BKhw.element_size() / num_classes / _TILE_ASPECT)
    rows, columns = (
        _spans(
            Axis.of_resize(*sizes, align_corners=resize.align_corners),
            ceil(length),
            dtype=values_BKhw.dtype,
            device=values_BKhw.device,
        )
        for *sizes, length in zip(
            coarse, resize.grid, resize.cropped, (height, _TILE_ASPECT * height), strict=True
        )
    )
    for image, values_Khw in enumerate(values_BKhw):
        coarse_hKw = values_Khw.transpose(0, 1).contiguous()
        for row in rows:
            for column in columns:
                yield coarse_hKw, _Tile(row, column), (image, row.fine, column.fine)


def _spans(
    axis: Axis, length: int, *, dtype: torch.dtype, device: torch.device
) -> tuple[_Span, ...]:
    """Cut an axis into spans of about `length` pixels, all but the last of the same length."""
    even = ceil(axis.stop / ceil(axis.stop / length) / _LANES) * _LANES
    starts = range(0, axis.stop, even)
    fine = [slice(start, min(start + even, axis.stop)) for start in starts]
    return tuple(
        _Span(part, *axis.weights(part.start, part.stop, dtype=dtype, device=device))
        for part in fine
    )
