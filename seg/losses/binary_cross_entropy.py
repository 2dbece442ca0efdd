"""Cross entropy of sigmoid outputs."""

from torch import Tensor

from seg.losses.cross_entropy import SMALLEST, PixelLoss
from seg.models.coarse_logits import Logits


class BinaryCrossEntropy(PixelLoss):
    """Mean cross entropy of each output's sigmoid, over outputs and the pixels that count.

    Args:
        num_classes: number of outputs K.
        ignore_index: stands for pixels that do not count.
        class_weights: one factor an output, the mean is weighted too; None for equal weights.

    Raises:
        ConfigError: as `PixelLoss`.
    """

    accepts_coarse_logits = False
    takes_masks, takes_classes = True, False

    def forward(self, logits_BKHW: Logits, mask_BKHW: Tensor) -> Tensor:
        """Return the loss of logits and masks B x K x H x W, 0 if all are ignored."""
        losses_BKHW = self.apply_class_weights(self.nll(logits_BKHW, mask_BKHW), mask_BKHW)
        return losses_BKHW.sum() / self.normalizer(mask_BKHW).clamp(min=SMALLEST)
