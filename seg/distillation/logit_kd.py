"""Logit distillation: the teacher's class probabilities of each pixel as soft labels."""

from torch import Tensor
from torch.nn import functional

from seg.distillation.base_kd import TemperedKD
from seg.distillation.feature_alignment import labels_at, resampled
from seg.distillation.forward_hooks import ForwardPass


class LogitKD(TemperedKD):
    """`T^2 KL(softmax(teacher / T) || softmax(student / T))`, the mean over the pixels that count.

    Source: Hinton et al., "Distilling the Knowledge in a Neural Network" (2015), section 2: with
    T^2 the size of the gradients does not depend on T. Ignored pixels do not count, as they may be
    the padding of a crop. Both networks are compared at the positions of the student's coarse
    logits.
    """

    name = "soft_labels"

    def forward(self, student: ForwardPass, teacher: ForwardPass, label_BHW: Tensor) -> Tensor:
        """Return the loss of both passes, a scalar; 0 if all pixels are ignored."""
        logits = resampled(teacher.logits.float(), teacher.grid, student.grid)
        divergence_Bhw = functional.kl_div(
            functional.log_softmax(student.logits.float() / self.temperature, 1),
            functional.log_softmax(logits / self.temperature, 1),
            log_target=True,
            reduction="none",
        ).sum(1)
        counted = labels_at(label_BHW, student.grid, self._ignore_index) != self._ignore_index
        mean = divergence_Bhw.where(counted, 0).sum() / counted.sum().clamp(min=1)
        return self.temperature**2 * mean
