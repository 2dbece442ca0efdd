"""Own data of any size get a budget in steps; what the command line says of its length wins."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from seg.config.location import conf_dir
from seg.config.schema import TrainConfig, validate

OWN = ("folder", "csv", "hf_dataset", "labelme", "cvat_mask", "coco_panoptic", "shards")
KEYS = ("max_epochs", "max_steps", "check_val_every_n_epoch", "val_check_interval")


def budget_of(*overrides):
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        composed = compose("train", list(overrides))
    node = validate(TrainConfig, OmegaConf.to_container(composed, resolve=True)).trainer.node()
    return tuple(node[key] for key in KEYS)


@pytest.mark.parametrize("dataset", OWN)
def test_own_data_have_a_budget_in_steps(dataset):
    assert budget_of(f"dataset={dataset}") == (-1, 2000, None, 200)


@pytest.mark.parametrize(
    ("overrides", "budget"),
    [
        (["loader.batch_size=1"], (-1, 8000, None, 800)),
        (["loader.batch_size=1", "trainer.accumulate_grad_batches=8"], (-1, 2000, None, 1600)),
        (["loader.batch_size=2", "trainer.devices=2"], (-1, 2000, None, 200)),
        (["trainer.max_epochs=500"], (500, -1, 50, None)),
        (
            ["trainer.max_epochs=8", "trainer.check_val_every_n_epoch=4"],
            (8, -1, 4, None),
        ),
        (["trainer.max_steps=50"], (-1, 50, None, 5)),
        (["trainer.max_steps=50", "trainer.val_check_interval=7"], (-1, 50, None, 7)),
        (["trainer.max_steps=50", "trainer.max_epochs=3"], (3, 50, 1, None)),
        (["trainer.check_val_every_n_epoch=2"], (-1, 2000, 2, None)),
        (["trainer=cityscapes_90k"], (-1, 90000, None, 2500)),
    ],
)
def test_the_command_line_wins(overrides, budget):
    assert budget_of("dataset=folder", *overrides) == budget


def test_other_data_keep_theirs():
    assert budget_of() == (11, -1, 4, None)
