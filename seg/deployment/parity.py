"""Gate of an export: its output on real images, compared with the network's own."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isnan, sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seg.data.code_masks import output_masks
from seg.data.label_space import LabelSpace
from seg.data.sample import Sample
from seg.errors import DataError
from seg.inference.fusion import argmax_labels
from seg.inference.image_model import ImageModel
from seg.metrics.confusion import ConfusionMatrix


class ParityError(DataError):
    """Error of an export that differs from its network."""


@dataclass(frozen=True)
class Tolerance:
    """Largest differences between an export and its network.

    Attributes:
        agreement: share of pixels that must have the same class.
        miou_points: that the mIoU may fall, in hundredths.
        relative_error: of the logits, as in `Parity`.
    """

    agreement: float
    miou_points: float
    relative_error: float


TOLERANCES = {
    "fp32": Tolerance(0.9999, 0.02, 0.001),
    "fp16": Tolerance(0.999, 0.1, 0.02),
    "bf16": Tolerance(0.998, 0.2, 0.05),
    "int8": Tolerance(0.97, 0.3, 0.25),
}
"""Defaults by precision.

Logits of right exports were off by up to 2.6e-6 (fp32), 7.6e-4 (fp16), 5.6e-3 (bf16) and 2.6e-2
(int8); those of a pooling that is bound to a size by 4e-2 to 2e-1 in fp32.
"""


@dataclass(frozen=True)
class Parity:
    """Differences between an export and its network.

    Attributes:
        pictures: number of images; exports record it by this name.
        pixels: number of pixels.
        agreement: share of pixels of the same class.
        relative_error: of the logits, root of the summed squares over that of the
            logits themselves; None where labels are exported.
        max_error: the largest of the logits' errors; None likewise.
        finite: whether all logits are finite.
        miou_network: on these images, 0 to 1.
        miou_export: on these images, 0 to 1.
    """

    pictures: int
    pixels: int
    agreement: float
    relative_error: float | None
    max_error: float | None
    finite: bool
    miou_network: float
    miou_export: float

    def to_dict(self, tolerance: Tolerance) -> dict[str, Any]:
        """Return plain data for the card."""
        return {**asdict(self), "tolerance": asdict(tolerance)}

    def faults(self, tolerance: Tolerance) -> list[str]:
        """Return what exceeds a tolerance, in words."""
        lost = 100 * (self.miou_network - self.miou_export)
        if isnan(self.miou_network):  # of one class alone there is no mean: pixels decide
            lost = 0.0
        faults = []
        if not self.finite:
            faults.append("logits that are not finite")
        if not self.agreement >= tolerance.agreement:
            faults.append(
                f"{100 * self.agreement:.4f} % of the pixels have the same class, required are "
                f"{100 * tolerance.agreement:.4f} %"
            )
        if self.relative_error is not None and not self.relative_error <= tolerance.relative_error:
            faults.append(
                f"logits are off by {100 * self.relative_error:.2g} %, allowed "
                f"{100 * tolerance.relative_error:g} %"
            )
        if not lost <= tolerance.miou_points:
            faults.append(
                f"{lost:.3f} points of mIoU are lost ({100 * self.miou_network:.2f} to "
                f"{100 * self.miou_export:.2f}), allowed {tolerance.miou_points}"
            )
        return faults

    def __str__(self) -> str:
        error = "" if self.relative_error is None else f"logits off by {self.relative_error:.1e}, "
        return (
            f"{error}{100 * self.agreement:.4f} % of {self.pixels} pixels have the same class, "
            f"mIoU {100 * self.miou_network:.2f} -> {100 * self.miou_export:.2f}"
        )


class _OverlapScores:
    """IoU of classes that may overlap."""

    def __init__(self, labels: LabelSpace) -> None:
        self._labels = labels
        self._counts = np.zeros((2, labels.num_outputs), np.int64)  # both, either

    def update(self, prediction_BHW: Tensor, label_BHW: Tensor) -> None:
        """Count a batch of codes."""
        for pair in zip(prediction_BHW.numpy(), label_BHW.numpy(), strict=True):
            counted_HW = pair[1] != self._labels.ignore_index
            predicted_KHW, true_KHW = (output_masks(each, self._labels) for each in pair)
            self._counts += [
                (predicted_KHW & true_KHW).sum((1, 2)),
                ((predicted_KHW | true_KHW) & counted_HW).sum((1, 2)),
            ]

    def mean_iou(self) -> float:
        """Return the mean over the classes that occur; NaN where none does."""
        both_K, either_K = self._counts[:, self._counts[1] > 0]
        return float((both_K / either_K).mean()) if len(both_K) else float("nan")


def _scores(labels: LabelSpace) -> "ConfusionMatrix | _OverlapScores":
    if labels.mode == "multi_label":
        return _OverlapScores(labels)
    return ConfusionMatrix(labels.num_classes, labels.ignore_index)


@torch.inference_mode()
def measure(model: ImageModel, exported: ImageModel, samples: Sequence[Sample]) -> Parity:
    """Compare both on the same images.

    Args:
        model: the network, in evaluation mode.
        exported: its export.
        samples: images with their labels.
    """
    labels = model.labels
    matrices = [_scores(labels) for _ in range(2)]
    same = pixels = 0
    squares, largest, finite = [0.0, 0.0], 0.0, True  # of errors and logits; of errors
    for sample in samples:
        image_BCHW = torch.from_numpy(sample.image).permute(2, 0, 1)[None]
        expected = model.forward_image(image_BCHW)
        maps = [argmax_labels(expected, labels.outputs)]
        if exported.labels_alone:
            maps.append(exported.argmax_labels(image_BCHW))
        else:
            logits = exported.forward_image(image_BCHW)
            values = expected.values.float()
            errors = (logits.values.float() - values).double()
            squares[0] += float(errors.square().sum())
            squares[1] += float(values.double().square().sum())
            largest = max(largest, float(errors.abs().max()))
            finite = finite and bool(logits.values.isfinite().all())
            maps.append(argmax_labels(logits, labels.outputs))
        label_BHW = torch.from_numpy(sample.label)[None]
        for matrix, label_map in zip(matrices, maps, strict=True):
            matrix.update(label_map, label_BHW)
        same += int((maps[0] == maps[1]).sum())
        pixels += label_BHW.numel()
    scored = not exported.labels_alone
    return Parity(
        pictures=len(samples),
        pixels=pixels,
        agreement=same / pixels,
        relative_error=sqrt(squares[0] / squares[1]) if scored else None,
        max_error=largest if scored else None,
        finite=finite,
        miou_network=matrices[0].mean_iou(),
        miou_export=matrices[1].mean_iou(),
    )
