"""Exact batch-norm statistics for the weights at the end of training."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from seg.models.batch_norm import recalibrate
from seg.training.callbacks.checkpoints import BestAndLast


class Recalibration(Callback):
    """Recomputation of the statistics after training; its result competes for the best.

    Args:
        batches: number of training batches, fewer where an epoch has fewer; on each process.
    """

    def __init__(self, *, batches: int) -> None:
        super().__init__()
        self.batches = batches

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Recompute the statistics."""
        recalibrate_on_training_data(trainer, pl_module, self.batches)


def recalibrate_on_training_data(trainer: Trainer, task: LightningModule, batches: int) -> None:
    """Call `recalibrate` with the first training batches of epoch 0, augmented as in training.

    The other weights were learnt on augmented images (the paper, section 3, uses them too). The
    checkpoint callbacks are notified that these weights have not been validated.
    """
    model: Any = task.model
    with trainer.precision_plugin.forward_context():
        recalibrate(model, islice(_images(trainer, task), batches))
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, BestAndLast):
            callback.weights_changed()


def _images(trainer: Trainer, task: Any) -> Iterator[Tensor]:
    data: Any = trainer.datamodule  # type: ignore[attr-defined]
    for batch in data.train_dataloader():
        moved = task._apply_batch_transfer_handler(batch, device=trainer.strategy.root_device)
        yield task.normalized(moved["image"])
