"""Stochastic weight averaging: the plain mean of the weights over the last part of a run."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from seg.errors import ConfigError
from seg.optim.ema import Weights, copy_weights, update_average
from seg.training.callbacks.batch_norm_recalibration import recalibrate_on_training_data
from seg.training.callbacks.ema import network_weights, put_weights


class StochasticWeightAveraging(Callback):
    """Mean of the run's weights, with which it ends (Izmailov et al., UAI 2018, algorithm 1).

    The mean's batch-norm statistics are computed from training data, as running ones belong to none
    of the averaged weights. The result competes with the validated weights for the best.
    Lightning's own (2.6) counts in epochs and adds the weights at the start of each.

    Args:
        start_share: share of the run after which weights are averaged, 0 to below 1.
        every_steps: optimizer steps between two averaged weights; the length of a cycle where the
            rate is cyclic.
        rate_share: learning rate from there on, as a share of each group's peak; None follows the
            schedule.
        recalibrate: training batches for the statistics; 0 averages the running ones.

    Raises:
        ConfigError: a value outside those.
    """

    def __init__(
        self,
        *,
        start_share: float,
        every_steps: int = 1,
        rate_share: float | None = None,
        recalibrate: int = 100,
    ) -> None:
        super().__init__()
        _check("start_share", start_share, 0 <= start_share < 1, "0 to below 1")
        _check("every_steps", every_steps, every_steps >= 1, "1 or more")
        _check("rate_share", rate_share, rate_share is None or rate_share > 0, "above 0, or null")
        _check("recalibrate", recalibrate, recalibrate >= 0, "0 or more")
        self.start_share = start_share
        self.every_steps = every_steps
        self.rate_share = rate_share
        self.recalibrate = recalibrate
        self._mean: Weights = {}
        self._count = 0
        self._step = 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Move the mean to the network's device."""
        # a checkpoint is read before the network moves to its device
        present = network_weights(pl_module)
        self._mean = {name: value.to(present[name]) for name, value in self._mean.items()}

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        """Set the constant rate, if there is one."""
        if self.rate_share is not None and trainer.global_step >= self._first_step(trainer):
            for optimizer in trainer.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = self.rate_share * group["initial_lr"]

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Add the weights to the mean after an optimizer step."""
        if trainer.global_step <= self._step:  # gradients are still accumulated
            return
        self._step = trainer.global_step
        since = self._step - self._first_step(trainer)
        if since >= 0 and since % self.every_steps == 0:
            self._count += 1
            weights = network_weights(pl_module)
            if self._mean:
                update_average(self._mean, weights, 1 - 1 / self._count)
            else:
                self._mean = copy_weights(weights)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the mean into the network and recompute its statistics."""
        if self._mean:
            put_weights(self._mean, pl_module)
            self._mean = {}
            recalibrate_on_training_data(trainer, pl_module, self.recalibrate)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Store the mean."""
        checkpoint["weight_averaging"] = {
            "step": self._step,
            "count": self._count,
            "mean": self._mean,
        }

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Restore the mean."""
        state = checkpoint.get("weight_averaging")
        if state is not None:
            self._step, self._count, self._mean = state["step"], state["count"], state["mean"]

    def _first_step(self, trainer: Trainer) -> int:
        return max(1, round(self.start_share * trainer.estimated_stepping_batches))


def _check(name: str, value: float | None, allowed: bool, which: str) -> None:
    if not allowed:
        raise ConfigError(f"callbacks.averaging.{name}={value}; allowed: {which}")
