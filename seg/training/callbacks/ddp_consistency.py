"""Processes that train together must end with the same weights."""

import logging

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from seg.errors import WorkerProcessError

log = logging.getLogger(__name__)


class Agreement(Callback):
    """When training has ended, holds the parameters of all processes against each other."""

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.world_size == 1:
            return
        sums = torch.stack([_sums(each) for each in pl_module.parameters()]).cpu()
        of_the_first = trainer.strategy.broadcast(sums)
        same = torch.equal(sums, of_the_first)
        if not trainer.strategy.reduce_boolean_decision(same, all=True):
            raise WorkerProcessError(
                "the processes that trained together hold different weights; train with "
                "trainer.devices=1, and report this",
                exit_code=1,
            )
        if trainer.is_global_zero:
            log.info("%d processes end with the same weights", trainer.world_size)


def _sums(parameter: Tensor) -> Tensor:
    """Two numbers of a tensor that any other weights would change."""
    held = parameter.detach().double()
    return torch.stack((held.sum(), held.square().sum())).nan_to_num()
