"""Gradient checkpointing that updates batch-norm statistics once, as a run without it does."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def run_checkpointed(module: nn.Module, x_BCHW: Tensor) -> Any:
    """Compute `module(x)`; recompute its inner activations in the backward pass, not store them.

    The recomputation is a second forward pass in training mode, which would move the running
    statistics of every batch norm twice a step; these updates are disabled in it. A compiler
    replays mathematics only, not the update, and needs no such care.
    """
    if torch.compiler.is_compiling():
        return checkpoint(module, x_BCHW, use_reentrant=False)
    return checkpoint(
        module,
        x_BCHW,
        use_reentrant=False,
        context_fn=lambda: (nullcontext(), _frozen_statistics(module)),
    )


@contextmanager
def _frozen_statistics(module: nn.Module) -> Iterator[None]:
    # momentum 0 rather than track_running_stats=False: autograd must save the same tensors again.
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    states = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
            norm.num_batches_tracked = None
        yield
    finally:
        for norm, momentum, batches in states:
            norm.momentum = momentum
            norm.num_batches_tracked = batches
