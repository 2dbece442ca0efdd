"""Values of written label files: deterministic, and read back as what was written."""

import numpy as np
import pytest

from seg.data.datasets.ade20k import LABELS as ADE20K
from seg.data.datasets.cityscapes import LABEL_IDS, TRAIN_IDS
from seg.data.datasets.coco_stuff import LABELS as COCO_STUFF
from seg.data.datasets.oxford_pet import FOREGROUND
from seg.data.datasets.pascal_voc import LABELS as VOC
from seg.data.label_space import LabelSpace
from seg.data.label_values import label_values
from seg.errors import ConfigError

PALETTE = ((1, 2, 3), (4, 5, 6))


def space(*file_ids):
    return LabelSpace(("a", "b"), PALETTE, file_ids)


@pytest.mark.parametrize("labels", [ADE20K, LABEL_IDS, TRAIN_IDS, COCO_STUFF, FOREGROUND, VOC])
def test_written_values_read_back(labels):
    values = label_values(labels, "id")
    label_1N = np.array([[*range(labels.num_classes), labels.ignore_index]], np.uint8)
    np.testing.assert_array_equal(labels.encode(values.written(label_1N), "x.png"), label_1N)
    assert values.dtype is np.uint8


@pytest.mark.parametrize(
    ("file_ids", "classes", "ignored"),
    [
        (((5, 0), (3, 1), (255, 255)), (5, 3), 255),
        (((5, 0), (3, 1), (4, 0), (8, 255), (9, 255)), (4, 3), 8),
        (((5, 0), (3, 1)), (5, 3), 255),
        (((255, 0), (3, 1)), (255, 3), 254),
        (((255, 0), (300, 1)), (255, 300), 65535),
        (((65535, 0), (0, 1), (255, 255)), (65535, 0), 255),
    ],
)
def test_the_smallest_id_stands_for_a_class(file_ids, classes, ignored):
    values = label_values(space(*file_ids), "id")
    assert (values.classes, values.ignored) == (classes, ignored)
    assert values.written(np.array([[0, 1, 255]], np.uint8)).tolist() == [[*classes, ignored]]


def test_the_summary_says_which_id_a_merged_class_has():
    labels = space((5, 0), (3, 1), (4, 0), (255, 255))
    assert label_values(labels, "id").summary() == (
        "the dataset's ids: 4 a (the smallest of 4, 5), 3 b"
    )
    assert label_values(labels, "index").summary() == "positions in the class list: 0 a, 1 b"


def test_a_class_without_an_id_is_refused_by_name():
    labels = space((5, 0), (255, 255))
    with pytest.raises(ConfigError, match=r"no id of the class 'b'.*\n.*values=index"):
        label_values(labels, "id")
    assert label_values(labels, "index").classes == (0, 1)
