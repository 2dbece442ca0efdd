"""A check that training labels hold pixels that count: without any, nothing is learnt."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from seg.data.label_ids import all_ignored_error


class CountedPixels(Callback):
    """Check that an epoch, or the whole training, has pixels that count; a `DataError` otherwise.

    Whether a pixel counts is gathered on the device and read once an epoch, until one does. A
    resumed run is judged after a whole epoch of its own: the labels may be sparse.

    Args:
        ignore_index: label of pixels that do not count.
    """

    def __init__(self, ignore_index: int) -> None:
        self._ignore_index = ignore_index
        self._counts: Tensor | None = None
        self._batches = 0
        self._from_step = 0
        self._is_done = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start counting."""
        self._from_step, self._batches, self._counts = trainer.global_step, 0, None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note on the device whether the batch has a pixel that counts."""
        if self._is_done:
            return
        counts: Tensor = (batch["label"] != self._ignore_index).any()
        self._counts = counts if self._counts is None else self._counts | counts
        self._batches += 1

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check a whole epoch."""
        if self._batches >= trainer.num_training_batches:
            self._check(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check a training shorter than an epoch."""
        if self._batches and self._from_step == 0:
            self._check(trainer)

    def _check(self, trainer: Trainer) -> None:
        if self._is_done or self._counts is None:
            return
        counts = trainer.strategy.reduce_boolean_decision(bool(self._counts), all=False)
        if not counts:
            raise all_ignored_error("train", f"{self._batches} batches")
        self._is_done = True
