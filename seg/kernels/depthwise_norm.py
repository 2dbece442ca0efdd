"""Depthwise convolution, batch norm and ReLU in one step of training, in four passes over memory.

The convolution yields its output and the moments of each channel in one pass; a second kernel
normalizes. Only the input is kept for the gradients: the convolution is computed again, which costs
less than the memory of its output. A ReLU before the convolution (Xception's `pre_act`) is applied
on load and never written.

Imports Triton: to be imported only where a kernel runs.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seg.kernels import depthwise_launch as launch
from seg.kernels import norm_triton
from seg.kernels.depthwise_shapes import Geometry

_ROWS, _CHANNELS, _PROGRAMS = 32, 64, 1024


@dataclass(frozen=True)
class Step:
    """The options of the fused step.

    Attributes:
        geometry: of the convolution.
        relu_before: whether negative inputs become zero.
        relu_after: whether negative values of the norm become zero.
        batch: whether the norm uses the moments of the batch, and not the running ones.
        epsilon: added to the variance.
    """

    geometry: Geometry
    relu_before: bool
    relu_after: bool
    batch: bool
    epsilon: float


def depthwise_norm_relu(
    x_BCHW: Tensor,
    conv: nn.Conv2d,
    norm: nn.BatchNorm2d,
    *,
    relu_before: bool = False,
    relu_after: bool = True,
) -> Tensor:
    """Compute `relu(norm(conv(relu(x))))` with its gradients and its update of the norm.

    Args:
        x_BCHW: float32 or a half type; best in channels_last memory.
        conv: depthwise, square, without bias.
        norm: in training or evaluation mode; running moments are updated as it would.
        relu_before: whether the first ReLU is there.
        relu_after: whether the last one is.
    """
    x_BCHW = x_BCHW.contiguous(memory_format=torch.channels_last)
    padding = conv.padding[0]
    assert isinstance(padding, int)
    geometry = Geometry(conv.kernel_size[0], conv.stride[0], conv.dilation[0], padding)
    batch = norm.training or norm.running_mean is None
    step = Step(geometry, relu_before, relu_after, batch, norm.eps)
    running = (norm.running_mean, norm.running_var)
    operands = (x_BCHW, conv.weight, norm.weight, norm.bias)
    output, mean_C, variance_C = _DepthwiseNormRelu.apply(*operands, *running, step)
    if norm.training and norm.running_mean is not None:
        _update(norm, mean_C, variance_C, output.numel() // output.shape[1])
    result: Tensor = output
    return result


class _DepthwiseNormRelu(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        gamma: Tensor,
        beta: Tensor,
        mean: Tensor | None,
        variance: Tensor | None,
        step: Step,
    ) -> tuple[Tensor, Tensor, Tensor]:
        if step.batch or mean is None or variance is None:
            value, mean_C, variance_C = launch.convolve_and_describe(
                x, weight, step.geometry, relu=step.relu_before
            )
        else:
            value = launch.convolve(x, weight, step.geometry, relu=step.relu_before)
            mean_C, variance_C = mean.clone(), variance.clone()
        inverse_C = torch.rsqrt(variance_C + step.epsilon)
        scale_C = gamma * inverse_C
        shift_C = beta - mean_C * scale_C
        output = torch.empty_like(value)
        operands = value, scale_C, shift_C, output
        _run(norm_triton.normalize, *operands, relu=step.relu_after)
        ctx.save_for_backward(x, weight, mean_C, inverse_C, scale_C, shift_C)
        ctx.step = step
        ctx.mark_non_differentiable(mean_C, variance_C)
        return output, mean_C, variance_C

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        x, weight, mean_C, inverse_C, scale_C, shift_C = ctx.saved_tensors
        step: Step = ctx.step
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        value = launch.convolve(x, weight, step.geometry, relu=step.relu_before)
        sum_C, product_C = _sums(
            gradient, value, scale_C=scale_C, shift_C=shift_C, mean_C=mean_C, relu=step.relu_after
        )
        count = value.numel() // value.shape[1] if step.batch else float("inf")
        per_value_C = -scale_C * inverse_C.square() * product_C / count
        constant_C = -scale_C * sum_C / count - per_value_C * mean_C
        to_value = torch.empty_like(value)
        operands = gradient, value, scale_C, shift_C, per_value_C, constant_C, to_value
        _run(norm_triton.input_gradient, *operands, relu=step.relu_after)
        needs = ctx.needs_input_grad
        to_x = to_weight = None
        if needs[0]:
            to_x = launch.input_gradient(to_value, x, weight, step.geometry, relu=step.relu_before)
        if needs[1]:
            to_weight = launch.weight_gradient(
                to_value, x, step.geometry, dtype=weight.dtype, relu=step.relu_before
            )
        return to_x, to_weight, product_C * inverse_C, sum_C, None, None, None


def _run(kernel: Any, *operands: Tensor, relu: bool) -> None:
    """Launch a kernel over all pixels and channels of its last operand."""
    channels = operands[-1].shape[1]
    rows = operands[-1].numel() // channels
    vector, groups = launch.vectors(channels)
    kernel[(-(-rows // _ROWS) * -(-channels // _CHANNELS),)](
        *operands, rows, groups, VECTOR=vector, RELU=relu, ROWS=_ROWS, CHANNELS=_CHANNELS
    )


def _sums(
    gradient: Tensor, value: Tensor, *, scale_C: Tensor, shift_C: Tensor, mean_C: Tensor, relu: bool
) -> Tensor:
    """Return two rows: sums of the gradient, and of its product with `value - mean`."""
    channels = value.shape[1]
    rows = value.numel() // channels
    vector, groups = launch.vectors(channels)
    across, blocks = -(-channels // _CHANNELS), -(-rows // _ROWS)
    blocks_a_part = max(1, -(-blocks * across // _PROGRAMS))
    parts = -(-blocks // blocks_a_part)
    sums = torch.empty(parts, 2, channels, dtype=torch.float32, device=value.device)
    operands = gradient, value, scale_C, shift_C, mean_C, sums, rows, groups, blocks_a_part
    norm_triton.gradient_sums[(parts * across,)](
        *operands, VECTOR=vector, RELU=relu, ROWS=_ROWS, CHANNELS=_CHANNELS
    )
    return sums.sum(0)


def _update(norm: nn.BatchNorm2d, mean_C: Tensor, variance_C: Tensor, count: int) -> None:
    """Update running moments and their count as the norm does (variance unbiased)."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    momentum = 1 / norm.num_batches_tracked if norm.momentum is None else norm.momentum
    for running_C, new_C in (
        (norm.running_mean, mean_C),
        (norm.running_var, variance_C * (count / (count - 1))),
    ):
        running_C.lerp_(new_C, momentum)
