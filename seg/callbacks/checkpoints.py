"""Keeps the best and the newest weights."""

from pathlib import Path

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint


class BestAndLast(ModelCheckpoint):
    """Writes `best.ckpt` and `last.ckpt` in the run's `checkpoints/` after each validation.

    Args:
        monitor: metric that decides what is best.
        mode: `max` or `min`.
    """

    def __init__(self, *, monitor: str, mode: str) -> None:
        super().__init__(
            filename="best",
            monitor=monitor,
            mode=mode,
            save_last=True,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.dirpath = str(Path(trainer.default_root_dir) / "checkpoints")
        super().setup(trainer, pl_module, stage)
