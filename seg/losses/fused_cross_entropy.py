"""Resize and cross entropy in one: the large logits are never held in memory.

On a CPU, large logits go through the compiled loops of `seg.kernels`, on CUDA through its Triton
kernels where these are faster, all others through tiles in PyTorch's own operators.
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
    """Compute `functional.cross_entropy(logits.resized(), label)` a pixel in little memory.

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
    """Sum `upsampled_cross_entropy`; a compiled loop finds its gradient in the same pass.

    Inputs are those of which `should_use_numba_cross_entropy` is true, without label smoothing.
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
        inputs = CrossEntropyInput(values_BKhw, label_BHW, resize, target)
        if ctx.by_loops:
            from seg.kernels.cross_entropy import losses

            arrays = losses(_rows_first(values_BKhw), _for_loops(inputs))
            losses_BHW, log_sums_BHW = (torch.from_numpy(array) for array in arrays)
        else:
            variants = {"tiles": partial(fused_cross_entropy_tiled.losses, inputs)}
            if _suits_triton(inputs):
                variants["triton"] = partial(_losses_by_triton, inputs)
            losses_BHW, log_sums_BHW = run_fastest(_key("losses", inputs), variants)
        ctx.save_for_backward(values_BKhw, label_BHW, log_sums_BHW)
        return losses_BHW

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BHW: Tensor) -> tuple[Tensor | None, ...]:
        values_BKhw, label_BHW, log_sums_BHW = ctx.saved_tensors
        upstream = log_sums_BHW, grad_BHW
        inputs = CrossEntropyInput(values_BKhw, label_BHW, ctx.resize, ctx.target)
        if ctx.by_loops:
            from seg.kernels.cross_entropy import gradient

            arrays = log_sums_BHW.numpy(), grad_BHW.contiguous().numpy()
            grad_BhKw = gradient(_rows_first(values_BKhw), _for_loops(inputs), *arrays)
            return torch.from_numpy(grad_BhKw).transpose(1, 2), None, None, None
        variants = {"tiles": partial(fused_cross_entropy_tiled.gradient, inputs, *upstream)}
        if _suits_triton(inputs):
            variants["triton"] = partial(_gradient_by_triton, inputs, *upstream)
        return run_fastest(_key("gradient", inputs), variants), None, None, None


def _key(part: str, inputs: CrossEntropyInput) -> tuple[object, ...]:
    values, label, resize, target = inputs
    kinds = values.dtype, label.dtype, values.device, bool(target.label_smoothing)
    return (f"cross entropy, {part}", *values.shape, resize, *kinds)


def _suits_triton(inputs: CrossEntropyInput) -> bool:
    return (
        HAS_TRITON
        and inputs.values_BKhw.is_cuda
        and inputs.values_BKhw.dtype == torch.float32
        and not inputs.target.label_smoothing
    )


def _rows_first(values_BKhw: Tensor) -> NDArray[np.float32]:
    coarse_BhKw: NDArray[np.float32] = values_BKhw.detach().transpose(1, 2).contiguous().numpy()
    return coarse_BhKw


def _for_loops(inputs: CrossEntropyInput) -> "LoopPixels":
    from seg.kernels.cross_entropy import Pixels
    from seg.kernels.linear_resize import Places

    values, label, resize, target = inputs
    rows, columns = (
        Places(low.numpy(), share.float().numpy())
        for low, share in _places(values.shape[2:], resize)
    )
    bytes_BHW = label.byte().contiguous().numpy()
    return Pixels(bytes_BHW, target.ignore_index, target.weights(values).numpy(), rows, columns)


def _losses_by_triton(inputs: CrossEntropyInput) -> tuple[Tensor, Tensor]:
    from seg.kernels.cross_entropy_launch import losses

    return losses(inputs.values_BKhw, _for_triton(inputs))


def _gradient_by_triton(
    inputs: CrossEntropyInput, log_sums_BHW: Tensor, grad_BHW: Tensor
) -> Tensor:
    from seg.kernels.cross_entropy_launch import gradient

    return gradient(inputs.values_BKhw, _for_triton(inputs), log_sums_BHW, grad_BHW)


def _for_triton(inputs: CrossEntropyInput) -> "TritonPixels":
    from seg.kernels.cross_entropy_launch import Pixels

    values, label, resize, target = inputs
    rows, columns = _triton_sides(values.shape[2:], resize, values.device)
    return Pixels(label, target.ignore_index, target.weights(values), rows, columns)


@lru_cache(maxsize=16)  # a copy to the device waits for all work queued on it
def _triton_sides(coarse: torch.Size, resize: Resize, device: torch.device) -> "tuple[Side, ...]":
    from seg.kernels.cross_entropy_launch import Side

    places = zip(_places(coarse, resize), coarse, strict=True)
    return tuple(Side.of(low, share, values, device) for (low, share), values in places)


def _places(coarse: torch.Size, resize: Resize) -> list[tuple[Tensor, Tensor]]:
    """Return `Axis.places` of the rows and of the columns."""
    return [
        Axis.of_resize(*sizes, align_corners=resize.align_corners).places(0, sizes[2])
        for sizes in zip(coarse, resize.grid, resize.cropped, strict=True)
    ]
