"""Early end of a sweep's trial that falls behind the others."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from seg.config.schema import TrialOf
from seg.errors import PrunedError
from seg.training.callbacks.checkpoints import in_training
from seg.training.callbacks.optuna_study import ReportingTrial


class Pruning(Callback):
    """Reporter of the monitored value to the sweep's study, whose pruner may end the trial.

    The first process reports; all end together.

    Args:
        trial: study and number of the trial.
        monitor: key of the value among the task's scores.
    """

    def __init__(self, *, trial: TrialOf, monitor: str) -> None:
        self._section = trial
        self._monitor = monitor
        self._reporting: ReportingTrial | None = None
        self._validations = 0

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report the value; raise PrunedError if the trial should end."""
        if not in_training(trainer):
            return
        self._validations += 1
        task: Any = pl_module
        behind = False
        if trainer.is_global_zero:
            self._reporting = self._reporting or ReportingTrial(self._section)
            behind = self._reporting.is_behind(task.last_metrics[self._monitor], self._validations)
        if trainer.world_size > 1:
            behind = bool(trainer.strategy.broadcast(behind))
        if behind:
            raise PrunedError(f"pruned after validation {self._validations}")

    def state_dict(self) -> dict[str, Any]:
        """Return the number of validations."""
        return {"validations": self._validations}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the number of validations."""
        self._validations = state_dict["validations"]
