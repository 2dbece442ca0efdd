"""Cost of a network, counted from shapes alone: parameters, multiply-adds, activation memory.

Activation memory is what a training step saves in the forward pass for the backward pass.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from seg.kernels.depthwise import DepthwiseConv2d
from seg.models.hooks import hooks_attached, meta_tensors, module_mode

_TRAINING_BATCH = 2  # norms refuse a single value a channel


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

    def modules(self, name: str = "") -> dict[str, "Cost"]:
        """Return the cost of this module, called `name`, and of each inside it, by full name."""
        costs = {name: self}
        for child, part in self.parts.items():
            costs |= part.modules(f"{name}.{child}" if name else child)
        return costs


def count(model: nn.Module, input_shape: Sequence[int]) -> Cost:
    """Count a network without computing or allocating anything: shapes alone pass through it.

    Args:
        model: takes one tensor; counted as in evaluation.
        input_shape: of that tensor, batch first, such as (1, 3, 513, 513).
    """
    multiply_adds: Counter[str] = Counter()
    dtype = next((each.dtype for each in model.parameters()), None)
    image = torch.empty(tuple(input_shape), device="meta", dtype=dtype)
    counting = hooks_attached(_counters(model, multiply_adds))
    with counting, module_mode(model, training=False), torch.no_grad():
        torch.func.functional_call(model, meta_tensors(model), (image,))
    return _gather(model, "", multiply_adds)


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


def _gather(module: nn.Module, name: str, multiply_adds: Counter[str]) -> Cost:
    below = f"{name}." if name else ""
    parts = {
        child_name: _gather(child, below + child_name, multiply_adds)
        for child_name, child in module.named_children()
    }
    return Cost(
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        multiply_adds=multiply_adds[name] + sum(part.multiply_adds for part in parts.values()),
        parts=parts,
    )


def saved_bytes(model: nn.Module, input_shape: Sequence[int]) -> dict[str, int]:
    """Return the bytes that autograd saves in each module for one image in float32.

    Nothing is computed: tensors are on the meta device. A tensor that several operations save
    counts once, for the first of them. Parameters and buffers do not count.

    Args:
        model: takes one tensor; counted as in training.
        input_shape: of one image in a batch, (1, C, H, W).

    Returns:
        name of the innermost module at work -> bytes.
    """
    image = torch.empty((_TRAINING_BATCH, *input_shape[1:]), device="meta")
    tensors = meta_tensors(model)
    own = {tensor.untyped_storage()._cdata for tensor in tensors.values()}
    for name, parameter in model.named_parameters():
        tensors[name].requires_grad_(parameter.requires_grad)
    num_bytes: Counter[str] = Counter()
    saved: dict[int, Tensor] = {}
    stack: list[str] = [""]

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own and storage._cdata not in saved:
            saved[storage._cdata] = tensor  # alive, so that its address is not used again
            num_bytes[stack[-1]] += storage.nbytes() // _TRAINING_BATCH
        return tensor

    saving = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with module_mode(model, training=True), hooks_attached(_naming(model, stack)), saving:
        torch.func.functional_call(model, tensors, (image,))
    return num_bytes


def _naming(model: nn.Module, stack: list[str]) -> Iterator[RemovableHandle]:
    """Register hooks that keep the names of the running modules on `stack`."""
    for name, module in model.named_modules():

        def enter(_module: nn.Module, _inputs: Any, name: str = name) -> None:
            stack.append(name)

        def leave(_module: nn.Module, _inputs: Any, _output: Any) -> None:
            stack.pop()

        yield module.register_forward_pre_hook(enter)
        yield module.register_forward_hook(leave)
