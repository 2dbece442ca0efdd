"""Rounding of weights to half types that preserves the mean of each output channel."""

import torch
from torch import Tensor, nn


@torch.no_grad()
def round_weights(root: nn.Module, dtype: torch.dtype) -> None:
    """Round the weights of convolutions to values of a shorter type; they keep their own type.

    If each weight is rounded to the nearest value, the errors of a row (over input channels and
    taps) add up. Where inputs are alike or not negative, such as the output of a ReLU, that sum is
    an offset of the channel at every pixel: the bias of Nagel et al., arXiv:1906.04721, section
    4.2. Here the weights of a row that cost least are rounded to their other neighbour, until the
    sum is as near to zero as possible.

    Args:
        root: weights of its `nn.Conv2d` are changed.
        dtype: `torch.bfloat16` or `torch.float16`.
    """
    for module in root.modules():
        if isinstance(module, nn.Conv2d) and module.weight.dtype != dtype:
            module.weight.copy_(_balanced(module.weight, dtype))


def _balanced(weight_OIHW: Tensor, dtype: torch.dtype) -> Tensor:
    weight_ON = weight_OIHW.flatten(1).double()
    nearest_ON = weight_ON.to(dtype)
    other_ON = _other_neighbours(weight_ON, nearest_ON)
    error_ON = nearest_ON.double() - weight_ON
    step_ON = other_ON.double() - nearest_ON.double()
    sum_O1 = error_ON.sum(1, keepdim=True)
    helps_ON = error_ON * sum_O1 > 0
    # by how much the sum of the squared errors would grow
    cost_ON = torch.where(helps_ON, step_ON * (2 * error_ON + step_ON), torch.inf)
    order_ON = cost_ON.float().argsort(1)
    change_ON = torch.where(helps_ON, step_ON, 0).gather(1, order_ON).cumsum(1)
    count_O1 = torch.cat([sum_O1, sum_O1 + change_ON], 1).abs().argmin(1, keepdim=True)
    chosen_ON = torch.arange(weight_ON.shape[1], device=weight_ON.device) < count_O1
    chosen_ON = torch.zeros_like(helps_ON).scatter(1, order_ON, chosen_ON) & helps_ON
    return torch.where(chosen_ON, other_ON, nearest_ON).reshape(weight_OIHW.shape)


def _other_neighbours(weight: Tensor, nearest: Tensor) -> Tensor:
    """Return the farther of the two values of `nearest`'s type around each weight."""
    is_too_large = nearest.double().abs() > weight.abs()
    bits = nearest.view(torch.int16)  # sign and magnitude: the next magnitude is one bit away
    return (bits + torch.where(is_too_large, -1, 1).to(torch.int16)).view(nearest.dtype)
