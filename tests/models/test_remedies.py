"""What the messages of encoders, decoders and weights say is typed, and helps."""

import re

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf

import seg
from seg.build.instantiate import build, check_targets
from seg.build.models import network
from seg.config.conf_dir import conf_dir
from seg.config.error_messages import explain
from seg.config.schema import TrainConfig, validate
from seg.data.label_space import LabelSpace
from seg.errors import ConfigError, DataError, UserError
from seg.models.decoders import list_decoders
from seg.models.encoders import create_encoder, encoder_names, named_library_encoders

_OVERRIDE = r"\+{0,2}(?:encoder|decoder)(?:\.\w+)?=(?:\[[^\]\s]*\]|[^\s;,\[\]]+)"
_REMEDY = re.compile(rf"{_OVERRIDE}(?: {_OVERRIDE})*")
LABELS = LabelSpace.identity(("road", "sky"), ((1, 2, 3), (4, 5, 6)))
VIT = ("encoder=timm", "encoder.name=vit_small_patch16_dinov3")


def composed(*overrides: str) -> TrainConfig:
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            config = compose("train", list(overrides))
    except HydraException as error:
        raise ConfigError(explain(error, "train", list(overrides))) from None
    return validate(TrainConfig, OmegaConf.to_container(config, resolve=True))


def build_network(*overrides: str) -> torch.nn.Module:
    config = composed(*overrides)
    check_targets(config)
    return network(config.encoder.node(), config.decoder.node(), LABELS)


def key(override: str) -> str:
    return override.lstrip("+").partition("=")[0]


WRONG = {
    "a map that the encoder lacks": VIT,
    "levels that the encoder lacks": (*VIT, "decoder=feature_pyramid"),
    "a pyramid that the encoder lacks": (*VIT, "decoder=smp"),
    "a stride that the network cannot hold": (
        "encoder=timm",
        "encoder.name=repvit_m1",
        "encoder.output_stride=8",
        "decoder=deeplabv3plus",
    ),
    "a stride that the decoder cannot take": (
        "encoder=aligned_xception_micro",
        "decoder=smp",
        "decoder.name=Linknet",
    ),
    "a name with a slip": ("encoder=smp", "encoder.name=resnet19"),
}


@pytest.mark.parametrize("overrides", WRONG.values(), ids=WRONG)
def test_the_remedy_is_typed(overrides):
    with pytest.raises(UserError) as error:
        build_network(*overrides)
    message = str(error.value)
    assert len(message.splitlines()) <= 6
    remedies = _REMEDY.findall(message.partition("\n")[2])
    assert remedies, message
    for remedy in remedies[:3]:
        typed = remedy.split()
        kept = [each for each in overrides if key(each) not in map(key, typed)]
        kept = [
            each for each in kept if "decoder=deeplabv3plus" not in typed or "decoder." not in each
        ]
        build_network(*kept, *typed)


def test_accepting_a_part_of_an_encoders_weights_is_typed(tmp_path):
    state = create_encoder("aligned_xception_micro").state_dict()
    del state["stem.0.conv.weight"]
    torch.save(state, tmp_path / "a.pth")
    overrides = ("encoder=aligned_xception_micro", f"encoder.weights={tmp_path / 'a.pth'}")
    with pytest.raises(DataError) as error:
        build_network(*overrides)
    remedy = _REMEDY.findall(str(error.value))[-1]
    assert remedy == "++encoder.strict=false"
    build_network(*overrides, remedy)
    small = ("encoder=smp", "encoder.name=resnet18")
    state = build_network(*small).encoder.body.state_dict()
    del state["conv1.weight"]
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(DataError, match=re.escape(remedy)):
        build_network(*small, overrides[1])
    build_network(*small, overrides[1], remedy)
    torch.save({"state_dict": state, "ema": state}, tmp_path / "a.pth")
    build_network(*small, overrides[1], remedy, "++encoder.moving_average=true")


@pytest.mark.parametrize("typed", ["encoder.in_channels=4", "decoder.num_classes=3"])
def test_what_the_code_knows_is_answered_alike(typed):
    messages = set()
    for override in (typed, f"+{typed}"):
        with pytest.raises(ConfigError) as error:
            build_network(override)
        messages.add(str(error.value))
    assert len(messages) == 1
    assert "leave it out" in messages.pop()


@pytest.mark.parametrize("option", ["default", "gpu", "none"])
@pytest.mark.parametrize("crop", ["[0,64]", "[64]", "[1,2,3]", "64", "x"])
def test_a_wrong_crop_is_named_by_its_key(option, crop):
    with pytest.raises(ConfigError) as error:
        check_targets(composed(f"augmentation={option}", f"augmentation.crop={crop}"))
    assert str(error.value).startswith("augmentation.crop=")
    assert len(str(error.value).splitlines()) == 1


def test_a_right_crop_is_taken():
    config = composed("augmentation=none", "augmentation.crop=[65,129]")
    check_targets(config)
    assert build("augmentation", config.augmentation.node(), ignore_index=255).crop == (65, 129)


def test_every_encoder_of_the_command_line_has_its_name_in_python():
    options = {file.stem for file in (conf_dir() / "encoder").glob("*.yaml")}
    assert options == (set(encoder_names()) & options) | set(named_library_encoders())
    assert list_decoders()


def test_another_librarys_encoder_by_its_name():
    model = seg.create_model("resnet50", num_classes=2).eval()
    theirs = build_network("encoder=resnet50", "decoder=deeplabv3plus").eval()
    ours = model.encoder.state_dict()
    assert {name: each.shape for name, each in ours.items()} == {
        name: each.shape for name, each in theirs.encoder.state_dict().items()
    }
    assert model.output_stride == theirs.output_stride == 16
    assert seg.create_encoder("googlenet", in_channels=4).channels[0] == 4
    with pytest.raises(ConfigError, match=r"unknown option of encoder 'resnet50': 'multi_grid'"):
        seg.create_model("resnet50", encoder_options={"multi_grid": (1, 2, 4)})
    with pytest.raises(ConfigError, match="unknown encoder: 'resnet5'"):
        seg.create_model("resnet5")
