"""The loss of image classification, for softmax or logistic outputs."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from seg.errors import ConfigError
from seg.models.classifier import Outputs


class ImageLabelLoss(nn.Module):
    """Cross entropy of one class an image, or the mean binary cross entropy of all classes.

    Args:
        outputs: `softmax` or `logistic`.
        smoothing: share of a image's label that is spread evenly over all classes (Szegedy et
            al., "Rethinking the Inception Architecture", 2016, section 7).

    Raises:
        ConfigError: a smoothing outside 0 to below 1.
    """

    def __init__(self, outputs: Outputs, *, smoothing: float = 0.0) -> None:
        super().__init__()
        if not 0 <= smoothing < 1:
            raise ConfigError(f"label_smoothing={smoothing}; allowed: 0 to below 1")
        self.outputs = outputs
        self.smoothing = smoothing

    def forward(self, logits_BK: Tensor, label: Tensor) -> Tensor:
        """Return the mean over the images, a scalar.

        Args:
            logits_BK: of any floating-point type.
            label: int64 B, or float32 B x K.
        """
        logits_BK = logits_BK.float()
        classes = logits_BK.shape[1]
        target_BK = functional.one_hot(label, classes).float() if label.ndim == 1 else label.float()
        target_BK = target_BK * (1 - self.smoothing) + self.smoothing / classes
        if self.outputs == "softmax":
            return -(target_BK * torch.log_softmax(logits_BK, 1)).sum(1).mean()
        each_BK = functional.binary_cross_entropy_with_logits(
            logits_BK, target_BK, reduction="none"
        )
        return each_BK.mean()
