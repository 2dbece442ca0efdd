"""Knowledge distillation: training of a network with a trained one as its teacher."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from seg.distillation.base_kd import DistillationLoss
from seg.distillation.extra_loss import ExtraLoss, LossOutput, StudentContext
from seg.distillation.forward_hooks import OutputRecorder, forward_pass
from seg.errors import ConfigError


class Distillation(ExtraLoss):
    """Weighted distances of the student from a frozen teacher.

    The teacher gets the same uint8 images, normalized in its own way, in evaluation mode and
    without gradients. It is neither trained nor stored in checkpoints: a restart reads it again.

    Args:
        checkpoint: the teacher, a checkpoint file or a run directory.
        objectives: `(student=, teacher=) -> DistillationLoss`, in YAML with `_partial_: true`.
        run: the student and what else the run provides.

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
        # in a tuple it is no submodule, and so in no checkpoint, optimizer or gradient exchange
        self._unregistered = (teacher,)
        self._student = OutputRecorder(run.student)
        built = [objective(student=run.student, teacher=teacher) for objective in objectives]
        names = [objective.name for objective in built]
        if not names or len(set(names)) != len(names):
            raise ConfigError(
                f"distillation.objectives: {', '.join(names) or 'none'}; "
                "give one or more, each once"
            )
        self.objectives = nn.ModuleDict(dict(zip(names, built, strict=True)))
        self._weights = [objective.weight for objective in built]

    def forward(self, batch: Mapping[str, Any], *, step: int, total_steps: int) -> LossOutput:
        """Return the weighted sum of the objectives; each is logged without its weight."""
        image, label = batch["image"], batch["label"]
        teacher = self._unregistered[0].to(image.device)
        with torch.no_grad():
            teacher_pass = forward_pass(teacher, image)
        student_pass = self._student.take()
        values = {
            name: objective(student_pass, teacher_pass, label)
            for name, objective in self.objectives.items()
        }
        weighted = [w * v for w, v in zip(self._weights, values.values(), strict=True)]
        return LossOutput(
            torch.stack(weighted).sum(), {name: value.detach() for name, value in values.items()}
        )
