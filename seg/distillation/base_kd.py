"""What distillation minimises."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from seg.distillation.forward_hooks import ForwardPass
from seg.distillation.validation import check_positive, require_same_classes
from seg.inference.segmentation_model import TrainedSegmenter


class DistillationLoss(nn.Module, ABC):
    """How far a student is from its teacher on a batch.

    Args:
        weight: factor on it in the loss, above 0.

    Attributes:
        name: in the curves.

    Raises:
        ConfigError: another weight.
    """

    name: ClassVar[str]

    def __init__(self, *, weight: float) -> None:
        super().__init__()
        check_positive("distillation", weight=weight)
        self.weight = weight

    @abstractmethod
    def forward(self, student: ForwardPass, teacher: ForwardPass, label_BHW: Tensor) -> Tensor:
        """Both passes over the pictures of `label_BHW` -> scalar; 0 if all pixels are ignored."""


class TemperedKD(DistillationLoss):
    """An objective between the logits of two networks, both divided by a temperature.

    Args:
        weight: factor on the loss.
        temperature: T, above 0.
        student, teacher: the two networks.

    Raises:
        ConfigError: a value outside those, or networks with different classes.
    """

    def __init__(
        self,
        *,
        weight: float,
        temperature: float,
        student: TrainedSegmenter,
        teacher: TrainedSegmenter,
    ) -> None:
        super().__init__(weight=weight)
        check_positive("distillation", temperature=temperature)
        require_same_classes(student, teacher)
        self.temperature = temperature
        self._ignore_index = student.labels.ignore_index
