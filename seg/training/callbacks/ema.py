"""Exponential moving average of the network's weights, which is validated, saved and used."""

from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from seg.errors import ConfigError
from seg.optim.ema import Weights, copy_weights, decay_at, update_average

_PREFIX = "model."


class MovingAverage(Callback):
    """Moving average of the tensors of the task's network, updated by each optimizer step.

    `average += (1 - d) (weights - average)` with `d = min(decay, (1 + step) / (10 + step))`, as
    TensorFlow's `ExponentialMovingAverage` with `num_updates`: early averages forget the random
    start soon. Running statistics of batch norms are averaged, counters copied.

    During a validation the network holds the averages. A checkpoint's weights are the averages;
    the training weights are stored beside them, also in the midst of a validation, where
    Lightning's own `EMAWeightAveraging` (2.6) stores each as the other. That one averages the
    whole task too, teachers included, and lets counters lag.

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
        self._training_weights: Weights | None = None  # while the network holds the averages
        self._step = 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the average at the present weights, or move it to their device."""
        present = network_weights(pl_module)
        if self._average is None:
            self._average = copy_weights(present)
        # a checkpoint is read before the network moves to its device
        self._average = {name: self._average[name].to(value) for name, value in present.items()}

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Update the average after an optimizer step."""
        if trainer.global_step > self._step and self._average is not None:
            self._step = trainer.global_step
            decay = decay_at(self._step, self.decay)
            update_average(self._average, network_weights(pl_module), decay)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the averages into the network."""
        if self._average is not None and self._training_weights is None:
            self._training_weights = copy_weights(network_weights(pl_module))
            put_weights(self._average, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the training weights back into the network."""
        if self._training_weights is not None:
            put_weights(self._training_weights, pl_module)
            self._training_weights = None

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Put the training weights back into the network."""
        self.on_validation_end(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the averages in the network."""
        if self._average is not None:
            put_weights(self._average, pl_module)
            self._average = None

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Store the averages as the weights, and the training weights beside them."""
        if self._average is not None:
            in_training = self._training_weights or copy_weights(network_weights(pl_module))
            checkpoint["moving_average"] = {"step": self._step, "in_training": in_training}
            averages = {f"{_PREFIX}{name}": value for name, value in self._average.items()}
            checkpoint["state_dict"] = {**checkpoint["state_dict"], **averages}

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Restore the averages and the training weights."""
        # Lightning has put the averages into the network by now
        self._average = copy_weights(network_weights(pl_module))
        state = checkpoint.get("moving_average")
        if state is not None:
            self._step = state["step"]
            put_weights(state["in_training"], pl_module)


def network_weights(task: LightningModule) -> Weights:
    """Return the present tensors of the task's network, not copies."""
    model: Any = task.model
    weights: Weights = model.state_dict()
    return weights


@torch.no_grad()
def put_weights(weights: Weights, task: LightningModule) -> None:
    """Copy these values into the task's network."""
    for name, value in network_weights(task).items():
        value.copy_(weights[name])
