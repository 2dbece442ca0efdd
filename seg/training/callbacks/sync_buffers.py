"""Equal batch-norm statistics on all processes."""

from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import distributed


class MeanStatistics(Callback):
    """Running statistics that are the mean over all processes after each batch.

    So every process validates, averages and saves the same network, and its statistics are of all
    samples. DistributedDataParallel would give all processes those of the first, also between the
    batches of a validation, of which processes may have different numbers.
    """

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Average the network's floating-point buffers over the processes."""
        if trainer.world_size == 1:
            return
        model: Any = pl_module.model
        buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
        if not buffers:
            return
        # one message in place of one a buffer
        flat = torch.cat([buffer.flatten() for buffer in buffers])
        distributed.all_reduce(flat)
        flat /= trainer.world_size
        parts = torch.split(flat, [buffer.numel() for buffer in buffers])
        for buffer, part in zip(buffers, parts, strict=True):
            buffer.copy_(part.view_as(buffer))
