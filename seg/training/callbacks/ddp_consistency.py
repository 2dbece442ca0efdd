"""A check that processes that train together end with the same weights."""

import logging

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from seg.errors import WorkerProcessError

log = logging.getLogger(__name__)


class Agreement(Callback):
    """Comparison of the parameters of all processes after training."""

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare checksums of the parameters; raise WorkerProcessError where they differ."""
        if trainer.world_size == 1:
            return
        sums = torch.stack([_sums(parameter) for parameter in pl_module.parameters()]).cpu()
        equal = torch.equal(sums, trainer.strategy.broadcast(sums))
        if not trainer.strategy.reduce_boolean_decision(equal, all=True):
            raise WorkerProcessError(
                "the processes that trained together hold different weights; train with "
                "trainer.devices=1, and report this",
                exit_code=1,
            )
        if trainer.is_global_zero:
            log.info("%d processes end with the same weights", trainer.world_size)


def _sums(parameter: Tensor) -> Tensor:
    """Return the sum and the sum of squares of a tensor, which differ for other weights."""
    values = parameter.detach().double()
    return torch.stack((values.sum(), values.square().sum())).nan_to_num()
