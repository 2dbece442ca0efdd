"""Context managers that watch a network without changing it: its mode, its hooks, its shapes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


def meta_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return tensors without memory in the shapes of parameters and buffers, by name."""
    return {
        name: torch.empty_like(tensor, device="meta")
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
    }


@contextmanager
def module_mode(model: nn.Module, *, training: bool) -> Iterator[None]:
    """Set training or evaluation mode, then restore each module's mode."""
    before = {module: module.training for module in model.modules()}
    model.train(training)
    try:
        yield
    finally:
        for module, mode in before.items():
            module.training = mode


@contextmanager
def hooks_attached(handles: Iterable[RemovableHandle]) -> Iterator[None]:
    """Remove hooks at the end, also after an error."""
    attached = list(handles)
    try:
        yield
    finally:
        for handle in attached:
            handle.remove()
