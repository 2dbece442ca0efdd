"""`task=loss`: cross entropy from coarse logits, beside resizing them first."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from seg.benchmarks.interleaved import Prepared, Way
from seg.kernels.resize import Resize
from seg.losses.cross_entropy import CrossEntropy
from seg.models.coarse_logits import CoarseLogits

TEXTBOOK, OURS = "upsample, then F.cross_entropy", "seg, from coarse logits"
_STRIDE = 4
_IGNORED = 255
Shape = tuple[int, int, int, int]


def ways(shape: Shape, device: torch.device) -> dict[str, Way]:
    """Return the ways by name; the textbook's comes first.

    Args:
        shape: images, classes, height and width; the coarse logits are 4 px apart.
        device: of the tensors.
    """
    usual, ours = (partial(_prepared, name, shape, device) for name in (TEXTBOOK, OURS))
    return {
        TEXTBOOK: Way(usual),
        f"{TEXTBOOK}, memory kept": Way(usual, tuned=True),
        OURS: Way(ours, tuned=True),
    }


def loss_and_gradient(
    way: str, coarse_BKhw: Tensor, label_BHW: Tensor, num_classes: int
) -> tuple[Tensor, Tensor]:
    """Return the mean cross entropy, and its gradient to the coarse logits."""
    height, width = label_BHW.shape[1:]
    coarse_BKhw = coarse_BKhw.detach().requires_grad_()
    logits = CoarseLogits(coarse_BKhw, Resize((height, width), (height, width), True))
    if way == OURS:
        ours = CrossEntropy(num_classes=num_classes, ignore_index=_IGNORED)
        loss: Tensor = ours(logits, label_BHW)
    else:
        full_BKHW = functional.interpolate(
            coarse_BKhw, size=(height, width), mode="bilinear", align_corners=True
        )
        loss = functional.cross_entropy(full_BKHW, label_BHW.long(), ignore_index=_IGNORED)
        del full_BKHW  # the graph alone keeps it alive
    (gradient,) = torch.autograd.grad(loss, coarse_BKhw)
    return loss.detach(), gradient


def _prepared(way: str, shape: Shape, device: torch.device) -> Prepared:
    num_images, num_classes, *size = shape
    generator = torch.Generator(device).manual_seed(0)
    height, width = ((side - 1) // _STRIDE + 1 for side in size)
    coarse_BKhw = torch.randn(
        num_images, num_classes, height, width, generator=generator, device=device
    )
    label_BHW = torch.randint(
        num_classes, (num_images, *size), generator=generator, dtype=torch.uint8, device=device
    )
    label_BHW[:, : size[0] // 10] = _IGNORED
    return Prepared(partial(loss_and_gradient, way, coarse_BKhw, label_BHW, num_classes))
