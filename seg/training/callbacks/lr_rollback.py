"""Lower learning rates for a run that diverged."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer


class LearningRateScale(Callback):
    """Factor on every learning rate of the run, its schedule included; stored in checkpoints.

    Attributes:
        scale: factor of the present rates.
        target: factor from the start of training on; None: as they are.
        from_schedule: whether the first rates are those of the schedule, instead of those in a
            checkpoint, which belong to a schedule that has ended.
    """

    def __init__(self) -> None:
        self.scale = 1.0
        self.target: float | None = None
        self.from_schedule = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Multiply the rates of optimizers and schedules."""
        factor = 1.0 if self.target is None else self.target / self.scale
        self.scale *= factor
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                # also what schedules keep there: initial_lr, max_lr, min_lr
                group |= {key: factor * rate for key, rate in group.items() if key.endswith("lr")}
        for config in trainer.lr_scheduler_configs:
            schedule: Any = config.scheduler
            schedule.base_lrs = [factor * rate for rate in schedule.base_lrs]
            if self.from_schedule:
                groups = schedule.optimizer.param_groups
                for group, peak, curve in zip(
                    groups, schedule.base_lrs, schedule.lr_lambdas, strict=True
                ):
                    group["lr"] = peak * curve(schedule.last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return the factor."""
        return {"scale": self.scale}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the factor."""
        self.scale = state_dict["scale"]
