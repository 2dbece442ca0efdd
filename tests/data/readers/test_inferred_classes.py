"""Classes from the values of labels: what is taken, what asks."""

from collections import Counter

import pytest

from seg.data.readers.inferred_classes import classes_of_values
from seg.errors import DataError


def infer(*labels, binary=True, grey=True):
    counted = [Counter(label) for label in labels]
    return classes_of_values(counted, "labels", binary=binary, grey=grey).labels


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([0, 255], ("background", "foreground")),
        ([0, 1], ("class_0", "class_1")),
        ([1, 2, 255], ("class_1", "class_2")),
        ([0, 33, 255], ("class_0", "class_33")),
        (range(150), tuple(f"class_{number}" for number in range(150))),
    ],
)
def test_values_that_are_ids(values, names):
    assert infer(dict.fromkeys(values, 1)).names == names


@pytest.mark.parametrize(
    "values",
    [[0, 128, 255], [0, 85, 170, 255], [0, 85, 170], [0, 64, 128, 192], [0, 254], [0, 65535]],
)
def test_levels_of_grey_ask(values):
    with pytest.raises(DataError, match="look like levels of grey") as caught:
        infer(dict.fromkeys(values, 1))
    assert len(str(caught.value).splitlines()) <= 6
    trained = [value for value in values if value != 255]
    assert infer(dict.fromkeys(values, 1), grey=False).num_classes == len(trained)


def test_many_ids_have_255_among_them():
    values = dict.fromkeys([*range(300), 65535], 1)
    labels = infer(values)
    assert labels.names == tuple(f"class_{number}" for number in range(300))
    assert dict(labels.file_ids) == {**{at: at for at in range(300)}, 65535: 65535}
    fitting = infer(dict.fromkeys([*range(255), 65535], 1))
    assert (fitting.num_classes, fitting.ignore_index) == (255, 255)
    assert dict(fitting.file_ids)[65535] == 255


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (range(1025), "1025 different values, up to 1024"),
        (range(0, 3000, 10), "300 different values, up to 2990"),
        (range(200, 290), "hold 254, 255 and 256"),
    ],
)
def test_many_values_that_may_be_no_ids_ask(values, told):
    with pytest.raises(DataError, match=told) as caught:
        infer(dict.fromkeys(values, 1))
    assert len(str(caught.value).splitlines()) <= 6
    assert "dataset.classes" in str(caught.value)


def test_ids_by_choice_may_be_sparse():
    assert infer(dict.fromkeys(range(0, 3000, 10), 1), grey=False).num_classes == 300


def test_smoothed_masks_ask():
    values = dict.fromkeys(range(1, 255), 1) | {0: 5000, 255: 3000}
    with pytest.raises(DataError, match="smoothed, resized or saved as JPEG"):
        infer(values)


@pytest.mark.parametrize("values", [[0], [255], [3, 255]])
def test_one_class_is_no_task(values):
    with pytest.raises(DataError, match="of the two classes that training needs"):
        infer(dict.fromkeys(values, 1))


def test_two_ways_to_write_a_mask_ask():
    with pytest.raises(DataError, match="1 hold 0 and 1, 2 others 255"):
        infer({0: 4, 1: 2}, {0: 4, 255: 2}, {255: 1})
    assert infer({0: 4, 1: 2, 255: 1}, {0: 4, 255: 2}).names == ("class_0", "class_1")


def test_where_255_is_ignored_by_choice_it_is_no_class():
    with pytest.raises(DataError, match="the value 0 alone"):
        infer({0: 1, 255: 1}, binary=False)
