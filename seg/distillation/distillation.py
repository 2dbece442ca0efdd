"""Knowledge distillation: a network learns from a trained one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from seg.distillation.base_kd import DistillationLoss
from seg.distillation.extra_loss import ExtraLoss, LossOutput, StudentContext
from seg.distillation.forward_hooks import OutputRecorder, forward_pass
from seg.errors import ConfigError


class Distillation(ExtraLoss):
    """Adds how far the student is from a frozen teacher.

    The teacher sees the same uint8 pictures, normalised in its own way, in evaluation mode and
    without gradients. It is neither trained nor kept in checkpoints: a restart reads it again.

    Args:
        checkpoint: the teacher, a checkpoint file or a run directory.
        objectives: `(student=, teacher=) -> Objective`, in YAML nodes with `_partial_: true`.
        run: the facts.

    Raises:
        ConfigError: no objective, two of one name, or what an objective refuses.
        DataError: the teacher's file is missing, damaged or foreign.
    """

    def __init__(
        self,
        *,
        checkpoint: str,
        objectives: Sequence[Callable[..., DistillationLoss]],
        run: StudentContext,
    ) -> None:
        super().__init__()
        teacher = run.load_teacher(checkpoint).eval().requires_grad_(False)
        # In a tuple it is no submodule, and so in no checkpoint, optimizer or gradient exchange.
        self._unregistered = (teacher,)
        self._student = OutputRecorder(run.student)
        built = [objective(student=run.student, teacher=teacher) for objective in objectives]
        names = [each.name for each in built]
        if not names or len(set(names)) != len(names):
            raise ConfigError(
                f"distillation.objectives: {', '.join(names) or 'none'}; "
                "give one or more, each once"
            )
        self.objectives = nn.ModuleDict(dict(zip(names, built, strict=True)))
        self._weights = [each.weight for each in built]

    def forward(self, batch: Mapping[str, Any], *, step: int, total_steps: int) -> LossOutput:
        """The weighted sum of the objectives; each is logged by name, without its weight."""
        image, label = batch["image"], batch["label"]
        teacher = self._unregistered[0].to(image.device)
        with torch.no_grad():
            lesson = forward_pass(teacher, image)
        learnt = self._student.take()
        values = {name: each(learnt, lesson, label) for name, each in self.objectives.items()}
        weighted = [w * v for w, v in zip(self._weights, values.values(), strict=True)]
        return LossOutput(
            torch.stack(weighted).sum(), {name: value.detach() for name, value in values.items()}
        )
