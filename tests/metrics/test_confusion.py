import math

import numpy as np
import pytest
import torch
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassJaccardIndex,
)

from seg.errors import DataError
from seg.metrics.confusion import ConfusionMatrix
from seg.metrics.scores import Scores


def random_batch(seed, classes):
    """The last class is predicted but not labelled, the one before it never occurs."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(0, max(classes - 2, 1), (3, 20, 30), generator=generator)
    prediction = torch.randint(0, max(classes - 2, 1), (3, 20, 30), generator=generator)
    prediction[torch.rand(label.shape, generator=generator) < 0.3] = classes - 1
    label[0, :5] = 255
    return prediction, label


@pytest.mark.parametrize("classes", [2, 5, 19, 150])
@pytest.mark.parametrize("seed", range(3))
def test_equals_torchmetrics_with_ignored_and_absent_classes(seed, classes):
    prediction, label = random_batch(seed, classes)
    ours = ConfusionMatrix(classes, 255)
    for one_prediction, one_label in zip(prediction, label, strict=True):
        ours.update(one_prediction, one_label.to(torch.uint8))
    settings = {"num_classes": classes, "ignore_index": 255, "validate_args": False}
    for scores, reference in (
        (ours.iou(), MulticlassJaccardIndex(average="none", **settings)),
        (ours.dice(), MulticlassF1Score(average="none", **settings)),
        (ours.class_accuracy(), MulticlassAccuracy(average="none", **settings)),
    ):
        expected = reference(prediction, label)
        known = ~scores.isnan()
        torch.testing.assert_close(scores[known].float(), expected[known])
        assert not expected[~known].any()
    occurring = set(prediction[label != 255].tolist()) | set(label[label != 255].tolist())
    assert set(ours.iou().isnan().logical_not().nonzero()[:, 0].tolist()) == occurring
    macro = MulticlassJaccardIndex(average="macro", **settings)(prediction, label)
    assert ours.mean_iou() == pytest.approx(macro.item())
    weighted = MulticlassJaccardIndex(average="weighted", **settings)(prediction, label)
    assert ours.frequency_weighted_iou() == pytest.approx(weighted.item())
    recall = MulticlassAccuracy(average="none", **settings)(prediction, label)
    labelled = label[label != 255].unique()
    assert ours.mean_accuracy() == pytest.approx(recall[labelled].mean().item())
    assert ours.mean_dice() == pytest.approx(ours.dice()[sorted(occurring)].mean().item())
    assert ours.pixel_accuracy() == pytest.approx(
        (prediction == label)[label != 255].double().mean().item()
    )


def test_one_class_and_none():
    matrix = ConfusionMatrix(1, 255)
    names = ("mean_iou", "mean_dice", "mean_accuracy", "frequency_weighted_iou", "pixel_accuracy")
    label = torch.tensor([[255, 255]], dtype=torch.uint8)
    matrix.update(torch.zeros(1, 2, dtype=torch.int64), label)
    assert all(math.isnan(getattr(matrix, name)()) for name in names)
    matrix.update(torch.zeros(1, 2, dtype=torch.int64), torch.zeros_like(label))
    means = ("mean_iou", "mean_dice")
    assert all(getattr(matrix, name)() == 1 for name in names if name not in means)
    assert all(math.isnan(getattr(matrix, name)()) for name in means)  # no mean of one class


@pytest.mark.parametrize(
    ("prediction", "label", "named"),
    [(4, 0, "prediction holds 4"), (0, 4, "label holds 4"), (0, -1, "label holds -1")],
)
def test_foreign_ids_are_refused(prediction, label, named):
    maps = torch.tensor([[prediction, 1]]), torch.tensor([[label, 255]])
    with pytest.raises(DataError, match=named):
        ConfusionMatrix(4, 255).update(*maps)


@pytest.mark.parametrize("ignore_index", [255, -100])
@pytest.mark.parametrize("kind", [torch.uint8, torch.int64, torch.int32])
def test_every_integer_type_counts_alike(kind, ignore_index):
    prediction, label = random_batch(0, 150)
    label[label == 255] = ignore_index
    label = label.to(kind if ignore_index >= 0 else torch.int64)
    matrix = ConfusionMatrix(150, ignore_index)
    matrix.update(prediction.to(kind)[:, ::2], label[:, ::2])
    expected = np.zeros((150, 150), np.int64)
    for row, column in zip(label[:, ::2].flatten(), prediction[:, ::2].flatten(), strict=True):
        if row != ignore_index:
            expected[row, column] += 1
    assert np.array_equal(matrix.counts, expected)


def test_counts_beyond_float32_are_exact():
    matrix = ConfusionMatrix(2, 255)
    matrix.counts[0, 0] = 2**53
    matrix.update(torch.zeros(1, 1, dtype=torch.uint8), torch.zeros(1, 1, dtype=torch.uint8))
    assert matrix.counts[0, 0].item() == 2**53 + 1


def test_scores_have_flat_keys_and_start_anew():
    scores = Scores(("road", "sky"), 255)
    zeros = torch.zeros(2, 3, 3, dtype=torch.uint8)
    scores.update(zeros, zeros, torch.tensor(0.5))
    ones = torch.ones(2, 3, 3, dtype=torch.uint8)
    scores.update(ones, ones, torch.tensor(0.7))
    first = scores.compute("val")
    assert first["val/miou"] == first["val/iou/road"] == first["val/pixel_accuracy"] == 1
    assert first["val/loss"] == pytest.approx(0.6)
    assert math.isnan(scores.compute("val")["val/miou"])


def test_one_class_alone_has_no_mean(caplog):
    scores = Scores(("road", "sky"), 255)
    zeros = torch.zeros(2, 3, 3, dtype=torch.uint8)
    scores.update(zeros, zeros, torch.tensor(0.0))
    computed = scores.compute("val")
    assert math.isnan(computed["val/miou"])
    assert math.isnan(computed["val/iou/sky"])
    assert computed["val/iou/road"] == 1
    assert "no mIoU: labels and predictions hold one class alone, 'road'" in caplog.text
