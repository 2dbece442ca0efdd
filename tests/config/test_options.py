"""Every option of every group composes, parses and binds."""

from datetime import datetime

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from seg.build.instantiate import check_targets
from seg.config import target_validation
from seg.config.commands import EvaluateConfig, PredictConfig
from seg.config.conf_dir import conf_dir
from seg.config.schema import PretrainConfig, TrainConfig, foreign_sections, validate
from seg.models.encoders import create_encoder
from seg.models.interfaces import check_encoder
from tests.composition import composed, known_to_pretraining
from tests.remedies import SCHEMAS

OF_PRETRAINING = (
    "head",
    "classification_augmentation",
    "classification_dataset",
    "mixup",
    "pretraining",
)
OPTIONS = [
    f"{group.name}={option.stem}"
    for group in sorted(conf_dir().iterdir())
    if group.is_dir() and group.name not in ("hydra", "inference", *OF_PRETRAINING)
    for option in sorted(group.glob("*.yaml"))
]
PRETRAINING_OPTIONS = [
    f"{group}={option.stem}"
    for group in OF_PRETRAINING
    for option in sorted((conf_dir() / group).glob("*.yaml"))
]


@pytest.mark.parametrize("option", OPTIONS)
def test_option_composes_parses_and_binds(option):
    check_targets(validate(TrainConfig, composed("train", option)))


@pytest.mark.parametrize("option", PRETRAINING_OPTIONS)
def test_option_of_pretraining_composes_parses_and_binds(option):
    check_targets(validate(PretrainConfig, known_to_pretraining(composed("pretrain", option))))


@pytest.mark.parametrize(
    "option", [f"encoder={n}" for n in ("aligned_xception_micro", "timm", "smp")]
)
def test_encoders_can_be_pretrained(option):
    check_targets(validate(PretrainConfig, known_to_pretraining(composed("pretrain", option))))


def test_configurations_from_before_some_keys_still_fit():
    plain = composed("train")
    for later in ("param_groups", "batch_norm", "sampler", "labels", "strict", "reset_head"):
        del plain[later]
    check_targets(validate(TrainConfig, plain))


@pytest.mark.parametrize("dataset", [option for option in OPTIONS if option.startswith("dataset=")])
def test_every_dataset_can_be_evaluated(dataset):
    plain = composed("evaluate", dataset, "checkpoint=x")
    known = {key: plain[key] for key in EvaluateConfig.model_fields}
    assert validate(EvaluateConfig, known).dataset["_target_"]


@pytest.mark.parametrize(
    "option", sorted(option.stem for option in (conf_dir() / "inference").iterdir())
)
def test_every_inference_builds(option):
    node = composed("evaluate", f"inference={option}", "checkpoint=x")["inference"]
    target_validation.check(node, "inference")
    assert instantiate(node, _convert_="all").is_single_pass == (option == "whole")


def test_predict_composes():
    assert validate(PredictConfig, composed("predict", "checkpoint=x", "input=y")).output is None


def test_cityscapes_brings_the_published_recipe():
    config = validate(TrainConfig, composed("train", "dataset=cityscapes"))
    assert config.encoder.node()["name"] == "aligned_xception65"
    assert config.encoder.node()["output_stride"] == 16
    assert config.augmentation.node()["crop"] == [769, 769]
    assert config.decoder.node()["aspp_channels"] == 256
    assert config.optimizer.target == "torch.optim.SGD"
    assert config.scheduler.node()["power"] == 0.9
    assert config.loader.batch_size == 16
    assert config.trainer.node()["max_steps"] == 90000


def test_the_command_line_wins_over_the_recipe():
    config = validate(
        TrainConfig,
        composed(
            "train",
            "dataset=cityscapes",
            "encoder=aligned_xception71",
            "optimizer=adamw",
            "augmentation.crop=[513,513]",
        ),
    )
    assert config.encoder.node()["name"] == "aligned_xception71"
    assert config.optimizer.target == "torch.optim.AdamW"
    assert config.augmentation.node()["crop"] == [513, 513]
    assert config.augmentation.node()["transforms"][0]["crop"] == [513, 513]


@pytest.fixture
def recipe(tmp_path):
    """A dataset's options in a directory of their own; its recipe chooses in every group."""
    defaults = yaml.safe_load((conf_dir() / "train.yaml").read_text())["defaults"]
    groups = [next(iter(each)) for each in defaults if isinstance(each, dict)]
    chosen = {
        group: sorted(option.stem for option in (conf_dir() / group).glob("*.yaml"))[-1]
        for group in groups
        if group not in ("dataset", "hydra", "experiment", "sweep")
    }
    lines = [f"  - override /{group}@_global_.{group}: {name}" for group, name in chosen.items()]
    text = "\n".join(["defaults:", "  - _self_", *lines, "", "_target_: x.Y", "root: null", ""])
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "mine.yaml").write_text(text)
    return ["dataset=mine", f"hydra.searchpath=[{tmp_path}]"], chosen


def choices(name, *overrides):
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose(name, list(overrides), return_hydra_config=True)
    return config.hydra.runtime.choices


def test_a_datasets_recipe_chooses_in_any_group(recipe):
    arguments, chosen = recipe
    assert chosen.items() <= dict(choices("train", *arguments)).items()
    typed = {"loss": "dice", "callbacks": "swa"}
    told = choices("train", *arguments, *(f"{group}={name}" for group, name in typed.items()))
    assert {**chosen, **typed}.items() <= dict(told).items()


@pytest.mark.parametrize("command", ["evaluate", "export", "prepare"])
def test_commands_that_do_not_train_leave_the_recipe_out(command, recipe):
    arguments, _ = recipe
    schema = SCHEMAS[command][0]
    mandatory = [] if command == "prepare" else ["checkpoint=x"]
    plain = composed(command, *arguments, *mandatory)
    known = {key: value for key, value in plain.items() if key not in foreign_sections(schema)}
    assert validate(schema, known).model_dump()["dataset"]
    assert set(known) == set(schema.model_fields)


@pytest.mark.parametrize("option", [o for o in OPTIONS if o.startswith("encoder=")])
def test_every_encoder_option_builds(option):
    encoder = instantiate(composed("train", option)["encoder"], in_channels=3, _convert_="all")
    check_encoder(encoder, in_channels=3)


@pytest.mark.parametrize("option", [o for o in OPTIONS if o.startswith("decoder=")])
def test_every_decoder_option_builds(option):
    encoder = create_encoder("aligned_xception_tiny")
    node = composed("train", option)["decoder"]
    assert instantiate(node, encoder=encoder, num_classes=3, _convert_="all").num_classes == 3


@pytest.mark.parametrize("kind", ["run", "sweep"])
def test_two_begun_in_one_second_get_two_directories(kind):
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        both = [
            compose("train", ["hydra.job.name=train"], return_hydra_config=True) for _ in range(2)
        ]
    stamps = [
        str(OmegaConf.to_container(each.hydra[kind], resolve=False)["dir"]).partition("${now:")[2]
        for each in both
    ]
    moments = [datetime.now().strftime(stamp.partition("}")[0]) for stamp in stamps]
    assert moments[0] != moments[1]
