"""Each part that a configuration could name before it was renamed is found today."""

from pathlib import Path

import pytest

from seg.config.allowed_targets import FILE, USER, locate, registered
from seg.config.former_keys import with_present_keys
from seg.config.former_names import present_name, with_present_names
from seg.config.recorded_overrides import check_recorded
from seg.errors import ConfigError

# group of conf/ and target, as they stood there before modules and classes were renamed
RECORDED = [
    tuple(line.split())
    for line in Path(__file__).with_name("former_targets.txt").read_text().splitlines()
]
# the same targets, of the groups of today
FORMER = [
    (next(iter(with_present_keys({group: {"_target_": target}}))), target)
    for group, target in RECORDED
]


@pytest.mark.parametrize(("group", "target"), FORMER)
@pytest.mark.parametrize("author", [USER, FILE])
def test_a_former_target_is_located(group, target, author):
    found = locate(target, group, author)
    assert found is locate(present_name(target), group, author)
    assert present_name(target) in registered(group)
    assert found.__name__ == present_name(target).rpartition(".")[2]


@pytest.mark.parametrize(
    ("former", "present"),
    [
        ("seg.losses.hard_pixels.TopPixels", "seg.losses.hard_pixel_mining.HardPixelMining"),
        ("seg.losses.hard_pixel_mining.TopPixels", "seg.losses.hard_pixel_mining.HardPixelMining"),
        ("seg.teaching.soft_labels.SoftLabels", "seg.distillation.logit_kd.LogitKD"),
        ("seg.distillation.logit_kd.SoftLabels", "seg.distillation.logit_kd.LogitKD"),
        ("seg.teaching.channel_wise.ChannelWise", "seg.distillation.channel_wise_kd.ChannelWiseKD"),
        ("seg.teaching.feature_maps.FeatureMaps", "seg.distillation.feature_kd.FeatureKD"),
        ("seg.distillation.feature_kd.FeatureKD", "seg.distillation.feature_kd.FeatureKD"),
        (
            "seg.outputs.logged_pictures.LoggedPictures",
            "seg.training.callbacks.log_images.LogImages",
        ),
        ("torch.nn.ReLU", "torch.nn.ReLU"),
    ],
)
def test_a_class_that_was_renamed_has_its_present_name(former, present):
    assert present_name(former) == present
    assert with_present_names([{"_target_": former}]) == [{"_target_": present}]


def test_targets_at_any_depth_take_their_present_names():
    before = {
        "_target_": "seg.data.augmentation.Augmentation",
        "transforms": [{"_target_": "seg.data.scale_crop.RandomScaleCrop", "crop": [2, 3]}],
        "root": "seg.data.folder.Folder",
    }
    assert with_present_names(before) == {
        "_target_": "seg.data.transforms.pipeline.Augmentation",
        "transforms": [
            {"_target_": "seg.data.transforms.random_scale_crop.RandomScaleCrop", "crop": [2, 3]}
        ],
        "root": "seg.data.folder.Folder",
    }
    assert with_present_names({"_target_": 3}) == {"_target_": 3}


def test_a_former_name_opens_no_other_door(tmp_path):
    with pytest.raises(ConfigError, match="not allowed"):
        locate("seg.data.streets.os", "dataset", FILE)
    with pytest.raises(ConfigError, match="not allowed"):
        locate("seg.losses.hard_pixels.Ohem", "dataset", USER)
    check_recorded(["dataset._target_=seg.data.folder.Folder"], tmp_path)
    with pytest.raises(ConfigError, match="not registered"):
        check_recorded(["dataset._target_=seg.data.folder.Path"], tmp_path)
