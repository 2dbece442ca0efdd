import math

import numpy as np
import pytest
from scipy import ndimage

from seg.metrics.size_strata import STRATA, SizeStrata
from tests.metrics.maps import IGNORE, random_maps


@pytest.mark.parametrize("classes", [1, 2, 6])
def test_equals_the_definition(classes):
    ours = SizeStrata(classes, IGNORE)
    segments = {stratum: [] for stratum in STRATA}
    for seed in range(4):
        prediction, label = random_maps(seed, classes)
        ours.update(prediction, label)
        for class_id in range(classes):
            found, count = ndimage.label(label == class_id, np.ones((3, 3)))
            for segment in range(1, count + 1):
                right = prediction[found == segment] == class_id
                share = right.size / label.size
                place = "small" if share < 0.001 else "medium" if share < 0.01 else "large"
                segments[place].append(right)
    for stratum, scores in ours.scores().items():
        hits = segments[stratum]
        assert scores["segments"] == len(hits)
        assert scores["pixels"] == sum(map(len, hits))
        if hits:
            assert scores["pixel_recall"] == np.concatenate(hits).mean()
            expected = np.mean([right.mean() for right in hits])
            assert scores["segment_recall"] == pytest.approx(expected, abs=2**-24)
        else:
            assert math.isnan(scores["pixel_recall"])
            assert math.isnan(scores["segment_recall"])


def test_limits_and_neighbours():
    label = np.zeros((100, 100), np.uint8)
    label[0, :9] = 1  # 9 pixels of 10 000: small
    label[2, :9] = label[3, 9] = 2  # 10, joined at a corner: medium
    label[5, :99] = 3  # 99: medium
    label[7] = 4  # 100: large, and parts class 0, as the row of 3 does not
    prediction = np.where(label == 2, 0, label)
    metric = SizeStrata(5, IGNORE)
    metric.update(prediction, label)
    scores = metric.scores()
    assert [scores[stratum]["segments"] for stratum in STRATA] == [1, 2, 3]
    assert scores["medium"]["pixels"] == 109
    assert scores["medium"]["pixel_recall"] == 99 / 109
    assert scores["medium"]["segment_recall"] == 0.5
    assert scores["large"]["segment_recall"] == 1
