"""COCO's run-length encoding, against its own library."""

import numpy as np
import pytest

from seg.prediction.rle import class_runs

SHAPES = [(1, 1), (1, 9), (9, 1), (31, 47), (200, 3)]


def label(shape, seed, classes=4):
    """Blobs, stripes and noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, classes, (shape[0] // 6 + 1, shape[1] // 6 + 1), dtype=np.uint8)
    grown = np.repeat(np.repeat(coarse, 6, 0), 6, 1)[: shape[0], : shape[1]]
    noise = rng.random(shape) < 0.05
    return np.where(noise, rng.integers(0, classes, shape), grown).astype(np.uint8)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_runs_tell_area_and_box(shape, seed):
    label_HW = label(shape, seed)
    found = {runs.class_id: runs for runs in class_runs(label_HW, num_classes=4)}
    assert list(found) == np.unique(label_HW).tolist()
    for class_id, runs in found.items():
        rows, columns = np.nonzero(label_HW == class_id)
        left, top = columns.min(), rows.min()
        assert runs.area == len(rows)
        assert runs.box == (left, top, columns.max() - left + 1, rows.max() - top + 1)


def test_ignored_pixels_are_of_no_class():
    label_HW = np.array([[0, 255], [255, 1]], np.uint8)
    assert [runs.class_id for runs in class_runs(label_HW, num_classes=2)] == [0, 1]


@pytest.mark.parametrize("shape", [*SHAPES, (700, 900)])
def test_encoding_equals_pycocotools(shape):
    mask = pytest.importorskip("pycocotools.mask")
    label_HW = label(shape, seed=7)
    for runs in class_runs(label_HW, num_classes=4):
        theirs = mask.encode(np.asfortranarray(label_HW == runs.class_id, np.uint8))
        ours = runs.encoded()
        assert ours["counts"].encode() == theirs["counts"]
        assert ours["size"] == list(theirs["size"])
        assert runs.box == tuple(mask.toBbox(theirs))
