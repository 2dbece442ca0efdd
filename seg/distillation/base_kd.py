"""The base of distillation losses, and the checks of their options."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from seg.distillation.forward_hooks import ForwardPass
from seg.errors import ConfigError
from seg.inference.segmentation_model import TrainedSegmenter


def check_positive(section: str, **values: float) -> None:
    """Refuse a number of a section that is not above 0.

    Raises:
        ConfigError: with its key.
    """
    for name, value in values.items():
        if not value > 0:
            raise ConfigError(f"{section}: {name}={value}; allowed: above 0")


def check_shares(section: str, **values: float) -> None:
    """Refuse a number of a section outside 0 to 1.

    Raises:
        ConfigError: with its key.
    """
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ConfigError(f"{section}: {name}={value}; allowed: 0 to 1")


class DistillationLoss(nn.Module, ABC):
    """Distance of a student from its teacher on a batch.

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
        """Return the loss of both passes over a batch, a scalar; 0 if all pixels are ignored."""


class TemperedKD(DistillationLoss):
    """Loss between the logits of two networks, both divided by a temperature.

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
        own, others = student.classes, teacher.classes
        if own != others:
            raise ConfigError(
                "distillation.checkpoint: the teacher has other classes than the student\n"
                f"  teacher: {len(others)}: {', '.join(others)}\n"
                f"  student: {len(own)}: {', '.join(own)}\n"
                "  choose a teacher of these classes, fit them by labels.merge and labels.keep,\n"
                "  or learn from its maps alone: distillation=features"
            )
        self.temperature = temperature
        self._ignore_index = student.labels.ignore_index
