"""The base of the LightningModules: a network, its optimization, and the check for divergence."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, Required, TypedDict

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from seg.data.sample import Classes
from seg.errors import DivergenceError
from seg.models.batch_norm import BatchNormPolicy
from seg.models.interfaces import Normalization
from seg.models.weights.torch_file import CHECKPOINT_FORMAT, CHECKPOINT_KEY
from seg.optim.groups import ParameterGroups, Trainable, create_optimizer

Batch = dict[str, Any]
LOSS_CHECK_STEPS = 10  # reading the loss waits for the device


def require_finite(loss: Tensor, where: str, *, step: int = 0) -> None:
    """Refuse a loss that is NaN or infinite.

    Args:
        loss: scalar.
        where: place for the message.
        step: first optimizer step that may have caused it.

    Raises:
        DivergenceError: it is not finite.
    """
    if not torch.isfinite(loss):
        raise DivergenceError(
            f"the loss is {loss.item()} at {where}\n"
            "  lower optimizer.lr, set trainer.gradient_clip_val or scheduler.warmup_steps, or use "
            "trainer.precision=32-true",
            step=step,
        )


class SplitScores(Protocol):
    """Counts over one pass, exact across ranks."""

    def compute(self, stage: str) -> dict[str, float]:
        """Return the scores over all ranks under `{stage}/` and reset."""
        ...

    def reset(self) -> None:
        """Discard all counts."""
        ...


class TaskOptions(TypedDict, total=False):
    """What every task takes besides its network, classes and losses: see `TrainingTask`."""

    config: Required[dict[str, Any]]
    optimizer: Callable[[list[dict[str, Any]]], Optimizer] | None
    scheduler: Callable[..., LRScheduler] | None
    parameters: ParameterGroups | None
    batch_norm: BatchNormPolicy | None
    channels_last: bool


class TrainingTask(pl.LightningModule):
    """Training and evaluation of a network; subclasses define loss and scores.

    Args:
        model: the network; images are normalized on its device by `model.normalization`.
        labels: classes of the data set.
        scores: the counts of an evaluation.
        config: the resolved configuration as plain data; it travels in the checkpoint.
        optimizer: parameter groups -> optimizer; None where nothing is trained.
        scheduler: `(optimizer=, total_steps=)` -> schedule, stepped once an optimizer step.
        parameters: which of the network's parameters train, decay, and how fast each moves.
        batch_norm: what batch norms do in training; None: as they are.
        channels_last: memory format of network and images.

    Attributes:
        kind: of network, as named in checkpoints.
        progress_metrics: `(key, title)` of the scores that progress shows.
        crop_key: configuration key of the size of training images.
        last_metrics: scores of the newest pass.
        total_steps: optimizer steps of the whole run.
    """

    kind: ClassVar[str]
    progress_metrics: ClassVar[tuple[tuple[str, str], ...]]
    crop_key: ClassVar[str]
    model: Any
    scores: SplitScores

    def __init__(
        self,
        *,
        model: Trainable,
        labels: Classes,
        scores: SplitScores,
        config: dict[str, Any],
        optimizer: Callable[[list[dict[str, Any]]], Optimizer] | None = None,
        scheduler: Callable[..., LRScheduler] | None = None,
        parameters: ParameterGroups | None = None,
        batch_norm: BatchNormPolicy | None = None,
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.model = model.to(memory_format=self.memory_format)
        self.total_steps = 1
        self.labels = labels
        self.config = config
        self.scores = scores
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._groups = parameters or ParameterGroups()
        self._batch_norm = batch_norm
        self._frozen: tuple[nn.Module, ...] = ()  # these stay in evaluation mode
        self.last_metrics: dict[str, float] = {}

    def freeze_parts(self) -> None:
        """Freeze the parts that do not train; subclasses call it once they are complete."""
        if self._optimizer is None:
            return
        norms = self._batch_norm.frozen(self.model) if self._batch_norm else []
        self._frozen = (*self._groups.freeze(self.model), *norms)
        self.train()  # Lightning takes the modes as they are

    def setup(self, stage: str) -> None:
        """Synchronize batch norms, if they are to be."""
        if stage == "fit" and self._batch_norm is not None:
            self._batch_norm.synchronize(
                self.model,
                device=self.trainer.strategy.root_device,
                world_size=self.trainer.world_size,
            )
            self.freeze_parts()  # the norms may have been replaced

    def train(self, mode: bool = True) -> "TrainingTask":
        """Switch the mode as Lightning does; frozen parts stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def normalized(self, image_BCHW: Tensor) -> Tensor:
        """Normalize images in 0 to 255 to the network's input, in its type and memory format."""
        normalization: Normalization = self.model.normalization
        image_BCHW = normalization(image_BCHW)
        weight = next(self.model.parameters(), None)
        if weight is not None:  # bfloat16 with trainer.precision=bf16-true
            image_BCHW = image_BCHW.to(weight.dtype)
        return image_BCHW.contiguous(memory_format=self.memory_format)

    def training_loss(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the loss of a training step, and its parts that are logged by name."""
        raise NotImplementedError

    def score(self, batch: Batch) -> None:
        """Count a batch in `scores`."""
        raise NotImplementedError

    def auxiliary_modules(self) -> list[nn.Module]:
        """Return the modules that train beside the network, at the plain rate."""
        return []

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Return the loss of a training batch, and log it."""
        loss, logged = self.training_loss(batch)
        every = 1 if self.device.type == "cpu" else LOSS_CHECK_STEPS
        if self.global_step % every == 0:
            since = self.global_step + 1 - every
            require_finite(loss, f"step {self.global_step}", step=since)
        curves = {f"train/{name}": value for name, value in {**logged, "loss": loss}.items()}
        self.log_dict(curves, batch_size=len(batch["label"]), sync_dist=True)
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Count a validation batch."""
        self.score(batch)

    def on_fit_start(self) -> None:
        """Hand the configuration to the loggers."""
        for logger in self.loggers:
            logger.log_hyperparams(self.config)

    def on_validation_epoch_start(self) -> None:
        """Reset the counts."""
        self.scores.reset()

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the validation."""
        self.last_metrics = self.scores.compute("val")
        loss = torch.tensor(self.last_metrics["val/loss"], dtype=torch.float64)
        step = self.global_step
        require_finite(loss, f"the val split, step {step}", step=step - LOSS_CHECK_STEPS)
        self.log_dict(self.last_metrics, rank_zero_only=False, sync_dist=False)

    def create_optimizer(self) -> Optimizer:
        """Create the optimizer over the parameter groups of the network and its auxiliary modules.

        Raises:
            RuntimeError: the task was built for evaluation.
        """
        if self._optimizer is None:
            raise RuntimeError("this task has no optimizer: it was built for evaluation")
        groups = self._groups(self.model, *self.auxiliary_modules())
        return create_optimizer(self._optimizer, groups)

    def create_schedule(self, optimizer: Optimizer, total_steps: int) -> LRScheduler:
        """Create the schedule of a run of `total_steps` optimizer steps."""
        assert self._scheduler is not None, "nothing is trained"
        return self._scheduler(optimizer=optimizer, total_steps=total_steps)

    def configure_optimizers(self) -> Any:
        """Create optimizer and schedule, and set the batch norms' momentum."""
        if self._optimizer is None or self._scheduler is None:
            return None
        optimizer = self.create_optimizer()
        self.total_steps = int(self.trainer.estimated_stepping_batches)
        if self._batch_norm is not None:
            self._batch_norm.set_momentum(
                self.model,
                passes=self.total_steps * self.trainer.accumulate_grad_batches,
                world_size=self.trainer.world_size,
            )
        schedule = self.create_schedule(optimizer, self.total_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add our part of the checkpoint: format, kind, config, labels, normalization."""
        checkpoint[CHECKPOINT_KEY] = {
            "format": CHECKPOINT_FORMAT,
            "kind": self.kind,
            "config": self.config,
            "labels": dict(self.labels.to_dict()),
            "normalization": self.model.normalization.to_dict(),
        }
