"""Keeps the best and the newest weights."""

from collections.abc import Mapping
from pathlib import Path

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.trainer.states import TrainerFn


class BestAndLast(ModelCheckpoint):
    """Writes `best.ckpt` and `last.ckpt` in the run's `checkpoints/` after each validation.

    The last is always the newest state; Lightning's own moves only with the best.

    Args:
        monitor: metric that decides what is best.
        mode: `max` or `min`.
    """

    def __init__(self, *, monitor: str, mode: str) -> None:
        super().__init__(
            filename="best",
            monitor=monitor,
            mode=mode,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )
        self.validated_step = -1

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # the first process alone has a run directory
        self.dirpath = trainer.strategy.broadcast(
            str(Path(trainer.default_root_dir) / "checkpoints")
        )
        self.best_path = str(Path(self.dirpath) / "best.ckpt")
        self._last_path = str(Path(self.dirpath) / "last.ckpt")
        super().setup(trainer, pl_module, stage)

    def offer(self, trainer: Trainer, results: Mapping[str, float]) -> None:
        """Keep the present weights as the best, if they are, and as the last."""
        assert self.monitor is not None
        score = torch.tensor(results[self.monitor])
        best = self.best_model_score
        beaten = best is None or (score < best if self.mode == "min" else score > best)
        if beaten:
            self.best_model_score = score
            self.best_model_path = self.best_path
            trainer.save_checkpoint(self.best_path)
        trainer.save_checkpoint(self._last_path)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_validation_end(trainer, pl_module)
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            trainer.save_checkpoint(self._last_path)
            self.validated_step = trainer.global_step
