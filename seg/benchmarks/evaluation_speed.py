"""`task=evaluation`: from coarse logits to a confusion matrix, beside torch and torchmetrics."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from seg.benchmarks.interleaved import Prepared, Way
from seg.benchmarks.models import NUM_CLASSES
from seg.inference.fusion import argmax_labels
from seg.kernels.resize import Resize
from seg.metrics.confusion import ConfusionMatrix
from seg.models.coarse_logits import CoarseLogits

FIRST = "torch resize and argmax, torchmetrics"
_STRIDE, _IGNORED = 4, 255


def ways(size: tuple[int, int], device: torch.device) -> dict[str, Way]:
    """Return the ways by name; the usual one comes first."""
    usual, ours = partial(_usual, size, device), partial(_ours, size, device)
    return {
        FIRST: Way(usual, needs=("torchmetrics",)),
        f"{FIRST}, memory kept": Way(usual, tuned=True, needs=("torchmetrics",)),
        "seg": Way(ours, tuned=True),
    }


def _inputs(size: tuple[int, int], device: torch.device) -> tuple[CoarseLogits, Tensor]:
    generator = torch.Generator().manual_seed(0)
    height, width = size
    shape = (1, NUM_CLASSES, (height - 1) // _STRIDE + 1, (width - 1) // _STRIDE + 1)
    values = torch.randn(shape, generator=generator).to(device)
    label_BHW = torch.randint(NUM_CLASSES, (1, *size), generator=generator, dtype=torch.uint8)
    label_BHW[:, : height // 10] = _IGNORED
    return CoarseLogits(values, Resize(size, size, align_corners=True)), label_BHW.to(device)


def _usual(size: tuple[int, int], device: torch.device) -> Prepared:
    from torchmetrics.classification import MulticlassConfusionMatrix

    logits, label_BHW = _inputs(size, device)
    matrix = MulticlassConfusionMatrix(NUM_CLASSES, ignore_index=_IGNORED).to(device)

    @torch.inference_mode()
    def call() -> Tensor:
        full_BKHW = functional.interpolate(
            logits.values, size=size, mode="bilinear", align_corners=True
        )
        counted: Tensor = matrix(full_BKHW.argmax(1), label_BHW.long())
        return counted

    return Prepared(call)


def _ours(size: tuple[int, int], device: torch.device) -> Prepared:
    logits, label_BHW = _inputs(size, device)
    matrix = ConfusionMatrix(NUM_CLASSES, _IGNORED).to(device)

    @torch.inference_mode()
    def call() -> Tensor:
        matrix.reset()
        matrix.update(argmax_labels(logits), label_BHW)
        return matrix.counts

    return Prepared(call)
