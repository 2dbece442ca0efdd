"""Segmentation as a LightningModule: one step for training, validation and test."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

from torch import Tensor, nn

from seg.data.label_ids import all_ignored_error
from seg.data.label_space import LabelSpace
from seg.distillation.extra_loss import ExtraLoss
from seg.inference.fusion import argmax_labels
from seg.inference.masks import present
from seg.inference.segmentation_model import TrainedSegmenter
from seg.losses.cross_entropy import compute_loss
from seg.metrics.mask_scores import MaskScores
from seg.metrics.scores import Scores
from seg.models.auxiliary import AuxiliaryHeads
from seg.models.coarse_logits import CoarseLogits
from seg.training.lightning_base import Batch, TaskOptions, TrainingTask


class SegmentationTask(TrainingTask):
    """Training and evaluation of a segmenter.

    Args:
        model: the network; images are normalized on its device by `model.normalization`.
        loss: `loss(logits_BKHW, label_BHW) -> scalar`; one that accepts
            `CoarseLogits` is trained by them.
        labels: classes of the data set.
        choose_thresholds: of sigmoid outputs: each validation chooses those of best Dice.
        terms: terms that are added to the loss in training.
        auxiliary: heads that are trained beside the network, each by a loss of the same kind.
        **options: as of `TrainingTask`.
    """

    kind = "segmentation"
    progress_metrics = (("val/miou", "mIoU"), ("val/pixel_accuracy", "pixel accuracy"))
    crop_key = "augmentation.crop"
    model: TrainedSegmenter
    labels: LabelSpace
    scores: Scores | MaskScores

    def __init__(
        self,
        *,
        model: TrainedSegmenter,
        loss: nn.Module,
        labels: LabelSpace,
        choose_thresholds: bool = False,
        terms: Sequence[ExtraLoss] = (),
        auxiliary: AuxiliaryHeads | None = None,
        **options: Unpack[TaskOptions],
    ) -> None:
        scores = scores_of(labels, choose_thresholds=choose_thresholds)
        super().__init__(model=model, labels=labels, scores=scores, **options)
        self.loss = loss
        self._terms = tuple(terms)
        self.terms = nn.ModuleList(terms).to(memory_format=self.memory_format)
        self.auxiliary = auxiliary
        self.auxiliary_losses = nn.ModuleList()
        if auxiliary is not None:
            auxiliary.to(memory_format=self.memory_format)
            # one loss a head: a loss may count its steps
            self.auxiliary_losses.extend(copy.deepcopy(loss) for _ in auxiliary.weights)
        self.freeze_parts()

    def forward(self, image_u8_BCHW: Tensor) -> Tensor:
        """Compute logits B x K x H x W of uint8 images."""
        return self.coarse(image_u8_BCHW).resized()

    def coarse(self, image_u8_BCHW: Tensor) -> CoarseLogits:
        """Compute logits before the last resize of uint8 images."""
        image_BCHW = self.normalized(image_u8_BCHW)
        height, width = image_BCHW.shape[2:]
        return self.model.decode(self.model.encode(image_BCHW), (height, width))

    def loss_of(self, logits: CoarseLogits, label_BHW: Tensor) -> Tensor:
        """Return the loss; logits are resized only where it needs them so."""
        return compute_loss(self.loss, logits, label_BHW)

    def training_loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor | float]]:
        """Return the loss of a training step, and its parts that are logged by name."""
        for term in self._terms:
            term.on_step_start(self.global_step)
        loss = self.supervised_loss(batch)
        logged: dict[str, Tensor | float] = {}
        for term in self._terms:
            added, parts = term(batch, step=self.global_step, total_steps=self.total_steps)
            loss = loss + added
            logged.update(parts)
        return loss, logged

    def supervised_loss(self, batch: Batch) -> Tensor:
        """Return the loss of a training batch with its labels, heads included."""
        image_BCHW = self.normalized(batch["image"])
        height, width = image_BCHW.shape[2:]
        features = self.model.encode(image_BCHW)
        logits = self.model.decode(features, (height, width))
        loss = self.loss_of(logits, batch["label"])
        if self.auxiliary is not None:
            heads = self.auxiliary(features, logits.resize)
            parts = zip(self.auxiliary.weights, self.auxiliary_losses, heads, strict=True)
            for weight, head_loss, head_logits in parts:
                loss = loss + weight * compute_loss(head_loss, head_logits, batch["label"])
        return loss

    def score(self, batch: Batch) -> None:
        """Count a batch in `scores`."""
        logits, label_BHW = self.coarse(batch["image"]), batch["label"]
        loss = self.loss_of(logits, label_BHW)
        if isinstance(self.scores, MaskScores):
            probabilities = logits.resized().float().sigmoid()
            predicted = present(probabilities, self.scores.outputs)
            self.scores.update(probabilities, predicted, label_BHW, loss)
        else:
            self.scores.update(argmax_labels(logits), label_BHW, loss)

    def on_validation_epoch_end(self) -> None:
        """Log the scores; raise a `DataError` where no pixel of the split counts."""
        counted = self.scores.counted
        if not self.trainer.sanity_checking and not self.trainer.strategy.reduce(
            counted, reduce_op="sum"
        ):
            raise all_ignored_error("val", f"{self.scores.images} labels")
        super().on_validation_epoch_end()
        if isinstance(self.scores, MaskScores):  # it may have chosen thresholds
            self.labels = self.model.labels = replace(self.labels, outputs=self.scores.outputs)

    def auxiliary_modules(self) -> list[nn.Module]:
        """Return terms and heads."""
        return [self.terms] if self.auxiliary is None else [self.terms, self.auxiliary]


def scores_of(labels: LabelSpace, *, choose_thresholds: bool) -> Scores | MaskScores:
    """Return the scores of a pass: of exclusive classes, or of sigmoid outputs."""
    if labels.outputs is None or labels.members is None:
        return Scores(labels.names, labels.ignore_index)
    return MaskScores(
        labels.outputs,
        labels.members,
        labels.ignore_index,
        choose_thresholds=choose_thresholds,
    )
