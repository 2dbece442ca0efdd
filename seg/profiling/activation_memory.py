"""Activation memory: what a training step saves in the forward pass for the backward pass."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from seg.models.hooks import hooks_attached, meta_tensors, module_mode

_BATCH = 2  # norms refuse a single value a channel


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
    image = torch.empty((_BATCH, *input_shape[1:]), device="meta")
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
            num_bytes[stack[-1]] += storage.nbytes() // _BATCH
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
