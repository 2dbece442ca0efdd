"""What is added to the loss of a training step, and what the run tells those who add it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn

from seg.inference.segmentation_model import TrainedSegmenter


@dataclass(frozen=True)
class StudentContext:
    """What a run knows and a term may need.

    Attributes:
        student: the network in training.
        load_teacher: checkpoint file or run directory -> its network, in evaluation mode.
        seed: of the run.
    """

    student: TrainedSegmenter
    load_teacher: Callable[[str], TrainedSegmenter]
    seed: int


class LossOutput(NamedTuple):
    """What a term gives.

    Attributes:
        loss: scalar, weighted already.
        logged: name -> scalar, for the curves.
    """

    loss: Tensor
    logged: Mapping[str, Tensor | float]


class ExtraLoss(nn.Module, ABC):
    """One more part of the training objective.

    Parameters registered here that take gradients train with the network; whatever is registered is
    kept in the run's checkpoints for a restart, beside the network and never as a part of it.
    """

    def on_step_start(self, step: int) -> None:
        """Called before the student's forward pass of a training step.

        Args:
            step: optimizer steps done.
        """

    @abstractmethod
    def forward(self, batch: Mapping[str, Any], *, step: int, total_steps: int) -> LossOutput:
        """Called after the student's forward pass over `batch`.

        Args:
            batch: `image`, uint8 B x C x H x W, and `label`, B x H x W.
            step: optimizer steps done.
            total_steps: of the whole run.
        """
