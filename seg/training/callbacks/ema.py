"""Exponential moving average of the network's weights: what is validated, saved and used."""

from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from seg.errors import ConfigError
from seg.optim.ema import Weights, copy_weights, decay_at, update_average

_PREFIX = "model."


class MovingAverage(Callback):
    """Averages the tensors of the task's network after each optimizer step.

    `average += (1 - d) (weights - average)` with `d = min(decay, (1 + step) / (10 + step))`, as
    TensorFlow's `ExponentialMovingAverage` with `num_updates`: early averages forget the random
    start soon. Running statistics of batch norms are averaged, counters copied.

    While validating the network holds the averages. A checkpoint's weights are the averages; those
    that training goes on with are kept beside them.

    Args:
        decay: share of the old average in the new one, 0 to below 1.

    Raises:
        ConfigError: a decay that is not allowed.
    """

    def __init__(self, *, decay: float) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise ConfigError(f"callbacks.averaging.decay={decay}; allowed: 0 to below 1")
        self.decay = decay
        self._average: Weights | None = None
        self._held: Weights | None = None  # the weights in training, while averages stand in
        self._step = 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        present = network_weights(pl_module)
        if self._average is None:
            self._average = copy_weights(present)
        # what a checkpoint gave was read before the network moved to its device
        self._average = {name: self._average[name].to(value) for name, value in present.items()}

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.global_step > self._step and self._average is not None:
            self._step = trainer.global_step
            decay = decay_at(self._step, self.decay)
            update_average(self._average, network_weights(pl_module), decay)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._average is not None and self._held is None:
            self._held = copy_weights(network_weights(pl_module))
            put_weights(self._average, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._held is not None:
            put_weights(self._held, pl_module)
            self._held = None

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self.on_validation_end(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._average is not None:
            put_weights(self._average, pl_module)
            self._average = None

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if self._average is not None:
            in_training = self._held or copy_weights(network_weights(pl_module))
            checkpoint["moving_average"] = {"step": self._step, "in_training": in_training}
            averages = {f"{_PREFIX}{name}": value for name, value in self._average.items()}
            checkpoint["state_dict"] = {**checkpoint["state_dict"], **averages}

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        # Lightning has put the averages into the network by now
        self._average = copy_weights(network_weights(pl_module))
        kept = checkpoint.get("moving_average")
        if kept is not None:
            self._step = kept["step"]
            put_weights(kept["in_training"], pl_module)


def network_weights(task: LightningModule) -> Weights:
    """The present tensors of the task's network, not copies."""
    model: Any = task.model
    weights: Weights = model.state_dict()
    return weights


@torch.no_grad()
def put_weights(weights: Weights, task: LightningModule) -> None:
    """Fill the task's network with these values."""
    for name, value in network_weights(task).items():
        value.copy_(weights[name])
