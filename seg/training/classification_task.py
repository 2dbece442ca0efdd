"""Image classification as a LightningModule."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from seg.data.classification.sample import ClassNames
from seg.metrics.top_k import TopKScores
from seg.models.batch_norm import BatchNormPolicy
from seg.models.classifier import Classifier
from seg.optim.groups import ParameterGroups
from seg.training.lightning_base import Batch, TrainingTask


class ClassificationTask(TrainingTask):
    """Training and evaluation of a classifier.

    Args:
        model: the network.
        loss: `loss(logits_BK, label) -> scalar`, of training.
        plain_loss: the same without smoothing, for evaluation.
        labels: the classes.
        config, optimizer, scheduler, parameters, batch_norm, channels_last: as of `TrainingTask`.
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
        config: dict[str, Any],
        optimizer: Callable[[list[dict[str, Any]]], Optimizer],
        scheduler: Callable[..., LRScheduler],
        parameters: ParameterGroups | None = None,
        batch_norm: BatchNormPolicy | None = None,
        channels_last: bool = False,
    ) -> None:
        super().__init__(
            model=model,
            labels=labels,
            scores=TopKScores(),
            config=config,
            optimizer=optimizer,
            scheduler=scheduler,
            parameters=parameters,
            batch_norm=batch_norm,
            channels_last=channels_last,
        )
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
