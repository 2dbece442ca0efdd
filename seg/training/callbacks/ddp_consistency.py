"""Equal networks on all processes that train together: parameters checked, statistics averaged."""

import logging
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import distributed

from seg.errors import WorkerProcessError
from seg.models.weights.digests import digests

log = logging.getLogger(__name__)


class Agreement(Callback):
    """Comparison of the parameters of all processes after training."""

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare SHA-256 digests of the parameters; raise WorkerProcessError where they differ."""
        if trainer.world_size == 1:
            return
        own = digests(dict(pl_module.named_parameters()))
        equal = own == trainer.strategy.broadcast(own)
        if not trainer.strategy.reduce_boolean_decision(equal, all=True):
            raise WorkerProcessError(
                "the processes that trained together hold different weights; train with "
                "trainer.devices=1, and report this",
                exit_code=1,
            )
        if trainer.is_global_zero:
            log.info("%d processes end with the same weights", trainer.world_size)


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
