import math

import pytest
import torch
from torchmetrics.classification import MulticlassJaccardIndex

from seg.metrics.confusion import ConfusionMatrix
from seg.metrics.scores import Scores


@pytest.mark.parametrize("seed", range(5))
def test_equals_torchmetrics_with_ignored_and_absent_classes(seed):
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(0, 6, (3, 20, 30), generator=generator)  # classes 6 and 7 never occur
    prediction = torch.randint(0, 7, (3, 20, 30), generator=generator)  # 6 is predicted, 7 is not
    label[0, :5] = 255
    ours = ConfusionMatrix(8, 255)
    for one_prediction, one_label in zip(prediction, label, strict=True):
        ours.update(one_prediction, one_label)
    reference = MulticlassJaccardIndex(num_classes=8, average="none", ignore_index=255)
    expected = reference(prediction, label)
    torch.testing.assert_close(ours.iou()[:7].float(), expected[:7])
    assert math.isnan(ours.iou()[7])
    assert ours.mean_iou() == pytest.approx(expected[:7].mean().item())
    assert ours.pixel_accuracy() == pytest.approx(
        (prediction == label)[label != 255].double().mean().item()
    )


def test_counts_beyond_float32_are_exact():
    matrix = ConfusionMatrix(2, 255)
    matrix.counts[0, 0] = 2**53
    matrix.update(torch.zeros(1, 1, dtype=torch.uint8), torch.zeros(1, 1, dtype=torch.uint8))
    assert matrix.counts[0, 0].item() == 2**53 + 1


def test_scores_have_flat_keys_and_start_anew():
    scores = Scores(("road", "sky"), 255)
    logits = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand(2, 2, 3, 3)
    scores.update(logits, torch.zeros(2, 3, 3, dtype=torch.uint8), torch.tensor(0.5))
    first = scores.compute("val")
    assert first["val/miou"] == first["val/iou/road"] == first["val/pixel_accuracy"] == 1
    assert first["val/loss"] == 0.5
    assert math.isnan(first["val/iou/sky"])
    assert math.isnan(scores.compute("val")["val/miou"])
