"""The focal loss."""

from torch import Tensor

from seg.errors import ConfigError
from seg.losses.cross_entropy import SMALLEST, ClassWeights, PixelLoss
from seg.models.coarse_logits import Logits


class Focal(PixelLoss):
    """Mean over pixels of `(1 - p)^gamma * -log p`, p the probability of the right class.

    Source: Lin et al., "Focal Loss for Dense Object Detection" (ICCV 2017), equation 5, with the
    softmax in place of the sigmoid. Of masks it is that of each output's sigmoid, as in the paper,
    and the mean is over pixels and outputs.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
        gamma: how much less pixels count that are right already; 0 is the cross entropy.
        class_weights: see `PixelLoss`; the paper's alpha. The mean is weighted too.

    Raises:
        ConfigError: as `PixelLoss`; a negative gamma.
    """

    takes_masks = True

    def __init__(
        self,
        *,
        num_classes: int,
        ignore_index: int,
        gamma: float = 2.0,
        class_weights: ClassWeights = None,
    ) -> None:
        super().__init__(
            num_classes=num_classes, ignore_index=ignore_index, class_weights=class_weights
        )
        if gamma < 0:
            raise ConfigError(f"loss.gamma={gamma}; allowed: 0 or more")
        self.gamma = gamma

    def forward(self, logits: Logits, label_BHW: Tensor) -> Tensor:
        """Return the loss of B x K x H x W logits and B x H x W labels or B x K x H x W masks.

        It is 0 if all are ignored.
        """
        nll_BHW = self.nll(logits, label_BHW)
        # expm1 keeps the digits of 1 - p where p is nearly 1; the clamp keeps the slope finite
        error_BHW = (-(-nll_BHW).expm1()).clamp(min=SMALLEST**0.5)
        losses_BHW = self.apply_class_weights(nll_BHW * error_BHW**self.gamma, label_BHW)
        return losses_BHW.sum() / self.normalizer(label_BHW).clamp(min=SMALLEST)
