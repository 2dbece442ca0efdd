"""Semi-supervised training: the moving average of a network predicts labels of images for it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seg.data.datasets.unlabelled import Unlabelled
from seg.data.loading.infinite_loader import EndlessBatches
from seg.data.transforms.by_channels import chosen_transforms
from seg.data.transforms.gpu_transforms import DeviceAugmentation
from seg.data.transforms.pipeline import Augmentation
from seg.distillation.base_kd import check_positive, check_shares
from seg.distillation.extra_loss import ExtraLoss, LossOutput, StudentContext
from seg.distillation.feature_alignment import labels_at, spread
from seg.distillation.forward_hooks import forward_pass
from seg.distillation.pseudo_labels import masked_cross_entropy, pseudo_labels, sigmoid_ramp
from seg.errors import ConfigError
from seg.inference.segmentation_model import TrainedSegmenter
from seg.optim.ema import decay_at, update_average

# a random stream of its own: a labelled sample of the same index is augmented otherwise
_STREAM = 1


class MeanTeacher(ExtraLoss):
    """Loss on images without labels, which the average of the network's own weights labels.

    Each step takes another batch. The teacher, in evaluation mode, predicts on a weakly augmented
    view; the student learns the predictions that reach `threshold` on a strongly augmented view of
    the same pixels. The loss is the mean over all pixels of the images, those without a confident
    prediction counting as 0, and its weight ramps up.

    Sources: Tarvainen & Valpola, "Mean teachers are better role models" (NeurIPS 2017) for teacher
    and ramp; Sohn et al., "FixMatch" (NeurIPS 2020) for views, threshold and loss.

    The student's weights are validated and used. With `callbacks=ema` of the same decay these are
    the teacher's: both compute the same averages. Teacher and order of the images are stored in the
    run's checkpoints.

    Args:
        images: directory of images, searched with its subdirectories.
        batch_size: images a step, on each process.
        num_workers, prefetch_factor, pin_memory, timeout_s: of their loader.
        augmentation: `(ignore_index=, decoding=) -> Augmentation`, the weak view.
        strong: transforms of `torchvision.transforms.v2` and `ByChannels` that make
            the strong view out of the weak one; predictions follow where they move pixels.
        decay: share of the old average in the new one, 0 to below 1.
        threshold: lowest probability that counts, 0 to 1.
        weight: factor on the loss after the ramp, above 0.
        ramp_up: share of the run that the ramp takes, 0 to 1.
        run: the student and what else the run provides.

    Raises:
        ConfigError: a value outside those, or fewer images than a batch.
        DataError: no such directory, or no image in it.
    """

    def __init__(
        self,
        *,
        images: str,
        batch_size: int,
        num_workers: int,
        prefetch_factor: int,
        pin_memory: bool,
        timeout_s: float,
        augmentation: Callable[..., Augmentation],
        strong: Sequence[Any],
        decay: float,
        threshold: float,
        weight: float,
        ramp_up: float,
        run: StudentContext,
    ) -> None:
        super().__init__()
        check_positive("semi_supervised", weight=weight)
        check_shares("semi_supervised", threshold=threshold, ramp_up=ramp_up)
        if not 0 <= decay < 1:
            raise ConfigError(f"semi_supervised.decay={decay}; allowed: 0 to below 1")
        labels, decoding = run.student.labels, run.student.decoding
        dataset = Unlabelled(images, labels=labels, decoding=decoding)
        if not 1 <= batch_size <= len(dataset):
            raise ConfigError(
                f"semi_supervised.batch_size={batch_size} for {len(dataset)} images in "
                f"{images}; allowed: 1 to {len(dataset)}"
            )
        self._seed = int(np.random.SeedSequence((run.seed, _STREAM)).generate_state(1)[0])
        self._batches = EndlessBatches(
            dataset,
            augmentation=_on_cpu(augmentation(ignore_index=labels.ignore_index, decoding=decoding)),
            batch_size=batch_size,
            seed=self._seed,
            num_workers=num_workers,
            prefetch_factor=prefetch_factor,
            pin_memory=pin_memory,
            timeout_s=timeout_s,
        )
        strong = chosen_transforms(strong, decoding)
        self._strong = DeviceAugmentation(strong, decoding, "semi_supervised.strong")
        self._ignore_index = labels.ignore_index
        self._decay = decay
        self._threshold = threshold
        self._weight = weight
        self._ramp_up = ramp_up
        self._step = 0
        self._unregistered = (run.student,)  # the task has it already
        self.teacher: TrainedSegmenter = copy.deepcopy(run.student).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "MeanTeacher":
        """Switch the mode; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def on_step_start(self, step: int) -> None:
        """Add the student's weights to the average, after an optimizer step."""
        if step > self._step:
            self._step = step
            average, weights = self.teacher.state_dict(), self._unregistered[0].state_dict()
            update_average(average, weights, decay_at(step, self._decay))

    def forward(self, batch: Mapping[str, Any], *, step: int, total_steps: int) -> LossOutput:
        """Return the weighted loss on the next images; `batch` gives only the device."""
        student, device = self._unregistered[0], batch["image"].device
        unlabelled = next(self._batches)
        weak_BCHW = unlabelled["image"].to(device, non_blocking=True)
        outside_BHW = unlabelled["label"].to(device, non_blocking=True)
        keys = list(zip(unlabelled["epoch"].tolist(), unlabelled["index"].tolist(), strict=True))
        strong_BCHW, pseudo_BHW = self._strong(
            weak_BCHW, self._predict_labels(weak_BCHW, outside_BHW), seed=self._seed, keys=keys
        )
        student_pass = forward_pass(student, strong_BCHW)
        ignore_index = self._ignore_index
        pseudo_Bhw = labels_at(pseudo_BHW, student_pass.grid, ignore_index)
        pixels = (labels_at(outside_BHW, student_pass.grid, ignore_index) != ignore_index).sum()
        loss = masked_cross_entropy(
            student_pass.logits, pseudo_Bhw, pixels, ignore_index=ignore_index
        )
        confident = (pseudo_Bhw != ignore_index).sum() / pixels.clamp(min=1)
        weight = self._weight * sigmoid_ramp(step, self._ramp_up * total_steps)
        logged: dict[str, Tensor | float] = {
            "mean_teacher": loss.detach(),
            "confident": confident,
            "ramp": weight,
        }
        return LossOutput(weight * loss, logged)

    def get_extra_state(self) -> dict[str, Any]:
        """Return the number of averaged steps and the order of the images."""
        return {"step": self._step, "order": dict(self._batches.state_dict())}

    def set_extra_state(self, state: Any) -> None:
        """Continue from a state."""
        self._step = state["step"]
        self._batches.load_state_dict(state["order"])

    @torch.no_grad()
    def _predict_labels(self, weak_BCHW: Tensor, outside_BHW: Tensor) -> Tensor:
        """Predict with the teacher where it is confident, B x H x W; else ignored."""
        teacher_pass = forward_pass(self.teacher, weak_BCHW)
        coarse_Bhw = pseudo_labels(
            teacher_pass.logits, threshold=self._threshold, ignore_index=self._ignore_index
        )
        height, width = outside_BHW.shape[1:]
        pseudo_BHW = spread(coarse_Bhw, teacher_pass.grid, (height, width))
        return pseudo_BHW.masked_fill(outside_BHW == self._ignore_index, self._ignore_index)


def _on_cpu(augmentation: Augmentation) -> Augmentation:
    if augmentation.on_device:
        raise ConfigError(
            "semi_supervised.augmentation.on_device: makes no weak view; "
            "put these into semi_supervised.strong"
        )
    return augmentation
