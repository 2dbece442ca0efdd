"""Losses over the hardest pixels alone."""

import torch
from torch import Tensor

from seg.errors import ConfigError
from seg.losses.cross_entropy import ClassWeights, PixelLoss
from seg.models.coarse_logits import Logits


class HardPixelMining(PixelLoss):
    """Mean cross entropy of the hardest share of all pixels, reached by a ramp.

    Source: TensorFlow DeepLab, `utils/train_utils.py` (`top_k_percent_pixels` and
    `hard_example_mining_step`): of all pixels of the batch, ignored ones with a loss of 0 among
    them, the share falls from 1 to `share` in a line; the mean is over those with a loss above 0.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
        share: of the pixels, above 0 up to 1.
        ramp_steps: training steps until it is reached; 0: from the start. With gradient
            accumulation a step is a batch.
        class_weights: see `PixelLoss`.

    Raises:
        ConfigError: as `PixelLoss`; a share or number of steps that is not allowed.
    """

    step: Tensor

    def __init__(
        self,
        *,
        num_classes: int,
        ignore_index: int,
        share: float = 0.25,
        ramp_steps: int = 0,
        class_weights: ClassWeights = None,
    ) -> None:
        super().__init__(
            num_classes=num_classes, ignore_index=ignore_index, class_weights=class_weights
        )
        _check_share("share", share)
        if ramp_steps < 0:
            raise ConfigError(f"loss.ramp_steps={ramp_steps}; allowed: 0 or more")
        self.share = share
        self.ramp_steps = ramp_steps
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def forward(self, logits: Logits, label_BHW: Tensor) -> Tensor:
        """Return the loss of B x K x H x W logits and B x H x W labels, 0 if all are ignored."""
        losses = self.pixel_losses(logits, label_BHW).flatten()
        count = max(1, int(self.present_share() * losses.numel()))
        hardest = losses.topk(count, sorted=False).values
        if self.training:
            self.step += 1
        return hardest.sum() / (hardest > 0).sum().clamp(min=1)

    def present_share(self) -> float:
        """Return the share of pixels that counts at the present step of the ramp."""
        done = min(1.0, self.step.item() / self.ramp_steps) if self.ramp_steps else 1.0
        return done * self.share + (1 - done)


class Ohem(PixelLoss):
    """Mean cross entropy of the pixels whose right class has a low probability.

    Source: online hard example mining (Shrivastava et al., CVPR 2016) as segmentation uses it since
    Wu et al., "High-performance Semantic Segmentation Using Very Deep Fully Convolutional Networks"
    (2016), section 3.2: a threshold, and a least number of pixels a image.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
        threshold: pixels below this probability are kept, above 0 up to 1.
        min_share: of the pixels that count, how many are kept at least, above 0 up to 1: the
            hardest ones.
        class_weights: see `PixelLoss`; they weigh the losses and do not choose.

    Raises:
        ConfigError: as `PixelLoss`; a value that is not allowed.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        ignore_index: int,
        threshold: float = 0.7,
        min_share: float = 0.0625,
        class_weights: ClassWeights = None,
    ) -> None:
        super().__init__(
            num_classes=num_classes, ignore_index=ignore_index, class_weights=class_weights
        )
        _check_share("threshold", threshold)
        _check_share("min_share", min_share)
        self.threshold = threshold
        self.min_share = min_share

    def forward(self, logits: Logits, label_BHW: Tensor) -> Tensor:
        """Return the loss of B x K x H x W logits and B x H x W labels, 0 if all are ignored."""
        nll = self.nll(logits, label_BHW)
        counted = label_BHW != self.ignore_index
        losses = self.apply_class_weights(nll, label_BHW)[counted]
        with torch.no_grad():
            probability = (-nll[counted]).exp()
            limit = torch.tensor(self.threshold, device=losses.device)
            if len(probability):
                least = max(1, int(self.min_share * len(probability)))
                limit = torch.maximum(limit, probability.kthvalue(least).values)
        hardest = losses[probability <= limit]
        return hardest.sum() / max(hardest.numel(), 1)


def _check_share(key: str, value: float) -> None:
    if not 0 < value <= 1:
        raise ConfigError(f"loss.{key}={value}; allowed: above 0 up to 1")
