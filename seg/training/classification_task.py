"""Image classification as a LightningModule."""

from collections.abc import Mapping
from typing import Unpack

from torch import Tensor, nn

from seg.data.classification.sample import ClassNames
from seg.metrics.top_k import TopKScores
from seg.models.classifier import Classifier
from seg.training.lightning_base import Batch, TaskOptions, TrainingTask


class ClassificationTask(TrainingTask):
    """Training and evaluation of a classifier.

    Args:
        model: the network.
        loss: `loss(logits_BK, label) -> scalar`, of training.
        plain_loss: the same without smoothing, for evaluation.
        labels: the classes.
        **options: as of `TrainingTask`.
    """

    kind = "classification"
    progress_metrics = (("val/top1", "top-1"), ("val/top5", "top-5"))
    crop_key = "classification_augmentation.size"
    model: Classifier
    labels: ClassNames
    scores: TopKScores

    def __init__(
        self,
        *,
        model: Classifier,
        loss: nn.Module,
        plain_loss: nn.Module,
        labels: ClassNames,
        **options: Unpack[TaskOptions],
    ) -> None:
        super().__init__(model=model, labels=labels, scores=TopKScores(), **options)
        self.loss = loss
        self.plain_loss = plain_loss
        self.freeze_parts()

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """Compute logits B x K of images in 0 to 255."""
        logits: Tensor = self.model(self.normalized(image_BCHW))
        return logits

    def training_loss(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the loss of a training batch; it has no parts."""
        return self.loss(self(batch["image"]), batch["label"]), {}

    def score(self, batch: Batch) -> None:
        """Count a batch in `scores`."""
        logits_BK, label = self(batch["image"]), batch["label"]
        self.scores.update(logits_BK, label, self.plain_loss(logits_BK, label))
