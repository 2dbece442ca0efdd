"""Resize and cross entropy in one: the large logits are never held.

On a CPU, large logits go through compiled loops of `seg.kernels`, on CUDA through its kernels in
Triton where these are faster; all others through tiles in PyTorch's own operators.
"""

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from seg.kernels.autotune import run_fastest
from seg.kernels.dispatch import HAS_TRITON, should_use_numba_cross_entropy
from seg.losses import fused_cross_entropy_tiled
from seg.losses.cross_entropy_spec import CrossEntropyInput, CrossEntropySpec
from seg.models.coarse_logits import CoarseLogits, Resize
from seg.models.resampling import Axis

if TYPE_CHECKING:
    from seg.kernels.cross_entropy import Pixels as LoopPixels
    from seg.kernels.cross_entropy_launch import Pixels as TritonPixels
    from seg.kernels.cross_entropy_launch import Side


def upsampled_cross_entropy(
    logits: CoarseLogits, label_BHW: Tensor, target: CrossEntropySpec
) -> Tensor:
    """`functional.cross_entropy(logits.resized(), label, reduction="none")` in little memory.

    Computed in float32, or float64 where the logits are; deterministic on every device.

    Returns:
        B x H x W; 0 where a pixel is ignored.
    """
    values = logits.values
    values = values.to(torch.promote_types(values.dtype, torch.float32))
    losses: Tensor = _UpsampledCrossEntropy.apply(values, label_BHW, logits.resize, target)
    return losses


def summed_cross_entropy(
    logits: CoarseLogits, label_BHW: Tensor, target: CrossEntropySpec
) -> Tensor:
    """The sum of `upsampled_cross_entropy`, its gradient found on the way by a compiled loop.

    For what `should_use_numba_cross_entropy` is true of, without label smoothing.
    """
    total: Tensor = _SummedCrossEntropy.apply(
        logits.values.float(), label_BHW, logits.resize, target
    )
    return total


class _SummedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, values_BKhw: Tensor, label_BHW: Tensor, resize: Resize, target: CrossEntropySpec
    ) -> Tensor:
        from seg.kernels.cross_entropy import sum_and_gradient

        compared = _for_loops(CrossEntropyInput(values_BKhw, label_BHW, resize, target))
        total, grad_BhKw = sum_and_gradient(_rows_first(values_BKhw), compared)
        ctx.save_for_backward(torch.from_numpy(grad_BhKw).transpose(1, 2))
        return values_BKhw.new_tensor(total)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (grad_BKhw,) = ctx.saved_tensors
        return grad_BKhw * grad, None, None, None


class _UpsampledCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, values_BKhw: Tensor, label_BHW: Tensor, resize: Resize, target: CrossEntropySpec
    ) -> Tensor:
        ctx.resize, ctx.target = resize, target
        ctx.by_loops = not target.label_smoothing and should_use_numba_cross_entropy(
            values_BKhw, label_BHW, target.ignore_index
        )
        given = CrossEntropyInput(values_BKhw, label_BHW, resize, target)
        if ctx.by_loops:
            losses_BHW, log_sums_BHW = _losses_by_loops(given)
        else:
            ways = {"tiles": partial(fused_cross_entropy_tiled.losses, given)}
            if _suits_triton(given):
                ways["triton"] = partial(_losses_by_triton, given)
            losses_BHW, log_sums_BHW = run_fastest(_key("losses", given), ways)
        ctx.save_for_backward(values_BKhw, label_BHW, log_sums_BHW)
        return losses_BHW

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BHW: Tensor) -> tuple[Tensor | None, ...]:
        values_BKhw, label_BHW, log_sums_BHW = ctx.saved_tensors
        upstream = log_sums_BHW, grad_BHW
        given = CrossEntropyInput(values_BKhw, label_BHW, ctx.resize, ctx.target)
        if ctx.by_loops:
            return _gradient_by_loops(given, *upstream), None, None, None
        ways = {"tiles": partial(fused_cross_entropy_tiled.gradient, given, *upstream)}
        if _suits_triton(given):
            ways["triton"] = partial(_gradient_by_triton, given, *upstream)
        return run_fastest(_key("gradient", given), ways), None, None, None


def _key(part: str, given: CrossEntropyInput) -> tuple[object, ...]:
    values, label, resize, target = given
    kinds = values.dtype, label.dtype, values.device, bool(target.label_smoothing)
    return (f"cross entropy, {part}", *values.shape, resize, *kinds)


def _suits_triton(given: CrossEntropyInput) -> bool:
    return (
        HAS_TRITON
        and given.values_BKhw.is_cuda
        and given.values_BKhw.dtype == torch.float32
        and not given.target.label_smoothing
    )


def _losses_by_loops(given: CrossEntropyInput) -> tuple[Tensor, Tensor]:
    from seg.kernels.cross_entropy import losses

    losses_BHW, log_sums_BHW = losses(_rows_first(given.values_BKhw), _for_loops(given))
    return torch.from_numpy(losses_BHW), torch.from_numpy(log_sums_BHW)


def _gradient_by_loops(given: CrossEntropyInput, log_sums_BHW: Tensor, grad_BHW: Tensor) -> Tensor:
    from seg.kernels.cross_entropy import gradient

    upstream = log_sums_BHW.numpy(), grad_BHW.contiguous().numpy()
    grad_BhKw = gradient(_rows_first(given.values_BKhw), _for_loops(given), *upstream)
    return torch.from_numpy(grad_BhKw).transpose(1, 2)


def _rows_first(values_BKhw: Tensor) -> NDArray[np.float32]:
    coarse_BhKw: NDArray[np.float32] = values_BKhw.detach().transpose(1, 2).contiguous().numpy()
    return coarse_BhKw


def _for_loops(given: CrossEntropyInput) -> "LoopPixels":
    from seg.kernels.cross_entropy import Pixels
    from seg.kernels.linear_resize import Places

    values, label, resize, target = given
    rows, columns = (
        Places(low.numpy(), share.float().numpy())
        for low, share in _places(values.shape[2:], resize)
    )
    bytes_BHW = label.byte().contiguous().numpy()
    return Pixels(bytes_BHW, target.ignore_index, target.weights(values).numpy(), rows, columns)


def _losses_by_triton(given: CrossEntropyInput) -> tuple[Tensor, Tensor]:
    from seg.kernels.cross_entropy_launch import losses

    return losses(given.values_BKhw, _for_triton(given))


def _gradient_by_triton(given: CrossEntropyInput, log_sums_BHW: Tensor, grad_BHW: Tensor) -> Tensor:
    from seg.kernels.cross_entropy_launch import gradient

    return gradient(given.values_BKhw, _for_triton(given), log_sums_BHW, grad_BHW)


def _for_triton(given: CrossEntropyInput) -> "TritonPixels":
    from seg.kernels.cross_entropy_launch import Pixels

    values, label, resize, target = given
    rows, columns = _triton_sides(values.shape[2:], resize, values.device)
    return Pixels(label, target.ignore_index, target.weights(values), rows, columns)


@lru_cache(maxsize=16)  # copies to the device, which wait for it
def _triton_sides(coarse: torch.Size, resize: Resize, device: torch.device) -> "tuple[Side, ...]":
    from seg.kernels.cross_entropy_launch import Side

    places = zip(_places(coarse, resize), coarse, strict=True)
    return tuple(Side.of(low, share, values, device) for (low, share), values in places)


def _places(coarse: torch.Size, resize: Resize) -> list[tuple[Tensor, Tensor]]:
    """Of rows and columns: see `Axis.places`."""
    return [
        Axis.of_resize(*sizes, align_corners=resize.align_corners).places(0, sizes[2])
        for sizes in zip(coarse, resize.grid, resize.cropped, strict=True)
    ]
