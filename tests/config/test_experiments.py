"""Each experiment file says how to run it, and that command composes to what the file promises."""

import shlex

import pytest

from seg.build.instantiate import check_targets
from seg.config.conf_dir import conf_dir
from seg.config.schema import PretrainConfig, TrainConfig, validate
from tests.composition import composed, known_to_pretraining

FILES = sorted((conf_dir() / "experiment").glob("*.yaml"))
RECIPES = sorted((conf_dir() / "pretraining").glob("*.yaml"))
PUBLISHED = {
    # optimizer steps, crop, learning rate, encoder: the sources are in the files
    "cityscapes_xception65": (90_000, 769, 0.01, "aligned_xception65"),
    "cityscapes_xception71": (90_000, 769, 0.01, "aligned_xception71"),
    "pascal_voc_xception65": (30_000, 513, 0.007, "aligned_xception65"),
    "ade20k_xception65": (150_000, 513, 0.007, "aligned_xception65"),
}


def heading(path):
    """Keyword -> text of the comment that a file opens with."""
    lines = path.read_text().splitlines()[1:]
    comment = [line[2:] for line in lines if line.startswith("# ")]
    return {
        line.split(":")[0]: line.partition(":")[2].strip() for line in comment if line[0].isalpha()
    }


def by_its_command(path):
    command = heading(path)["command"].split(" [")[0]
    program, overrides = shlex.split(command)[:3], shlex.split(command)[3:]
    assert program == ["python", "-m", "seg.train"]
    assert f"experiment={path.stem}" in overrides
    return validate(TrainConfig, composed("train", *overrides))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_opens_with_command_hardware_hours_and_expectation(path):
    assert {"command", "hardware", "hours", "expected"} <= set(heading(path))
    assert path.read_text().startswith("# @package _global_\n")
    check_targets(by_its_command(path))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_recipes_are_as_published(name):
    config = by_its_command(conf_dir() / "experiment" / f"{name}.yaml")
    steps, crop, rate, encoder = PUBLISHED[name]
    trainer, optimizer, groups = (
        section.node() for section in (config.trainer, config.optimizer, config.param_groups)
    )
    assert (trainer["max_steps"], trainer["max_epochs"]) == (steps, -1)
    assert trainer["gradient_clip_val"] is None
    assert trainer["accumulate_grad_batches"] * config.loader.batch_size == 16
    augmentation = config.augmentation.node()
    assert augmentation["crop"] == [crop, crop]
    assert not any("Jitter" in each["_target_"] for each in augmentation["transforms"])
    assert optimizer == {
        **optimizer,
        "_target_": "torch.optim.SGD",
        "lr": rate,
        "momentum": 0.9,
        "weight_decay": 4e-5,
    }
    assert config.scheduler.node()["power"] == 0.9
    assert (groups["last_layer_multiplier"], groups["bias_multiplier"]) == (1.0, 2.0)
    assert config.batch_norm.node()["momentum"] == pytest.approx(1 - 0.9997)
    built = config.encoder.node()
    assert (built["name"], built["output_stride"]) == (encoder, 16)
    assert built["weights"] == f"timm/{encoder.removeprefix('aligned_')}.tf_in1k"
    assert config.decoder.node()["image_pooling"] == (encoder != "aligned_xception71")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_of_pretraining_opens_likewise(path):
    told = heading(path)
    assert {"command", "hardware", "hours", "expected", "source"} <= set(told)
    assert path.read_text().startswith("# @package _global_\n")
    program, *overrides = shlex.split(told["command"])[2:]
    assert program == "seg.pretrain"
    assert f"pretraining={path.stem}" in overrides
    plain = composed("pretrain", *overrides)
    check_targets(validate(PretrainConfig, known_to_pretraining(plain)))


def test_the_paper_trained_its_classifier_so():
    """Chollet 2017, sections 4.2 to 4.4."""
    config = validate(
        PretrainConfig,
        known_to_pretraining(composed("pretrain", "pretraining=imagenet_xception_paper")),
    )
    optimizer, schedule = config.optimizer.node(), config.scheduler.node()
    assert optimizer["_target_"] == "torch.optim.SGD"
    assert (optimizer["lr"], optimizer["momentum"], optimizer["weight_decay"]) == (0.045, 0.9, 1e-5)
    assert schedule["gamma"] == 0.94
    batch = config.loader.batch_size * config.trainer.processes
    assert schedule["every_steps"] == 2 * (1_281_167 // batch)
    assert config.head.node()["dropout"] == 0.5
    assert "averaging" in config.callbacks
