"""The only LightningModule: one step for training, validation and test."""

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from seg.data.labels import LabelSpace
from seg.errors import DivergenceError
from seg.inference.trained import TrainedSegmenter
from seg.metrics.scores import Scores
from seg.models.weights.torch_file import CHECKPOINT_KEY
from seg.optim.groups import parameter_groups

Batch = dict[str, Any]
CHECKPOINT_FORMAT = 1
_CHECK_STEPS = 10  # reading the loss waits for the device


def require_finite(loss: Tensor, where: str) -> None:
    """Raises DivergenceError where the loss is NaN or infinite."""
    if not torch.isfinite(loss):
        raise DivergenceError(
            f"the loss is {loss.item()} at {where}\n"
            "  lower optimizer.lr, set trainer.gradient_clip_val or scheduler.warmup_steps, or use "
            "trainer.precision=32-true"
        )


class SegmentationTask(pl.LightningModule):
    """Trains and scores a segmenter.

    Args:
        model: the network; images are normalised on its device by `model.normalization`.
        loss: `loss(logits_BKHW, label_BHW) -> scalar`.
        labels: classes of the data set.
        optimizer: parameter groups -> optimizer; None where nothing is trained.
        scheduler: `(optimizer=, total_steps=)` -> schedule, stepped once an optimizer step.
        weight_decay: for the parameters that decay (`parameter_groups`).
        config: the resolved configuration as plain data; it travels in the checkpoint.
        channels_last: memory format of network and images.
    """

    model: TrainedSegmenter

    def __init__(
        self,
        *,
        model: TrainedSegmenter,
        loss: nn.Module,
        labels: LabelSpace,
        config: dict[str, Any],
        optimizer: Callable[[list[dict[str, Any]]], Optimizer] | None = None,
        scheduler: Callable[..., LRScheduler] | None = None,
        weight_decay: float = 0.0,
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.model = model.to(memory_format=self.memory_format)
        self.loss = loss
        self.labels = labels
        self.config = config
        self.scores = Scores(labels.names, labels.ignore_index)
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._weight_decay = weight_decay
        self.results: dict[str, float] = {}

    def forward(self, image_u8_BCHW: Tensor) -> Tensor:
        """uint8 images -> logits B x K x H x W."""
        image = self.model.normalization(image_u8_BCHW).contiguous(memory_format=self.memory_format)
        logits: Tensor = self.model(image)
        return logits

    def _step(self, batch: Batch, stage: str) -> Tensor:
        logits_BKHW, label_BHW = self(batch["image"]), batch["label"]
        loss: Tensor = self.loss(logits_BKHW, label_BHW)
        if stage == "train":
            if self.device.type == "cpu" or self.global_step % _CHECK_STEPS == 0:
                require_finite(loss, f"step {self.global_step}")
            self.log("train/loss", loss, batch_size=len(label_BHW), sync_dist=True)
        else:
            self.scores.update(logits_BKHW, label_BHW, loss)
        return loss

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        return self._step(batch, "train")

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        self._step(batch, "val")

    def test_step(self, batch: Batch, batch_index: int) -> None:
        self._step(batch, "test")

    def on_fit_start(self) -> None:
        for logger in self.loggers:
            if not isinstance(logger, CSVLogger):  # its table lies beside the run's config.yaml
                logger.log_hyperparams(self.config)

    def on_validation_epoch_start(self) -> None:
        self.scores.reset()

    def on_test_epoch_start(self) -> None:
        self.scores.reset()

    def on_validation_epoch_end(self) -> None:
        self._finish("val")

    def on_test_epoch_end(self) -> None:
        self._finish("test")

    def _finish(self, stage: str) -> None:
        self.results = self.scores.compute(stage)
        require_finite(torch.tensor(self.results[f"{stage}/loss"]), f"step {self.global_step}")
        self.log_dict(self.results, rank_zero_only=False, sync_dist=False)

    def create_optimizer(self) -> Optimizer:
        """The optimizer over this network's parameter groups.

        Raises:
            RuntimeError: the task was built to score, not to train.
        """
        if self._optimizer is None:
            raise RuntimeError("this task has no optimizer: it was built for evaluation")
        return self._optimizer(parameter_groups(self.model, self._weight_decay))

    def configure_optimizers(self) -> Any:
        if self._optimizer is None or self._scheduler is None:
            return None
        optimizer = self.create_optimizer()
        total_steps = int(self.trainer.estimated_stepping_batches)
        schedule = self._scheduler(optimizer=optimizer, total_steps=total_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[CHECKPOINT_KEY] = {
            "format": CHECKPOINT_FORMAT,
            "config": self.config,
            "labels": self.labels.to_dict(),
            "normalization": self.model.normalization.to_dict(),
        }
