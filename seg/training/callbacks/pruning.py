"""Ends a trial of a sweep that others are ahead of."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn

from seg.config.schema import TrialOf
from seg.errors import ConfigError, PrunedError
from seg.training.callbacks.optuna_study import ReportingTrial


class Pruning(Callback):
    """Reports the monitored value of each validation to the sweep's study, and obeys its pruner.

    The first process reports; all end together.

    Args:
        trial: of which study, which number.
        monitor: the value, as the task's scores name it.
    """

    def __init__(self, *, trial: TrialOf, monitor: str) -> None:
        self._section = trial
        self._monitor = monitor
        self._reporting: ReportingTrial | None = None
        self._validations = 0

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return
        self._validations += 1
        behind = trainer.is_global_zero and self._is_behind(pl_module)
        if trainer.world_size > 1:
            behind = bool(trainer.strategy.broadcast(behind))
        if behind:
            raise PrunedError(f"pruned after validation {self._validations}")

    def state_dict(self) -> dict[str, Any]:
        return {"validations": self._validations}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._validations = state_dict["validations"]

    def _is_behind(self, task: Any) -> bool:
        if self._reporting is None:
            self._reporting = ReportingTrial(self._section)
        if self._monitor not in task.last_metrics:
            raise ConfigError(
                f"callbacks.checkpoints.monitor={self._monitor}: is not scored; allowed: "
                f"{', '.join(sorted(task.last_metrics)[:12])}"
            )
        return self._reporting.is_behind(task.last_metrics[self._monitor], self._validations)
