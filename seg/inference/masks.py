"""Decisions of sigmoid outputs: from logits to one mask an output, and to the codes of labels."""

import torch
from torch import Tensor

from seg.data.label_dtype import BYTE_IGNORE_INDEX
from seg.data.outputs import Outputs


def decide_masks(logits_BKHW: Tensor, outputs: Outputs) -> Tensor:
    """Return where each output is present: `sigmoid(logit) >= threshold`.

    Args:
        logits_BKHW: B x K x H x W, or any shape whose second axis is the outputs.
        outputs: their thresholds.

    Returns:
        bool, of the same shape.
    """
    return present(logits_BKHW.float().sigmoid(), outputs)


def present(probabilities_BKHW: Tensor, outputs: Outputs) -> Tensor:
    """Return where each output is present by its probability, as `decide_masks` does."""
    thresholds_K = torch.tensor(outputs.thresholds, device=probabilities_BKHW.device)
    trailing = (1,) * (probabilities_BKHW.ndim - 2)
    return probabilities_BKHW >= thresholds_K.view(-1, *trailing)


def code_dtype(outputs: Outputs) -> torch.dtype:
    """Return the type of the label maps of `codes_of_masks`."""
    largest = max(outputs.num_codes(0) - 1, outputs.background, *outputs.written, 0)
    return torch.uint8 if largest <= BYTE_IGNORE_INDEX else torch.int32


def codes_of_masks(masks_BKHW: Tensor, outputs: Outputs) -> Tensor:
    """Return the label map that masks stand for.

    Classes that may overlap give the set of classes, bit k for class k. Each region writes its
    class, a later one over an earlier one; pixels in none are background (nnU-Net,
    `regions_class_order`).

    Args:
        masks_BKHW: bool, B x K x H x W, or any shape whose second axis is the outputs.
        outputs: what they mean.

    Returns:
        uint8, for codes above 255 int32, the shape without its second axis.
    """
    kind = code_dtype(outputs)
    code_BHW = torch.full_like(masks_BKHW[:, 0], outputs.background, dtype=kind)
    for at, mask_BHW in enumerate(masks_BKHW.unbind(1)):
        if outputs.mode == "multi_label":
            code_BHW |= mask_BHW.to(kind) << at
        else:
            code_BHW[mask_BHW] = (outputs.written or outputs.classes[at])[at]
    return code_BHW
