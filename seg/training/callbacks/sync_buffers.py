"""Keeps what batch norms have counted equal on all processes."""

from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import distributed


class MeanStatistics(Callback):
    """After each batch, the network's running statistics become the mean over all processes.

    So every process validates, averages and saves the same network, and its statistics are of all
    samples. DistributedDataParallel would give all processes those of the first, also between the
    batches of a validation, of which processes may have different numbers.
    """

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.world_size == 1:
            return
        model: Any = pl_module.model
        held = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
        if not held:
            return
        together = torch.cat([buffer.flatten() for buffer in held])
        distributed.all_reduce(together)
        together /= trainer.world_size
        parts = torch.split(together, [buffer.numel() for buffer in held])
        for buffer, part in zip(held, parts, strict=True):
            buffer.copy_(part.view_as(buffer))
