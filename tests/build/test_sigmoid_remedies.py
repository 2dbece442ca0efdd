"""Outputs that do not fit the labels, the loss or the training are refused with a remedy."""

import pytest

from seg.build.segmentation import build_segmentation
from seg.config.schema import TrainConfig, validate
from seg.errors import ConfigError
from tests.composition import composed
from tests.conftest import SMALL
from tests.data.overlapping_masks import write_nested, write_overlapping


@pytest.fixture
def nested(tmp_path):
    """Label maps of background, edge and core."""
    write_nested(tmp_path / "set", train=2, val=2)
    return ("dataset=folder", f"dataset.root={tmp_path / 'set'}", "augmentation.crop=[33,33]")


def labels_of(tmp_path, *line):
    line = [f"++{each}" if "={" in each else each for each in line]  # as the command takes them
    small = [each for each in SMALL if not each.startswith("dataset.")]
    config = validate(TrainConfig, composed("train", *small, "logger=csv", *line))
    return build_segmentation(config, tmp_path / "run").task.model.labels


@pytest.mark.parametrize(
    ("wrong", "reason", "remedy"),
    [
        (
            ["labels.thresholds=0.3"],
            "labels.thresholds: exclusive classes have none",
            ["labels.thresholds=0.3", "labels.regions={all: [edge, core], inner: [core]}"],
        ),
        (
            ["labels.mode=multi_label", "loss=bce"],
            "hold one class a pixel",
            ["labels.regions={a: [edge, core], b: [core]}"],
        ),
        (
            ["labels.mode=binary", "loss=bce"],
            "3 classes; two are needed",
            ["labels.mode=binary", "labels.merge={foreground: [edge, core]}"],
        ),
        (
            ["labels.regions={all: [edge, core]}", "loss=bce"],
            "say which: labels.region_order",
            ["labels.regions={all: [edge, core]}", "labels.region_order=[core]"],
        ),
    ],
)
def test_outputs_that_do_not_fit_the_labels(nested, tmp_path, wrong, reason, remedy):
    with pytest.raises(ConfigError) as caught:
        labels_of(tmp_path, *nested, *wrong)
    assert reason in str(caught.value)
    assert labels_of(tmp_path, *nested, *remedy, "loss=bce").mode in ("regions", "binary")


def test_one_mask_file_a_class_gives_classes_that_overlap(tmp_path):
    write_overlapping(tmp_path / "set", train=2, val=2)
    line = (
        *("dataset=folder", f"dataset.root={tmp_path / 'set'}", "augmentation.crop=[33,33]"),
        *("dataset.images='images/{split}/*.png'", "labels.mode=multi_label"),
        *("dataset.labels='masks/{split}/{class}/{stem}.png'", "loss=bce"),
    )
    assert labels_of(tmp_path, *line).mode == "multi_label"
    with pytest.raises(ConfigError, match=r"labels.regions: the classes of this dataset overlap"):
        labels_of(tmp_path, *line[:-1], "labels.regions={all: [bar, disk]}", "loss=bce")


def test_a_loss_that_fits_is_offered(nested, tmp_path):
    regions = "labels.regions={all: [edge, core], inner: [core]}"
    with pytest.raises(ConfigError, match=r"it needs labels.mode=exclusive\n  give loss=.*dice"):
        labels_of(tmp_path, *nested, regions)
    assert labels_of(tmp_path, *nested, regions, "loss=dice").mode == "regions"


def test_what_learns_from_a_softmax_needs_exclusive_classes(nested, tmp_path):
    images = f"semi_supervised.images={tmp_path / 'set/images/val'}"
    regions = ("labels.regions={all: [edge, core], inner: [core]}", "loss=bce")
    line = (*nested, "semi_supervised=mean_teacher", images, "semi_supervised.num_workers=0")
    line = (*line, "semi_supervised.batch_size=2")
    with pytest.raises(ConfigError, match=r"leave semi_supervised out, or use labels.mode=excl"):
        labels_of(tmp_path, *line, *regions)
    assert labels_of(tmp_path, *line, "labels.mode=exclusive").mode == "exclusive"
