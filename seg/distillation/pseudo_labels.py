"""Pseudo labels: a network's own confident predictions as labels."""

import math

from torch import Tensor
from torch.nn import functional

from seg.kernels.label_tensors import label_tensor_dtype


def pseudo_labels(logits_BKhw: Tensor, *, threshold: float, ignore_index: int) -> Tensor:
    """Return each pixel's likeliest class if its probability is at least `threshold`.

    Source: Sohn et al., "FixMatch" (NeurIPS 2020), equation 4.

    Returns:
        B x h x w, uint8 (int32 for more than 255 classes); `ignore_index` where no class is that
        likely.
    """
    confidence_Bhw, label_Bhw = logits_BKhw.float().softmax(1).max(1)
    label_Bhw = label_Bhw.to(label_tensor_dtype(ignore_index))
    return label_Bhw.masked_fill(confidence_Bhw < threshold, ignore_index)


def masked_cross_entropy(
    logits_BKhw: Tensor, label_Bhw: Tensor, pixels: Tensor, *, ignore_index: int
) -> Tensor:
    """Sum the cross entropy over the labelled pixels, and divide it by the number of all pixels.

    So few confident pixels weigh little, as in FixMatch.

    Args:
        logits_BKhw: B x K x h x w.
        label_Bhw: B x h x w, `ignore_index` where there is none.
        pixels: scalar, how many there are.
        ignore_index: label of pixels that do not count.

    Returns:
        scalar, float32; 0 where no pixel is labelled.
    """
    total = functional.cross_entropy(
        logits_BKhw.float(), label_Bhw.long(), ignore_index=ignore_index, reduction="sum"
    )
    return total / pixels.clamp(min=1)


def sigmoid_ramp(step: int, steps: float) -> float:
    """Return `exp(-5 (1 - step / steps)^2)` up to `steps`, then 1.

    Source: Tarvainen & Valpola, "Mean teachers" (NeurIPS 2017), appendix B.1.
    """
    return 1.0 if step >= steps else math.exp(-5 * (1 - step / steps) ** 2)
