"""The only LightningModule: one step for training, validation and test."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from seg.data.labels import LabelSpace
from seg.errors import DivergenceError
from seg.inference.trained import TrainedSegmenter
from seg.inference.views import label_maps
from seg.losses.pixels import is_lean
from seg.metrics.scores import Scores
from seg.models.auxiliary import AuxiliaryHeads
from seg.models.batch_norm import BatchNormPolicy
from seg.models.coarse_logits import CoarseLogits
from seg.models.weights.torch_file import CHECKPOINT_KEY
from seg.optim.groups import ParameterGroups, scale_rates
from seg.teaching.term import TrainingTerm

Batch = dict[str, Any]
CHECKPOINT_FORMAT = 1
LOSS_CHECK_STEPS = 10  # reading the loss waits for the device


def require_finite(loss: Tensor, where: str, *, step: int = 0) -> None:
    """Raises DivergenceError where the loss is NaN or infinite; `step`: since when it may be."""
    if not torch.isfinite(loss):
        raise DivergenceError(
            f"the loss is {loss.item()} at {where}\n"
            "  lower optimizer.lr, set trainer.gradient_clip_val or scheduler.warmup_steps, or use "
            "trainer.precision=32-true",
            step=step,
        )


class SegmentationTask(pl.LightningModule):
    """Trains and scores a segmenter.

    Args:
        model: the network; images are normalised on its device by `model.normalization`.
        loss: `loss(logits_BKHW, label_BHW) -> scalar`; a lean one is trained by `CoarseLogits`.
        labels: classes of the data set.
        terms: what is added to the loss in training.
        auxiliary: heads that are trained beside the network, each by a loss of the same kind.
        optimizer: parameter groups -> optimizer; None where nothing is trained.
        scheduler: `(optimizer=, total_steps=)` -> schedule, stepped once an optimizer step.
        parameters: which of the network's parameters train, decay, and how fast each moves.
        batch_norm: what batch norms do in training; None: as they are.
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
        terms: Sequence[TrainingTerm] = (),
        auxiliary: AuxiliaryHeads | None = None,
        optimizer: Callable[[list[dict[str, Any]]], Optimizer] | None = None,
        scheduler: Callable[..., LRScheduler] | None = None,
        parameters: ParameterGroups | None = None,
        batch_norm: BatchNormPolicy | None = None,
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.model = model.to(memory_format=self.memory_format)
        self.loss = loss
        self._terms = tuple(terms)
        self.terms = nn.ModuleList(terms).to(memory_format=self.memory_format)
        self.total_steps = 1
        self.auxiliary = auxiliary
        self.auxiliary_losses = nn.ModuleList()
        if auxiliary is not None:
            auxiliary.to(memory_format=self.memory_format)
            # one a head: a loss may count its steps
            self.auxiliary_losses.extend(copy.deepcopy(loss) for _ in auxiliary.weights)
        self.labels = labels
        self.config = config
        self.scores = Scores(labels.names, labels.ignore_index)
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._groups = parameters or ParameterGroups()
        self._batch_norm = batch_norm
        self._evaluating: tuple[nn.Module, ...] = ()  # what stays in evaluation mode
        self.results: dict[str, float] = {}
        if optimizer is not None:
            self._freeze()

    def _freeze(self) -> None:
        norms = self._batch_norm.frozen(self.model) if self._batch_norm else []
        self._evaluating = (*self._groups.freeze(self.model), *norms)
        self.train()  # Lightning takes the modes as they are

    def setup(self, stage: str) -> None:
        if stage == "fit" and self._batch_norm is not None:
            self._batch_norm.synchronize(
                self.model,
                device=self.trainer.strategy.root_device,
                world_size=self.trainer.world_size,
            )
            self._freeze()  # norms may be others now

    def train(self, mode: bool = True) -> "SegmentationTask":
        """Lightning's switch; what is frozen stays in evaluation mode."""
        super().train(mode)
        for module in self._evaluating:
            module.eval()
        return self

    def forward(self, image_u8_BCHW: Tensor) -> Tensor:
        """uint8 images -> logits B x K x H x W."""
        return self.coarse(image_u8_BCHW).resized()

    def coarse(self, image_u8_BCHW: Tensor) -> CoarseLogits:
        """uint8 images -> logits before the last resize."""
        image_BCHW = self.normalized(image_u8_BCHW)
        height, width = image_BCHW.shape[2:]
        return self.model.decode(self.model.encode(image_BCHW), (height, width))

    def loss_of(self, logits: CoarseLogits, label_BHW: Tensor) -> Tensor:
        """The loss, of logits at full size only where it needs them."""
        return _loss(self.loss, logits, label_BHW)

    def normalized(self, image_u8_BCHW: Tensor) -> Tensor:
        """uint8 images -> what the network takes."""
        image: Tensor = self.model.normalization(image_u8_BCHW)
        return image.contiguous(memory_format=self.memory_format)

    def training_loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor | float]]:
        """What a training step minimises, and those parts of it that have curves of their own."""
        for term in self._terms:
            term.begin(self.global_step)
        loss = self.supervised_loss(batch)
        logged: dict[str, Tensor | float] = {}
        for term in self._terms:
            added, parts = term(batch, step=self.global_step, total_steps=self.total_steps)
            loss = loss + added
            logged.update(parts)
        return loss, logged

    def supervised_loss(self, batch: Batch) -> Tensor:
        """The loss of a training batch, of logits at full size only where the loss needs them."""
        image_BCHW = self.normalized(batch["image"])
        height, width = image_BCHW.shape[2:]
        features = self.model.encode(image_BCHW)
        logits = self.model.decode(features, (height, width))
        loss = self.loss_of(logits, batch["label"])
        if self.auxiliary is not None:
            further = self.auxiliary(features, logits.resize)
            parts = zip(self.auxiliary.weights, self.auxiliary_losses, further, strict=True)
            for weight, of_head, head_logits in parts:
                loss = loss + weight * _loss(of_head, head_logits, batch["label"])
        return loss

    def _step(self, batch: Batch, stage: str) -> Tensor:
        if stage == "train":
            loss, logged = self.training_loss(batch)
            every = 1 if self.device.type == "cpu" else LOSS_CHECK_STEPS
            if self.global_step % every == 0:
                since = self.global_step + 1 - every
                require_finite(loss, f"step {self.global_step}", step=since)
            curves = {f"train/{name}": value for name, value in (logged | {"loss": loss}).items()}
            self.log_dict(curves, batch_size=len(batch["label"]), sync_dist=True)
            return loss
        logits, label_BHW = self.coarse(batch["image"]), batch["label"]
        score = self.loss_of(logits, label_BHW)
        self.scores.update(label_maps(logits), label_BHW, score)
        return score

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        return self._step(batch, "train")

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        self._step(batch, "val")

    def test_step(self, batch: Batch, batch_index: int) -> None:
        self._step(batch, "test")

    def on_fit_start(self) -> None:
        for logger in self.loggers:
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
        loss, step = torch.tensor(self.results[f"{stage}/loss"]), self.global_step
        require_finite(loss, f"the {stage} split, step {step}", step=step - LOSS_CHECK_STEPS)
        self.log_dict(self.results, rank_zero_only=False, sync_dist=False)

    def create_optimizer(self) -> Optimizer:
        """The optimizer over the parameter groups of the network, its heads and terms.

        Raises:
            RuntimeError: the task was built to score, not to train.
        """
        if self._optimizer is None:
            raise RuntimeError("this task has no optimizer: it was built for evaluation")
        further = [self.terms] if self.auxiliary is None else [self.terms, self.auxiliary]
        optimizer = self._optimizer(self._groups(self.model, *further))
        scale_rates(optimizer)
        return optimizer

    def configure_optimizers(self) -> Any:
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
        schedule = self._scheduler(optimizer=optimizer, total_steps=self.total_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[CHECKPOINT_KEY] = {
            "format": CHECKPOINT_FORMAT,
            "config": self.config,
            "labels": self.labels.to_dict(),
            "normalization": self.model.normalization.to_dict(),
        }


def _loss(loss: nn.Module, logits: CoarseLogits, label_BHW: Tensor) -> Tensor:
    value: Tensor = loss(logits if is_lean(loss) else logits.resized(), label_BHW)
    return value
