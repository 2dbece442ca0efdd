"""Scores of sigmoid outputs against scikit-learn and counts by hand."""

import numpy as np
import pytest
import torch
from sklearn import metrics

from seg.data.label_space import LabelSpace
from seg.metrics.bootstrap import PoissonBootstrap
from seg.metrics.boundary import BoundaryIoU
from seg.metrics.mask_counts import (
    mask_counts,
    mean_output_scores,
    output_scores,
    probability_counts,
)
from seg.metrics.mask_scores import (
    BINS,
    MaskScores,
    average_precision,
    best_dice_thresholds,
    probability_bins,
)
from seg.metrics.resampled_sums import ResampledSums

SPACE = LabelSpace.overlapping(("a", "b"), ((1, 0, 0), (0, 1, 0)))


def pixels(seed=0, count=4000):
    """Binned probabilities that know something of their masks, 2 x N, and these."""
    rng = np.random.default_rng(seed)
    masks = rng.random((2, count)) < [[0.4], [0.1]]
    logits = rng.normal(size=(2, count)) + 2 * masks - 1
    binned = np.floor(BINS / (1 + np.exp(-logits))) / BINS
    return binned.astype(np.float32), masks.astype(np.uint8)


def histogram(probabilities, masks):
    counts = probability_counts(probabilities, masks)
    return counts[:, -2 * BINS :].reshape(-1, 2, BINS)


def test_average_precision_is_that_of_scikit_learn():
    probabilities, masks = pixels()
    values = average_precision(histogram(probabilities, masks))
    for value, row, mask in zip(values, probabilities, masks, strict=True):
        assert value == pytest.approx(metrics.average_precision_score(mask, row), abs=1e-12)
    assert np.isnan(average_precision(histogram(probabilities, 0 * masks))).all()


def test_the_chosen_thresholds_have_the_best_dice():
    probabilities, masks = pixels()
    chosen = best_dice_thresholds(histogram(probabilities, masks))
    for threshold, row, mask in zip(chosen, probabilities, masks, strict=True):
        dice = [metrics.f1_score(mask, row >= at / BINS) for at in range(1, BINS, 8)]
        assert metrics.f1_score(mask, row >= threshold) >= max(dice)
    assert best_dice_thresholds(histogram(probabilities, 0 * masks)) == (0.5, 0.5)
    perfect = histogram(masks.astype(np.float32), masks)
    assert best_dice_thresholds(perfect) == (0.5, 0.5)  # of equal ones the nearest


def test_bins_tell_exactly_which_thresholds_are_reached():
    values = torch.tensor([0.0, 0.5, 0.49999997, 1.0, 3 / BINS])
    bins = probability_bins(values)
    assert bins.tolist() == [0, BINS // 2, BINS // 2 - 1, BINS - 1, 3]


@pytest.mark.parametrize("choose", [False, True])
def test_scores_of_a_pass(choose):
    probabilities, masks = pixels(count=48)
    code = torch.from_numpy(masks[0] + 2 * masks[1]).view(1, 6, 8)
    code[0, 0] = 255
    given = torch.from_numpy(probabilities).view(1, 2, 6, 8)
    scores = MaskScores(SPACE.outputs, SPACE.members, 255, choose_thresholds=choose)
    scores.update(given, given >= 0.5, code, torch.tensor(0.25))
    scores.update(given, given >= 0.5, torch.full_like(code, 255), torch.tensor(0.75))
    assert scores.counted == 40
    found = scores.compute("val")
    assert found["val/loss"] == 0.5
    for k, name in enumerate("ab"):
        mask, row = masks[k, 8:], probabilities[k, 8:]
        predicted = row >= scores.outputs.thresholds[k]
        assert found[f"val/dice/{name}"] == pytest.approx(metrics.f1_score(mask, predicted))
        assert found[f"val/iou/{name}"] == pytest.approx(metrics.jaccard_score(mask, predicted))
    assert found["val/miou"] == pytest.approx((found["val/iou/a"] + found["val/iou/b"]) / 2)
    assert (scores.outputs.thresholds == (0.5, 0.5)) == (not choose)
    assert scores.counted == 0


def test_every_score_follows_from_the_counts():
    probabilities, masks = pixels(count=600)
    masks_KHW = masks.reshape(2, 20, 30).copy()
    masks_KHW[:, :4] = 255
    predicted = probabilities.reshape(2, 20, 30) >= 0.5
    counted = masks_KHW[0] != 255
    rows = probabilities.reshape(2, 20, 30)[:, counted], masks_KHW[:, counted]
    counts = probability_counts(*rows) + mask_counts(predicted, masks_KHW, boundary_ratio=0.05)
    scores = output_scores(counts)
    for k in range(2):
        mask, decided = rows[1][k], rows[0][k] >= 0.5
        assert scores["precision"][k] == pytest.approx(metrics.precision_score(mask, decided))
        assert scores["recall"][k] == pytest.approx(metrics.recall_score(mask, decided))
        boundary = BoundaryIoU(2, 255, ratio=0.05)
        boundary.update(predicted[k].astype(np.uint8), masks_KHW[k])
        assert scores["boundary_iou"][k] == boundary.iou()[1]
        bins = np.ceil(rows[0][k] * 15).clip(1)
        gaps = [
            abs(mask[bins == each].mean() - rows[0][k][bins == each].mean()) * (bins == each).mean()
            for each in np.unique(bins)
        ]
        assert scores["ece"][k] == pytest.approx(sum(gaps), abs=1e-6)
    means = mean_output_scores(counts)
    decisions = (rows[0] >= 0.5) == (rows[1] == 1)
    assert means["pixel_accuracy"] == pytest.approx(decisions.mean())
    assert means["mean_dice"] == pytest.approx(scores["dice"].mean())


def test_an_output_that_does_not_occur_has_no_score():
    counts = mask_counts(
        np.zeros((2, 4, 4), bool), np.zeros((2, 4, 4), np.uint8), boundary_ratio=0.02
    )
    assert np.isnan(output_scores(counts)["iou"]).all()
    assert np.isnan(mean_output_scores(counts)["miou"])


def test_resampled_sums_are_those_of_the_bootstrap():
    rng = np.random.default_rng(0)
    sums, bootstrap = ResampledSums(3, replicates=50), PoissonBootstrap(1, replicates=50)
    for image in range(70):
        hits, missed, wrong = rng.integers(0, 10**6, 3)
        bootstrap.update(f"{image}", np.array([[hits]]) + 0)
        sums.update(f"{image}", np.array([hits, missed, wrong]))
    assert (sums.replicates[:, 0] == bootstrap.sums()["bootstrap"][:, 0, 0]).all()
    halves = [ResampledSums(3, replicates=50) for _ in range(2)]
    for image in range(10):
        halves[image % 2].update(f"{image}", np.array([image, 1, 2]))
    whole = ResampledSums(3, replicates=50)
    for image in range(10):
        whole.update(f"{image}", np.array([image, 1, 2]))
    added = sum(half.sums()["resampled"] for half in halves)
    assert (added == whole.replicates).all()
