"""Feature distillation: an encoder's maps approach another's."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seg.distillation.base_kd import DistillationLoss
from seg.distillation.feature_alignment import labels_at, resampled
from seg.distillation.forward_hooks import ForwardPass, map_of_stride
from seg.errors import ConfigError
from seg.inference.segmentation_model import TrainedSegmenter


class FeatureKD(DistillationLoss):
    """Mean square of the teacher's map minus the student's, which a 1x1 convolution adapts.

    Source: Romero et al., "FitNets: Hints for Thin Deep Nets" (ICLR 2015), equation 3, with the
    regressor as a 1x1 convolution, which trains with the network and is no part of it afterwards.
    Ignored pixels do not count. The two networks need not have the same classes.

    Args:
        weight: factor on the loss.
        strides: of the maps, the deepest of each; both encoders have it.
        student, teacher: the two networks.

    Raises:
        ConfigError: a value outside those.
    """

    name = "feature_maps"

    def __init__(
        self,
        *,
        weight: float,
        strides: Sequence[int],
        student: TrainedSegmenter,
        teacher: TrainedSegmenter,
    ) -> None:
        super().__init__(weight=weight)
        if not strides:
            raise ConfigError(
                "distillation.objectives.N.strides=[]; give one or more; "
                "N counts the objectives from 0"
            )
        self._ignore_index = student.labels.ignore_index
        self._positions = [
            map_of_stride(stride, student=student, teacher=teacher) for stride in strides
        ]
        own: Any = student.encoder
        others: Any = teacher.encoder
        self.adaptors = nn.ModuleList(
            nn.Conv2d(own.channels[mine], others.channels[theirs], 1)
            for mine, theirs in self._positions
        )

    def forward(self, student: ForwardPass, teacher: ForwardPass, label_BHW: Tensor) -> Tensor:
        """Return the loss of both passes, a scalar; 0 if all pixels are ignored."""
        distances = []
        for adaptor, (mine, theirs) in zip(self.adaptors, self._positions, strict=True):
            grid = student.map_grids[mine]
            target = resampled(teacher.maps[theirs].float(), teacher.map_grids[theirs], grid)
            square_Bhw = (adaptor(student.maps[mine]).float() - target).square().mean(1)
            counted = labels_at(label_BHW, grid, self._ignore_index) != self._ignore_index
            distances.append(square_Bhw.where(counted, 0).sum() / counted.sum().clamp(min=1))
        return torch.stack(distances).mean()
