"""Weights of smp, timm and torchvision: by tag, from a file, out of reach."""

import socket

import huggingface_hub.constants
import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import save_file

from seg.errors import ConfigError, DataError
from seg.models.encoders.smp_encoder import create_smp_encoder
from seg.models.encoders.timm_encoder import create_timm_encoder
from seg.models.encoders.torchvision_encoder import create_torchvision_encoder
from seg.models.interfaces import Normalization
from seg.models.weights.state_dict_matching import adapt_input_channels
from tests.models.library_networks import randomized, torchvision_googlenet


def test_unknown_weights_bring_those_there_are():
    with pytest.raises(ConfigError, match=r"did you mean 'imagenet'\?\n.*imagenet, ssl, swsl"):
        create_smp_encoder("resnet18", weights="imagnet")
    with pytest.raises(ConfigError, match="allowed: imagenet, a1_in1k"):
        create_timm_encoder("resnet18", weights="a9_in1k")
    with pytest.raises(ConfigError, match=r"resnet18\.a9: no such weights"):
        create_timm_encoder("resnet18.a9")
    with pytest.raises(ConfigError, match="IMAGENET1K_V1"):
        create_torchvision_encoder("googlenet", weights="V7")


@pytest.mark.parametrize(
    ("create", "own"),
    [
        (create_smp_encoder, lambda: smp.encoders.get_encoder("resnet18")),
        (create_timm_encoder, lambda: timm.create_model("resnet18", features_only=True)),
    ],
)
def test_a_file_under_the_librarys_names(create, own, tmp_path):
    state = randomized(own()).state_dict()
    torch.save(state, tmp_path / "weights.pth")
    encoder = create("resnet18", weights=str(tmp_path / "weights.pth"))
    assert all(torch.equal(value, state[key]) for key, value in encoder.body.state_dict().items())
    with pytest.raises(DataError):
        create("resnet34", weights=str(tmp_path / "weights.pth"))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """No network; what the libraries download is looked for under this folder."""

    def refuse(*_address, **_options):
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path))
    yield tmp_path
    torch.hub.set_dir(before)


CASES = [
    (create_smp_encoder, "resnet18", "imagenet"),
    (create_timm_encoder, "resnet18", "tv_in1k"),
    (create_torchvision_encoder, "googlenet", "imagenet"),
]


@pytest.mark.parametrize(("create", "name", "tag"), CASES)
def test_weights_out_of_reach(create, name, tag, hub):
    with pytest.raises(DataError, match=f"'{tag}' of .*{name} could not be downloaded") as error:
        create(name, weights=tag)
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert "encoder.weights=FILE" in lines[1]


def test_smps_published_weights(hub):
    entry = smp.encoders.encoders["resnet18"]["pretrained_settings"]["imagenet"]
    folder = hub / "models--smp-hub--resnet18.imagenet" / "snapshots" / entry["revision"]
    folder.mkdir(parents=True)
    own = randomized(smp.encoders.get_encoder("resnet18")).state_dict()
    save_file(own, folder / "model.safetensors")
    (folder / "config.json").write_text('{"mean": [0.1, 0.2, 0.3], "std": [1, 1, 1]}')
    encoder = create_smp_encoder("resnet18", weights="imagenet", output_stride=8)
    assert encoder.output_stride == 8
    assert encoder.normalization == Normalization((0.1, 0.2, 0.3), (1, 1, 1))
    assert all(torch.equal(value, own[key]) for key, value in encoder.body.state_dict().items())


def test_timms_published_weights(hub):
    folder = hub / "models--timm--resnet18.tv_in1k"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
    own = randomized(timm.create_model("resnet18")).state_dict()
    save_file(own, folder / "snapshots" / ("0" * 40) / "model.safetensors")
    encoder = create_timm_encoder("resnet18", weights="tv_in1k")
    assert encoder.output_stride == 16
    assert all(torch.equal(value, own[key]) for key, value in encoder.body.state_dict().items())


def test_published_weights_are_adapted_to_bands_by_our_rule(hub):
    folder = hub / "models--timm--resnet18.tv_in1k"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
    own = randomized(timm.create_model("resnet18")).state_dict()
    save_file(own, folder / "snapshots" / ("0" * 40) / "model.safetensors")
    bands = ("blue", None, "red", "green")
    encoder = create_timm_encoder("resnet18", weights="tv_in1k", in_channels=4, input_bands=bands)
    state = encoder.body.state_dict()
    first = state.pop("conv1.weight")
    torch.testing.assert_close(first, adapt_input_channels(own["conv1.weight"], bands))
    assert all(torch.equal(value, own[key]) for key, value in state.items())
    mean = (0.406, 0.449, 0.485, 0.456)
    assert encoder.normalization.mean == pytest.approx(mean, abs=1e-3)


def test_torchvisions_published_weights(hub):
    own = torchvision_googlenet().state_dict()
    (hub / "checkpoints").mkdir()
    torch.save(own, hub / "checkpoints" / "googlenet-1378be20.pth")
    encoder = create_torchvision_encoder("googlenet", weights="IMAGENET1K_V1")
    assert all(torch.equal(value, own[key]) for key, value in encoder.body.state_dict().items())
    grey = create_torchvision_encoder("googlenet", weights="imagenet", in_channels=1)
    torch.testing.assert_close(
        grey.body.conv1.conv.weight, own["conv1.conv.weight"].sum(1, keepdim=True)
    )
