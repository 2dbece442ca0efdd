"""The soft Jaccard loss: the mIoU that is scored, made differentiable."""

import torch
from torch import Tensor, nn

_SMALLEST = torch.finfo(torch.float32).tiny


class Jaccard(nn.Module):
    """One minus the mean soft IoU over the classes that occur in the batch.

    Source: Rahman and Wang, "Optimizing Intersection-Over-Union in Deep Neural Networks for Image
    Segmentation" (ISVC 2016), here per class and over the whole batch.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
    """

    def __init__(self, *, num_classes: int, ignore_index: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.ignore_index = ignore_index

    def forward(self, logits_BKHW: Tensor, label_BHW: Tensor) -> Tensor:
        """Logits B x K x H x W, integer labels B x H x W -> scalar; 0 if all pixels are ignored."""
        probability_BKHW = logits_BKHW.float().softmax(1)
        counted_BHW = label_BHW != self.ignore_index
        label_BHW = torch.where(counted_BHW, label_BHW, 0).long()
        counted = counted_BHW.to(probability_BKHW.dtype)
        right_BHW = probability_BKHW.gather(1, label_BHW[:, None])[:, 0] * counted
        zeros = probability_BKHW.new_zeros(self.num_classes)
        flat = label_BHW.flatten()
        intersection = zeros.index_add(0, flat, right_BHW.flatten())
        area = zeros.index_add(0, flat, counted.flatten())
        predicted = torch.einsum("bkhw,bhw->k", probability_BKHW, counted)
        iou = intersection / (predicted + area - intersection).clamp(min=_SMALLEST)
        present = area > 0
        return ((1 - iou) * present).sum() / present.sum().clamp(min=1)
