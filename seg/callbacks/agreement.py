"""Processes that train together must end with the same weights."""

import logging

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from seg.errors import RankError

log = logging.getLogger(__name__)


class Agreement(Callback):
    """When training has ended, holds the parameters of all processes against each other."""

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.world_size == 1:
            return
        held = [each.detach().double() for each in pl_module.parameters()]
        sums = torch.stack([torch.stack((each.sum(), each.square().sum())) for each in held])
        sums_R = trainer.strategy.all_gather(sums).nan_to_num()
        if not (sums_R == sums_R[:1]).all():
            raise RankError(
                "the processes that trained together hold different weights; train with "
                "trainer.devices=1, and report this",
                exit_code=1,
            )
        if trainer.is_global_zero:
            log.info("%d processes end with the same weights", trainer.world_size)
