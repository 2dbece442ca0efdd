"""What distillation minimises."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from seg.teaching.checks import check_positive
from seg.teaching.forward_pass import ForwardPass


class Objective(nn.Module, ABC):
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
        check_positive(weight=weight)
        self.weight = weight

    @abstractmethod
    def forward(self, student: ForwardPass, teacher: ForwardPass, label_BHW: Tensor) -> Tensor:
        """Both passes over the pictures of `label_BHW` -> scalar; 0 if all pixels are ignored."""
