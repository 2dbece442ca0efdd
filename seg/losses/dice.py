"""The soft Dice loss."""

from seg.losses.tversky import Tversky


class Dice(Tversky):
    """One minus the mean soft Dice index (F1) over the classes that occur in the batch.

    Source: Milletari et al., "V-Net" (3DV 2016), section 3, with plain in place of squared
    probabilities in the denominator; per class and over the whole batch.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
    """

    def __init__(self, *, num_classes: int, ignore_index: int) -> None:
        super().__init__(num_classes=num_classes, ignore_index=ignore_index, alpha=0.5, beta=0.5)
