"""Launch of the Triton kernels of `cross_entropy_triton` on tensors."""

from dataclasses import dataclass

import torch
from torch import Tensor

from seg.kernels.cross_entropy_triton import coarse_gradient, pixel_losses
from seg.kernels.depthwise_launch import device_of

_PIXELS, _VALUES = 256, 64


@dataclass(frozen=True)
class Side:
    """Positions of the pixels of one side of an image among coarse values, on the device.

    Attributes:
        low, share: int32 and float32; pixel `p` is `(1 - share[p]) * value[low[p]] + share[p] *
            value[low[p] + 1]`. `low` never decreases.
        first: int32, the first pixel at or beyond each value, and the number of pixels.
        span: the greatest number of pixels that one value is part of.
    """

    low: Tensor
    share: Tensor
    first: Tensor
    span: int

    @classmethod
    def of(cls, low: Tensor, share: Tensor, values: int, device: torch.device) -> "Side":
        """Move positions on the CPU among `values` coarse values to a device."""
        first = torch.searchsorted(low, torch.arange(values + 1))
        span = int((first[1:] - first[(torch.arange(values) - 1).clamp(min=0)]).max())
        sides = low.to(device, torch.int32), share.to(device, torch.float32)
        return cls(*sides, first.to(device, torch.int32), span)


@dataclass(frozen=True)
class Pixels:
    """Labels of pixels, class weights, and positions of the pixels among the coarse logits.

    Attributes:
        label_BHW: classes, or `ignore_index`, of any integer type.
        ignore_index: label of pixels that do not count.
        weight_K: float32, one factor a class.
        rows, columns: H and W pixels.
    """

    label_BHW: Tensor
    ignore_index: int
    weight_K: Tensor
    rows: Side
    columns: Side

    @property
    def operands(self) -> tuple[Tensor, ...]:
        """Return the arguments of both kernels that follow the coarse logits."""
        rows, columns = self.rows, self.columns
        sides = (rows.low, rows.share, columns.low, columns.share)
        return self.label_BHW.contiguous(), self.weight_K.contiguous(), *sides


def losses(coarse_BKhw: Tensor, pixels: Pixels) -> tuple[Tensor, Tensor]:
    """Return each pixel's weighted cross entropy, 0 where ignored, and its log of the sum of exps.

    Args:
        coarse_BKhw: float32.
        pixels: on the same device.

    Returns:
        two tensors B x H x W; losses are NaN where a label is no class.
    """
    images, classes, *coarse = coarse_BKhw.shape
    height, width = pixels.label_BHW.shape[1:]
    loss_BHW, log_sum_BHW = torch.empty(
        2, images, height, width, dtype=torch.float32, device=coarse_BKhw.device
    )
    with device_of(coarse_BKhw):
        pixel_losses[(images * height * -(-width // _PIXELS),)](
            coarse_BKhw.contiguous(),
            *pixels.operands,
            loss_BHW,
            log_sum_BHW,
            classes,
            *coarse,
            height,
            width,
            pixels.ignore_index,
            PIXELS=_PIXELS,
        )
    return loss_BHW, log_sum_BHW


def gradient(coarse_BKhw: Tensor, pixels: Pixels, log_sum_BHW: Tensor, grad_BHW: Tensor) -> Tensor:
    """Return the gradient of the coarse logits, B x K x h x w, from that of `losses`."""
    images, classes, *coarse = coarse_BKhw.shape
    output_BKhw = torch.empty(coarse_BKhw.shape, dtype=torch.float32, device=coarse_BKhw.device)
    with device_of(coarse_BKhw):
        coarse_gradient[(images * classes * coarse[0] * -(-coarse[1] // _VALUES),)](
            coarse_BKhw.contiguous(),
            *pixels.operands,
            pixels.rows.first,
            pixels.columns.first,
            log_sum_BHW,
            grad_BHW.contiguous(),
            output_BKhw,
            classes,
            *coarse,
            *pixels.label_BHW.shape[1:],
            pixels.ignore_index,
            pixels.columns.span,
            VALUES=_VALUES,
            num_warps=_VALUES // 32,
        )
    return output_BKhw
