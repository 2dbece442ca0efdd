"""Images of labels of more than 255 classes."""

import numpy as np

from seg.data.label_space import LabelSpace
from seg.data.label_values import label_values
from seg.data.readers.class_table import distinct_palette
from seg.dataset_tools.statistics import draw
from seg.reports.sections import _drawable
from seg.visualization.grids import label_image, legend

COUNT = 300
LABELS = LabelSpace.identity(tuple(f"c{at}" for at in range(COUNT)), distinct_palette(COUNT))


def test_label_images_and_files_hold_every_id():
    label = np.array([[0, 255, 256, COUNT - 1, 65535]], np.uint16)
    assert np.asarray(label_image(label, LABELS)).tolist() == label.tolist()
    for kind in ("id", "index"):
        values = label_values(LABELS, kind)
        assert values.dtype is np.uint16
        assert values.written(label).tolist() == label.tolist()


def test_of_many_classes_the_first_stand_in_the_legend():
    assert legend(LABELS, 130).height == 256 * 18 + 6
    few = LabelSpace.identity(LABELS.names[:255], LABELS.palette[:255])
    assert legend(few, 130).height == 255 * 18 + 6


def test_of_many_classes_the_most_frequent_are_drawn():
    frequencies = np.linspace(0, 2 / COUNT, COUNT)
    statistics = {
        **{"split": "train", "samples": 3, "classes": list(LABELS.names)},
        **{"frequencies": frequencies.tolist(), "images": [3] * COUNT, "ignored_share": 0.0},
        **{"co_occurrence": np.full((COUNT, COUNT), 3).tolist()},
        **{side: {"min": 9, "median": 9, "max": 9} for side in ("width", "height")},
        **{"rgb_mean": [0.5] * 3, "rgb_std": [0.1] * 3},
    }
    assert 255 * 14 < draw(statistics, LABELS).height < 255 * 14 + 300


def test_a_page_shows_the_most_labelled_of_many_classes():
    counts = np.diag(np.arange(1, COUNT + 1))
    counts[299, 0] = 50
    matrix, names, colors = _drawable(counts.tolist(), LABELS.names, LABELS.palette)
    assert (len(matrix), len(names), len(colors)) == (101, 101, 101)
    assert names[0] == "c200"
    assert names[-1] == "200 others"
    assert np.sum(matrix) == counts.sum()
    assert matrix[99] == [0] * 99 + [300, 50]
    same = _drawable(counts[:255, :255].tolist(), LABELS.names[:255], None)
    assert len(same[0]) == 255
