"""Classes that a network never predicts are named, with keys that exist."""

import pytest

from seg.metrics.score_keys import under_split
from seg.metrics.unlearnt import unlearnt

NAMES = ("background", "crack", "paint")
AUTO = {
    "loss": {"_target_": "seg.losses.cross_entropy.CrossEntropy", "class_weights": None},
    "sampler": {"_target_": "seg.data.loading.samplers.Shuffle"},
    "trainer": {"max_steps": 500},
}


def test_one_class_everywhere():
    lines = unlearnt([[98, 0, 0], [1, 0, 0], [1, 0, 0]], NAMES, AUTO)
    assert lines == [
        "every pixel is predicted as background",
        "never predicted: crack (1.00% of pixels), paint (1.00% of pixels)",
        "  try, in training: loss.class_weights=auto, loss=dice, sampler=class_uniform, "
        "more steps (trainer.max_steps)",
    ]


def test_a_class_that_is_never_right():
    lines = unlearnt([[90, 2, 0], [4, 0, 0], [1, 0, 3]], NAMES, {})
    assert lines[0] == "predicted, but never right: crack (4.00% of pixels)"


@pytest.mark.parametrize(
    "confusion", [[[9, 0, 0], [1, 1, 0], [0, 1, 1]], [[9, 1, 0], [0, 1, 0], [0, 0, 0]]]
)
def test_nothing_to_say_where_each_labelled_class_is_right_somewhere(confusion):
    assert unlearnt(confusion, NAMES, AUTO) == []


def test_keys_that_the_configuration_lacks_are_not_named():
    config = {"loss": {"_target_": "seg.losses.tversky.Dice"}, "sampler": {"_target_": "x.Repeat"}}
    (remedy,) = unlearnt([[9, 0, 0], [1, 0, 0], [1, 0, 5]], NAMES, config)[1:]
    assert remedy == "  try, in training: more steps (trainer.max_epochs)"


def test_scores_of_earlier_versions_get_the_name_of_their_split():
    old = {"val/miou": 0.5, "val/iou/val/x": 0.1, "evaluation_s": 2.0}
    assert under_split(old, "test") == {
        "test/miou": 0.5,
        "test/iou/val/x": 0.1,
        "evaluation_s": 2.0,
    }
    assert under_split(old, "val") == old
    new = {"test/miou": 0.5, "evaluation_s": 2.0}
    assert under_split(new, "test") == new
