"""The soft Jaccard loss: the mIoU that is scored, made differentiable."""

from seg.losses.tversky import Tversky


class Jaccard(Tversky):
    """One minus the mean soft IoU over the classes that occur in the batch.

    Source: Rahman and Wang, "Optimizing Intersection-Over-Union in Deep Neural Networks for Image
    Segmentation" (ISVC 2016), here per class and over the whole batch.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
    """

    def __init__(self, *, num_classes: int, ignore_index: int) -> None:
        super().__init__(num_classes=num_classes, ignore_index=ignore_index, alpha=1.0, beta=1.0)
