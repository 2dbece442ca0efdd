"""Losses of overlap: Tversky's index, of which Dice and Jaccard are cases."""

import torch
from torch import Tensor, nn

from seg.errors import ConfigError
from seg.losses.cross_entropy import SMALLEST


class Tversky(nn.Module):
    """One minus the mean of `TP / (TP + alpha FP + beta FN)` over the classes in the batch.

    Source: Salehi et al., "Tversky loss function for image segmentation using 3D fully
    convolutional deep networks" (MLMI 2017), here per class and over the whole batch; true and
    false are counted by probabilities. `alpha = beta = 0.5` is the Dice index (F1), 1 is Jaccard's
    (IoU). Of masks it is the mean over the outputs that occur in the batch, by their sigmoids.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
        alpha: weight of pixels that are taken for the class and are not.
        beta: weight of pixels of the class that are missed.

    Raises:
        ConfigError: a negative weight.
    """

    takes_masks = True

    def __init__(
        self, *, num_classes: int, ignore_index: int, alpha: float = 0.3, beta: float = 0.7
    ) -> None:
        super().__init__()
        if min(alpha, beta) < 0:
            raise ConfigError(f"loss.alpha={alpha}, loss.beta={beta}; neither may be negative")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.alpha = alpha
        self.beta = beta

    def forward(self, logits_BKHW: Tensor, label_BHW: Tensor) -> Tensor:
        """Return the loss of B x K x H x W logits and B x H x W labels or B x K x H x W masks.

        It is 0 if all are ignored.
        """
        count = self._mask_sums if label_BHW.ndim == 4 else self._class_sums
        true, area, predicted = count(logits_BKHW, label_BHW)
        errors = self.alpha * (predicted - true) + self.beta * (area - true)
        index = true / (true + errors).clamp(min=SMALLEST)
        present = area > 0
        return ((1 - index) * present).sum() / present.sum().clamp(min=1)

    def _class_sums(self, logits_BKHW: Tensor, label_BHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the true, labelled and predicted pixels of each class, K."""
        probability_BKHW = logits_BKHW.float().softmax(1)
        counted_BHW = label_BHW != self.ignore_index
        label_BHW = torch.where(counted_BHW, label_BHW, 0).long()
        counted = counted_BHW.to(probability_BKHW.dtype)
        right_BHW = probability_BKHW.gather(1, label_BHW[:, None])[:, 0] * counted
        zeros = probability_BKHW.new_zeros(self.num_classes)
        flat = label_BHW.flatten()
        true = zeros.index_add(0, flat, right_BHW.flatten())
        area = zeros.index_add(0, flat, counted.flatten())
        return true, area, torch.einsum("bkhw,bhw->k", probability_BKHW, counted)

    def _mask_sums(self, logits_BKHW: Tensor, mask_BKHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the true, labelled and predicted pixels of each output, K."""
        probability_BKHW = logits_BKHW.float().sigmoid()
        counted_BKHW = mask_BKHW != self.ignore_index
        inside_BKHW = mask_BKHW == 1
        parts = (probability_BKHW * inside_BKHW, inside_BKHW, probability_BKHW * counted_BKHW)
        true, area, predicted = (part.sum((0, 2, 3), dtype=torch.float32) for part in parts)
        return true, area, predicted


class Dice(Tversky):
    """One minus the mean soft Dice index (F1) over the classes that occur in the batch.

    Source: Milletari et al., "V-Net" (3DV 2016), section 3, with plain in place of squared
    probabilities in the denominator; per class and over the whole batch.
    """

    def __init__(self, *, num_classes: int, ignore_index: int) -> None:
        super().__init__(num_classes=num_classes, ignore_index=ignore_index, alpha=0.5, beta=0.5)


class Jaccard(Tversky):
    """One minus the mean soft IoU over the classes that occur in the batch.

    Source: Rahman and Wang, "Optimizing Intersection-Over-Union in Deep Neural Networks for Image
    Segmentation" (ISVC 2016), here per class and over the whole batch.
    """

    def __init__(self, *, num_classes: int, ignore_index: int) -> None:
        super().__init__(num_classes=num_classes, ignore_index=ignore_index, alpha=1.0, beta=1.0)
