"""The PyTorch port of Chollet's Xception: timm's `legacy_xception`, smp's, and Cadene's file."""

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import save_file
from torch.nn.functional import relu

from seg.errors import ConfigError, DataError
from seg.models.classifier import Classifier
from seg.models.encoders import create_encoder
from seg.models.encoders.xception import Xception
from seg.models.weights import load_weights
from tests.models.conftest import settled

TOLERANCE = 1e-5
PORT = {"pool_padding": "symmetric", "norm_eps": 1e-5}
# their taps lie behind these modules, ours inside the next block
TAPPED = ("stem", "entry.0", "entry.1", "middle.7")


def tapped_maps(encoder, image):
    outputs, handles = {}, []
    for name in TAPPED:

        def keep(_, __, result, name=name):
            outputs[name] = result[0] if isinstance(result, tuple) else result

        handles.append(encoder.get_submodule(name).register_forward_hook(keep))
    outputs["last"] = encoder(image)[-1]
    for handle in handles:
        handle.remove()
    return [relu(outputs[name]) for name in (*TAPPED, "last")]


@pytest.fixture(scope="module")
def timm_network():
    torch.manual_seed(0)
    return settled(timm.create_model("legacy_xception.tf_in1k", num_classes=10))


@pytest.fixture(scope="module")
def timm_file(timm_network, tmp_path_factory):
    path = tmp_path_factory.mktemp("timm") / "legacy_xception.safetensors"
    save_file(timm_network.state_dict(), path)
    return path


def test_convolutions_with_a_bias_are_another_network(timm_network, tmp_path):
    bias = {"block5.rep.1.conv1.bias": torch.ones(728)}
    save_file({**timm_network.state_dict(), **bias}, tmp_path / "biased.safetensors")
    with pytest.raises(DataError, match=r"1 unexpected.*\n.*convs\.0\.depthwise\.conv\.bias"):
        load_weights(create_encoder("legacy_xception"), tmp_path / "biased.safetensors")


def loaded(path, **options):
    encoder = create_encoder("xception", **options).eval()
    assert load_weights(encoder, path).complete
    return encoder


@torch.no_grad()
def test_timm_features_equal(tmp_path, relative_error):
    reference = settled(timm.create_model("legacy_xception.tf_in1k", features_only=True))
    save_file(reference.state_dict(), tmp_path / "features.safetensors")
    encoder = loaded(tmp_path / "features.safetensors", output_stride=32, **PORT)
    image = torch.randn(1, 3, 69, 83)  # maps of 32 and 39 at stride 2: even and odd
    for ours, theirs in zip(tapped_maps(encoder, image), reference(image), strict=True):
        assert 0.1 < theirs.std() < 10
        assert relative_error(ours, theirs) < TOLERANCE


@torch.no_grad()
@pytest.mark.parametrize("output_stride", [4, 8, 16])
@pytest.mark.parametrize("size", [(69, 83), pytest.param((74, 97), marks=pytest.mark.slow)])
def test_held_strides_equal_timm_where_it_samples(
    output_stride, size, timm_network, timm_file, relative_error
):
    image, step = torch.randn(1, 3, *size), 32 // output_stride
    expected = timm_network.forward_features(image)
    found = loaded(timm_file, output_stride=output_stride, **PORT)(image)[-1]
    assert relative_error(found[..., ::step, ::step], expected) < TOLERANCE


@torch.no_grad()
@pytest.mark.parametrize("changed", [{"pool_padding": "same"}, {"norm_eps": 1e-3}])
def test_keras_settings_give_other_numbers(changed, timm_network, timm_file, relative_error):
    image = torch.randn(1, 3, 69, 83)
    encoder = loaded(timm_file, output_stride=32, **(PORT | changed))
    assert relative_error(encoder(image)[-1], timm_network.forward_features(image)) > 1e-3


@torch.no_grad()
def test_file_of_cadene_gives_the_logits(timm_network, tmp_path, relative_error):
    """1x1 kernels kept as matrices, another name for the last layer, a pickle of tensors."""
    renamed = {
        name.replace("fc.", "last_linear."): (
            value[:, :, 0, 0] if name.endswith("pointwise.weight") else value
        )
        for name, value in timm_network.state_dict().items()
    }
    torch.save(renamed, tmp_path / "xception.pth")
    classifier = Classifier(create_encoder("xception", output_stride=32, **PORT), num_classes=10)
    coverage = load_weights(classifier, tmp_path / "xception.pth")
    assert coverage.complete
    assert not coverage.elsewhere
    image = torch.randn(2, 3, 75, 66)
    assert relative_error(classifier.eval()(image), timm_network(image)) < TOLERANCE


@torch.no_grad()
@pytest.mark.parametrize("prefix", ["", "encoder."])
def test_smp_features_equal(prefix, tmp_path, relative_error):
    reference = settled(smp.encoders.get_encoder("xception", weights=None))
    path = tmp_path / "smp.safetensors"
    save_file({f"{prefix}{name}": value for name, value in reference.state_dict().items()}, path)
    encoder = loaded(path, output_stride=32, padding="same", **PORT)
    image = torch.randn(1, 3, 64, 96)
    expected = [relu(each) for each in reference(image)[1:]]  # smp's last map lies before ReLU
    for ours, theirs in zip(tapped_maps(encoder, image), expected, strict=True):
        assert 0.1 < theirs.std() < 10
        assert relative_error(ours, theirs) < TOLERANCE


@pytest.mark.parametrize("wrong", [{"pool_padding": "valid"}, {"norm_eps": 0.0}])
def test_wrong_settings_name_the_right_ones(wrong):
    with pytest.raises(ConfigError, match=r"allowed: (same|above 0)"):
        Xception(**wrong)
