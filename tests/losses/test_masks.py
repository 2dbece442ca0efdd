"""Losses of masks against torch, torchvision and segmentation-models-pytorch."""

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
import torchvision
from torch.nn import functional

from seg.errors import ConfigError
from seg.losses.binary_cross_entropy import BinaryCrossEntropy
from seg.losses.focal import Focal
from seg.losses.lovasz import LovaszHinge
from seg.losses.mask_loss import IGNORED, MaskLoss, masks_of
from seg.losses.tversky import Dice, Tversky

FACTS = {"num_classes": 3, "ignore_index": IGNORED}
MEMBERS = np.array([[code >> k & 1 for k in range(3)] for code in range(8)], bool)


@pytest.fixture
def logits():
    return 2 * torch.randn(2, 3, 10, 12, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def code():
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 8, (2, 10, 12), generator=generator).byte()


def wrapped(kind, **options):
    return MaskLoss(kind(**FACTS, **options), MEMBERS, 255)


def test_bits_become_masks_and_ignored_pixels_stay_apart(code):
    code[0, 0] = 255
    masks = masks_of(code, torch.from_numpy(MEMBERS).byte(), 255)
    assert masks.shape == (2, 3, 10, 12)
    assert (masks[0, :, 0] == IGNORED).all()
    for k in range(3):
        assert (masks[1, k] == (code[1] >> k & 1)).all()


def test_cross_entropy_is_that_of_torch(logits, code):
    masks = masks_of(code, torch.from_numpy(MEMBERS).byte(), 255)
    expected = functional.binary_cross_entropy_with_logits(logits, masks.float())
    torch.testing.assert_close(wrapped(BinaryCrossEntropy)(logits, code), expected)
    code[:, :5] = 255  # the rest alone counts
    part = functional.binary_cross_entropy_with_logits(logits[:, :, 5:], masks[:, :, 5:].float())
    torch.testing.assert_close(wrapped(BinaryCrossEntropy)(logits, code), part)


def test_weights_are_of_outputs(logits, code):
    masks = masks_of(code, torch.from_numpy(MEMBERS).byte(), 255).float()
    each = functional.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    weights = [1.0, 2.0, 5.0]
    expected = (each.mean((0, 2, 3)) * torch.tensor(weights)).sum() / sum(weights)
    loss = wrapped(BinaryCrossEntropy, class_weights=weights)
    torch.testing.assert_close(loss(logits, code), expected)
    with pytest.raises(ConfigError, match="2 weights for 3 classes"):
        BinaryCrossEntropy(**FACTS, class_weights=[1.0, 2.0])


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_focal_is_that_of_torchvision(logits, code, gamma):
    masks = masks_of(code, torch.from_numpy(MEMBERS).byte(), 255).float()
    expected = torchvision.ops.sigmoid_focal_loss(logits, masks, alpha=-1, gamma=gamma)
    torch.testing.assert_close(wrapped(Focal, gamma=gamma)(logits, code), expected.mean())


def test_overlap_is_that_of_segmentation_models(logits, code):
    masks = masks_of(code, torch.from_numpy(MEMBERS).byte(), 255)
    theirs = smp.losses.DiceLoss("multilabel", smooth=0.0)(logits, masks.float())
    torch.testing.assert_close(wrapped(Dice)(logits, code), theirs)
    theirs = smp.losses.TverskyLoss("multilabel", alpha=0.3, beta=0.7)(logits, masks.float())
    torch.testing.assert_close(wrapped(Tversky)(logits, code), theirs)


def test_the_hinge_of_each_output_is_that_of_segmentation_models(logits, code):
    code[0, :3] = 255
    masks = masks_of(code, torch.from_numpy(MEMBERS).byte(), 255)
    theirs = smp.losses.LovaszLoss("binary", ignore_index=IGNORED, from_logits=True)
    expected = [theirs(logits[:, k], masks[:, k].float()) for k in range(3)]
    torch.testing.assert_close(wrapped(LovaszHinge)(logits, code), torch.stack(expected).mean())
