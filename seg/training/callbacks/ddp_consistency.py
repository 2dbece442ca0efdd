"""A check that processes that train together end with the same weights."""

import logging

from pytorch_lightning import Callback, LightningModule, Trainer

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
