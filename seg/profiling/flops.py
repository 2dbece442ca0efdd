"""Cost of a network: parameters, and the multiply-adds of one forward pass."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from seg.kernels.depthwise import DepthwiseConv2d
from seg.models.hooks import hooks_attached, meta_tensors, module_mode


@dataclass(frozen=True)
class Cost:
    """Cost of a network or of a part of one.

    Attributes:
        parameters: number of trainable and frozen parameters, without buffers.
        multiply_adds: of convolutions and linear layers, for the whole batch.
        parts: cost of each part, by module name; parts add up to the whole.
    """

    parameters: int
    multiply_adds: int
    parts: dict[str, "Cost"] = field(default_factory=dict)


def count(model: nn.Module, input_shape: Sequence[int], *, depth: int = 1) -> Cost:
    """Count a network without computing or allocating anything: shapes alone pass through it.

    Args:
        model: takes one tensor; counted as in evaluation.
        input_shape: of that tensor, batch first, such as (1, 3, 513, 513).
        depth: levels of named parts to list; 1 gives `encoder` and `decoder`, 2 also the flows.
    """
    multiply_adds: Counter[str] = Counter()
    dtype = next((each.dtype for each in model.parameters()), None)
    image = torch.empty(tuple(input_shape), device="meta", dtype=dtype)
    counting = hooks_attached(_counters(model, multiply_adds))
    with counting, module_mode(model, training=False), torch.no_grad():
        torch.func.functional_call(model, meta_tensors(model), (image,))
    return _gather(model, "", multiply_adds, depth)


def _counters(model: nn.Module, multiply_adds: Counter[str]) -> Iterator[RemovableHandle]:
    """Register hooks that count the multiply-adds of each module."""
    for name, module in model.named_modules():
        if type(module) in _PRICES:

            def add(module: nn.Module, _inputs: Any, output: Tensor, name: str = name) -> None:
                multiply_adds[name] += output.numel() * _PRICES[type(module)](module)

            yield module.register_forward_hook(add)


def _convolution_price(conv: nn.Conv2d) -> int:
    return conv.in_channels // conv.groups * math.prod(conv.kernel_size)


# multiply-adds for one value of the output
_PRICES: dict[type[nn.Module], Callable[[Any], int]] = {
    nn.Conv2d: _convolution_price,
    DepthwiseConv2d: _convolution_price,
    nn.Linear: lambda linear: linear.in_features,
}


def _gather(module: nn.Module, name: str, multiply_adds: Mapping[str, int], depth: int) -> Cost:
    below = f"{name}." if name else ""
    return Cost(
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        multiply_adds=sum(
            amount
            for layer, amount in multiply_adds.items()
            if layer == name or layer.startswith(below)
        ),
        parts={
            child_name: _gather(child, below + child_name, multiply_adds, depth - 1)
            for child_name, child in (module.named_children() if depth > 0 else ())
        },
    )
