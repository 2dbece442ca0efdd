"""Pixel-wise cross entropy."""

from torch import Tensor

from seg.errors import ConfigError
from seg.losses.pixel_loss import SMALLEST, ClassWeights, PixelLoss
from seg.models.coarse_logits import Logits


class CrossEntropy(PixelLoss):
    """Mean cross entropy over the pixels that count.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
        class_weights: see `PixelLoss`; the mean is weighted too.
        label_smoothing: share of the target that is spread over all classes (Szegedy et al.,
            "Rethinking the Inception Architecture", CVPR 2016, section 7).

    Raises:
        ConfigError: as `PixelLoss`; a smoothing outside 0 to 1.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        ignore_index: int,
        class_weights: ClassWeights = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            num_classes=num_classes, ignore_index=ignore_index, class_weights=class_weights
        )
        if not 0 <= label_smoothing < 1:
            raise ConfigError(f"loss.label_smoothing={label_smoothing}; allowed: 0 to below 1")
        self.label_smoothing = label_smoothing

    def forward(self, logits: Logits, label_BHW: Tensor) -> Tensor:
        """Return the loss of B x K x H x W logits and B x H x W labels, 0 if all are ignored."""
        total = self.sum_pixel_losses(logits, label_BHW, label_smoothing=self.label_smoothing)
        return total / self.normalizer(label_BHW).clamp(min=SMALLEST)
