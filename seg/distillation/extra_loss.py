"""The interface of terms that are added to the training loss, and what a run provides for them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn

from seg.inference.segmentation_model import TrainedSegmenter


@dataclass(frozen=True)
class StudentContext:
    """What a run provides for a term.

    Attributes:
        student: the network in training.
        load_teacher: checkpoint file or run directory -> its network, in evaluation mode.
        seed: of the run.
    """

    student: TrainedSegmenter
    load_teacher: Callable[[str], TrainedSegmenter]
    seed: int


class LossOutput(NamedTuple):
    """Output of a term.

    Attributes:
        loss: scalar, weighted already.
        logged: name -> scalar, for the curves.
    """

    loss: Tensor
    logged: Mapping[str, Tensor | float]


class ExtraLoss(nn.Module, ABC):
    """Term of the training loss.

    Registered parameters that take gradients train with the network; all registered state is stored
    in the run's checkpoints for a restart, beside the network and never as a part of it.
    """

    def on_step_start(self, step: int) -> None:
        """Prepare a training step, before the student's forward pass.

        Args:
            step: optimizer steps done.
        """

    @abstractmethod
    def forward(self, batch: Mapping[str, Any], *, step: int, total_steps: int) -> LossOutput:
        """Return the term's loss, after the student's forward pass over `batch`.

        Args:
            batch: `image`, uint8 B x C x H x W, and `label`, B x H x W.
            step: optimizer steps done.
            total_steps: of the whole run.
        """
