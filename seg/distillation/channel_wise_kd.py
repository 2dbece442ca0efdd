"""Channel-wise distillation: the distribution of each channel over the image."""

import torch
from torch import Tensor
from torch.nn import functional

from seg.distillation.base_kd import TemperedKD
from seg.distillation.feature_alignment import labels_at, resampled
from seg.distillation.forward_hooks import ForwardPass

_OUT = -1e9  # a logit whose share is 0; an infinite one would make 0 x inf


class ChannelWiseKD(TemperedKD):
    """`T^2 KL(teacher || student)` of each class' logits as a distribution over the pixels.

    It is the mean over classes and images. Source: Shu et al., "Channel-wise Knowledge Distillation
    for Dense Prediction" (ICCV 2021), section 3. Ignored pixels have no share.
    """

    name = "channel_wise"

    def forward(self, student: ForwardPass, teacher: ForwardPass, label_BHW: Tensor) -> Tensor:
        """Return the loss of both passes, a scalar; 0 if all pixels are ignored."""
        logits = resampled(teacher.logits.float(), teacher.grid, student.grid)
        ignored = labels_at(label_BHW, student.grid, self._ignore_index) == self._ignore_index
        divergence = functional.kl_div(
            self._log_shares(student.logits.float(), ignored),
            self._log_shares(logits, ignored),
            log_target=True,
            reduction="sum",
        )
        batch, channels = logits.shape[:2]
        return self.temperature**2 * divergence / (batch * channels)

    def _log_shares(self, logits_BKhw: Tensor, ignored_Bhw: Tensor) -> Tensor:
        scaled = (logits_BKhw / self.temperature).masked_fill(ignored_Bhw[:, None], _OUT)
        return torch.log_softmax(scaled.flatten(2), dim=2)
