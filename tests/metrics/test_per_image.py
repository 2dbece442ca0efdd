import itertools
import math

import numpy as np
import pytest
from torch import from_numpy
from torchmetrics.functional.classification import multiclass_jaccard_index

from seg.errors import ConfigError, DataError
from seg.metrics.joint_counts import pair_counts
from seg.metrics.per_image import Extremes, ImageScores, image_scores
from tests.metrics.maps import IGNORE, random_maps


@pytest.mark.parametrize("seed", range(3))
def test_scores_of_an_image_are_those_of_torchmetrics(seed):
    prediction, label = random_maps(seed, 7)
    scores = image_scores("a", pair_counts(prediction, label, 7, IGNORE))
    maps = from_numpy(prediction).long()[None], from_numpy(label).long()[None]
    expected = multiclass_jaccard_index(*maps, 7, ignore_index=IGNORE, average="macro")
    assert scores.mean_iou == pytest.approx(expected.item())
    assert scores.pixel_accuracy == (prediction == label)[label != IGNORE].mean()


def test_an_image_without_labels_has_no_score():
    scores = image_scores("a", np.zeros((3, 3), np.int64))
    assert math.isnan(scores.mean_iou)
    assert math.isnan(scores.pixel_accuracy)
    extremes = Extremes[str]()
    assert not extremes.wants(scores)
    extremes.add(scores, "picture")
    assert extremes.worst() == extremes.best() == []


def some_scores():
    mean_ious = [0.5, 0.1, 0.9, 0.5, 0.5, 0.3, 0.9, 0.1]
    return [ImageScores(name, miou, 1.0) for name, miou in zip("hgfedcba", mean_ious, strict=True)]


def names(kept):
    return "".join(image.scores.name for image in kept)


def test_keeps_the_same_images_in_every_order_and_split():
    for order in itertools.islice(itertools.permutations(some_scores()), 0, None, 997):
        extremes, other = Extremes[str](3), Extremes[str](3)
        for position, scores in enumerate(order):
            half = extremes if position % 3 else other
            wanted = half.wants(scores)
            half.add(scores, scores.name.upper())
            assert wanted == (scores.name in names(half.worst() + half.best()))
        extremes.merge(other)
        extremes.merge(other)  # a name counts once
        assert names(extremes.worst()) == "agc"
        assert names(extremes.best()) == "bfd"
        assert [image.payload for image in extremes.best()] == ["B", "F", "D"]


def test_counts_are_checked():
    assert not Extremes[str](0).wants(some_scores()[0])
    with pytest.raises(ConfigError, match="0 or more"):
        Extremes(-1)
    with pytest.raises(DataError, match="merged"):
        Extremes[str](1).merge(Extremes[str](2))
