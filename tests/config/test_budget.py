"""Own data of any size get a budget in steps; what the command line says of its length wins."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from seg.config.conf_dir import conf_dir
from seg.config.schema import PretrainConfig, TrainConfig, foreign_sections, validate

OWN = (
    *("folder", "csv", "hf_dataset", "labelme", "label_studio", "cvat_mask", "cvat_images"),
    *("supervisely", "via", "coco_panoptic", "coco_instances", "yolo_seg", "geojson", "shards"),
)
TRAINERS = ("default", "ddp", "own_data", "pretraining")
SCHEMAS = {"train": TrainConfig, "pretrain": PretrainConfig}
KEYS = ("max_epochs", "max_steps", "check_val_every_n_epoch", "val_check_interval")


def budget_of(*overrides, command="train"):
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        composed = compose(command, list(overrides))
    schema, plain = SCHEMAS[command], OmegaConf.to_container(composed, resolve=True)
    foreign = foreign_sections(schema)
    kept = {key: value for key, value in plain.items() if key not in foreign}
    node = validate(schema, kept).trainer.node()
    return tuple(node[key] for key in KEYS)


@pytest.mark.parametrize("dataset", OWN)
@pytest.mark.parametrize("trainer", TRAINERS)
def test_own_data_have_a_budget_in_steps_whatever_the_trainer(dataset, trainer):
    assert budget_of(f"dataset={dataset}", f"trainer={trainer}") == (-1, 2000, None, 200)


def test_every_trainer_leaves_the_length_to_the_data_or_names_many_steps():
    names = {path.stem for path in (conf_dir() / "trainer").glob("*.yaml")}
    for name in names - set(TRAINERS):
        epochs, steps = budget_of("dataset=folder", f"trainer={name}")[:2]
        assert (epochs, steps >= 2000) == (-1, True), name


@pytest.mark.parametrize("dataset", ["image_folder", "image_csv", "image_hub"])
@pytest.mark.parametrize("trainer", TRAINERS)
def test_own_images_of_classes_too(dataset, trainer):
    line = (f"classification_dataset={dataset}", f"trainer={trainer}")
    assert budget_of(*line, command="pretrain") == (-1, 2000, None, 200)
    chosen = budget_of(*line, "trainer.max_epochs=30", command="pretrain")
    assert chosen[:2] == (30, -1)


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
    assert budget_of() == budget_of("trainer=ddp") == (11, -1, 4, None)
    assert budget_of("dataset=cityscapes") == (-1, 90000, None, 2500)
    assert budget_of("experiment=camvid_cpu", "dataset=camvid")[:3] == (90, -1, 5)
    assert budget_of("trainer.max_epochs=3") == (3, -1, 4, None)
    for dataset in ("street_objects", "imagenet"):
        assert budget_of(f"classification_dataset={dataset}", command="pretrain") == (
            12,
            -1,
            2,
            None,
        )


def test_a_number_of_steps_leaves_no_number_of_epochs():
    assert budget_of("trainer.max_steps=50") == (-1, 50, None, 5)
    assert budget_of("trainer.max_steps=50", "trainer.max_epochs=3") == (3, 50, 4, None)


def test_a_distance_of_validations_that_is_typed_stays():
    assert budget_of("trainer.val_check_interval=7") == (11, -1, None, 7)
    assert budget_of("trainer.val_check_interval=0.5") == (11, -1, 1, 0.5)
    assert budget_of("dataset=folder", "trainer.val_check_interval=0.5") == (-1, 2000, 1, 0.5)
    assert budget_of("trainer.check_val_every_n_epoch=3") == (11, -1, 3, None)
