"""Losses of overlap and of neighbourhoods against other people's code, or their formulas."""

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from torch.nn import functional

from seg.losses.boundary import Boundary
from seg.losses.cross_entropy import CrossEntropy
from seg.losses.lovasz import Lovasz
from seg.losses.region_mutual_information import RegionMutualInformation
from seg.losses.tversky import Dice, Tversky

FACTS = {"num_classes": 3, "ignore_index": 255}


def batch(height=12, width=16):
    generator = torch.Generator().manual_seed(3)
    logits = 2 * torch.randn(2, 3, height, width, generator=generator)
    label = torch.randint(0, 3, (2, height // 4, width // 4), generator=generator)
    return logits, label.repeat_interleave(4, 1).repeat_interleave(4, 2)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Dice(**FACTS), smp.losses.DiceLoss("multiclass")),
        (
            Tversky(**FACTS, alpha=0.2, beta=0.9),
            smp.losses.TverskyLoss("multiclass", alpha=0.2, beta=0.9),
        ),
        (Lovasz(**FACTS), smp.losses.LovaszLoss("multiclass")),
    ],
    ids=["dice", "tversky", "lovasz"],
)
def test_equals_smp_where_all_classes_occur_and_none_is_ignored(ours, theirs):
    logits, label = batch()
    first, second = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    found, expected = ours(first, label), theirs(second, label)
    torch.testing.assert_close(found, expected)
    found.backward()
    expected.backward()
    torch.testing.assert_close(first.grad, second.grad)


def test_label_smoothing_is_that_of_torch():
    logits, label = batch()
    label[:, :2] = 255
    weights = [1.0, 2.0, 0.5]
    found = CrossEntropy(**FACTS, class_weights=weights, label_smoothing=0.1)(logits, label)
    expected = functional.cross_entropy(
        logits, label, torch.tensor(weights), ignore_index=255, label_smoothing=0.1
    )
    torch.testing.assert_close(found, expected)


def test_lovasz_of_certain_predictions_is_one_minus_the_mean_iou():
    _, label = batch()
    predicted = label.clone()
    predicted[:, :5, :6] = 1
    logits = 200.0 * functional.one_hot(predicted, 3).movedim(-1, 1)
    both, either = (
        [(op(predicted == k, label == k)).sum().item() for k in range(3)]
        for op in (torch.logical_and, torch.logical_or)
    )
    expected = 1 - np.mean(np.divide(both, either))
    assert Lovasz(**FACTS)(logits, label).item() == pytest.approx(expected, abs=1e-6)


def test_boundary_wants_boundaries_where_they_are_within_the_tolerance():
    label = torch.zeros(1, 20, 20, dtype=torch.long)
    label[:, :, 10:] = 1

    def of_shift(shift_px):
        logits = 50.0 * functional.one_hot(label.roll(shift_px, 2), 3).movedim(-1, 1)
        logits[..., :6] = 50.0 * functional.one_hot(label, 3).movedim(-1, 1)[..., :6]
        return Boundary(**FACTS, tolerance_px=2)(logits, label).item()

    assert of_shift(0) == pytest.approx(0, abs=1e-6)
    assert of_shift(2) == pytest.approx(0, abs=1e-6)
    assert of_shift(3) > 0.9


def test_mutual_information_is_its_formula():
    logits, label = batch(20, 24)
    label[0, :3] = 255
    found = RegionMutualInformation(**FACTS, side_px=2, pool_px=2)(logits, label)

    expected = 0.0
    counted = (label != 255).numpy()
    for image in range(2):
        probability = logits[image].double().softmax(0).numpy() * counted[image]
        for k in range(3):
            truth = (label[image] == k).numpy() * 1.0
            if not truth.any():
                continue
            y, p = (neighbourhoods(each) for each in (truth, probability[k]))
            ridge = 5e-4 * np.eye(4)
            rest = y @ y.T - y @ p.T @ np.linalg.inv(p @ p.T + ridge) @ p @ y.T
            expected += 0.5 * np.log(np.linalg.det(rest + ridge)) / 4 / 2
    assert found.item() == pytest.approx(expected, rel=1e-5)


def neighbourhoods(picture):
    """4 x N: the pixels of every 2 x 2 window of the picture at half its size, less their mean."""
    small = picture.reshape(picture.shape[0] // 2, 2, -1, 2).mean((1, 3))
    corners = [small[:-1, :-1], small[:-1, 1:], small[1:, :-1], small[1:, 1:]]
    rows = np.stack([corner.ravel() for corner in corners])
    return rows - rows.mean(1, keepdims=True)
