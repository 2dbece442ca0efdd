"""Checkpoints of the best and the newest state; a run can be resumed from either."""

from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from seg.config.options import nearest
from seg.errors import ConfigError, DivergenceError, first_of
from seg.training.lightning_base import TrainingTask

# Lightning's progress inside the first batch of a validation, which a resumed run then repeats
_BEGUN = {"ready": 1, "started": 1, "processed": 0, "completed": 0}
_VALIDATION_BEGUN = {"total": _BEGUN, "current": _BEGUN, "is_last_batch": False}


class BestAndLast(ModelCheckpoint):
    """Writer of `best.ckpt` and `last.ckpt` in the run's `checkpoints/`.

    The last is always the newest state; Lightning's own moves only with the best. Both are written
    after each validation, the last also between validations. Weights that are not finite are
    never written.

    Args:
        monitor: metric that decides what is best.
        mode: `max` or `min`.
        every_minutes: longest time between two writings of the last; None: only by steps.
        every_n_steps: optimizer steps between two writings of the last; None: only by time.

    Raises:
        ConfigError: a distance that is not above 0.
    """

    def __init__(
        self,
        *,
        monitor: str,
        mode: str,
        every_minutes: float | None = 10.0,
        every_n_steps: int | None = None,
    ) -> None:
        super().__init__(
            filename="best",
            monitor=monitor,
            mode=mode,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )
        for key, value in (("every_minutes", every_minutes), ("every_n_steps", every_n_steps)):
            if value is not None and value <= 0:
                raise ConfigError(f"callbacks.checkpoints.{key}={value}; allowed: above 0 or null")
        self.validated_step = -1
        self._every_s = None if every_minutes is None else 60 * every_minutes
        self._every_steps = every_n_steps
        self._seen_step = 0
        self._written_at = monotonic()
        self._validated = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Set the paths, which only the first process knows."""
        # the first process alone has a run directory
        self.dirpath = trainer.strategy.broadcast(
            str(Path(trainer.default_root_dir) / "checkpoints")
        )
        self.best_path = str(Path(self.dirpath) / "best.ckpt")
        self._last_path = str(Path(self.dirpath) / "last.ckpt")
        super().setup(trainer, pl_module, stage)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the metric at once; the first validation may be hours away."""
        assert isinstance(pl_module, TrainingTask)
        self.check_monitor(pl_module)

    def check_monitor(self, task: TrainingTask) -> None:
        """Check that the task scores the monitored metric.

        Raises:
            ConfigError: it does not.
        """
        task.scores.reset()
        general_first = sorted(task.scores.compute("val"), key=lambda key: (key.count("/"), key))
        if self.monitor not in general_first:
            raise ConfigError(
                f"callbacks.checkpoints.monitor={self.monitor}: is not scored; allowed: "
                f"{first_of(general_first, 12)}{nearest(str(self.monitor), general_first)}"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the intervals between two writings of the last."""
        super().on_train_start(trainer, pl_module)
        self._seen_step = trainer.global_step
        self._written_at = monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *arguments: Any
    ) -> None:
        """Write the last if it is due, unless a validation follows."""
        super().on_train_batch_end(trainer, pl_module, *arguments)
        # during an accumulation the gradients would be lost
        if trainer.global_step == self._seen_step:
            return
        self._seen_step = trainer.global_step
        if self._is_due(trainer) and not validation_follows(trainer):
            self.write_last(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the best, if the score is better, and the last."""
        if not in_training(trainer):
            return
        self._validated = True
        self.validated_step = trainer.global_step
        super().on_validation_end(trainer, pl_module)
        self.write_last(trainer)
        self._validated = False

    def write_last(self, trainer: Trainer) -> None:
        """Write the present state as the last, and the curves that led to it."""
        for logger in trainer.loggers:
            logger.save()
        trainer.save_checkpoint(self._last_path)
        self._written_at = monotonic()

    def record_score(self, trainer: Trainer, results: Mapping[str, float]) -> None:
        """Write the present weights as the best, if they are, and as the last."""
        assert self.monitor is not None
        self.validated_step = trainer.global_step
        score = torch.tensor(results[self.monitor])
        best = self.best_model_score
        # NaN is better than no score, and any number is better than NaN
        if best is not None and best.isnan():
            best = None
        if best is None or (score < best if self.mode == "min" else score > best):
            self.best_model_score = score
            self.best_model_path = self.best_path
            trainer.save_checkpoint(self.best_path)
        self.write_last(trainer)

    def weights_changed(self) -> None:
        """Note that the present weights have not been validated."""
        self.validated_step = -1

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Refuse weights that are not finite, and note a validation under way."""
        tensors = [value for value in pl_module.state_dict().values() if isinstance(value, Tensor)]
        finite = [value.isfinite().all() for value in tensors if value.is_floating_point()]
        if finite and not torch.stack(finite).all():
            step = trainer.global_step
            raise DivergenceError(f"weights are no longer finite at step {step}", step=step)
        if trainer.validating and in_training(trainer) and not self._validated:
            progress = checkpoint["loops"]["fit_loop"]
            progress["epoch_loop.val_loop.batch_progress"] = _VALIDATION_BEGUN

    def state_dict(self) -> dict[str, Any]:
        """Return Lightning's state and the step that was validated last."""
        return {**super().state_dict(), "validated_step": self.validated_step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state, with paths in the present run directory."""
        # the run directory may have been moved since
        paths = {"dirpath": self.dirpath, "best_model_path": self.best_path, "last_model_path": ""}
        best = {self.best_path: state_dict["best_model_score"]}
        scored = {"kth_best_model_path": self.best_path, "best_k_models": best}
        if state_dict["best_model_score"] is None:
            paths["best_model_path"], scored = "", {}
        super().load_state_dict({**state_dict, **paths, **scored})
        self.validated_step = state_dict.get("validated_step", -1)

    def _is_due(self, trainer: Trainer) -> bool:
        if self._every_steps is not None and trainer.global_step % self._every_steps == 0:
            return True
        late = self._every_s is not None and monotonic() - self._written_at >= self._every_s
        # the clock of one process decides for all
        return bool(trainer.strategy.broadcast(late)) if trainer.world_size > 1 else late


def validation_follows(trainer: Trainer) -> bool:
    """Return whether a validation comes after this training batch, before the next."""
    loop = trainer.fit_loop
    return bool(loop.epoch_loop._should_check_val_fx(loop._data_fetcher))  # type: ignore[arg-type]


def in_training(trainer: Trainer) -> bool:
    """Return whether this is a training, or a validation in it."""
    return trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking
