"""Exponential moving averages of a network's tensors."""

import torch
from torch import Tensor

Weights = dict[str, Tensor]
"""A network's tensors by name, as `state_dict` gives them."""


def decay_at(step: int, decay: float) -> float:
    """Return `min(decay, (1 + step) / (10 + step))`: early averages soon forget the random start.

    As TensorFlow's `ExponentialMovingAverage` with `num_updates`.
    """
    return min(decay, (1 + step) / (10 + step))


def copy_weights(weights: Weights) -> Weights:
    """Return a copy of each tensor that shares no memory with it."""
    return {name: value.detach().clone() for name, value in weights.items()}


@torch.no_grad()
def update_average(average: Weights, weights: Weights, decay: float) -> None:
    """Do `average += (1 - decay) (weights - average)` in place; copy counters."""
    moving = [name for name, value in average.items() if value.is_floating_point()]
    torch._foreach_lerp_(
        [average[name] for name in moving], [weights[name] for name in moving], 1 - decay
    )
    for name in average.keys() - set(moving):
        average[name].copy_(weights[name])
